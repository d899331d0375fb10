package dev.krait.server.openai;

import dev.krait.speculation.SpeculationReport;
import java.util.List;
import tools.jackson.core.JsonGenerator;

/// The answer of `/v1/speculation`.
public final class SpeculationJson {
  private SpeculationJson() {}

  /// JSON of a report.
  public static byte[] write(SpeculationReport report) {
    return OpenAiJson.write(json -> {
      json.writeStartObject();
      json.writeStringProperty("object", "speculation");
      json.writeStringProperty("drafter", report.drafter());
      json.writeNumberProperty("draft_tokens", report.draftTokens());
      json.writeStringProperty("reason", report.reason().words());
      json.writeNumberProperty("acceptance", report.acceptance());
      json.writeNumberProperty("drafted_tokens", report.draftedTokens());
      json.writeNumberProperty("accepted_tokens", report.acceptedTokens());
      writeCounts(json, "drafted_per_position", report.draftedPerPosition());
      writeCounts(json, "accepted_per_position", report.acceptedPerPosition());
      json.writeArrayPropertyStart("choices");
      report.choices().forEach(choice -> writeChoice(json, choice));
      json.writeEndArray();
      json.writeEndObject();
    });
  }

  private static void writeChoice(JsonGenerator json, SpeculationReport.Choice choice) {
    json.writeStartObject();
    json.writeNumberProperty("draft_tokens", choice.draftTokens());
    json.writeNumberProperty("expected_tokens", choice.expectedTokens());
    json.writeNumberProperty("iteration_micros", choice.iterationMicros());
    json.writeNumberProperty("relative_rate", choice.relativeRate());
    json.writeEndObject();
  }

  private static void writeCounts(JsonGenerator json, String name, List<Long> counts) {
    json.writeArrayPropertyStart(name);
    counts.forEach(json::writeNumber);
    json.writeEndArray();
  }
}
