/// `krait bench` as its users start it.
@NullMarked
package dev.krait.benchmarks;

import org.jspecify.annotations.NullMarked;
