package dev.krait.text.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// The methods of Python's `str` that chat templates call.
final class TextMethods {
  private TextMethods() {}

  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  static Object call(String text, String method, List<@Nullable Object> args) {
    Budget.current().text(text.length());
    return switch (method) {
      case "strip" -> strip(text, characters(args), true, true);
      case "lstrip" -> strip(text, characters(args), true, false);
      case "rstrip" -> strip(text, characters(args), false, true);
      case "startswith" -> anyOf(args).stream().anyMatch(part -> text.startsWith(part));
      case "endswith" -> anyOf(args).stream().anyMatch(part -> text.endsWith(part));
      case "split" -> split(text, args, false);
      case "rsplit" -> split(text, args, true);
      case "splitlines" -> new ArrayList<Object>(text.lines().toList());
      case "replace" -> replace(text, args);
      case "join" -> join(text, Values.items(args.getFirst()));
      case "find" -> (long) searched(text, args).indexOf(Values.text(args.getFirst()));
      case "rfind" -> (long) searched(text, args).lastIndexOf(Values.text(args.getFirst()));
      case "count" -> split(text, args, false).size() - 1L;
      case "removeprefix" -> {
        String prefix = Values.text(args.getFirst());
        yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
      }
      case "removesuffix" -> {
        String suffix = Values.text(args.getFirst());
        yield text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
      }
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "capitalize" -> capitalize(text);
      case "title" -> title(text);
      case "isdigit" -> all(text, Character::isDigit);
      case "isalpha" -> all(text, Character::isLetter);
      case "isalnum" -> all(text, Character::isLetterOrDigit);
      case "isspace" -> all(text, TextMethods::isSpace);
      case ExpressionText.REVERSED -> new StringBuilder(text).reverse().toString();
      default -> throw TemplateException.evaluation("a str has no method " + method + " here");
    };
  }

  /// Strips white space, or the characters of a set that is not empty.
  static String strip(String text, String set, boolean left, boolean right) {
    int from = 0;
    int to = text.length();
    while (left && from < to && isIn(set, text.charAt(from))) {
      from++;
    }
    while (right && to > from && isIn(set, text.charAt(to - 1))) {
      to--;
    }
    return text.substring(from, to);
  }

  private static boolean isIn(String set, char c) {
    return set.isEmpty() ? isSpace(c) : set.indexOf(c) >= 0;
  }

  private static String characters(List<@Nullable Object> args) {
    return args.isEmpty() || args.getFirst() == None.NONE ? "" : Values.text(args.getFirst());
  }

  private static List<String> anyOf(List<@Nullable Object> args) {
    return args.getFirst() instanceof List<?> list
        ? list.stream().map(Values::text).toList()
        : List.of(Values.text(args.getFirst()));
  }

  private static String searched(String text, List<@Nullable Object> args) {
    Budget.current().search(text, Values.text(args.getFirst()));
    return text;
  }

  private static boolean all(String text, IntPredicate test) {
    return !text.isEmpty() && text.chars().allMatch(test);
  }

  static String capitalize(String text) {
    return text.isEmpty()
        ? text
        : text.substring(0, 1).toUpperCase(Locale.ROOT)
            + text.substring(1).toLowerCase(Locale.ROOT);
  }

  static String title(String text) {
    StringBuilder out = new StringBuilder(text.toLowerCase(Locale.ROOT));
    for (int i = 0; i < out.length(); i++) {
      if (i == 0 || !Character.isLetter(out.charAt(i - 1))) {
        out.setCharAt(i, Character.toUpperCase(out.charAt(i)));
      }
    }
    return out.toString();
  }

  private static String replace(String text, List<@Nullable Object> args) {
    if (args.size() != 2) {
      throw TemplateException.evaluation("replace takes two texts here");
    }
    String part = Values.text(args.get(0));
    String with = Values.text(args.get(1));
    Budget budget = Budget.current();
    budget.search(text, part);
    if (with.length() > part.length()) {
      long found = part.isEmpty() ? text.length() + 1L : count(text, part);
      budget.text(text.length() + found * (with.length() - part.length()));
    }
    return text.replace(part, with);
  }

  private static long count(String text, String part) {
    long count = 0;
    for (int i = text.indexOf(part); i >= 0; i = text.indexOf(part, i + part.length())) {
      count++;
    }
    return count;
  }

  static String join(String separator, List<@Nullable Object> items) {
    Budget budget = Budget.current();
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < items.size(); i++) {
      String item = PythonText.print(items.get(i));
      budget.text(item.length() + separator.length());
      out.append(i == 0 ? "" : separator).append(item);
    }
    budget.text(out.length());
    return out.toString();
  }

  /// `split(separator, limit)` from either end; without a separator at runs of white space.
  private static List<Object> split(String text, List<@Nullable Object> args, boolean right) {
    String separator = characters(args);
    if (separator.isEmpty()) {
      if (args.size() > 1 || right) {
        throw TemplateException.evaluation("split with a limit needs a separator");
      }
      String stripped = strip(text, "", true, true);
      return stripped.isEmpty()
          ? new ArrayList<>()
          : new ArrayList<>(List.of(stripped.split("[\\s\\p{Z}]+")));
    }
    Budget budget = Budget.current();
    budget.search(text, separator);
    long limit = args.size() > 1 ? Values.integer(args.get(1)) : -1;
    long skip = right && limit >= 0 ? Math.max(0, count(text, separator) - limit) : 0;
    List<Object> parts = new ArrayList<>();
    int from = 0;
    int next = text.indexOf(separator);
    for (; next >= 0 && (right || limit < 0 || parts.size() < limit); skip--) {
      if (skip <= 0) {
        budget.work(1);
        parts.add(text.substring(from, next));
        from = next + separator.length();
      }
      next = text.indexOf(separator, next + separator.length());
    }
    parts.add(text.substring(from));
    return parts;
  }
}
