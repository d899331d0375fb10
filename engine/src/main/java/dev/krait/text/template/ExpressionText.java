package dev.krait.text.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Checks the text of an expression before it is parsed, and finds its parts.
final class ExpressionText {
  private ExpressionText() {}

  /// The expression, if the parser can take it without running out of stack.
  static String checked(String expression) {
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
    }
    return expression;
  }

  /// The parts between the commas that stand outside of texts and brackets.
  static List<String> split(String expression) {
    List<String> parts = new ArrayList<>();
    Scan scan = new Scan(expression);
    int from = 0;
    for (int i = scan.next(); i >= 0; i = scan.next()) {
      if (expression.charAt(i) == ',' && scan.depth == 0) {
        parts.add(expression.substring(from, i));
        from = i + 1;
      }
    }
    String last = expression.substring(from);
    if (!last.isBlank()) {
      parts.add(last);
    }
    return parts;
  }

  /// The expression with blanks behind its closing braces, which Jinjava's scanner would take for
  /// the end of the block.
  static String spaced(String expression) {
    StringBuilder out = new StringBuilder();
    Scan scan = new Scan(expression);
    int from = 0;
    for (int i = scan.next(); i >= 0; i = scan.next()) {
      if (expression.charAt(i) == '}') {
        out.append(expression, from, i + 1).append(' ');
        from = i + 1;
      }
    }
    return out.append(expression, from, expression.length()).toString();
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

  /// Adds the names of an expression that are not behind a dot, and its texts as they are written.
  static void collect(String expression, Set<String> names, Set<String> texts) {
    int i = 0;
    while (i < expression.length()) {
      char c = expression.charAt(i);
      int from = i++;
      if (c == '\'' || c == '"') {
        while (i < expression.length() && expression.charAt(i) != c) {
          i += expression.charAt(i) == '\\' ? 2 : 1;
        }
        texts.add(expression.substring(from + 1, Math.min(i, expression.length())));
        i++;
      } else if (Character.isJavaIdentifierPart(c)) {
        while (i < expression.length() && Character.isJavaIdentifierPart(expression.charAt(i))) {
          i++;
        }
        if (from == 0 || expression.charAt(from - 1) != '.') {
          names.add(expression.substring(from, i));
        }
      }
    }
  }

  /// Walks the characters outside of texts and counts brackets.
  private static final class Scan {
    private final String expression;
    private int position = -1;
    private int depth;

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
