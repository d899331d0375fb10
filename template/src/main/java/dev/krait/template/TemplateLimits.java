package dev.krait.template;

/// What one template and one rendering of it may cost. Nothing is timed, so the same input always
/// ends the same way.
///
/// @param sourceChars longest source
/// @param nesting deepest nesting of blocks and brackets in a source
/// @param depth deepest evaluation: nested expressions, macros within macros, values within values
/// @param steps work of a rendering; a step takes some tens of nanoseconds
/// @param textChars longest text of any one operation, the output included
/// @param bytes memory of a rendering: the sum of all texts and lists that it makes
public record TemplateLimits(
    int sourceChars, int nesting, int depth, long steps, int textChars, long bytes) {
  /// Far above what the largest published templates need for a conversation of a million tokens,
  /// and low enough that a rendering ends within a second or so.
  public static final TemplateLimits DEFAULT =
      new TemplateLimits(256 * 1024, 100, 500, 10_000_000, 8 * 1024 * 1024, 256L * 1024 * 1024);
}
