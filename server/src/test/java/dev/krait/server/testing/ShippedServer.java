package dev.krait.server.testing;

import dev.krait.engine.EngineConfig;
import dev.krait.server.KraitServer;
import dev.krait.server.LoadedEngine;
import dev.krait.server.ServerConfig;
import dev.krait.server.http.HttpServerConfig;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;

/// A whole server on free ports over the model that ships with the repository.
public final class ShippedServer {
  /// Instead of most of the heap, which other tests of the JVM need as well.
  private static final long CACHE_BYTES = 128 << 20;

  private ShippedServer() {}

  /// Starts it.
  public static KraitServer start() {
    return start(TestServer.modelFolder(), _ -> {});
  }

  /// Starts it with another engine.
  public static KraitServer start(Path folder, Consumer<EngineConfig.Builder> changes) {
    EngineConfig engine =
        EngineConfig.of(
            folder,
            set -> {
              set.cacheBytes = OptionalLong.of(CACHE_BYTES);
              changes.accept(set);
            });
    ServerConfig config =
        ServerConfig.of(
                engine,
                HttpServerConfig.of("127.0.0.1", 0),
                new ServerConfig.Grpc(0, true),
                List.of("krait-tiny"))
            .with(set -> set.drainTimeout = Duration.ofMinutes(30));
    return KraitServer.open(config, LoadedEngine::open, "test", _ -> {});
  }
}
