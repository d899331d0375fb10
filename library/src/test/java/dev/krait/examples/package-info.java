/// Programs that use the engine as a library, kept true by tests.
@NullMarked
package dev.krait.examples;

import org.jspecify.annotations.NullMarked;
