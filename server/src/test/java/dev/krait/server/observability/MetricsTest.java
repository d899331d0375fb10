package dev.krait.server.observability;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.engine.EngineConfig;
import dev.krait.engine.SpeculationMode;
import dev.krait.server.ServerConfig;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.TestServer;
import dev.krait.server.testing.Waiting;
import io.micrometer.core.instrument.Timer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MetricsTest {
  private static final Pattern LABEL = Pattern.compile("([a-z_]+)=\"([^\"]*)\"");

  private static TestServer server;
  private static HttpCalls http;

  @BeforeAll
  static void start() {
    server = TestServer.start(MetricsTest::drafting);
    http = server.http();
    http.post("/v1/completions", "{'prompt': 'a', 'max_tokens': 40}");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static ServerConfig drafting(ServerConfig config) {
    EngineConfig drafting =
        EngineConfig.of(
            config.engine().modelFolder(),
            set -> {
              set.speculation = SpeculationMode.NGRAM;
              set.maxDraftTokens = 2;
              set.draftTokens = OptionalInt.of(2);
            });
    return config.with(set -> set.engine = drafting);
  }

  @ParameterizedTest
  @CsvSource({
    "vllm:num_requests_running, gauge, ''",
    "vllm:num_requests_waiting, gauge, ''",
    "vllm:num_requests_waiting_by_reason, gauge, reason",
    "vllm:kv_cache_usage_perc, gauge, ''",
    "vllm:gpu_cache_usage_perc, gauge, ''",
    "vllm:cache_config_info, gauge, block_size enable_prefix_caching num_gpu_blocks",
    "vllm:lora_requests_info, gauge, max_lora running_lora_adapters waiting_lora_adapters",
    "vllm:engine_sleep_state, gauge, sleep_state",
    "vllm:prompt_tokens_total, counter, ''",
    "vllm:generation_tokens_total, counter, ''",
    "vllm:prompt_tokens_cached_total, counter, ''",
    "vllm:prompt_tokens_by_source_total, counter, source",
    "vllm:request_success_total, counter, finished_reason",
    "vllm:num_preemptions_total, counter, ''",
    "vllm:prefix_cache_queries_total, counter, ''",
    "vllm:prefix_cache_hits_total, counter, ''",
    "vllm:gpu_prefix_cache_queries_total, counter, ''",
    "vllm:gpu_prefix_cache_hits_total, counter, ''",
    "vllm:spec_decode_num_drafts_total, counter, ''",
    "vllm:spec_decode_num_draft_tokens_total, counter, ''",
    "vllm:spec_decode_num_accepted_tokens_total, counter, ''",
    "vllm:spec_decode_num_accepted_tokens_per_pos_total, counter, position",
    "krait:state_slots, gauge, ''",
    "krait:state_slots_used, gauge, ''",
    "krait:kv_blocks, gauge, ''",
    "krait:kv_blocks_used, gauge, ''",
    "krait:prefix_snapshots, gauge, ''",
    "krait:prefix_cache_lookups_total, counter, result",
    "krait:model_info, gauge, architecture numerics",
    "krait:max_concurrency, gauge, ''",
    "krait:draft_length, gauge, ''",
    "krait:draft_tokens_total, counter, sampling",
    "krait:accepted_draft_tokens_total, counter, sampling",
    "krait:step_run_seconds_total, counter, ''",
  })
  void exportsASeriesWithTypeAndLabels(String name, String type, String labels) {
    String text = scrape();
    assertThat(text).contains("\n# TYPE " + name + " " + type + "\n");
    assertThat(labelsOf(text, name)).isEqualTo(engineLabels(labels));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "jvm_memory_used_bytes gauge",
        "jvm_memory_max_bytes gauge",
        "jvm_threads_live_threads gauge",
        "jvm_classes_loaded_classes gauge",
        "jvm_gc_memory_allocated_bytes_total counter",
        "process_cpu_usage gauge",
        "process_cpu_time_ns_total counter",
        "process_files_open_files gauge",
        "process_start_time_seconds gauge",
        "process_uptime_seconds gauge",
      })
  void measuresTheProcess(String nameAndType) {
    assertThat(scrape()).contains("\n# TYPE " + nameAndType + "\n");
  }

  @ParameterizedTest
  @CsvSource({
    "vllm:time_to_first_token_seconds, 0.001, 2560.0, 22",
    "vllm:inter_token_latency_seconds, 0.01, 80.0, 19",
    "vllm:request_time_per_output_token_seconds, 0.01, 80.0, 19",
    "vllm:e2e_request_latency_seconds, 0.3, 7680.0, 21",
    "vllm:request_queue_time_seconds, 0.3, 7680.0, 21",
    "vllm:request_prefill_time_seconds, 0.3, 7680.0, 21",
    "vllm:request_decode_time_seconds, 0.3, 7680.0, 21",
    "vllm:request_inference_time_seconds, 0.3, 7680.0, 21",
    "vllm:request_prompt_tokens, 1.0, 50.0, 6",
    "vllm:request_generation_tokens, 1.0, 50.0, 6",
    "vllm:request_params_max_tokens, 1.0, 50.0, 6",
    "vllm:request_max_num_generation_tokens, 1.0, 50.0, 6",
    "vllm:request_prefill_kv_computed_tokens, 1.0, 50.0, 6",
    "vllm:request_params_n, 1.0, 20.0, 5",
    "vllm:iteration_tokens_total, 1.0, 16384.0, 13",
  })
  void exportsAHistogramWithItsBuckets(String name, String first, String last, int buckets) {
    String text = scrape();
    assertThat(text).contains("\n# TYPE " + name + " histogram\n");
    List<String> bounds = new ArrayList<>();
    for (String line : linesOf(text, name + "_bucket")) {
      Matcher label = LABEL.matcher(line);
      while (label.find()) {
        if (label.group(1).equals("le")) {
          bounds.add(label.group(2));
        }
      }
    }
    assertThat(bounds).hasSize(buckets + 1).startsWith(first).endsWith(last, "+Inf");
    assertThat(labelsOf(text, name + "_count")).isEqualTo(engineLabels(""));
    assertThat(linesOf(text, name + "_sum")).hasSize(1);
  }

  @Test
  void durationsFallIntoTheBucketsThatHoldThem() {
    Metrics metrics = new Metrics("m");
    Timer timer = metrics.seconds("x_seconds", "help", 0.001, 0.5, 2);
    for (long millis : new long[] {2, 400, 1500, 3000}) {
      timer.record(millis, TimeUnit.MILLISECONDS);
    }
    String text = metrics.scrape(Optional.empty()).text();
    assertThat(linesOf(text, "x_seconds_bucket").stream().map(line -> line.replaceAll(".*le=", "")))
        .containsExactly("\"0.001\"} 0", "\"0.5\"} 2", "\"2.0\"} 3", "\"+Inf\"} 4");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "vllm:num_requests_waiting_by_reason{engine=\"0\",model_name=\"krait-tiny\",reason=\"deferred\"} 0.0",
        "vllm:cache_config_info{block_size=\"16\",enable_prefix_caching=\"True\",engine=\"0\",model_name=\"krait-tiny\",num_gpu_blocks=\"16\"} 1.0",
        "vllm:engine_sleep_state{engine=\"0\",model_name=\"krait-tiny\",sleep_state=\"awake\"} 1.0",
        "vllm:engine_sleep_state{engine=\"0\",model_name=\"krait-tiny\",sleep_state=\"discard_all\"} 0.0",
        "vllm:lora_requests_info{engine=\"0\",max_lora=\"0\",model_name=\"krait-tiny\",running_lora_adapters=\"\",waiting_lora_adapters=\"\"} ",
        "vllm:prompt_tokens_cached_total{engine=\"0\",model_name=\"krait-tiny\"} ",
        "vllm:prompt_tokens_by_source_total{engine=\"0\",model_name=\"krait-tiny\",source=\"external_kv_transfer\"} 0.0",
        "http_requests_total{handler=\"/v1/completions\",method=\"POST\",status=\"2xx\"}",
        "http_request_duration_seconds_bucket{handler=\"/v1/completions\",method=\"POST\",le=",
      })
  void exportsALine(String line) {
    HttpCalls.Reply reply = http.get("/metrics");
    assertThat(reply.header("content-type")).startsWith("text/plain");
    assertThat(reply.text()).contains("\n" + line);
  }

  @Test
  void countsTokensOfASequenceOnceItEnded() {
    String before = scrape();
    http.post("/v1/completions", "{'prompt': [50, 60], 'max_tokens': 3, 'n': 2, 'temperature': 0}");
    Waiting.until(() ->
        grown(before, "vllm:request_max_num_generation_tokens_count") == 1
            && grown(before, "vllm:generation_tokens_total") == 6);
    assertThat(grown(before, "vllm:request_max_num_generation_tokens_sum")).isEqualTo(3);
    assertThat(grown(before, "vllm:request_generation_tokens_sum")).isEqualTo(6);
    assertThat(grown(before, "vllm:prompt_tokens_total")).isEqualTo(4);
    assertThat(grown(before, "vllm:prompt_tokens_by_source_total")).isEqualTo(4);
    assertThat(grown(before, "vllm:request_prefill_kv_computed_tokens_sum")).isEqualTo(4);
    assertThat(grown(before, "vllm:request_prefill_kv_computed_tokens_count")).isEqualTo(2);
    assertThat(grown(before, "vllm:prefix_cache_queries_total")).isEqualTo(4);
  }

  @Test
  void countsWhatThePrefixCacheGave() {
    String before = scrape();
    String prompt = IntStream.range(0, 40).mapToObj(i -> "" + (60 + i % 30)).toList().toString();
    for (int i = 0; i < 2; i++) {
      HttpCalls.Reply reply =
          http.post("/v1/completions", "{'prompt': " + prompt + ", 'max_tokens': 2}");
      assertThat(reply.json().at("/usage/prompt_tokens_details/cached_tokens").intValue())
          .isEqualTo(32 * i);
    }
    Waiting.until(() -> grown(before, "vllm:prompt_tokens_cached_total") == 32);
    assertThat(grown(before, "vllm:prefix_cache_queries_total")).isEqualTo(80);
    assertThat(grown(before, "vllm:prefix_cache_hits_total")).isEqualTo(32);
    assertThat(grown(before, "vllm:gpu_prefix_cache_hits_total")).isEqualTo(32);
    assertThat(grown(before, "vllm:prompt_tokens_total")).isEqualTo(80);
    assertThat(grown(before, "vllm:request_prefill_kv_computed_tokens_sum")).isEqualTo(48);
    assertThat(lookups(before, "found")).isEqualTo(1);
    assertThat(lookups(before, "new")).isEqualTo(1);
    assertThat(sum(scrape(), "krait:prefix_snapshots")).isPositive();
    http.post("/v1/completions", "{'prompt': [1, 2], 'max_tokens': 2}");
    Waiting.until(() -> lookups(before, "too_short") == 1);
  }

  private static double lookups(String before, String result) {
    String series = "krait:prefix_cache_lookups_total";
    return value(scrape(), series, result) - value(before, series, result);
  }

  private static double value(String text, String series, String label) {
    return linesOf(text, series).stream()
        .filter(line -> line.contains("\"" + label + "\""))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  @Test
  void countsTokensWhileASequenceRuns() {
    double before = sum(scrape(), "vllm:generation_tokens_total");
    server.runner().hold();
    try (HttpCalls.Raw raw = http.raw()) {
      raw.post(
          "/v1/completions",
          "{'prompt': 'a', 'max_tokens': 50, 'ignore_eos': true, 'stream': true}");
      server.runner().permit(4);
      Waiting.until(() -> sum(scrape(), "vllm:generation_tokens_total") - before == 4);
      assertThat(server.server().status().running()).isEqualTo(1);
    } finally {
      server.runner().release();
    }
    Waiting.until(() -> server.server().requests() == 0);
  }

  @Test
  void doesNotMakeASeriesOfEveryMethodOrPath() {
    http.call("BREW", "/pot", "");
    assertThat(scrape())
        .contains("http_requests_total{handler=\"none\",method=\"other\",status=\"4xx\"}")
        .doesNotContain("BREW")
        .doesNotContain("/pot");
  }

  @Test
  void speaksOpenMetricsWhenAsked() {
    HttpCalls.Reply reply = http.get("/metrics", "accept", "application/openmetrics-text");
    assertThat(reply.header("content-type")).startsWith("application/openmetrics-text");
    assertThat(reply.text()).endsWith("# EOF\n");
  }

  private static String scrape() {
    return http.get("/metrics").text();
  }

  private static Set<String> engineLabels(String further) {
    Set<String> labels = new TreeSet<>(List.of("engine", "model_name"));
    if (!further.isEmpty()) {
      labels.addAll(List.of(further.split(" ", -1)));
    }
    return labels;
  }

  private static Set<String> labelsOf(String text, String name) {
    Set<String> labels = new TreeSet<>();
    Matcher label = LABEL.matcher(linesOf(text, name).getFirst());
    while (label.find()) {
      labels.add(label.group(1));
    }
    return labels;
  }

  private static List<String> linesOf(String text, String name) {
    List<String> lines = text.lines().filter(line -> line.startsWith(name + "{")).toList();
    assertThat(lines).as("samples of %s", name).isNotEmpty();
    return lines;
  }

  private static double grown(String before, String name) {
    return sum(scrape(), name) - sum(before, name);
  }

  private static double sum(String text, String name) {
    return linesOf(text, name).stream()
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }
}
