package dev.krait.text.jinja;

/// What a template may use. Every limit is counted, none is timed, so the same input fails or
/// succeeds the same way on every machine.
///
/// @param templateChars longest template source
/// @param blockDepth deepest nesting of block tags
/// @param expressionDepth deepest nesting of brackets and operators in one expression
/// @param callDepth deepest nesting of evaluation at run time, macros included
/// @param work steps of one rendering; a step is one node, one list element or
///   [Budget#CHARS_PER_STEP] characters, and takes some tens of nanoseconds
/// @param textChars longest text that an operation may make, the output included
/// @param rangeItems longest `range`
public record Limits(
    int templateChars,
    int blockDepth,
    int expressionDepth,
    int callDepth,
    long work,
    int textChars,
    int rangeItems) {

  /// Well above what real templates and million-token conversations use, well below a second of
  /// work.
  public static final Limits DEFAULT =
      new Limits(256 * 1024, 64, 200, 600, 10_000_000, 8 * 1024 * 1024, 100_000);

  /// Checks that every limit is positive.
  public Limits {
    if (templateChars <= 0
        || blockDepth <= 0
        || expressionDepth <= 0
        || callDepth <= 0
        || work <= 0
        || textChars <= 0
        || rangeItems <= 0) {
      throw new IllegalArgumentException("limits must be positive");
    }
  }
}
