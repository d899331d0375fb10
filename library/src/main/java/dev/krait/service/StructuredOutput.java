package dev.krait.service;

import dev.krait.constraint.ConstraintException;
import dev.krait.constraint.Grammar;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.util.List;
import java.util.Map;

/// What the text of an answer may be.
///
/// @param field the field of the request that says so, for messages
/// @param key equal for equal grammars: their source
/// @param grammar the texts
public record StructuredOutput(String field, String key, Grammar grammar) {
  /// Any JSON object.
  public static StructuredOutput jsonObject(String field) {
    return new StructuredOutput(field, "json_object", Grammar.jsonObject());
  }

  /// A value by the text of its JSON schema; properties come in the order of the schema.
  public static StructuredOutput jsonSchema(String field, String text) {
    checkLength(field, text);
    Object schema = SchemaJson.read(field, text);
    if (!(schema instanceof Map) && !(schema instanceof Boolean)) {
      throw EngineException.invalidArgument(
          field, EngineException.shown(text), "a JSON schema: an object or a boolean");
    }
    return new StructuredOutput(field, "json " + text, Grammar.jsonSchema(schema, true));
  }

  /// Text that matches a regular expression as a whole.
  public static StructuredOutput regex(String field, String expression) {
    return new StructuredOutput(field, "regex " + expression, Grammar.pattern(expression));
  }

  /// One of some texts.
  public static StructuredOutput choice(String field, List<String> texts) {
    if (texts.isEmpty()) {
      throw EngineException.invalidArgument(field, "an empty list", "at least one text");
    }
    return new StructuredOutput(field, "choice " + SchemaJson.write(texts), Grammar.choice(texts));
  }

  /// Text of a grammar in GBNF or Lark.
  public static StructuredOutput grammar(String field, String source) {
    checkLength(field, source);
    try {
      return new StructuredOutput(field, "grammar " + source, Grammar.ebnf(source));
    } catch (ConstraintException e) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT, field, field + ": " + e.getMessage(), e);
    }
  }

  private static void checkLength(String field, String source) {
    if (source.length() > Constraints.MAX_SOURCE) {
      throw EngineException.invalidArgument(
          field, source.length() + " characters", "at most " + Constraints.MAX_SOURCE);
    }
  }
}
