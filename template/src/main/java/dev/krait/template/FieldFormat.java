package dev.krait.template;

import java.math.BigInteger;
import java.util.Locale;

/// `'{:>5}'.format(value)`.
final class FieldFormat {
  private final Run run;
  private final Args args;
  private int automatic;
  private boolean manual;

  private FieldFormat(Run run, Args args) {
    this.run = run;
    this.args = args;
  }

  static String format(Run run, String text, Args args) {
    return new FieldFormat(run, args).formatted(text, 2);
  }

  private String formatted(String text, int levels) {
    run.text(text.length());
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean doubled = i + 1 < text.length() && text.charAt(i + 1) == c;
      if (c != '{' && c != '}') {
        out.append(c);
      } else if (doubled) {
        out.append(c);
        i++;
      } else {
        int end = c == '}' ? -1 : end(text, i);
        if (end < 0) {
          boolean single = c == '}' || i + 1 == text.length();
          throw TemplateException.evaluation(
              single
                  ? "Single '" + c + "' encountered in format string"
                  : "expected '}' before end of string");
        }
        String field = field(text.substring(i + 1, end), levels);
        run.text(field.length());
        run.outputs((long) out.length() + field.length());
        out.append(field);
        i = end;
      }
    }
    return out.toString();
  }

  private static int end(String text, int begin) {
    int open = 0;
    for (int i = begin; i < text.length(); i++) {
      open += text.charAt(i) == '{' ? 1 : text.charAt(i) == '}' ? -1 : 0;
      if (open == 0) {
        return i;
      }
    }
    return -1;
  }

  private String field(String field, int levels) {
    run.step(1);
    if (levels == 0) {
      throw TemplateException.evaluation("Max string recursion exceeded");
    }
    int colon = field.indexOf(':');
    String name = colon < 0 ? field : field.substring(0, colon);
    String layout = colon < 0 ? "" : field.substring(colon + 1);
    int mark = name.indexOf('!');
    String conversion = mark < 0 ? "" : name.substring(mark + 1);
    Object value = value(mark < 0 ? name : name.substring(0, mark));
    String inner = layout.indexOf('{') < 0 ? layout : formatted(layout, levels - 1);
    return switch (conversion) {
      case "" -> laidOut(value, inner);
      case "r", "a" -> laidOut(Text.repr(run, value), inner);
      case "s" -> laidOut(Text.str(run, value), inner);
      default -> throw TemplateException.evaluation("Unknown conversion specifier " + conversion);
    };
  }

  private Object value(String path) {
    int end = 0;
    while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
      end++;
    }
    if (end == 0 && !path.isEmpty()) {
      throw TemplateException.evaluation("KeyError: ''");
    }
    Object value = first(path.substring(0, end));
    while (end < path.length()) {
      boolean item = path.charAt(end) == '[';
      int from = end + 1;
      end = from;
      while (end < path.length()
          && (item ? path.charAt(end) != ']' : ".[".indexOf(path.charAt(end)) < 0)) {
        end++;
      }
      String key = path.substring(from, end);
      if (key.isEmpty() || (item && end == path.length())) {
        throw TemplateException.evaluation("Empty attribute in format string");
      }
      Object index = Chars.all(key, Character::isDigit) ? Literals.integer(key, 0) : key;
      value = item ? Lookup.item(run, value, index) : Lookup.attribute(run, value, key);
      end += item ? 1 : 0;
    }
    return value;
  }

  private Object first(String name) {
    boolean number = Chars.all(name, Character::isDigit);
    if (!name.isEmpty() && !number) {
      Object value = args.named().get(name);
      if (value == null) {
        throw TemplateException.evaluation("KeyError: '" + name + "'");
      }
      return value;
    }
    if (number ? automatic > 0 : manual) {
      throw TemplateException.evaluation(
          "cannot switch between manual field specification and automatic field numbering");
    }
    manual |= number;
    int index = number ? Numbers.clamped(Literals.integer(name, 0)) : automatic++;
    if (index >= args.positional().size()) {
      throw TemplateException.evaluation(
          "Replacement index " + index + " out of range for positional args tuple");
    }
    return args.positional().get(index);
  }

  /// The parts of `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
  private record Layout(
      String fill,
      char align,
      char sign,
      boolean alternate,
      long width,
      char grouping,
      int precision,
      char type) {
    static Layout of(String text) {
      int at = 0;
      String fill = " ";
      char align = 0;
      int first = text.isEmpty() ? 0 : Character.charCount(text.codePointAt(0));
      if (first > 0 && first < text.length() && "<>^=".indexOf(text.charAt(first)) >= 0) {
        fill = text.substring(0, first);
        align = text.charAt(first);
        at = first + 1;
      } else if (first > 0 && "<>^=".indexOf(text.charAt(0)) >= 0) {
        align = text.charAt(at++);
      }
      char sign =
          at < text.length() && "+- ".indexOf(text.charAt(at)) >= 0 ? text.charAt(at++) : '-';
      boolean alternate = text.startsWith("#", at);
      at += alternate ? 1 : 0;
      if (text.startsWith("0", at)) {
        fill = align == 0 ? "0" : fill;
        align = align == 0 ? '=' : align;
        at++;
      }
      int end = digits(text, at);
      long width = number(text, at, end);
      at = end;
      char grouping =
          at < text.length() && ",_".indexOf(text.charAt(at)) >= 0 ? text.charAt(at++) : 0;
      int precision = -1;
      if (text.startsWith(".", at)) {
        end = digits(text, at + 1);
        if (end == at + 1) {
          throw TemplateException.evaluation("Format specifier missing precision");
        }
        precision = (int) Math.min(Integer.MAX_VALUE, number(text, at + 1, end));
        at = end;
      }
      if (at < text.length() - 1) {
        throw TemplateException.evaluation("Invalid format specifier '" + text + "'");
      }
      char type = at < text.length() ? text.charAt(at) : 0;
      return new Layout(fill, align, sign, alternate, width, grouping, precision, type);
    }

    private static int digits(String text, int from) {
      int end = from;
      while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
        end++;
      }
      return end;
    }

    private static long number(String text, int from, int end) {
      return from == end ? 0 : Long.parseLong(text.substring(from, Math.min(end, from + 18)));
    }
  }

  private String laidOut(Object value, String text) {
    if (text.isEmpty()) {
      return Text.str(run, value);
    }
    Layout layout = Layout.of(text);
    String string = Comparison.string(value);
    if (string != null) {
      if (layout.type() != 's' && layout.type() != 0) {
        throw unknown(layout, value);
      }
      if (layout.grouping() != 0 || layout.sign() != '-' || layout.alternate()) {
        throw TemplateException.evaluation("Cannot specify '" + text + "' for a str");
      }
      int kept = layout.precision() < 0 ? Integer.MAX_VALUE : layout.precision();
      String cut =
          kept >= Chars.count(string)
              ? string
              : string.substring(0, string.offsetByCodePoints(0, kept));
      return padded(
          "", cut, layout, layout.align() == 0 || layout.align() == '=' ? '<' : layout.align());
    }
    if (!Numbers.isNumber(value)) {
      throw TemplateException.evaluation(
          "unsupported format string passed to " + Values.type(value) + ".__format__");
    }
    boolean real = value instanceof Double || "eEfFgG%".indexOf(layout.type()) >= 0;
    boolean negative =
        value instanceof Double d ? d < 0 || 1 / d < 0 : Numbers.integer(value).signum() < 0;
    String body = real ? real(Numbers.real(value), layout) : whole(value, layout);
    String sign = negative ? "-" : layout.sign() == '-' ? "" : String.valueOf(layout.sign());
    return padded(sign, grouped(body, layout), layout, layout.align() == 0 ? '>' : layout.align());
  }

  private TemplateException unknown(Layout layout, Object value) {
    return TemplateException.evaluation(
        "Unknown format code '%s' for object of type '%s'"
            .formatted(layout.type(), Values.type(value)));
  }

  private String real(double value, Layout layout) {
    char type = layout.type();
    int precision = layout.precision() < 0 ? 6 : layout.precision();
    if (type == '%') {
      return NumberFormat.format(run, value * 100, 'f', precision, false) + "%";
    }
    if (type == 0) {
      return layout.precision() < 0
          ? Text.real(Math.abs(value))
          : withPoint(NumberFormat.format(run, value, 'g', precision, false));
    }
    if ("eEfFgG".indexOf(type) < 0) {
      throw unknown(layout, value);
    }
    return NumberFormat.format(run, value, type, precision, layout.alternate());
  }

  private static String withPoint(String digits) {
    return Chars.all(digits, Character::isDigit) ? digits + ".0" : digits;
  }

  private String whole(Object value, Layout layout) {
    BigInteger number = Numbers.integer(value).abs();
    Text.integer(run, Numbers.of(number)); // checks and pays for the digits
    if (layout.precision() >= 0) {
      throw TemplateException.evaluation("Precision not allowed in integer format specifier");
    }
    String prefix = layout.alternate() ? "0" + layout.type() : "";
    return switch (layout.type()) {
      case 0, 'd', 'n' -> number.toString();
      case 'b' -> prefix + number.toString(2);
      case 'o' -> prefix + number.toString(8);
      case 'x' -> prefix + number.toString(16);
      case 'X' -> prefix + number.toString(16).toUpperCase(Locale.ROOT);
      case 'c' -> Character.toString(Numbers.clamped(value));
      default -> throw unknown(layout, value);
    };
  }

  private static String grouped(String body, Layout layout) {
    if (layout.grouping() == 0) {
      return body;
    }
    int end = 0;
    while (end < body.length() && Character.digit(body.charAt(end), 16) >= 0) {
      end++;
    }
    int every = "boxX".indexOf(layout.type()) >= 0 ? 4 : 3;
    StringBuilder out = new StringBuilder(body);
    for (int at = end - every; at > 0; at -= every) {
      out.insert(at, layout.grouping());
    }
    return out.toString();
  }

  private String padded(String sign, String body, Layout layout, char align) {
    long missing = Math.max(0, layout.width() - sign.length() - Chars.count(body));
    run.text(missing + body.length());
    int left =
        switch (align) {
          case '<' -> 0;
          case '^' -> (int) missing / 2;
          default -> (int) missing;
        };
    String before = layout.fill().repeat(left);
    String after = layout.fill().repeat((int) missing - left);
    return align == '=' ? sign + before + body : before + sign + body + after;
  }
}
