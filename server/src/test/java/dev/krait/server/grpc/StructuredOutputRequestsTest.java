package dev.krait.server.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.proto.inference.v1.Choice;
import dev.krait.proto.inference.v1.GenerateRequest;
import dev.krait.proto.inference.v1.StructuredOutput;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// What a message says of its answer is what a body of HTTP says.
class StructuredOutputRequestsTest {
  private static Optional<dev.krait.service.StructuredOutput> read(
      StructuredOutput.Builder structure) {
    GenerateRequest request =
        GenerateRequest.newBuilder().setPrompt("a").setStructuredOutput(structure).build();
    return ProtoRequests.of(request, "r", Optional.empty()).structure();
  }

  private static StructuredOutput.Builder output() {
    return StructuredOutput.newBuilder();
  }

  @Test
  void everyKindBecomesAStructure() {
    String schema = "{\"type\": \"null\"}";
    String grammar = "root ::= \"a\"";
    assertThat(
            List.of(
                read(output().setJsonSchema(schema)).orElseThrow(),
                read(output().setJsonObject(true)).orElseThrow(),
                read(output().setRegex("a+")).orElseThrow(),
                read(output().setChoice(Choice.newBuilder().addTexts("x").addTexts("y")))
                    .orElseThrow(),
                read(output().setGrammar(grammar)).orElseThrow()))
        .containsExactly(
            dev.krait.service.StructuredOutput.jsonSchema("structured_output.json_schema", schema),
            dev.krait.service.StructuredOutput.jsonObject("structured_output.json_object"),
            dev.krait.service.StructuredOutput.regex("structured_output.regex", "a+"),
            dev.krait.service.StructuredOutput.choice(
                "structured_output.choice", List.of("x", "y")),
            dev.krait.service.StructuredOutput.grammar("structured_output.grammar", grammar));
    assertThat(read(output())).isEmpty();
    assertThat(read(output().setJsonObject(false))).isEmpty();
  }

  @Test
  void aWrongStructureIsRefusedByItsField() {
    assertRefused(output().setJsonSchema("{"), "structured_output.json_schema");
    assertRefused(output().setJsonSchema("[]"), "structured_output.json_schema");
    assertRefused(output().setJsonSchema(" ".repeat(300_000)), "structured_output.json_schema");
    assertRefused(output().setChoice(Choice.newBuilder()), "structured_output.choice");
    assertRefused(output().setGrammar("x"), "structured_output.grammar");
  }

  private static void assertRefused(StructuredOutput.Builder structure, String field) {
    assertThatThrownBy(() -> read(structure))
        .isInstanceOfSatisfying(
            EngineException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_ARGUMENT))
        .hasMessageStartingWith(field + ": ");
  }
}
