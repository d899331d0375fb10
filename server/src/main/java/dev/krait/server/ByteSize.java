package dev.krait.server;

import dev.krait.error.EngineException;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A number of bytes as people write it: `8GiB`, `512 MiB`, `1.5GB`, `4096`.
///
/// @param bytes how many
public record ByteSize(long bytes) {
  private static final Pattern FORM =
      Pattern.compile("(\\d{1,15}(?:\\.\\d{1,6})?)\\s*([kmgt]?i?b?)", Pattern.CASE_INSENSITIVE);
  private static final Map<String, Long> UNITS =
      Map.of(
          "",
          1L,
          "k",
          1000L,
          "m",
          1000L * 1000,
          "g",
          1000L * 1000 * 1000,
          "t",
          1000L * 1000 * 1000 * 1000,
          "ki",
          1L << 10,
          "mi",
          1L << 20,
          "gi",
          1L << 30,
          "ti",
          1L << 40);

  /// Reads a size.
  ///
  /// @throws EngineException with INVALID_ARGUMENT when it is not one
  public static ByteSize parse(String text) {
    Matcher matcher = FORM.matcher(text.strip());
    if (!matcher.matches()) {
      throw EngineException.invalidArgument("size", text, "bytes with a unit, such as 8GiB");
    }
    String unit = matcher.group(2).toLowerCase(Locale.ROOT).replace("b", "");
    Long scale = UNITS.get(unit);
    if (scale == null) {
      throw EngineException.invalidArgument("size", text, "bytes with a unit, such as 8GiB");
    }
    double bytes = Double.parseDouble(matcher.group(1)) * scale;
    if (bytes >= Long.MAX_VALUE) {
      throw EngineException.invalidArgument("size", text, "less than 8 EiB");
    }
    return new ByteSize((long) bytes);
  }
}
