package dev.krait.tensor;

/// A view `[tokens, columns]` of a buffer whose rows lie `stride` elements apart.
///
/// @param buffer the memory
/// @param offset first element of the first row
/// @param stride elements from one row to the next
/// @param columns elements of one row
public record Rows(Buffer buffer, int offset, int stride, int columns) {

  /// Checks that the columns fit a row.
  public Rows {
    if (columns < 0 || offset < 0 || offset + columns > stride) {
      throw new IllegalArgumentException(
          "rows: offset "
              + offset
              + ", columns "
              + columns
              + " (expected: within stride "
              + stride
              + ")");
    }
  }

  /// All columns of a dense buffer `[elements / columns, columns]`.
  public static Rows of(Buffer buffer, int columns) {
    return new Rows(buffer, 0, columns, columns);
  }

  /// In which type they are kept.
  public DType dtype() {
    return buffer.dtype();
  }

  /// Some columns of this view.
  public Rows columns(int first, int count) {
    return new Rows(buffer, offset + first, stride, count);
  }
}
