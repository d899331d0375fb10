/// Composition root of the server process.
@NullMarked
package dev.krait.server;

import org.jspecify.annotations.NullMarked;
