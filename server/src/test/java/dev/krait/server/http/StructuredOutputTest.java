package dev.krait.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.InputFormat;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.krait.engine.SpeculationMode;
import dev.krait.server.KraitServer;
import dev.krait.server.testing.HttpCalls;
import dev.krait.server.testing.ShippedServer;
import dev.krait.server.testing.TestServer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Structured answers of the shipped models, with drafts and without.
@Tag("slow")
class StructuredOutputTest {
  private static final int TOKENS = 400;

  private static KraitServer plain;
  private static KraitServer drafting;

  @BeforeAll
  static void start() {
    plain = ShippedServer.start();
    drafting =
        ShippedServer.start(
            TestServer.modelFolder(),
            set -> {
              set.speculation = SpeculationMode.DRAFT;
              set.draftFolder =
                  Optional.of(
                      TestServer.repository().resolve("models").resolve("krait-tiny-draft"));
              set.maxDraftTokens = 4;
              set.draftTokens = OptionalInt.of(4);
            });
  }

  @AfterAll
  static void stop() {
    drafting.close();
    plain.close();
  }

  /// The text of an answer, and why it ended.
  private record Answer(String text, String finish) {}

  private static Answer ask(KraitServer server, String fields, boolean stream) {
    String body =
        "{'prompt': 'Once upon a time', 'max_tokens': " + TOKENS + ", 'stream': " + stream + ", ";
    HttpCalls.Reply reply =
        new HttpCalls(server.port())
            .call("POST", "/v1/completions", body.replace('\'', '"') + fields + "}");
    assertThat(reply.status()).as(reply.text()).isEqualTo(200);
    StringBuilder text = new StringBuilder();
    String finish = "";
    for (JsonNode chunk : stream ? reply.chunks() : List.of(reply.json())) {
      text.append(chunk.at("/choices/0/text").asString(""));
      finish = chunk.at("/choices/0/finish_reason").asString(finish);
    }
    return new Answer(text.toString(), finish);
  }

  private static String sampled(int seed) {
    return seed == 0 ? "\"temperature\": 0" : "\"temperature\": 1, \"seed\": " + seed;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'type': 'object', 'properties': {'name': {'type': 'string', 'maxLength': 20}, 'age': {'type': 'integer', 'minimum': 0, 'maximum': 150}}, 'required': ['name', 'age'], 'additionalProperties': false}",
        "{'type': 'array', 'items': {'enum': ['red', 'green', 3, null]}, 'minItems': 2, 'maxItems': 5}",
        "{'anyOf': [{'type': 'string', 'pattern': '^[a-z]{2,5}-[0-9]+$', 'maxLength': 9}, {'type': 'boolean'}]}",
        "{'$defs': {'leaf': {'type': 'object', 'properties': {'value': {'type': 'integer', 'minimum': -5, 'maximum': 5}}, 'required': ['value'], 'additionalProperties': false}}, 'type': 'array', 'items': {'$ref': '#/$defs/leaf'}, 'minItems': 1, 'maxItems': 3}",
        "{'oneOf': [{'type': 'object', 'properties': {'kind': {'const': 'a'}, 'x': {'type': 'number', 'minimum': 0.5, 'exclusiveMaximum': 1.25, 'multipleOf': 0.25}}, 'required': ['kind', 'x'], 'additionalProperties': false}, {'type': 'object', 'properties': {'kind': {'const': 'b'}, 'when': {'type': 'string', 'format': 'date'}}, 'required': ['kind', 'when'], 'additionalProperties': false}]}",
        "{'type': 'object', 'properties': {'a': {'type': 'string', 'minLength': 3, 'maxLength': 6}}, 'patternProperties': {'^n_[a-z]$': {'type': 'integer', 'maximum': 9, 'minimum': 0}}, 'additionalProperties': false, 'required': ['a'], 'maxProperties': 3}",
        "{'type': 'array', 'prefixItems': [{'type': 'string', 'format': 'ipv4'}, {'type': 'boolean'}], 'items': false, 'minItems': 2}",
        "{'type': 'string', 'not': {'enum': ['a', 'b']}, 'maxLength': 4}",
        "{'if': {'properties': {'k': {'const': 1}}, 'required': ['k']}, 'then': {'required': ['only']}, 'type': 'object', 'properties': {'k': {'enum': [1, 2]}, 'only': {'type': 'boolean'}}, 'additionalProperties': false}",
      })
  void answersToASchemaAreValidWithDraftsAndWithout(String quoted) {
    String schema = quoted.replace('\'', '"');
    com.networknt.schema.Schema judge =
        SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12).getSchema(schema);
    int whole = 0;
    for (int seed = 0; seed < 4; seed++) {
      String format =
          seed % 2 == 0
              ? "\"guided_json\": " + schema
              : "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"x\", \"schema\": "
                  + schema
                  + "}}";
      List<Answer> answers = new ArrayList<>();
      for (KraitServer server : List.of(plain, drafting)) {
        Answer answer = ask(server, sampled(seed) + ", " + format, seed == 2);
        answers.add(answer);
        if (answer.finish.equals("stop")) {
          whole++;
          assertThat(
                  judge.validate(
                      answer.text,
                      InputFormat.JSON,
                      context -> context.executionConfig(c -> c.formatAssertionsEnabled(true))))
              .as(answer.text)
              .isEmpty();
        } else {
          assertThat(answer.finish).as(answer.text).isEqualTo("length");
        }
      }
      if (seed == 0) {
        assertThat(answers.getLast()).isEqualTo(answers.getFirst());
      }
    }
    assertThat(whole).as("answers that were not cut off").isGreaterThanOrEqualTo(6);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      quoteCharacter = '~',
      value = {
        "'structured_outputs': {'regex': '[A-C]{3}[0-9]?(x|yz){1,3}!'} => [A-C]{3}[0-9]?(x|yz){1,3}!",
        "'guided_regex': 'a(b|c)d$' => a(b|c)d",
        "'structured_outputs': {'choice': ['yes', 'no', 'maybe so']} => yes|no|maybe so",
        "'guided_choice': ['yes', 'yesterday'] => yes|yesterday",
        "'guided_grammar': 'root ::= num (op num){1,2}\\nnum ::= [0-9]{1,2} | \\\"(\\\" root \\\")\\\"\\nop ::= \\\"+\\\" | \\\"-\\\"' => [0-9()+-]+",
        "'structured_outputs': {'grammar': 'start: A (\\\",\\\" A)~1..2 \\nA: /[a-f]/ | \\\"zz\\\"i'} => [a-fzZ]{1,2}(,[a-fzZ]{1,2}){1,2}",
      })
  void answersFollowRegularExpressionsChoicesAndGrammars(String field, String expected) {
    for (KraitServer server : List.of(plain, drafting)) {
      for (int seed = 0; seed < 3; seed++) {
        Answer answer =
            ask(server, sampled(seed) + ", " + field.strip().replace('\'', '"'), seed == 1);
        assertThat(answer.finish).as(answer.text).isEqualTo("stop");
        assertThat(answer.text).matches(expected.strip());
      }
    }
  }

  @Test
  void aJsonObjectIsOneAndAConversationMayAskForIt() {
    String body =
        "{'messages': [{'role': 'user', 'content': 'a'}], 'max_tokens': 60, 'temperature': 0,"
            + " 'response_format': {'type': 'json_object'}}";
    for (KraitServer server : List.of(plain, drafting)) {
      HttpCalls.Reply reply = new HttpCalls(server.port()).post("/v1/chat/completions", body);
      assertThat(reply.status()).as(reply.text()).isEqualTo(200);
      String text = reply.json().at("/choices/0/message/content").asString("");
      assertThat(text).startsWith("{");
      if (reply.json().at("/choices/0/finish_reason").asString("").equals("stop")) {
        assertThat(JsonMapper.shared().readTree(text).isObject()).isTrue();
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      quoteCharacter = '~',
      value = {
        "'guided_json': {'type': 'strnig'} => guided_json => type",
        "'guided_json': '{' => guided_json => malformed",
        "'guided_json': {'type': 'array', 'uniqueItems': true} => guided_json => uniqueItems",
        "'guided_json': {'type': 'string', 'minLength': 3, 'maxLength': 2} => guided_json => no finite text",
        "'guided_json': {'$ref': 'http://example.com/x'} => guided_json => $ref",
        "'guided_json': 5 => guided_json => JSON schema",
        "'guided_regex': '(a' => guided_regex => without its )",
        "'guided_regex': 'a(?<=b)' => guided_regex => look behind",
        "'guided_choice': [] => guided_choice => at least one",
        "'guided_choice': [1] => guided_choice[0] => a string",
        "'guided_grammar': 'root ::= x' => guided_grammar => there is no rule",
        "'guided_grammar': 'root ::= a\\na ::= b\\nb ::= a | \\\"x\\\"' => guided_grammar => left recursion",
        "'guided_grammar': 'x' => guided_grammar => line 1",
        "'guided_json': {}, 'guided_regex': 'a' => guided_regex => only one of them",
        "'structured_outputs': {'json': {}, 'regex': 'a'} => structured_outputs.regex => only one",
        "'response_format': {'type': 'json_schema'} => response_format.json_schema => missing",
        "'response_format': {'type': 'json_schema', 'json_schema': {}} => response_format.json_schema.schema => missing",
        "'response_format': {'type': 'xml'} => response_format.type => json_object",
      })
  void whatCannotBeHeldIsRefusedWithTheReason(String fields, String field, String reason) {
    String body = "{\"prompt\": \"a\", " + fields.strip().replace('\'', '"') + "}";
    HttpCalls.Reply reply = new HttpCalls(plain.port()).call("POST", "/v1/completions", body);
    assertThat(reply.status()).as(reply.text()).isEqualTo(400);
    assertThat(reply.json().at("/error/param").asString("")).isEqualTo(field);
    assertThat(reply.json().at("/error/message").asString("")).contains(reason);
  }
}
