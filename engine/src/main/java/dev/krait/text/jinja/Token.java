package dev.krait.text.jinja;

/// A lexical unit of an expression; `value` is set for texts and numbers only, else it equals the
/// image.
record Token(Kind kind, String image, Object value) {
  enum Kind {
    NAME,
    TEXT,
    NUMBER,
    OPERATOR,
    END
  }

  boolean is(String operator) {
    return kind == Kind.OPERATOR && image.equals(operator);
  }

  boolean isName(String name) {
    return kind == Kind.NAME && image.equals(name);
  }
}
