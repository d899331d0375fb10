/// Language models in a program of one's own, text in and text out.
///
/// Begin with [Krait#open(java.nio.file.Path)].
@NullMarked
package dev.krait;

import org.jspecify.annotations.NullMarked;
