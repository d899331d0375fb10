package dev.krait.checkpoint;

import dev.krait.error.EngineException;
import dev.krait.tensor.DType;
import dev.krait.tensor.Shape;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.util.ByteBufferBackedInputStream;

/// Reads the JSON object at the start of a safetensors file, token by token.
final class SafetensorsHeader {
  /// More tensors than any released model has in one file; keeps the heap bounded.
  static final int MAX_TENSORS = 200_000;

  private static final int MAX_RANK = 64;
  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(8)
                  .maxNameLength(4096)
                  .maxStringLength(1 << 22)
                  .build())
          // Tensor names do not repeat, so a table of known names only costs.
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .build();

  /// One tensor, as the header describes it; offsets count from the end of the header.
  record Entry(String name, DType dtype, Shape shape, long begin, long end) {}

  private final Path file;
  private final JsonParser parser;
  private final List<Entry> entries = new ArrayList<>();

  private SafetensorsHeader(Path file, JsonParser parser) {
    this.file = file;
    this.parser = parser;
  }

  /// The tensors of a header, in its order.
  static List<Entry> read(Path file, MemorySegment header) {
    InputStream bytes = new ByteBufferBackedInputStream(header.asByteBuffer());
    // A decoder of its own, for the parser would also take UTF-16 and broken characters.
    var text = new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder());
    try (JsonParser parser = JSON.createParser(ObjectReadContext.empty(), text)) {
      SafetensorsHeader reader = new SafetensorsHeader(file, parser);
      reader.readTensors();
      return reader.entries;
    } catch (JacksonException failure) {
      throw StrictJson.invalid(file, "header", failure);
    }
  }

  private void readTensors() {
    require(parser.nextToken() == JsonToken.START_OBJECT, "header", "a JSON object");
    Set<String> names = new HashSet<>();
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String name = parser.currentName();
      // JSON can escape half a character, which no other reader takes.
      require(isWellFormed(name), "tensor " + InvalidFile.excerpt(name), "a name in Unicode");
      if (!names.add(name)) {
        throw InvalidFile.of(file, "tensor " + InvalidFile.excerpt(name), "twice", "unique names");
      }
      if (name.equals("__metadata__")) {
        skipMetadata();
      } else {
        entries.add(readTensor(name));
      }
      if (entries.size() > MAX_TENSORS) {
        throw InvalidFile.of(file, "tensors", "too many", "at most " + MAX_TENSORS);
      }
    }
    require(parser.nextToken() == null, "header", "nothing after the JSON object");
  }

  private static boolean isWellFormed(String text) {
    return text.codePoints()
        .noneMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
  }

  private void skipMetadata() {
    require(parser.nextToken() == JsonToken.START_OBJECT, "__metadata__", "an object of strings");
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      require(isWellFormed(parser.currentName()), "__metadata__", "names in Unicode");
      require(parser.nextToken() == JsonToken.VALUE_STRING, "__metadata__", "strings");
      require(isWellFormed(parser.getString()), "__metadata__", "strings in Unicode");
    }
  }

  private Entry readTensor(String name) {
    String tensor = "tensor " + InvalidFile.excerpt(name);
    require(parser.nextToken() == JsonToken.START_OBJECT, tensor, "an object");
    @Nullable DType dtype = null;
    long @Nullable [] dims = null;
    long @Nullable [] offsets = null;
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String key = parser.currentName();
      if (key.equals("dtype") && dtype == null) {
        dtype = readType(tensor);
      } else if (key.equals("shape") && dims == null) {
        dims = readNumbers(tensor + ": shape");
      } else if (key.equals("data_offsets") && offsets == null) {
        offsets = readNumbers(tensor + ": data_offsets");
      } else {
        throw InvalidFile.of(file, tensor, key, "dtype, shape and data_offsets, each once");
      }
    }
    if (dtype == null || dims == null || offsets == null || offsets.length != 2) {
      throw InvalidFile.of(
          file,
          tensor,
          offsets != null && offsets.length != 2 ? Arrays.toString(offsets) : "incomplete",
          "dtype, shape and two data_offsets");
    }
    return new Entry(name, dtype, shape(file, tensor, dims, dtype), offsets[0], offsets[1]);
  }

  /// A shape whose bytes can be counted in a long.
  static Shape shape(Path file, String tensor, long[] dims, DType dtype) {
    try {
      Shape shape = Shape.of(dims);
      Math.multiplyExact(shape.elements(), (long) dtype.bytes());
      return shape;
    } catch (IllegalArgumentException | ArithmeticException failure) {
      EngineException invalid =
          InvalidFile.of(
              file,
              tensor + ": shape",
              Arrays.toString(dims),
              "dimensions of 0 or more whose product fits 63 bits");
      invalid.addSuppressed(failure);
      throw invalid;
    }
  }

  private DType readType(String tensor) {
    JsonToken token = parser.nextToken();
    String value = parser.getString();
    for (DType type : DType.values()) {
      if (token == JsonToken.VALUE_STRING && type.name().equals(value)) {
        return type;
      }
    }
    throw InvalidFile.of(
        file, tensor + ": dtype", value, "one of " + Arrays.toString(DType.values()));
  }

  private long[] readNumbers(String thing) {
    require(parser.nextToken() == JsonToken.START_ARRAY, thing, "a list of integers");
    long[] numbers = new long[MAX_RANK];
    int count = 0;
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      boolean fits =
          parser.currentToken() == JsonToken.VALUE_NUMBER_INT
              && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
      require(fits, thing, "integers of 63 bits");
      require(count < MAX_RANK, thing, "at most " + MAX_RANK + " integers");
      numbers[count++] = parser.getLongValue();
    }
    return Arrays.copyOf(numbers, count);
  }

  private void require(boolean holds, String thing, String expected) {
    if (!holds) {
      String value = parser.currentToken() == null ? "nothing" : parser.getString();
      throw InvalidFile.of(file, thing, value, expected);
    }
  }
}
