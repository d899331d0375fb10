package dev.krait.text.template;

/// Checks and rewrites the text of one expression before it is parsed.
final class ExpressionText {
  /// The method that `[::-1]` becomes; the parser knows no steps.
  static final String REVERSED = "__reversed__";

  private static final String REVERSE = "[::-1]";

  private ExpressionText() {}

  /// The expression with `[::-1]` as a call.
  static String prepare(String expression) {
    StringBuilder out = new StringBuilder();
    Scan scan = new Scan(expression);
    int tokens = 0;
    for (int i = scan.next(); i >= 0; i = scan.next()) {
      char c = expression.charAt(i);
      boolean word = Character.isJavaIdentifierPart(c);
      boolean starts = i == 0 || !Character.isJavaIdentifierPart(expression.charAt(i - 1));
      if (word ? starts : ",:. \n\t".indexOf(c) < 0) {
        tokens++;
      }
      if (tokens > Budget.EXPRESSION_TOKENS) {
        throw TemplateException.limit("tokens in an expression", tokens, Budget.EXPRESSION_TOKENS);
      }
      if (scan.depth > Budget.BRACKET_DEPTH) {
        throw TemplateException.limit("bracket depth", scan.depth, Budget.BRACKET_DEPTH);
      }
      if (expression.startsWith(REVERSE, i)) {
        out.append(expression, scan.copied, i).append('.').append(REVERSED).append("()");
        scan.copied = i + REVERSE.length();
      }
    }
    return out.append(expression, scan.copied, expression.length()).toString();
  }

  /// Where a word stands outside of texts and brackets, or -1.
  static int find(String expression, String word) {
    Scan scan = new Scan(expression);
    for (int i = scan.next(); i >= 0; i = scan.next()) {
      int end = i + word.length();
      if (scan.depth == 0
          && expression.startsWith(word, i)
          && (i == 0 || !Character.isJavaIdentifierPart(expression.charAt(i - 1)))
          && (end == expression.length()
              || !Character.isJavaIdentifierPart(expression.charAt(end)))) {
        return i;
      }
    }
    return -1;
  }

  /// Walks the characters outside of texts and counts brackets.
  private static final class Scan {
    private final String expression;
    private int position = -1;
    private int depth;
    private int copied;

    Scan(String expression) {
      this.expression = expression;
    }

    int next() {
      char quote = 0;
      while (++position < expression.length()) {
        char c = expression.charAt(position);
        if (quote != 0) {
          position += c == '\\' ? 1 : 0;
          quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
          quote = c;
        } else {
          depth += "([{".indexOf(c) >= 0 ? 1 : ")]}".indexOf(c) >= 0 ? -1 : 0;
          return position;
        }
      }
      return -1;
    }
  }
}
