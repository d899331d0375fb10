package dev.krait.server.observability;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.core.instrument.config.NamingConvention;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusNamingConvention;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.DoubleSupplier;
import org.jspecify.annotations.Nullable;

/// The registry, and the few kinds of meter that this server uses. Names are used as they are
/// given: only counters gain `_total`. The process and its JVM are measured from the start, under
/// Micrometer's names for Prometheus.
public final class Metrics implements AutoCloseable {
  private static final double[] HTTP_SECONDS = {0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60};

  private final PrometheusMeterRegistry registry;
  private final Tags common;
  private final JvmGcMetrics gc = new JvmGcMetrics();

  /// Creates an empty registry.
  ///
  /// @param modelName label `model_name` of every engine series
  public Metrics(String modelName) {
    registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    registry.config().namingConvention(new PlainNames());
    common = Tags.of("model_name", modelName, "engine", "0");
    List.of(
            gc,
            new ClassLoaderMetrics(),
            new FileDescriptorMetrics(),
            new JvmMemoryMetrics(),
            new JvmThreadMetrics(),
            new ProcessorMetrics(),
            new UptimeMetrics())
        .forEach(binder -> binder.bindTo(registry));
  }

  /// Names and labels without change, but those with dots, which Micrometer's own meters have.
  private static final class PlainNames implements NamingConvention {
    private final NamingConvention dotted = new PrometheusNamingConvention();

    @Override
    public String name(String name, Meter.Type type, @Nullable String baseUnit) {
      return name.contains(".") ? dotted.name(name, type, baseUnit) : name;
    }

    @Override
    public String tagKey(String key) {
      return dotted.tagKey(key);
    }
  }

  /// Listens to garbage collections no more.
  @Override
  public void close() {
    gc.close();
  }

  /// A counter of the engine.
  ///
  /// @param labels names and values of further labels
  public Counter counter(String name, String help, String... labels) {
    return Counter.builder(name).description(help).tags(common.and(labels)).register(registry);
  }

  /// A gauge of the engine.
  ///
  /// @param labels names and values of further labels
  public void gauge(String name, String help, DoubleSupplier value, String... labels) {
    Gauge.builder(name, value, DoubleSupplier::getAsDouble)
        .description(help)
        .strongReference(true)
        .tags(common.and(labels))
        .register(registry);
  }

  /// A histogram of whole numbers with upper bounds of its buckets.
  public DistributionSummary histogram(String name, String help, double... buckets) {
    return DistributionSummary.builder(name)
        .description(help)
        .serviceLevelObjectives(buckets)
        .tags(common)
        .register(registry);
  }

  /// A histogram of durations. Not a [DistributionSummary]: that one counts whole numbers only.
  ///
  /// @param name ends with `_seconds`
  /// @param seconds upper bounds of the buckets
  public Timer seconds(String name, String help, double... seconds) {
    return timer(name, help, seconds).tags(common).register(registry);
  }

  private static Timer.Builder timer(String name, String help, double... seconds) {
    Duration[] buckets =
        Arrays.stream(seconds)
            .mapToObj(bound -> Duration.ofNanos(Math.round(bound * 1e9)))
            .toArray(Duration[]::new);
    return Timer.builder(name).description(help).serviceLevelObjectives(buckets);
  }

  /// Counts an HTTP exchange.
  void http(String route, String method, int status, long nanos) {
    Tags labels = Tags.of(Tag.of("handler", route), Tag.of("method", method));
    Counter.builder("http_requests")
        .description("HTTP requests")
        .tags(labels.and("status", status / 100 + "xx"))
        .register(registry)
        .increment();
    timer(
            "http_request_duration_seconds",
            "Seconds from a whole request to the end of its response",
            HTTP_SECONDS)
        .tags(labels)
        .register(registry)
        .record(nanos, TimeUnit.NANOSECONDS);
  }

  /// The text of all series.
  ///
  /// @param accept the scraper's Accept header, which chooses between the two formats
  public Scrape scrape(Optional<String> accept) {
    boolean open = accept.orElse("").contains("application/openmetrics-text");
    String type =
        open
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
            : "text/plain; version=0.0.4; charset=utf-8";
    return new Scrape(type, registry.scrape(type));
  }

  /// A scrape.
  ///
  /// @param contentType its media type
  /// @param text its text
  public record Scrape(String contentType, String text) {}
}
