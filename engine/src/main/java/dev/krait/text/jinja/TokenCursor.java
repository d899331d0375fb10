package dev.krait.text.jinja;

import java.util.List;

/// A position in the tokens of one expression or tag.
sealed class TokenCursor permits ExprParser {
  private final List<Token> tokens;
  private int at;

  TokenCursor(List<Token> tokens) {
    this.tokens = tokens;
  }

  /// The token after the next one.
  final Token following() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  final Token peek() {
    return tokens.get(at);
  }

  final Token next() {
    Token token = tokens.get(at);
    if (token.kind() != Token.Kind.END) {
      at++;
    }
    return token;
  }

  final boolean accept(String operator) {
    boolean found = peek().is(operator);
    at += found ? 1 : 0;
    return found;
  }

  final boolean acceptName(String name) {
    boolean found = peek().isName(name);
    at += found ? 1 : 0;
    return found;
  }

  final void expect(String operator) {
    if (!accept(operator)) {
      throw TemplateException.syntax("'" + operator + "' expected, found '" + peek().image() + "'");
    }
  }

  final String name() {
    Token token = next();
    if (token.kind() != Token.Kind.NAME) {
      throw unexpected(token);
    }
    return token.image();
  }

  final void end() {
    if (peek().kind() != Token.Kind.END) {
      throw unexpected(peek());
    }
  }

  static TemplateException unexpected(Token token) {
    return TemplateException.syntax("unexpected '" + token.image() + "'");
  }
}
