package dev.krait.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.server.testing.TestServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ConstraintCommandTest {
  @TempDir private Path folder;

  private final ByteArrayOutputStream written = new ByteArrayOutputStream();

  private int run(String... arguments) {
    PrintStream out = new PrintStream(written, true, StandardCharsets.UTF_8);
    return ServerMain.commandLine(out, out, Map.of()).execute(arguments);
  }

  private String file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text.replace('\'', '"')).toString();
  }

  @Test
  void saysOfEachInstanceHowFarItIsAllowed() throws IOException {
    String schema =
        file(
            "s",
            "{'properties': {'a': {'type': 'null'}, 'b': {}}, 'required': ['a'], 'type': 'object'}");
    String instances = file("i", "{'a': null}\n{'b': 1, 'a': null}\n\n{'a': 5}\n{");
    String[] verdicts = {
      "true, \"at\": 11", "true, \"at\": 19", "false, \"at\": 6", "false, \"at\": 1"
    };
    for (String model : new String[] {"", TestServer.modelFolder().toString()}) {
      written.reset();
      int code =
          model.isEmpty()
              ? run("constraint", "--schema", schema, "--instances", instances)
              : run("constraint", "--schema", schema, "--instances", instances, "--model", model);
      assertThat(code).as(written.toString(StandardCharsets.UTF_8)).isZero();
      String[] lines = written.toString(StandardCharsets.UTF_8).split("\n", -1);
      assertThat(lines).hasSize(5);
      assertThat(lines[0]).isEqualTo("{\"accepted\": true, \"at\": 11, \"allowed\": [\"end\"]}");
      for (int i = 0; i < 4; i++) {
        assertThat(lines[i]).contains(verdicts[i].substring(0, 4));
        assertThat(model.isEmpty() ? lines[i] : verdicts[i]).contains(verdicts[i]);
      }
    }
    written.reset();
    run("constraint", "--ordered", "--schema", schema, "--instances", instances);
    assertThat(written.toString(StandardCharsets.UTF_8).split("\n", -1)[1])
        .startsWith("{\"accepted\": false");
  }

  @Test
  void aRefusedSchemaIsNamedByItsKeyword() throws IOException {
    String schema = file("s", "{'type': 'array', 'uniqueItems': true}");
    assertThat(run("constraint", "--schema", schema, "--instances", file("i", "[]")))
        .isEqualTo(Exit.FAILED);
    assertThat(written.toString(StandardCharsets.UTF_8))
        .startsWith("{\"refused\": \"uniqueItems\", \"message\": ");
  }

  @Test
  void aSampleIsCounted() throws IOException {
    String sample =
        file(
            "s.jsonl",
            """
            {'name': 'x', 'schema': {'type': 'null'}, 'tests': [{'valid': true, 'data': null}, {'valid': true, 'data': 1}]}
            {'name': 'y', 'schema': {'contains': {}}, 'tests': []}
            """);
    assertThat(run("constraint", "--sample", sample)).isZero();
    assertThat(written.toString(StandardCharsets.UTF_8))
        .contains("x: cut off: 1")
        .contains(
            "2 schemas, 0 pass (0.0 %); refused 1 {contains=1}; 1 valid instances cut off, 0 invalid");
  }
}
