package dev.krait.template;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/// Cuts a source into tokens, with the whitespace rules of jinja2 under `trim_blocks` and
/// `lstrip_blocks`.
final class Lexer {
  private static final Set<String> DOUBLE = Set.of("**", "//", "==", "!=", "<=", ">=");
  private static final String SINGLE = "+-/*%~[](){}<>=.:|,;";

  /// What a token is; the name is the one that messages use.
  enum Kind {
    DATA("template data"),
    PRINT_BEGIN("begin of print statement"),
    PRINT_END("end of print statement"),
    BLOCK_BEGIN("begin of statement block"),
    BLOCK_END("end of statement block"),
    NAME("name"),
    STRING("string"),
    INTEGER("integer"),
    FLOAT("float"),
    OPERATOR("operator"),
    END("end of template");

    private final String shown;

    Kind(String shown) {
      this.shown = shown;
    }
  }

  record Token(Kind kind, String text, int line) {
    @Override
    public String toString() {
      return kind == Kind.NAME || kind == Kind.OPERATOR ? text : kind.shown;
    }
  }

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int counted;
  private int line = 1;

  /// Whether the tag that ended last took a line break with it, or nothing was read yet.
  private boolean lineStarts = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String given) {
    String source = given.replace("\r\n", "\n").replace('\r', '\n');
    Lexer lexer =
        new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
    while (lexer.at < lexer.source.length()) {
      lexer.data();
    }
    lexer.add(Kind.END, "");
    return lexer.tokens;
  }

  private void data() {
    int tag = tag();
    if (tag == source.length()) {
      add(Kind.DATA, source.substring(at));
      at = tag;
      return;
    }
    char kind = source.charAt(tag + 1);
    char sign = sign(tag + 2);
    addData(source.substring(at, tag), kind != '{', sign);
    at = tag;
    line();
    int content = sign == 0 ? tag + 2 : tag + 3;
    switch (kind) {
      case '#' -> comment(content);
      case '{' -> inside(Kind.PRINT_BEGIN, Kind.PRINT_END, "}}", content);
      default -> {
        int raw = rawBegin(content);
        if (raw > 0) {
          raw(raw);
        } else {
          inside(Kind.BLOCK_BEGIN, Kind.BLOCK_END, "%}", content);
        }
      }
    }
  }

  /// Where the next tag begins, or the end.
  private int tag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "%{#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return source.length();
  }

  private char sign(int position) {
    char sign = position < source.length() ? source.charAt(position) : 0;
    return sign == '-' || sign == '+' ? sign : 0;
  }

  private void addData(String text, boolean block, char sign) {
    String kept = text;
    if (sign == '-') {
      kept = text.substring(0, Chars.endWithoutSpace(text));
    } else if (sign != '+' && block) {
      int start = text.lastIndexOf('\n') + 1;
      if ((start > 0 || lineStarts) && Chars.endWithoutSpace(text) <= start) {
        kept = text.substring(0, start);
      }
    }
    if (!kept.isEmpty()) {
      add(Kind.DATA, kept);
    }
  }

  private void comment(int content) {
    int end = source.indexOf("#}", content);
    if (end < 0) {
      throw TemplateException.syntax(line(), "Missing end of comment tag");
    }
    leave(closing(end > content && sign(end - 1) != 0 ? end - 1 : end, "#}"));
  }

  /// Where the text of a raw block begins, 0 when this is no such block.
  private int rawBegin(int content) {
    int name = skipSpace(content);
    int end = source.startsWith("raw", name) ? skipSpace(name + 3) : 0;
    if (end == 0) {
      return 0;
    }
    if (source.startsWith("-%}", end)) {
      return skipSpace(end + 3);
    }
    return source.startsWith("%}", end) ? end + 2 : 0;
  }

  private void raw(int content) {
    leave(content);
    for (int tag = source.indexOf("{%", at); tag >= 0; tag = source.indexOf("{%", tag + 2)) {
      char sign = sign(tag + 2);
      int name = skipSpace(sign == 0 ? tag + 2 : tag + 3);
      int end = source.startsWith("endraw", name) ? closing(skipSpace(name + 6), "%}") : -1;
      if (end >= 0) {
        addData(source.substring(at, tag), true, sign);
        leave(end);
        return;
      }
    }
    throw TemplateException.syntax(line(), "Missing end of raw directive");
  }

  private void leave(int end) {
    at = end;
    lineStarts = source.charAt(end - 1) == '\n';
  }

  /// Where a tag ends that closes at a position, with the whitespace that it takes along; -1 when
  /// none closes there.
  private int closing(int position, String close) {
    if (source.startsWith(close, position)) {
      int end = position + close.length();
      return !close.equals("}}") && source.startsWith("\n", end) ? end + 1 : end;
    }
    if (sign(position) == 0 || !source.startsWith(close, position + 1)) {
      return -1;
    }
    int end = position + 1 + close.length();
    return sign(position) == '-' ? skipSpace(end) : close.equals("}}") ? -1 : end;
  }

  private int skipSpace(int from) {
    int end = from;
    while (end < source.length() && Chars.isSpace(source.charAt(end))) {
      end++;
    }
    return end;
  }

  private void inside(Kind begin, Kind end, String close, int content) {
    add(begin, "");
    at = content;
    Deque<String> open = new ArrayDeque<>();
    for (at = skipSpace(at); at < source.length(); at = skipSpace(at)) {
      int closed = open.isEmpty() ? closing(at, close) : -1;
      if (closed >= 0) {
        add(end, "");
        leave(closed);
        return;
      }
      expressionToken(open);
    }
  }

  private void expressionToken(Deque<String> open) {
    char c = source.charAt(at);
    int end;
    if (c >= '0' && c <= '9') {
      boolean dotted = at > 0 && source.charAt(at - 1) == '.';
      int floating = dotted ? -1 : Literals.floatEnd(source, at);
      end = floating < 0 ? Literals.integerEnd(source, at) : floating;
      add(floating < 0 ? Kind.INTEGER : Kind.FLOAT, source.substring(at, end));
    } else if (c == '_' || Character.isLetter(source.codePointAt(at))) {
      end = nameEnd();
      add(Kind.NAME, source.substring(at, end));
    } else if (c == '\'' || c == '"') {
      end = Literals.stringEnd(source, at);
      if (end < 0) {
        throw TemplateException.syntax(line(), "unexpected char '" + c + "': a string has no end");
      }
      add(Kind.STRING, Literals.unescaped(source.substring(at + 1, end - 1), line()));
    } else {
      String operator = operator();
      if (operator.isEmpty()) {
        throw TemplateException.syntax(
            line(), "unexpected char '" + Character.toString(source.codePointAt(at)) + "'");
      }
      balance(operator, open);
      end = at + operator.length();
      add(Kind.OPERATOR, operator);
    }
    at = end;
  }

  private String operator() {
    if (at + 1 < source.length() && DOUBLE.contains(source.substring(at, at + 2))) {
      return source.substring(at, at + 2);
    }
    return SINGLE.indexOf(source.charAt(at)) < 0 ? "" : source.substring(at, at + 1);
  }

  private int nameEnd() {
    int end = at;
    while (end < source.length()
        && (source.charAt(end) == '_'
            || Character.isUnicodeIdentifierPart(source.codePointAt(end)))) {
      end += Character.charCount(source.codePointAt(end));
    }
    return end;
  }

  private void balance(String operator, Deque<String> open) {
    switch (operator) {
      case "(" -> open.push(")");
      case "[" -> open.push("]");
      case "{" -> open.push("}");
      case ")", "]", "}" -> {
        String expected = open.poll();
        if (!operator.equals(expected)) {
          throw TemplateException.syntax(
              line(),
              "unexpected '"
                  + operator
                  + (expected == null ? "'" : "', expected '" + expected + "'"));
        }
      }
      default -> {}
    }
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text, line()));
  }

  /// The line of the position that is read.
  private int line() {
    for (; counted < at; counted++) {
      line += source.charAt(counted) == '\n' ? 1 : 0;
    }
    return line;
  }
}
