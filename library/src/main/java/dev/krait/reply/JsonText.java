package dev.krait.reply;

import java.nio.charset.StandardCharsets;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.async.ByteArrayFeeder;
import tools.jackson.core.io.JsonStringEncoder;
import tools.jackson.core.json.JsonFactory;

/// JSON that comes one character at a time, checked as it comes.
final class JsonText {
  private static final int MAX_DEPTH = 64;
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(MAX_DEPTH)
                  .maxStringLength(Integer.MAX_VALUE)
                  .build())
          .build();

  private final JsonParser parser =
      FACTORY.createNonBlockingByteArrayParser(ObjectReadContext.empty());
  private final ByteArrayFeeder feeder = (ByteArrayFeeder) parser.nonBlockingInputFeeder();
  private char high;
  private int depth;

  // The library's parser of text in pieces lets an object end behind a name or a comma.
  private JsonToken last = JsonToken.NOT_AVAILABLE;

  private boolean comma;

  /// Hears tokens.
  interface Listener {
    /// A token is complete.
    ///
    /// @param depth of the object or list that it is in, begins or ends
    /// @return false when it does not belong here
    boolean token(JsonToken token, int depth);
  }

  /// Takes the next character.
  ///
  /// @return false when it cannot follow, or the listener refused a token that it completes
  boolean push(char c, Listener listener) {
    if (Character.isHighSurrogate(c)) {
      high = c;
      return true;
    }
    boolean pair = Character.isLowSurrogate(c);
    byte[] bytes =
        (pair ? new String(new char[] {high, c}) : String.valueOf(c))
            .getBytes(StandardCharsets.UTF_8);
    try {
      feeder.feedInput(bytes, 0, bytes.length);
      for (JsonToken token = parser.nextToken();
          token != JsonToken.NOT_AVAILABLE;
          token = parser.nextToken()) {
        depth += token.isStructStart() ? 1 : 0;
        boolean dangling = token.isStructEnd() && (comma || last == JsonToken.PROPERTY_NAME);
        if (dangling || !listener.token(token, depth)) {
          return false;
        }
        last = token;
        comma = false;
        depth -= token.isStructEnd() ? 1 : 0;
        if (depth == 0) {
          return true;
        }
      }
      comma |= c == ',';
      return true;
    } catch (JacksonException e) {
      return false;
    }
  }

  /// Whether the value is whole.
  boolean isOver() {
    return depth == 0;
  }

  /// Text of the token that the listener hears.
  String text() {
    return parser.getString();
  }

  /// A JSON string without its quotes.
  static String escaped(String text) {
    return new String(JsonStringEncoder.getInstance().quoteAsCharArray(text));
  }
}
