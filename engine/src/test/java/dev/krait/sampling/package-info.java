/// Tests of the sampling package.
@NullMarked
package dev.krait.sampling;

import org.jspecify.annotations.NullMarked;
