package dev.krait.text.template;

import com.hubspot.jinjava.el.ext.ExtendedScanner;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jinjava.de.odysseus.el.tree.impl.Scanner.ScanException;
import jinjava.de.odysseus.el.tree.impl.Scanner.Symbol;
import jinjava.de.odysseus.el.tree.impl.Scanner.Token;
import org.jspecify.annotations.Nullable;

/// Jinjava's scanner with Python's literals, the key words of Jinja instead of those of Java's
/// expression language, and any word or index after a dot.
final class ExpressionScanner extends ExtendedScanner {
  private static final Set<String> WORDS =
      Set.of("and", "or", "not", "in", "if", "else", "true", "false", "True", "False");
  private static final Pattern NUMBER =
      Pattern.compile("\\d(?:_?\\d)*+(\\.\\d(?:_?\\d)*+)?([eE][-+]?\\d(?:_?\\d)*+)?");

  ExpressionScanner(String expression) {
    super(expression);
  }

  @Override
  protected @Nullable Token keyword(String word) {
    return isAfterDot() || !WORDS.contains(word) ? null : super.keyword(word);
  }

  private boolean isAfterDot() {
    return getToken() != null && getToken().getSymbol() == Symbol.DOT;
  }

  @Override
  protected Token nextEval() throws ScanException {
    int start = getPosition();
    char c = getInput().charAt(start);
    if (isDigit(c)) {
      return number(start);
    }
    boolean doubled = getInput().startsWith("||", start);
    if (c == '&' || c == '?' || doubled || (c == '!' && !getInput().startsWith("!=", start))) {
      throw new ScanException(start, String.valueOf(c), "an operator of Jinja");
    }
    return c == '.' ? fixed(Symbol.DOT) : super.nextEval();
  }

  private Token number(int start) throws ScanException {
    Matcher number = NUMBER.matcher(getInput()).region(start, getInput().length());
    if (!number.lookingAt()) {
      throw new ScanException(start, getInput().substring(start, start + 1), "a number");
    }
    boolean whole = number.group(1) == null && number.group(2) == null;
    String digits = number.group().replace("_", "");
    if (isAfterDot()) {
      digits = digits.split("\\D", 2)[0]; // each part of a path is an index
      return token(Symbol.IDENTIFIER, digits, digits.length());
    }
    return token(whole ? Symbol.INTEGER : Symbol.FLOAT, digits, number.group().length());
  }

  @Override
  protected Token nextString() throws ScanException {
    String input = getInput();
    char quote = input.charAt(getPosition());
    StringBuilder text = new StringBuilder();
    int i = getPosition() + 1;
    while (i < input.length() && input.charAt(i) != quote) {
      i = input.charAt(i) == '\\' ? escape(i + 1, text) : plain(i, text);
    }
    if (i >= input.length()) {
      throw new ScanException(getPosition(), "unterminated string", String.valueOf(quote));
    }
    return token(Symbol.STRING, text.toString(), i + 1 - getPosition());
  }

  private int plain(int at, StringBuilder text) {
    text.append(getInput().charAt(at));
    return at + 1;
  }

  /// Appends what the character behind a backslash stands for; returns where the text goes on.
  private int escape(int at, StringBuilder text) throws ScanException {
    char c = at < getInput().length() ? getInput().charAt(at) : 'N';
    int simple = "abfnrtv\\'\"\n".indexOf(c);
    if (simple >= 0) {
      text.append("\u0007\b\f\n\r\t\u000b\\'\"", simple, Math.min(simple + 1, 10));
      return at + 1;
    }
    return switch (c) {
      case 'x' -> code(at + 1, 2, text);
      case 'u' -> code(at + 1, 4, text);
      case 'U' -> code(at + 1, 8, text);
      default -> {
        if (c == 'N' || c > '~' || isDigit(c)) {
          throw new ScanException(at - 1, "the escape \\" + c, "an escape known here");
        }
        text.append('\\').append(c);
        yield at + 1;
      }
    };
  }

  private int code(int from, int digits, StringBuilder text) throws ScanException {
    int end = from + digits;
    if (end > getInput().length() || !getInput().substring(from, end).matches("[0-9a-fA-F]+")) {
      throw new ScanException(from - 2, "a short escape", digits + " hexadecimal digits");
    }
    long value = Long.parseLong(getInput().substring(from, end), 16);
    if (value > Character.MAX_CODE_POINT) {
      throw new ScanException(from - 2, "an escape", "a character of Unicode");
    }
    text.appendCodePoint((int) value);
    return end;
  }
}
