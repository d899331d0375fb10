package dev.krait.server.openai;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.SerializableString;
import tools.jackson.core.io.CharacterEscapes;
import tools.jackson.core.io.SerializedString;

/// Escapes the three characters that end a line for some readers and that JSON lets pass: U+0085,
/// U+2028 and U+2029. Unescaped they would cut an event of a stream in two.
final class LineSeparatorEscapes extends CharacterEscapes {
  private static final long serialVersionUID = 1L;
  private static final SerializableString NEXT_LINE = new SerializedString("\\u0085");
  private static final SerializableString LINE = new SerializedString("\\u2028");
  private static final SerializableString PARAGRAPH = new SerializedString("\\u2029");

  @Override
  public int[] getEscapeCodesForAscii() {
    return standardAsciiEscapesForJSON();
  }

  @Override
  public @Nullable SerializableString getEscapeSequence(int character) {
    return switch (character) {
      case 0x85 -> NEXT_LINE;
      case 0x2028 -> LINE;
      case 0x2029 -> PARAGRAPH;
      default -> null;
    };
  }
}
