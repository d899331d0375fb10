package dev.krait.text.jinja;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/// Splits an expression into tokens, with Python's literals.
final class ExprLexer {
  private static final List<String> OPERATORS =
      List.of(
          "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ":",
          "|", ",", "(", ")", "[", "]", "{", "}");
  private static final int MAX_DIGITS = 400;

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;

  private ExprLexer(String source) {
    this.source = source;
  }

  static List<Token> lex(String source) {
    ExprLexer lexer = new ExprLexer(source);
    lexer.run();
    return List.copyOf(lexer.tokens);
  }

  private void run() {
    while (at < source.length()) {
      char c = source.charAt(at);
      if (Character.isWhitespace(c)) {
        at++;
      } else if (c == '\'' || c == '"') {
        text(c);
      } else if (c >= '0' && c <= '9') {
        number();
      } else if (Character.isUnicodeIdentifierStart(c) || c == '_') {
        name();
      } else {
        operator();
      }
    }
    tokens.add(new Token(Token.Kind.END, "end of expression", ""));
  }

  private void name() {
    int start = at;
    while (at < source.length() && Character.isUnicodeIdentifierPart(source.charAt(at))) {
      at++;
    }
    String name = source.substring(start, at);
    tokens.add(new Token(Token.Kind.NAME, name, name));
  }

  private void operator() {
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        at += operator.length();
        tokens.add(new Token(Token.Kind.OPERATOR, operator, operator));
        return;
      }
    }
    throw TemplateException.syntax("unexpected character '" + source.charAt(at) + "'");
  }

  private void number() {
    int start = at;
    digits();
    boolean real = false;
    if (at + 1 < source.length() && source.charAt(at) == '.' && isDigit(at + 1)) {
      at++;
      digits();
      real = true;
    }
    if (at < source.length() && (source.charAt(at) == 'e' || source.charAt(at) == 'E')) {
      int exponent = at + 1;
      if (exponent < source.length() && "+-".indexOf(source.charAt(exponent)) >= 0) {
        exponent++;
      }
      if (isDigit(exponent)) {
        at = exponent;
        digits();
        real = true;
      }
    }
    String image = source.substring(start, at).replace("_", "");
    if (image.length() > MAX_DIGITS) {
      throw TemplateException.syntax("number of " + image.length() + " digits");
    }
    Object value = real ? (Object) Double.valueOf(image) : Values.integer(new BigInteger(image));
    tokens.add(new Token(Token.Kind.NUMBER, image, value));
  }

  private void digits() {
    while (isDigit(at) || (at < source.length() && source.charAt(at) == '_')) {
      at++;
    }
  }

  private boolean isDigit(int index) {
    return index < source.length() && source.charAt(index) >= '0' && source.charAt(index) <= '9';
  }

  private void text(char quote) {
    StringBuilder text = new StringBuilder();
    int start = at++;
    while (at < source.length() && source.charAt(at) != quote) {
      if (source.charAt(at) == '\\' && at + 1 < source.length()) {
        escape(text);
      } else {
        text.append(source.charAt(at++));
      }
    }
    if (at >= source.length()) {
      throw TemplateException.syntax("text without closing quote: " + source.substring(start));
    }
    at++;
    tokens.add(new Token(Token.Kind.TEXT, source.substring(start, at), text.toString()));
  }

  private void escape(StringBuilder text) {
    char c = source.charAt(at + 1);
    at += 2;
    switch (c) {
      case 'n' -> text.append('\n');
      case 't' -> text.append('\t');
      case 'r' -> text.append('\r');
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case 'a' -> text.append('\u0007');
      case 'v' -> text.append('\u000b');
      case '\\', '\'', '"' -> text.append(c);
      case '\n' -> {}
      case 'x' -> codePoint(text, 2);
      case 'u' -> codePoint(text, 4);
      case 'U' -> codePoint(text, 8);
      case '0', '1', '2', '3', '4', '5', '6', '7' -> octal(text);
      default -> text.append('\\').append(c);
    }
  }

  private void octal(StringBuilder text) {
    at--;
    int value = 0;
    for (int i = 0; i < 3 && isDigit(at) && source.charAt(at) < '8'; i++) {
      value = value * 8 + source.charAt(at++) - '0';
    }
    text.append((char) value);
  }

  private void codePoint(StringBuilder text, int digits) {
    int value = 0;
    for (int i = 0; i < digits; i++, at++) {
      int digit = at < source.length() ? Character.digit(source.charAt(at), 16) : -1;
      if (digit < 0 || value > Character.MAX_CODE_POINT) {
        throw TemplateException.syntax("escape of " + digits + " hexadecimal digits expected");
      }
      value = value * 16 + digit;
    }
    if (!Character.isValidCodePoint(value)) {
      throw TemplateException.syntax("escape beyond Unicode");
    }
    text.appendCodePoint(value);
  }
}
