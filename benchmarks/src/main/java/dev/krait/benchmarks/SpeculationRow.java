package dev.krait.benchmarks;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// One measurement of speculation.
///
/// @param what `plain`, `verify`, `draft` or `loop`
/// @param batch sequences in a step
/// @param tokens tokens of each sequence in a step of the target or of the draft model
/// @param micros time of a step, or of an iteration
/// @param tokensPerSecond tokens that come out over all sequences; of a draft step, drafts
/// @param overPlain of a `verify` and a `draft` the time over that of a plain step, of a `loop` the
///   tokens a second over those of plain decoding
/// @param draftMicros what the drafter takes of an iteration; 0 where there is none
record SpeculationRow(
    String what,
    int batch,
    int tokens,
    double micros,
    double tokensPerSecond,
    double overPlain,
    double draftMicros) {

  static String heading() {
    return String.format(
        Locale.ROOT,
        "%-8s %5s %6s %12s %12s %10s %12s",
        "what",
        "batch",
        "tokens",
        "us",
        "tokens/s",
        "over plain",
        "drafting us");
  }

  String line() {
    return String.format(
        Locale.ROOT,
        "%-8s %5d %6d %12.1f %12.1f %10.3f %12.1f",
        what,
        batch,
        tokens,
        micros,
        tokensPerSecond,
        overPlain,
        draftMicros);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new TreeMap<>();
    boolean loops = what.equals("loop");
    map.put("what", "%s, %d sequences, %d tokens each".formatted(what, batch, tokens));
    map.put("value", loops ? tokensPerSecond : micros);
    map.put("unit", loops ? "tokens/s" : "us");
    map.put("kind", what);
    map.put("batch", batch);
    map.put("tokens", tokens);
    map.put("micros", micros);
    map.put("tokens_per_second", tokensPerSecond);
    map.put("over_plain", overPlain);
    map.put("draft_micros", draftMicros);
    return map;
  }
}
