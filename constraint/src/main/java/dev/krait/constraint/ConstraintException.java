package dev.krait.constraint;

/// A constraint that cannot be held: it is wrong in itself, beyond the budgets, or asks for what no
/// mask of tokens can promise.
public final class ConstraintException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String keyword;

  public ConstraintException(String keyword, String message) {
    super(message);
    this.keyword = keyword;
  }

  /// The keyword of the schema, or the part of the expression, that is to blame.
  public String keyword() {
    return keyword;
  }
}
