package dev.krait.reply;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Arguments of a call in Python as the text of a JSON object.
final class PythonArguments {
  private static final int MAX_DEPTH = 64;
  private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}_]*");
  private static final Pattern NUMBER =
      Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?(?![\\p{L}\\p{N}_.])");
  private static final Pattern CONSTANT = Pattern.compile("[A-Za-z]+");

  private final String text;
  private final StringBuilder json = new StringBuilder();
  private int at;
  private int depth;

  PythonArguments(String text) {
    this.text = text;
  }

  /// All of it as an object; empty when it is anything but names and constants.
  Optional<String> json() {
    json.append('{');
    boolean whole = items('\0', this::argument) && at == text.length();
    return whole ? Optional.of(json.append('}').toString()) : Optional.empty();
  }

  /// A constant alone; empty when it is none.
  Optional<String> value() {
    return constant() && next() == '\0' && at == text.length()
        ? Optional.of(json.toString())
        : Optional.empty();
  }

  /// Part of a list.
  @FunctionalInterface
  private interface Item {
    boolean read();
  }

  /// Items up to an end, with commas between them.
  private boolean items(char end, Item item) {
    boolean first = true;
    while (next() != end) {
      if (!first && !skip(',')) {
        return false;
      }
      if (!first && next() == end) {
        break;
      }
      json.append(first ? "" : ", ");
      first = false;
      if (next() == '\0' || !item.read()) {
        return false;
      }
    }
    return end == '\0' || skip(end);
  }

  private boolean argument() {
    Optional<String> name = match(NAME);
    if (name.isEmpty() || !skip('=')) {
      return false;
    }
    json.append('"').append(JsonText.escaped(name.get())).append("\": ");
    return constant();
  }

  private boolean constant() {
    if (depth == MAX_DEPTH) {
      return false;
    }
    depth++;
    boolean read =
        switch (next()) {
          case '\'', '"' -> string();
          case '[' -> list('[', ']');
          case '(' -> list('(', ')');
          case '{' -> map();
          default -> number() || word();
        };
    depth--;
    return read;
  }

  private boolean list(char open, char close) {
    json.append('[');
    boolean read = skip(open) && items(close, this::constant);
    json.append(']');
    return read;
  }

  private boolean map() {
    json.append('{');
    boolean read = skip('{') && items('}', this::entry);
    json.append('}');
    return read;
  }

  private boolean entry() {
    char quote = next();
    if ((quote != '"' && quote != '\'') || !string() || !skip(':')) {
      return false;
    }
    json.append(": ");
    return constant();
  }

  private boolean number() {
    Optional<String> number = match(NUMBER);
    number.ifPresent(json::append);
    return number.isPresent();
  }

  private boolean word() {
    Optional<String> word = match(CONSTANT);
    String value =
        switch (word.orElse("")) {
          case "True", "true" -> "true";
          case "False", "false" -> "false";
          case "None", "null" -> "null";
          default -> "";
        };
    json.append(value);
    return !value.isEmpty();
  }

  /// Strings beside each other are one.
  private boolean string() {
    StringBuilder value = new StringBuilder();
    while (next() == '\'' || next() == '"') {
      char quote = text.charAt(at++);
      while (at < text.length() && text.charAt(at) != quote) {
        if (!character(value)) {
          return false;
        }
      }
      if (at == text.length()) {
        return false;
      }
      at++;
    }
    json.append('"').append(JsonText.escaped(value.toString())).append('"');
    return true;
  }

  private boolean character(StringBuilder value) {
    char c = text.charAt(at++);
    if (c != '\\') {
      value.append(c);
      return true;
    }
    if (at == text.length()) {
      return false;
    }
    char code = text.charAt(at++);
    switch (code) {
      case 'n' -> value.append('\n');
      case 't' -> value.append('\t');
      case 'r' -> value.append('\r');
      case 'b' -> value.append('\b');
      case 'f' -> value.append('\f');
      case '\\', '\'', '"' -> value.append(code);
      case '\n' -> {}
      case 'x' -> {
        return hexadecimal(2, value);
      }
      case 'u' -> {
        return hexadecimal(4, value);
      }
      default -> value.append('\\').append(code);
    }
    return true;
  }

  private boolean hexadecimal(int digits, StringBuilder value) {
    if (at + digits > text.length()) {
      return false;
    }
    try {
      value.append((char) Integer.parseInt(text, at, at + digits, 16));
    } catch (NumberFormatException e) {
      return false;
    }
    at += digits;
    return true;
  }

  /// The next character that is not white space; 0 at the end.
  private char next() {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    return at < text.length() ? text.charAt(at) : '\0';
  }

  private boolean skip(char expected) {
    boolean is = next() == expected;
    at += is ? 1 : 0;
    return is;
  }

  private Optional<String> match(Pattern pattern) {
    next();
    Matcher matcher = pattern.matcher(text).region(at, text.length());
    if (!matcher.lookingAt()) {
      return Optional.empty();
    }
    at = matcher.end();
    return Optional.of(matcher.group());
  }
}
