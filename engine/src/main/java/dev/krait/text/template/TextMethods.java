package dev.krait.text.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// The methods of Python's `str` that chat templates call.
final class TextMethods {
  private static final Set<String> WITHOUT_ARGUMENT =
      Set.of(
          "splitlines",
          "upper",
          "lower",
          "capitalize",
          "title",
          "isdigit",
          "isalpha",
          "isalnum",
          "isspace");
  private static final Set<String> WITH_ARGUMENT =
      Set.of(
          "strip",
          "lstrip",
          "rstrip",
          "startswith",
          "endswith",
          "join",
          "find",
          "rfind",
          "count",
          "removeprefix",
          "removesuffix",
          "partition");
  private static final Set<String> WITH_ARGUMENTS = Set.of("split", "rsplit", "replace", "format");

  private TextMethods() {}

  static boolean has(String method) {
    return WITHOUT_ARGUMENT.contains(method)
        || WITH_ARGUMENT.contains(method)
        || WITH_ARGUMENTS.contains(method);
  }

  /// How many arguments a method takes at most.
  static int arity(String method) {
    return method.equals("replace")
        ? 3
        : WITHOUT_ARGUMENT.contains(method) ? 0 : WITH_ARGUMENT.contains(method) ? 1 : 2;
  }

  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  static Object call(String text, String method, Args args) {
    Budget.current().text(text.length());
    return switch (method) {
      case "strip" -> strip(text, characters(args), true, true);
      case "lstrip" -> strip(text, characters(args), true, false);
      case "rstrip" -> strip(text, characters(args), false, true);
      case "splitlines" -> Values.items(text.lines().toList());
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "capitalize" -> capitalize(text);
      case "title" -> title(text);
      case "isdigit" -> all(text, Character::isDigit);
      case "isalpha" -> all(text, Character::isLetter);
      case "isalnum" -> all(text, Character::isLetterOrDigit);
      case "isspace" -> all(text, TextMethods::isSpace);
      case "split" -> split(text, args, false);
      case "rsplit" -> split(text, args, true);
      case "replace" -> replace(text, args);
      case "join" -> join(text, Values.items(args.first(method)));
      default -> search(text, method, args.first(method));
    };
  }

  /// The methods that look for another text.
  private static Object search(String text, String method, @Nullable Object argument) {
    if (method.equals("startswith") || method.equals("endswith")) {
      List<?> parts = argument instanceof Tuple tuple ? tuple : List.of(Values.text(argument));
      return parts.stream()
          .map(Values::text)
          .anyMatch(
              part -> method.equals("endswith") ? text.endsWith(part) : text.startsWith(part));
    }
    String part = Values.text(argument);
    Budget.current().search(text, part);
    return switch (method) {
      case "find" -> characters(text, text.indexOf(part));
      case "rfind" -> characters(text, text.lastIndexOf(part));
      case "count" ->
          part.isEmpty() ? 1L + text.codePointCount(0, text.length()) : count(text, part);
      case "removeprefix" -> text.startsWith(part) ? text.substring(part.length()) : text;
      case "removesuffix" ->
          text.endsWith(part) ? text.substring(0, text.length() - part.length()) : text;
      default -> partition(text, part);
    };
  }

  /// A position in characters of Unicode.
  private static long characters(String text, int index) {
    return index < 0 ? index : text.codePointCount(0, index);
  }

  private static Tuple partition(String text, String part) {
    if (part.isEmpty()) {
      throw TemplateException.evaluation("an empty separator");
    }
    int at = text.indexOf(part);
    return new Tuple(
        at < 0
            ? List.of(text, "", "")
            : List.of(text.substring(0, at), part, text.substring(at + part.length())));
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

  private static String characters(Args args) {
    Object set = args.has(0, "") ? args.get(0, "") : None.NONE;
    return set == None.NONE ? "" : Values.text(set);
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

  private static String replace(String text, Args args) {
    if (args.positional().size() < 2) {
      throw TemplateException.evaluation("replace takes two texts");
    }
    String part = Values.text(args.get(0, ""));
    String with = Values.text(args.get(1, ""));
    long limit = args.integer(2, "", -1);
    Budget budget = Budget.current();
    budget.search(text, part);
    if (with.length() > part.length()) {
      long found = part.isEmpty() ? text.length() + 1L : count(text, part);
      budget.text(text.length() + found * (with.length() - part.length()));
    }
    if (limit < 0) {
      return text.replace(part, with);
    }
    if (part.isEmpty()) {
      throw TemplateException.evaluation("replace of an empty text with a count");
    }
    StringBuilder out = new StringBuilder();
    int from = 0;
    int next = text.indexOf(part);
    for (long left = limit; next >= 0 && left > 0; left--) {
      out.append(text, from, next).append(with);
      from = next + part.length();
      next = text.indexOf(part, from);
    }
    return out.append(text, from, text.length()).toString();
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
  private static List<Object> split(String text, Args args, boolean right) {
    long limit = args.integer(1, "", -1);
    boolean blank = !args.has(0, "") || args.get(0, "") == None.NONE;
    if (blank) {
      return words(text, limit, right);
    }
    String separator = Values.text(args.get(0, ""));
    if (separator.isEmpty()) {
      throw TemplateException.evaluation("an empty separator");
    }
    Budget budget = Budget.current();
    budget.search(text, separator);
    List<Object> parts = new ArrayList<>();
    if (right) {
      int to = text.length();
      int next = text.lastIndexOf(separator);
      for (long left = limit; next >= 0 && left != 0; left--) {
        budget.work(1);
        parts.add(text.substring(next + separator.length(), to));
        to = next;
        next =
            next < separator.length() ? -1 : text.lastIndexOf(separator, next - separator.length());
      }
      parts.add(text.substring(0, to));
      Collections.reverse(parts);
      return parts;
    }
    int from = 0;
    int next = text.indexOf(separator);
    for (long left = limit; next >= 0 && left != 0; left--) {
      budget.work(1);
      parts.add(text.substring(from, next));
      from = next + separator.length();
      next = text.indexOf(separator, from);
    }
    parts.add(text.substring(from));
    return parts;
  }

  private static List<Object> words(String text, long limit, boolean right) {
    if (right && limit >= 0) {
      throw TemplateException.evaluation("rsplit with a limit needs a separator");
    }
    List<Object> words = new ArrayList<>();
    String rest = strip(text, "", true, false);
    int from = 0;
    while (from < rest.length()) {
      int end = limit >= 0 && words.size() >= limit ? rest.length() : from;
      while (end < rest.length() && !isSpace(rest.charAt(end))) {
        end++;
      }
      Budget.current().work(1);
      words.add(rest.substring(from, end));
      for (from = end; from < rest.length() && isSpace(rest.charAt(from)); ) {
        from++;
      }
    }
    return words;
  }
}
