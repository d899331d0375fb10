/// Tests of what programs and protocols share.
@NullMarked
package dev.krait.service;

import org.jspecify.annotations.NullMarked;
