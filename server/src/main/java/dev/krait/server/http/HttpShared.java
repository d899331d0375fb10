package dev.krait.server.http;

import dev.krait.service.Admission;
import java.util.concurrent.ExecutorService;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// What all connections of a server share.
///
/// @param config its limits
/// @param connections the open connections
/// @param admission the door
/// @param router the routes of the moment
/// @param handlers starts a thread for each request
/// @param failed is told when an event loop cannot go on
record HttpShared(
    HttpServerConfig config,
    Connections connections,
    Admission admission,
    Supplier<HttpRouter> router,
    ExecutorService handlers,
    Consumer<Throwable> failed) {}
