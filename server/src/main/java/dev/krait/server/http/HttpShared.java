package dev.krait.server.http;

import java.util.concurrent.ExecutorService;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// What all connections of a server share.
///
/// @param config its limits
/// @param connections the open connections
/// @param exchanges the requests that are being answered
/// @param bodies memory of their bodies
/// @param router the routes of the moment
/// @param handlers starts a thread for each request
/// @param failed is told when an event loop cannot go on
record HttpShared(
    HttpServerConfig config,
    Connections connections,
    Exchanges exchanges,
    BodyMemory bodies,
    Supplier<HttpRouter> router,
    ExecutorService handlers,
    Consumer<Throwable> failed) {}
