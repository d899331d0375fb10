package dev.krait.server.openai;

import dev.krait.error.EngineException;
import dev.krait.service.StructuredOutput;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// What a body says its answer may be: OpenAI's `response_format`, vLLM's `structured_outputs` and
/// its older `guided_*` fields.
final class StructuredOutputParser {
  private StructuredOutputParser() {}

  /// The one structure that a body asks for.
  static Optional<StructuredOutput> of(JsonFields fields) {
    List<StructuredOutput> found = new ArrayList<>();
    fields.object("response_format").ifPresent(format -> ofFormat(format, found));
    fields.object("structured_outputs").ifPresent(outputs -> ofFields(outputs, "", found));
    ofFields(fields, "guided_", found);
    fields.accept("guided_decoding_backend");
    if (found.size() > 1) {
      throw EngineException.invalidArgument(
          found.get(1).field(), "given beside " + found.getFirst().field(), "only one of them");
    }
    return found.stream().findFirst();
  }

  private static void ofFormat(JsonFields format, List<StructuredOutput> found) {
    String type = format.text("type").orElse("text");
    switch (type) {
      case "text" -> {}
      case "json_object" -> found.add(StructuredOutput.jsonObject(format.path("type")));
      case "json_schema" -> {
        JsonFields given =
            format
                .object("json_schema")
                .orElseThrow(
                    () -> missing(format.path("json_schema"), "an object with a schema in it"));
        JsonNode schema =
            given.find("schema").orElseThrow(() -> missing(given.path("schema"), "a JSON schema"));
        given.accept("name", "description");
        given.flag("strict", false); // a schema is held either way
        found.add(json(given.path("schema"), schema));
      }
      case "structural_tag" ->
          throw EngineException.unsupported(
              format.path("type"), "\"structural_tag\"", "text, json_object or json_schema");
      default ->
          throw EngineException.invalidArgument(
              format.path("type"), type, "text, json_object or json_schema");
    }
  }

  private static EngineException missing(String field, String expected) {
    return EngineException.invalidArgument(field, "missing", expected);
  }

  private static void ofFields(JsonFields fields, String prefix, List<StructuredOutput> found) {
    String path = fields.path(prefix);
    fields.find(prefix + "json").ifPresent(schema -> found.add(json(path + "json", schema)));
    if (fields.flag(prefix + "json_object", false)) {
      found.add(StructuredOutput.jsonObject(path + "json_object"));
    }
    fields
        .text(prefix + "regex")
        .ifPresent(text -> found.add(StructuredOutput.regex(path + "regex", text)));
    fields.list(prefix + "choice").ifPresent(list -> found.add(choice(path + "choice", list)));
    fields
        .text(prefix + "grammar")
        .ifPresent(text -> found.add(StructuredOutput.grammar(path + "grammar", text)));
    if (prefix.isEmpty()) {
      fields.refuse("structural_tag", "null");
      fields.refuse("whitespace_pattern", "null");
      fields.accept("disable_fallback", "disable_any_whitespace", "disable_additional_properties");
    }
  }

  /// A schema as an object, or as the text of one.
  private static StructuredOutput json(String field, JsonNode given) {
    return StructuredOutput.jsonSchema(
        field, given.isString() ? given.stringValue() : given.toString());
  }

  private static StructuredOutput choice(String field, List<JsonNode> list) {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      texts.add(JsonFields.textOf(list.get(i), field + "[" + i + "]"));
    }
    return StructuredOutput.choice(field, texts);
  }
}
