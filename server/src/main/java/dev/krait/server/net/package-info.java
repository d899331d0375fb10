/// What both servers have of Netty: event loops that end in time and say when they end by
/// themselves.
///
/// Read [Loops].
@NullMarked
package dev.krait.server.net;

import org.jspecify.annotations.NullMarked;
