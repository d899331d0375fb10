package dev.krait.server.testing;

import dev.krait.engine.EngineConfig;
import dev.krait.server.KraitServer;
import dev.krait.server.LoadedEngine;
import dev.krait.server.ServerConfig;
import dev.krait.server.http.HttpServerConfig;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;

/// A whole server on free ports over the model that ships with the repository.
public final class ShippedServer {
  /// Instead of most of the heap, which other tests of the JVM need as well.
  private static final long CACHE_BYTES = 128 << 20;

  private ShippedServer() {}

  /// Starts it.
  public static KraitServer start() {
    return start(EngineConfig.of(TestServer.modelFolder()));
  }

  /// Starts it with another engine.
  public static KraitServer start(EngineConfig engine) {
    ServerConfig config =
        ServerConfig.of(
                small(engine),
                HttpServerConfig.of("127.0.0.1", 0),
                new ServerConfig.Grpc(0, true),
                List.of("krait-tiny"))
            .withDrainTimeout(Duration.ofMinutes(30));
    return KraitServer.open(config, LoadedEngine::open, "test", _ -> {});
  }

  private static EngineConfig small(EngineConfig engine) {
    return new EngineConfig(
        engine.modelFolder(),
        engine.draftFolder(),
        engine.backend(),
        engine.weights(),
        engine.numerics(),
        engine.threads(),
        engine.maxSequences(),
        engine.maxTokensPerStep(),
        engine.maxWaiting(),
        engine.maxModelTokens(),
        OptionalLong.of(engine.cacheBytes().orElse(CACHE_BYTES)),
        engine.speculation(),
        engine.maxDraftTokens(),
        engine.draftTokens(),
        engine.prefixCaching());
  }
}
