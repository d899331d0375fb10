package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Small JSON files: bounded, UTF-8, one object, no key twice. `NaN` and `Infinity` are let
/// through, for real configuration files hold them.
final class StrictJson {
  private static final int MAX_DEPTH = 64;
  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          // Keeps 1e400 apart from Infinity.
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .build();

  private StrictJson() {}

  static ObjectNode read(Path file, int maxBytes) {
    if (!Files.isRegularFile(file)) {
      throw InvalidFile.notFound(file, "no such file", "a JSON object");
    }
    try (InputStream stream = Files.newInputStream(file)) {
      byte[] bytes = stream.readNBytes(maxBytes + 1);
      if (bytes.length > maxBytes) {
        throw InvalidFile.of(file, "file", Files.size(file) + " bytes", "at most " + maxBytes);
      }
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      JsonNode root = MAPPER.readTree(text);
      if (root instanceof ObjectNode object) {
        return object;
      }
      throw InvalidFile.of(
          file, "content", root.isMissingNode() ? "nothing" : root.getNodeType(), "a JSON object");
    } catch (JacksonException failure) {
      throw invalid(file, "content", failure);
    } catch (CharacterCodingException failure) {
      throw InvalidFile.of(file, "content", "malformed", "UTF-8");
    } catch (IOException failure) {
      throw InvalidFile.unreadable(file, failure);
    }
  }

  static EngineException invalid(Path file, String thing, JacksonException failure) {
    String where =
        failure.getLocation() == null
            ? ""
            : " at line "
                + failure.getLocation().getLineNr()
                + ", column "
                + failure.getLocation().getColumnNr();
    return new EngineException(
        ErrorCode.INVALID_CHECKPOINT,
        file
            + ": "
            + thing
            + where
            + ": "
            + InvalidFile.excerpt(String.valueOf(failure.getOriginalMessage()))
            + " (expected: a JSON object)",
        failure);
  }
}
