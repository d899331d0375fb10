package dev.krait.template;

import dev.krait.template.Lexer.Kind;
import dev.krait.template.Lexer.Token;
import java.util.List;

/// The tokens of a source and the one that is next. Counts how deep the parser is.
final class Tokens {
  private final List<Token> tokens;
  private final int nesting;
  private int at;
  private int depth;

  Tokens(List<Token> tokens, int nesting) {
    this.tokens = tokens;
    this.nesting = nesting;
  }

  Token peek() {
    return tokens.get(at);
  }

  Token next() {
    Token token = tokens.get(at);
    at = Math.min(at + 1, tokens.size() - 1);
    return token;
  }

  int line() {
    return peek().line();
  }

  boolean is(Kind kind) {
    return peek().kind() == kind;
  }

  boolean isName(String name) {
    return is(Kind.NAME) && peek().text().equals(name);
  }

  boolean isOperator(String operator) {
    return is(Kind.OPERATOR) && peek().text().equals(operator);
  }

  /// Whether the token after the next one is this name or operator.
  boolean isFollowedBy(Kind kind, String text) {
    Token token = tokens.get(Math.min(at + 1, tokens.size() - 1));
    return token.kind() == kind && token.text().equals(text);
  }

  boolean skipName(String name) {
    boolean found = isName(name);
    at += found ? 1 : 0;
    return found;
  }

  boolean skip(String operator) {
    boolean found = isOperator(operator);
    at += found ? 1 : 0;
    return found;
  }

  void expect(String operator) {
    if (!skip(operator)) {
      throw unexpected(operator);
    }
  }

  Token expect(Kind kind) {
    if (!is(kind)) {
      throw unexpected(new Token(kind, kind == Kind.NAME ? "name" : "", 0).toString());
    }
    return next();
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw unexpected(name);
    }
  }

  private TemplateException unexpected(String expected) {
    return fail("expected token '" + expected + "', got '" + peek() + "'");
  }

  TemplateException fail(String message) {
    return TemplateException.syntax(line(), message);
  }

  void enter() {
    if (++depth > nesting) {
      throw TemplateException.limit("nesting", depth, nesting).at(line());
    }
  }

  void leave() {
    depth--;
  }
}
