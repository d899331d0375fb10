package dev.krait.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntPredicate;

/// The methods of Python's `str`.
final class TextMethods {
  static final Map<String, Builtin> ALL =
      Map.ofEntries(
          text("strip", "chars?", (run, text, args) -> strip(run, text, args, 3)),
          text("lstrip", "chars?", (run, text, args) -> strip(run, text, args, 1)),
          text("rstrip", "chars?", (run, text, args) -> strip(run, text, args, 2)),
          text("upper", "", (_, text, _) -> text.toUpperCase(Locale.ROOT)),
          text("lower", "", (_, text, _) -> text.toLowerCase(Locale.ROOT)),
          text(
              "casefold",
              "",
              (_, text, _) -> text.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT)),
          text("capitalize", "", (_, text, _) -> capitalized(text)),
          text("title", "", (_, text, _) -> title(text)),
          text("swapcase", "", (_, text, _) -> swapped(text)),
          is("isdigit", Chars::isDigit),
          is("isdecimal", Character::isDigit),
          is("isnumeric", Chars::isNumeric),
          is("isalpha", Character::isLetter),
          is("isalnum", Chars::isAlnum),
          is("isspace", Chars::isSpace),
          text("isascii", "", (_, text, _) -> text.chars().allMatch(c -> c < 0x80)),
          text("isprintable", "", (_, text, _) -> text.codePoints().allMatch(Chars::isPrintable)),
          text("isupper", "", (_, text, _) -> isCase(text, text.toUpperCase(Locale.ROOT))),
          text("islower", "", (_, text, _) -> isCase(text, text.toLowerCase(Locale.ROOT))),
          text(
              "istitle",
              "",
              (_, text, _) ->
                  text.codePoints().anyMatch(Chars::isCased) && text.equals(title(text))),
          text("splitlines", "keepends?", (_, text, args) -> lines(text, args.truth(0))),
          text("expandtabs", "tabsize?", TextMethods::expanded),
          Map.entry(
              "format", (run, value, args) -> FieldFormat.format(run, Text.of(run, value), args)),
          text("center", "width fillchar?", (run, text, args) -> padded(run, text, args, 'c')),
          text("ljust", "width fillchar?", (run, text, args) -> padded(run, text, args, 'l')),
          text("rjust", "width fillchar?", (run, text, args) -> padded(run, text, args, 'r')),
          text("zfill", "width", TextMethods::zeroFilled),
          text("join", "iterable", (run, text, args) -> join(run, text, args.get(0))),
          text("split", "sep? maxsplit?", TextSearch::split),
          text("rsplit", "sep? maxsplit?", TextSearch::rsplit),
          text("replace", "old new count?", TextSearch::replace),
          text("find", "sub start? end?", TextSearch::find),
          text("rfind", "sub start? end?", TextSearch::rfind),
          text("index", "sub start? end?", TextSearch::index),
          text("rindex", "sub start? end?", TextSearch::rindex),
          text("count", "sub start? end?", TextSearch::count),
          text("startswith", "prefix start? end?", TextSearch::startsWith),
          text("endswith", "suffix start? end?", TextSearch::endsWith),
          text("partition", "sep", TextSearch::partition),
          text("rpartition", "sep", TextSearch::rpartition),
          text("removeprefix", "prefix", TextSearch::removePrefix),
          text("removesuffix", "suffix", TextSearch::removeSuffix));

  private TextMethods() {}

  @FunctionalInterface
  private interface Body {
    Object call(Run run, String text, Bound args);
  }

  private static Map.Entry<String, Builtin> text(String name, String parameters, Body body) {
    return Builtin.entry(
        name,
        parameters,
        (run, value, args) -> {
          String text = Text.of(run, value);
          run.text(text.length());
          return body.call(run, text, args);
        });
  }

  private static Map.Entry<String, Builtin> is(String name, IntPredicate kind) {
    return text(name, "", (_, text, _) -> Chars.all(text, kind));
  }

  /// The method of an escaped text: it escapes what it is given and marks what it gives.
  static Builtin marked(Builtin method) {
    return (run, value, args) -> {
      List<Object> escaped = new ArrayList<>();
      for (Object arg : args.positional()) {
        escaped.add(arg instanceof String ? Markup.escaped(run, arg) : arg);
      }
      return marked(method.call(run, value, new Args(escaped, args.named())));
    };
  }

  private static Object marked(Object value) {
    return switch (value) {
      case String text -> new Markup(text);
      case List<?> parts -> parts.stream().map(TextMethods::marked).toList();
      case Tuple parts -> new Tuple(parts.items().stream().map(TextMethods::marked).toList());
      default -> value;
    };
  }

  private static String strip(Run run, String text, Bound args, int sides) {
    int[] set = args.has(0) ? Text.of(run, args.get(0)).codePoints().toArray() : new int[0];
    IntPredicate drops =
        args.has(0)
            ? c -> {
              run.step(1 + set.length / 16);
              for (int each : set) {
                if (each == c) {
                  return true;
                }
              }
              return false;
            }
            : Chars::isSpace;
    int from = 0;
    int to = text.length();
    while ((sides & 1) != 0 && from < to && drops.test(text.codePointAt(from))) {
      from += Character.charCount(text.codePointAt(from));
    }
    while ((sides & 2) != 0 && from < to && drops.test(text.codePointBefore(to))) {
      to -= Character.charCount(text.codePointBefore(to));
    }
    return text.substring(from, to);
  }

  /// The first character as in a title, the others small.
  static String capitalized(String text) {
    if (text.isEmpty()) {
      return "";
    }
    int end = text.offsetByCodePoints(0, 1);
    return titled(text.codePointAt(0)) + text.substring(end).toLowerCase(Locale.ROOT);
  }

  private static String titled(int c) {
    String upper = Character.toString(c).toUpperCase(Locale.ROOT);
    if (Chars.count(upper) > 1) {
      int end = upper.offsetByCodePoints(0, 1);
      return upper.substring(0, end) + upper.substring(end).toLowerCase(Locale.ROOT);
    }
    return Character.toString(Character.toTitleCase(c));
  }

  private static String title(String text) {
    StringBuilder out = new StringBuilder();
    boolean within = false;
    for (int c : text.codePoints().toArray()) {
      out.append(within ? Character.toString(c).toLowerCase(Locale.ROOT) : titled(c));
      within = Chars.isCased(c);
    }
    return out.toString();
  }

  private static String swapped(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .mapToObj(Character::toString)
        .forEach(c ->
            out.append(
                Character.isUpperCase(c.codePointAt(0))
                    ? c.toLowerCase(Locale.ROOT)
                    : c.toUpperCase(Locale.ROOT)));
    return out.toString();
  }

  private static boolean isCase(String text, String changed) {
    return text.equals(changed) && text.codePoints().anyMatch(Chars::isCased);
  }

  static List<Object> lines(String text, boolean ends) {
    List<Object> lines = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      if (Chars.endsLine(text.charAt(i))) {
        int end = text.startsWith("\r\n", i) ? i + 2 : i + 1;
        lines.add(text.substring(from, ends ? end : i));
        from = end;
        i = end - 1;
      }
    }
    if (from < text.length()) {
      lines.add(text.substring(from));
    }
    return lines;
  }

  private static String expanded(Run run, String text, Bound args) {
    int size = Math.max(0, args.integer(0, 8));
    StringBuilder out = new StringBuilder();
    int column = 0;
    for (int c : text.codePoints().toArray()) {
      if (c == '\t') {
        int blanks = size == 0 ? 0 : size - column % size;
        run.text(blanks);
        run.outputs((long) out.length() + blanks);
        out.repeat(' ', blanks);
        column += blanks;
      } else {
        out.appendCodePoint(c);
        column = c == '\n' || c == '\r' ? 0 : column + 1;
      }
    }
    return out.toString();
  }

  private static String padded(Run run, String text, Bound args, char side) {
    String fill = args.text(run, 1, " ");
    if (Chars.count(fill) != 1) {
      throw TemplateException.evaluation("The fill character must be exactly one character long");
    }
    int width = args.integer(0, 0);
    int missing = Math.max(0, width - Chars.count(text));
    run.text((long) text.length() + missing);
    int left =
        switch (side) {
          case 'l' -> 0;
          case 'r' -> missing;
          default -> missing / 2 + (missing & width & 1);
        };
    return fill.repeat(left) + text + fill.repeat(missing - left);
  }

  private static String zeroFilled(Run run, String text, Bound args) {
    int missing = Math.max(0, args.integer(0, 0) - Chars.count(text));
    run.text((long) text.length() + missing);
    int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    return text.substring(0, sign) + "0".repeat(missing) + text.substring(sign);
  }

  static String join(Run run, String separator, Object items) {
    StringBuilder out = new StringBuilder();
    int index = 0;
    for (Object item : Values.list(run, items)) {
      String part = Comparison.string(item);
      if (part == null) {
        throw TemplateException.evaluation(
            "sequence item %d: expected str instance, %s found"
                .formatted(index, Values.type(item)));
      }
      String before = index++ == 0 ? "" : separator;
      run.text((long) before.length() + part.length());
      run.outputs((long) out.length() + before.length() + part.length());
      out.append(before).append(part);
    }
    return out.toString();
  }
}
