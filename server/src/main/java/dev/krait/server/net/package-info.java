/// What both servers have of Netty: event loops that end in time and say when they end by
/// themselves, and TLS whose files may change.
///
/// Read [Loops], then [Tls].
@NullMarked
package dev.krait.server.net;

import org.jspecify.annotations.NullMarked;
