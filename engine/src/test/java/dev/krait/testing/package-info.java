/// Fakes and fixtures that tests of several modules share.
@NullMarked
package dev.krait.testing;

import org.jspecify.annotations.NullMarked;
