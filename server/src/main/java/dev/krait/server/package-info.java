/// The server process: command line, configuration and lifecycle.
///
/// Read [ServerMain], then [KraitServer]. The composition root: nothing else depends on it.
@NullMarked
package dev.krait.server;

import org.jspecify.annotations.NullMarked;
