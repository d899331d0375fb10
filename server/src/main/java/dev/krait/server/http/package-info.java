/// HTTP/1.1 on Netty: connections, routes and the OpenAI-compatible handlers.
///
/// Read [HttpServer], then [HttpExchange]. Event loops only move bytes; each request runs on its
/// own virtual thread, where blocking is fine.
@NullMarked
package dev.krait.server.http;

import org.jspecify.annotations.NullMarked;
