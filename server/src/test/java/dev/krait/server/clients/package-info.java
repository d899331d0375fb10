/// The clients that people use, against a running server.
@NullMarked
package dev.krait.server.clients;

import org.jspecify.annotations.NullMarked;
