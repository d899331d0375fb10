package dev.krait.text.jinja;

import java.util.Optional;

/// Python's `str.format` with positions, names and the simple forms of a format specification:
/// alignment, width and a number of decimals.
final class BraceFormat {
  private static final int MAX_SPECIFIED = 1000;

  private final Budget budget;

  BraceFormat(Budget budget) {
    this.budget = budget;
  }

  String format(String pattern, CallArguments arguments) {
    StringBuilder text = new StringBuilder();
    int automatic = 0;
    int at = 0;
    while (at < pattern.length()) {
      char c = pattern.charAt(at);
      if ((c == '{' || c == '}') && at + 1 < pattern.length() && pattern.charAt(at + 1) == c) {
        text.append(c);
        at += 2;
      } else if (c == '{') {
        int close = pattern.indexOf('}', at);
        if (close < 0) {
          throw TemplateException.evaluation("expected '}' before end of string");
        }
        String field = pattern.substring(at + 1, close);
        boolean numbered = field.isEmpty() || field.startsWith(":");
        String part = field(numbered ? automatic++ + field : field, arguments);
        budget.text(part.length());
        text.append(part);
        at = close + 1;
      } else if (c == '}') {
        throw TemplateException.evaluation("Single '}' encountered in format string");
      } else {
        text.append(c);
        at++;
      }
    }
    return text.toString();
  }

  private String field(String field, CallArguments arguments) {
    int colon = field.indexOf(':');
    String name = colon < 0 ? field : field.substring(0, colon);
    String specification = colon < 0 ? "" : field.substring(colon + 1);
    boolean position = name.length() < 6 && name.chars().allMatch(c -> c >= '0' && c <= '9');
    Optional<Object> value =
        position
            ? arguments.find(Integer.parseInt(name), "")
            : Optional.ofNullable(arguments.named().get(name));
    return specify(
        value.orElseThrow(
            () -> TemplateException.evaluation("format() misses its argument '" + name + "'")),
        specification);
  }

  private String specify(Object value, String specification) {
    String digits = specification.replaceFirst("^[<>^]", "");
    String kind = digits.isEmpty() ? "" : digits.substring(digits.length() - 1);
    boolean typed = !kind.isEmpty() && "sdf".contains(kind);
    String[] sizes = (typed ? digits.substring(0, digits.length() - 1) : digits).split("\\.", -1);
    if (sizes.length > 2 || !isSize(sizes[0]) || (sizes.length == 2 && !isSize(sizes[1]))) {
      throw TemplateException.evaluation("unsupported format '" + specification + "'");
    }
    String text =
        kind.equals("f")
            ? PercentFormat.fixed(value, sizes.length == 2 ? size(sizes[1]) : 6)
            : new Printer(budget).text(value);
    int missing = size(sizes[0]) - text.length();
    boolean right =
        specification.startsWith(">") || (Values.isNumber(value) && !specification.startsWith("<"));
    if (specification.startsWith("^")) {
      return TextMethods.repeat(" ", missing / 2, budget)
          + text
          + TextMethods.repeat(" ", missing - missing / 2, budget);
    }
    String padding = TextMethods.repeat(" ", missing, budget);
    return right ? padding + text : text + padding;
  }

  private static boolean isSize(String size) {
    return size.length() < 5 && size.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  private static int size(String size) {
    return size.isEmpty() ? 0 : Math.min(MAX_SPECIFIED, Integer.parseInt(size));
  }
}
