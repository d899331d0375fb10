package dev.krait.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/// Values as Python prints them: `str` and `repr`.
final class Text {
  private final Run run;
  private final StringBuilder out = new StringBuilder();

  private Text(Run run) {
    this.run = run;
  }

  /// What `{{ value }}` prints.
  static String str(Run run, Object value) {
    return switch (value) {
      case String text -> text;
      case Markup markup -> markup.text();
      case Undefined _ -> "";
      default -> repr(run, value);
    };
  }

  static String repr(Run run, Object value) {
    Text text = new Text(run);
    text.write(value);
    run.text(text.out.length());
    return text.out.toString();
  }

  /// A value that has to be a text.
  static String of(Run run, Object value) {
    String text = Comparison.string(value);
    if (text == null) {
      Operators.defined(value);
      throw TemplateException.evaluation("expected str instance, " + Values.type(value) + " found");
    }
    run.step(1 + text.length() / 8L);
    return text;
  }

  private void write(Object value) {
    run.enter();
    switch (value) {
      case None _ -> out.append("None");
      case Undefined _ -> out.append("Undefined");
      case Boolean truth -> out.append(truth ? "True" : "False");
      case Long _, BigInteger _ -> out.append(integer(run, value));
      case Double number -> out.append(real(number));
      case String text -> quote(text);
      case Markup markup -> {
        out.append("Markup(");
        quote(markup.text());
        out.append(')');
      }
      case List<?> list -> list(list, "[", "]");
      case Tuple(List<Object> items, _) -> list(items, "(", items.size() == 1 ? ",)" : ")");
      case Dict dict -> dict(dict);
      case Dict.View view -> list(view.items(), view.type() + "([", "])");
      case Range range -> out.append(range);
      case Namespace namespace -> {
        out.append("<Namespace ");
        dict(namespace.dict());
        out.append('>');
      }
      case Loop loop -> {
        Object index = Objects.requireNonNull(loop.attribute(run, "index"));
        out.append("<LoopContext ").append(index).append('/');
        out.append(loop.length(run)).append('>');
      }
      case Macro macro -> {
        String name = macro.definition().name();
        out.append("<Macro ").append(name.isEmpty() ? "anonymous" : "'" + name + "'").append('>');
      }
      default ->
          throw TemplateException.evaluation(
              "a " + Values.type(value) + " has no text (a filter such as list comes first)");
    }
    run.leave();
  }

  private void list(List<?> items, String begin, String end) {
    out.append(begin);
    String separator = "";
    for (Object item : items) {
      out.append(separator);
      write(item);
      run.outputs(out.length());
      separator = ", ";
    }
    out.append(end);
  }

  private void dict(Dict dict) {
    out.append('{');
    String separator = "";
    for (Object item : dict.items()) {
      Tuple pair = (Tuple) item;
      out.append(separator);
      write(pair.items().getFirst());
      out.append(": ");
      write(pair.items().getLast());
      run.outputs(out.length());
      separator = ", ";
    }
    out.append('}');
  }

  static String integer(Run run, Object number) {
    if (number instanceof BigInteger big) {
      long digits = (long) (big.bitLength() * 0.30103) + 1;
      if (digits > Literals.MAX_DIGITS) {
        throw TemplateException.evaluation(
            "Exceeds the limit (4300 digits) for integer string conversion");
      }
      run.step(digits);
    }
    return number.toString();
  }

  static String real(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value < 0 ? "-inf" : "inf";
    }
    BigDecimal digits = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = digits.precision() - digits.scale() - 1;
    if (value != 0 && (exponent < -4 || exponent >= 16)) {
      return digits.movePointLeft(exponent).toPlainString()
          + String.format(Locale.ROOT, "e%+03d", exponent);
    }
    String sign = value == 0 && 1 / value < 0 ? "-" : "";
    return sign + digits.toPlainString() + (digits.scale() > 0 ? "" : ".0");
  }

  private void quote(String text) {
    run.text(text.length());
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    text.codePoints()
        .forEach(c -> {
          if (c == quote || c == '\\') {
            out.append('\\').append((char) c);
          } else if (Chars.isPrintable(c)) {
            out.appendCodePoint(c);
          } else {
            out.append(
                switch (c) {
                  case '\n' -> "\\n";
                  case '\r' -> "\\r";
                  case '\t' -> "\\t";
                  default -> hex(c);
                });
          }
        });
    out.append(quote);
  }

  /// The escape of a character by its number.
  static String hex(int c) {
    return String.format(
        Locale.ROOT, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
  }
}
