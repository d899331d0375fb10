package dev.krait.constraint;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Reads a grammar as clients write it: llama.cpp's GBNF (`root ::= ...`) or the common part of
/// Lark (`start: ...`).
final class GrammarText {
  private static final int MAX_DEPTH = 100;
  private static final int MAX_REPEAT = 10_000;
  private static final Map<String, String> COMMON =
      Map.ofEntries(
          Map.entry("DIGIT", "[0-9]"),
          Map.entry("INT", "[0-9]+"),
          Map.entry("SIGNED_INT", "[+-]?[0-9]+"),
          Map.entry("NUMBER", "[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?"),
          Map.entry("SIGNED_NUMBER", "[+-]?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?"),
          Map.entry("LETTER", "[A-Za-z]"),
          Map.entry("WORD", "[A-Za-z]+"),
          Map.entry("CNAME", "[A-Za-z_][A-Za-z0-9_]*"),
          Map.entry("ESCAPED_STRING", "\"([^\"\\\\\\n]|\\\\[^\\n])*\""),
          Map.entry("WS", "[ \\t\\f\\r\\n]+"),
          Map.entry("WS_INLINE", "[ \\t]+"),
          Map.entry("NEWLINE", "(\\r?\\n)+"));

  private final String text;
  private final boolean lark;
  private final Map<String, Grammar> rules = new LinkedHashMap<>();
  private int at;

  private GrammarText(String text) {
    this.text = text;
    lark = !text.contains("::=");
  }

  static Grammar parse(String text) {
    GrammarText reader = new GrammarText(text);
    reader.skip(true);
    while (reader.at < text.length()) {
      reader.rule();
      reader.skip(true);
    }
    String start = reader.lark ? "start" : "root";
    if (!reader.rules.containsKey(start)) {
      throw new ConstraintException(
          "grammar", "grammar: no rule '" + start + "' (expected: one to begin with)");
    }
    return new Grammar.Rules(reader.rules, start);
  }

  private ConstraintException wrong(String what) {
    int line =
        1
            + (int)
                text.substring(0, Math.min(at, text.length()))
                    .chars()
                    .filter(c -> c == '\n')
                    .count();
    return new ConstraintException("grammar", "grammar: " + what + " in line " + line);
  }

  /// Skips blanks and comments; `lines` skips line ends as well.
  private void skip(boolean lines) {
    while (at < text.length()) {
      char c = text.charAt(at);
      boolean comment = lark ? text.startsWith("//", at) : c == '#';
      if (comment) {
        int end = text.indexOf('\n', at);
        at = end < 0 ? text.length() : end;
      } else if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n')) {
        at++;
      } else {
        return;
      }
    }
  }

  private boolean take(String what) {
    boolean there = text.startsWith(what, at);
    at += there ? what.length() : 0;
    return there;
  }

  private static boolean isName(char c) {
    return Character.isLetterOrDigit(c) || c == '_' || c == '-';
  }

  private String name() {
    int from = at;
    while (at < text.length() && isName(text.charAt(at)) && !(lark && text.charAt(at) == '-')) {
      at++;
    }
    if (from == at) {
      throw wrong("unexpected " + (at < text.length() ? "'" + text.charAt(at) + "'" : "end"));
    }
    return text.substring(from, at);
  }

  private void rule() {
    if (take("%")) {
      directive();
      return;
    }
    if (lark) {
      while (take("?") || take("!")) {
        skip(false);
      }
    }
    String name = name();
    if (lark && take(".")) {
      name();
    }
    skip(false);
    if (!take(lark ? ":" : "::=")) {
      throw wrong("rule '" + name + "' without " + (lark ? ":" : "::="));
    }
    Grammar body = alternatives(0);
    if (rules.put(name, withoutLeftRecursion(name, body)) != null) {
      throw wrong("rule '" + name + "' twice");
    }
  }

  private void directive() {
    String word = name();
    skip(false);
    String path = "";
    if (word.equals("import")) {
      path = name();
      if (take(".")) {
        path += "." + name();
      }
    }
    String pattern = COMMON.get(path.replaceFirst("^common\\.", ""));
    if (!path.startsWith("common.") || pattern == null) {
      throw wrong("%" + word + " " + path + ", which is not supported,");
    }
    skip(false);
    String name = path.substring("common.".length());
    if (take("->")) {
      skip(false);
      name = name();
    }
    rules.put(name, Grammar.pattern(pattern));
  }

  /// `a ::= a x | y` says what `a ::= y x*` says, and that can be read from the left.
  private static Grammar withoutLeftRecursion(String name, Grammar body) {
    List<Grammar> ways = body instanceof Grammar.Either either ? either.parts() : List.of(body);
    List<Grammar> first = new ArrayList<>();
    List<Grammar> more = new ArrayList<>();
    for (Grammar way : ways) {
      boolean recursive =
          way instanceof Grammar.Sequence sequence
              && !sequence.parts().isEmpty()
              && sequence.parts().getFirst() instanceof Grammar.Reference reference
              && reference.rule().equals(name);
      if (recursive) {
        List<Grammar> parts = ((Grammar.Sequence) way).parts();
        more.add(new Grammar.Sequence(parts.subList(1, parts.size())));
      } else {
        first.add(way);
      }
    }
    return more.isEmpty()
        ? body
        : Grammar.sequence(
            new Grammar.Either(first), Grammar.repeat(new Grammar.Either(more), 0, -1));
  }

  private Grammar alternatives(int depth) {
    if (depth > MAX_DEPTH) {
      throw wrong("more than " + MAX_DEPTH + " groups inside each other");
    }
    List<Grammar> ways = new ArrayList<>();
    do {
      skip(true);
      List<Grammar> items = new ArrayList<>();
      while (isItem(depth > 0)) {
        items.add(quantified(item(depth)));
      }
      skip(false);
      if (lark && take("->")) {
        skip(false);
        name();
      }
      ways.add(items.size() == 1 ? items.getFirst() : new Grammar.Sequence(items));
    } while (another());
    return ways.size() == 1 ? ways.getFirst() : new Grammar.Either(ways);
  }

  private boolean another() {
    int before = at;
    skip(true);
    boolean more = take("|");
    at = more ? at : before;
    return more;
  }

  /// Whether an item follows, on a later line only when no rule begins there.
  private boolean isItem(boolean inGroup) {
    int before = at;
    skip(inGroup);
    if (at >= text.length()) {
      return false;
    }
    if (!inGroup && text.charAt(at) == '\n') {
      skip(true);
      if (at >= text.length() || beginsRule()) {
        at = before;
        return false;
      }
    }
    boolean item = "|)]\n%".indexOf(text.charAt(at)) < 0 && !text.startsWith("->", at);
    at = item ? at : before;
    return item;
  }

  private boolean beginsRule() {
    int i = at;
    while (i < text.length()
        && (isName(text.charAt(i)) || (lark && "?!.".indexOf(text.charAt(i)) >= 0))) {
      i++;
    }
    while (i < text.length() && " \t".indexOf(text.charAt(i)) >= 0) {
      i++;
    }
    return text.charAt(at) == '%' || (text.startsWith(lark ? ":" : "::=", i) && i > at);
  }

  private Grammar quantified(Grammar item) {
    Grammar result = item;
    while (at < text.length()) {
      if (take("*")) {
        result = Grammar.repeat(result, 0, -1);
      } else if (take("+")) {
        result = Grammar.repeat(result, 1, -1);
      } else if (take("?")) {
        result = Grammar.repeat(result, 0, 1);
      } else if (!lark && take("{")) {
        result = bounds(result, ",", "}");
      } else if (lark && text.startsWith("~", at)) {
        at++;
        skip(false);
        result = bounds(result, "..", "");
      } else {
        return result;
      }
    }
    return result;
  }

  private Grammar bounds(Grammar item, String separator, String end) {
    int min = number();
    int max = min;
    if (take(separator)) {
      max = at < text.length() && Character.isDigit(text.charAt(at)) ? number() : -1;
    }
    if (!take(end) || (max >= 0 && max < min)) {
      throw wrong("a repetition that is none");
    }
    return Grammar.repeat(item, min, max);
  }

  private int number() {
    int from = at;
    while (at < text.length() && Character.isDigit(text.charAt(at))) {
      at++;
    }
    String digits = text.substring(from, at);
    if (digits.isEmpty() || digits.length() > 6 || Integer.parseInt(digits) > MAX_REPEAT) {
      throw wrong("'" + digits + "' repetitions (expected: 0 to " + MAX_REPEAT + ")");
    }
    return Integer.parseInt(digits);
  }

  private Grammar item(int depth) {
    char c = text.charAt(at);
    return switch (c) {
      case '"' -> literal();
      case '(' -> group('(', ')', depth);
      case '[' -> lark ? Grammar.repeat(group('[', ']', depth), 0, 1) : Grammar.pattern(until(']'));
      case '/' -> {
        String expression = until('/');
        String flag = take("i") ? "(?i)" : "";
        yield Grammar.pattern(
            flag + expression.substring(1, expression.length() - 1).replace("\\/", "/"));
      }
      case '.' -> {
        at++;
        yield Grammar.pattern("[^\\n]");
      }
      default -> new Grammar.Reference(name());
    };
  }

  private Grammar group(char open, char close, int depth) {
    at++;
    Grammar inside = alternatives(depth + 1);
    skip(true);
    if (!take(Character.toString(close))) {
      throw wrong("a " + open + " without its " + close);
    }
    return inside;
  }

  /// From here to a closing character that no backslash stands before.
  private String until(char end) {
    int from = at++;
    while (at < text.length() && text.charAt(at) != end) {
      at += text.charAt(at) == '\\' ? 2 : 1;
    }
    if (at >= text.length()) {
      throw wrong("a " + text.charAt(from) + " without its " + end);
    }
    return text.substring(from, ++at);
  }

  private Grammar literal() {
    String quoted = until('"');
    StringBuilder out = new StringBuilder();
    for (int i = 1; i < quoted.length() - 1; i++) {
      char c = quoted.charAt(i);
      if (c != '\\') {
        out.append(c);
        continue;
      }
      char escape = quoted.charAt(++i);
      int digits = escape == 'x' ? 2 : escape == 'u' ? 4 : escape == 'U' ? 8 : 0;
      if (digits > 0) {
        String hex = quoted.substring(i + 1, Math.min(i + 1 + digits, quoted.length() - 1));
        if (!hex.matches("[0-9A-Fa-f]{" + digits + "}")
            || Long.parseLong(hex, 16) > CharacterSet.LAST) {
          throw wrong("\\" + escape + hex + ", which is no character,");
        }
        out.appendCodePoint(Integer.parseInt(hex, 16));
        i += digits;
      } else {
        out.append(
            switch (escape) {
              case 'n' -> '\n';
              case 't' -> '\t';
              case 'r' -> '\r';
              default -> escape;
            });
      }
    }
    if (lark && take("i")) {
      StringBuilder expression = new StringBuilder("(?i)");
      out.codePoints().forEach(p -> expression.append(String.format("\\u{%x}", p)));
      return Grammar.pattern(expression.toString());
    }
    return Grammar.text(out.toString());
  }
}
