/// Fakes and clients for tests of the server: a whole server over a runner that recites a text.
@NullMarked
package dev.krait.server.testing;

import org.jspecify.annotations.NullMarked;
