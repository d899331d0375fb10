/// Tests of the module as a whole: which package may use which, and what no class may do.
@NullMarked
package dev.krait;

import org.jspecify.annotations.NullMarked;
