package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.IntPredicate;

/// The methods of Python's texts. Positions count code points.
final class TextMethods {
  static final Set<String> NAMES =
      Set.of(
          "capitalize",
          "casefold",
          "center",
          "count",
          "endswith",
          "find",
          "format",
          "index",
          "isalnum",
          "isalpha",
          "isdecimal",
          "isdigit",
          "islower",
          "isnumeric",
          "isspace",
          "isupper",
          "join",
          "ljust",
          "lower",
          "lstrip",
          "partition",
          "removeprefix",
          "removesuffix",
          "replace",
          "rfind",
          "rindex",
          "rjust",
          "rpartition",
          "rsplit",
          "rstrip",
          "split",
          "splitlines",
          "startswith",
          "strip",
          "swapcase",
          "title",
          "upper",
          "zfill");

  /// Methods whose result is about as long as the text.
  private static final Set<String> COPIES =
      Set.of(
          "capitalize",
          "casefold",
          "center",
          "ljust",
          "lower",
          "rjust",
          "split",
          "splitlines",
          "swapcase",
          "title",
          "upper",
          "zfill");

  private final Budget budget;

  TextMethods(Budget budget) {
    this.budget = budget;
  }

  Object call(String text, String name, CallArguments arguments) {
    if (COPIES.contains(name)) {
      budget.text(text.length());
    } else {
      budget.read(text.length());
    }
    return switch (name) {
      case "strip" -> strip(text, arguments.get(0, "chars", None.NONE), true, true, budget);
      case "lstrip" -> strip(text, arguments.get(0, "chars", None.NONE), true, false, budget);
      case "rstrip" -> strip(text, arguments.get(0, "chars", None.NONE), false, true, budget);
      case "split", "rsplit" ->
          new TextSplitter(budget).split(text, arguments, name.equals("rsplit"));
      case "splitlines" ->
          new ArrayList<Object>(
              TextSplitter.lines(text, arguments.flag(0, "keepends", false), budget));
      case "startswith" -> affix(text, arguments, true);
      case "endswith" -> affix(text, arguments, false);
      case "lower", "casefold" -> text.toLowerCase(Locale.ROOT);
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "capitalize" -> capitalize(text);
      case "title" -> title(text);
      case "swapcase" -> swapCase(text);
      case "replace" ->
          replace(
              text,
              arguments.text(0, "old"),
              arguments.text(1, "new"),
              arguments.get(2, "count", None.NONE),
              budget);
      case "join" -> join(text, arguments);
      case "find", "rfind", "index", "rindex" -> find(text, name, arguments);
      case "count" -> count(text, arguments.text(0, "sub"));
      case "partition", "rpartition" -> partition(text, arguments.text(0, "sep"), name);
      case "removeprefix" -> {
        String prefix = arguments.text(0, "prefix");
        yield text.startsWith(prefix) ? text.substring(prefix.length()) : text;
      }
      case "removesuffix" -> {
        String suffix = arguments.text(0, "suffix");
        boolean ends = !suffix.isEmpty() && text.endsWith(suffix);
        yield ends ? text.substring(0, text.length() - suffix.length()) : text;
      }
      case "center" -> center(text, arguments.integer(0, "width", 0), fill(arguments), budget);
      case "ljust" -> text + repeat(fill(arguments), missing(text, arguments), budget);
      case "rjust" -> repeat(fill(arguments), missing(text, arguments), budget) + text;
      case "zfill" -> zeroFill(text, arguments);
      case "format" -> new BraceFormat(budget).format(text, arguments);
      default -> is(text, name);
    };
  }

  private static Object is(String text, String name) {
    return switch (name) {
      case "isdigit", "isdecimal" -> all(text, Character::isDigit);
      case "isnumeric" ->
          all(
              text,
              point ->
                  Character.isDigit(point)
                      || Character.getType(point) == Character.LETTER_NUMBER
                      || Character.getType(point) == Character.OTHER_NUMBER);
      case "isalpha" -> all(text, Character::isLetter);
      case "isalnum" -> all(text, Character::isLetterOrDigit);
      case "isspace" -> all(text, TextMethods::isSpace);
      case "islower" ->
          text.codePoints().anyMatch(Character::isLowerCase)
              && text.codePoints().noneMatch(Character::isUpperCase);
      case "isupper" ->
          text.codePoints().anyMatch(Character::isUpperCase)
              && text.codePoints().noneMatch(Character::isLowerCase);
      default -> throw new IllegalArgumentException("no method " + name);
    };
  }

  private static boolean all(String text, IntPredicate property) {
    return !text.isEmpty() && text.codePoints().allMatch(property);
  }

  static boolean isSpace(int point) {
    return Character.isWhitespace(point) || Character.isSpaceChar(point) || point == 0x85;
  }

  static String strip(String text, Object characters, boolean left, boolean right, Budget budget) {
    String set = characters == None.NONE ? "" : Values.text(characters, "strip");
    IntPredicate stripped =
        characters == None.NONE ? TextMethods::isSpace : point -> set.indexOf(point) >= 0;
    budget.search(text.length(), set.length());
    int start = 0;
    int end = text.length();
    while (left && start < end && stripped.test(text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    while (right && end > start && stripped.test(text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(start, end);
  }

  private static boolean affix(String text, CallArguments arguments, boolean start) {
    Object wanted = arguments.get(0, "prefix");
    List<?> options = wanted instanceof Tuple tuple ? tuple : List.of(wanted);
    for (Object option : options) {
      String affix = Values.text(option, arguments.callee());
      if (start ? text.startsWith(affix) : text.endsWith(affix)) {
        return true;
      }
    }
    return false;
  }

  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = Character.charCount(text.codePointAt(0));
    return text.substring(0, first).toUpperCase(Locale.ROOT)
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  private static String title(String text) {
    StringBuilder title = new StringBuilder();
    boolean[] inWord = {false};
    text.codePoints()
        .forEach(point -> {
          title.appendCodePoint(
              inWord[0] ? Character.toLowerCase(point) : Character.toTitleCase(point));
          inWord[0] = Character.isLetter(point);
        });
    return title.toString();
  }

  private static String swapCase(String text) {
    StringBuilder swapped = new StringBuilder();
    text.codePoints()
        .forEach(point ->
            swapped.appendCodePoint(
                Character.isUpperCase(point)
                    ? Character.toLowerCase(point)
                    : Character.toUpperCase(point)));
    return swapped.toString();
  }

  static String replace(String text, String old, String with, Object count, Budget budget) {
    int most = count == None.NONE ? -1 : Values.integer(count, "replace");
    budget.search(text.length(), old.length());
    StringBuilder replaced = new StringBuilder();
    int at = 0;
    for (int done = 0; (most < 0 || done < most) && at <= text.length(); done++) {
      int found = text.indexOf(old, at);
      if (found < 0) {
        break;
      }
      budget.text((long) found - at + with.length());
      replaced.append(text, at, found).append(with);
      at = found + old.length();
      if (old.isEmpty()) {
        if (found < text.length()) {
          replaced.append(text.charAt(found));
        }
        at++;
      }
    }
    if (at < text.length()) {
      replaced.append(text, at, text.length());
    }
    budget.text(replaced.length());
    return replaced.toString();
  }

  private String join(String separator, CallArguments arguments) {
    StringBuilder joined = new StringBuilder();
    boolean first = true;
    for (Object item : Values.items(arguments.get(0, "iterable"), budget)) {
      String part = Values.text(item, "join");
      budget.text((long) separator.length() + part.length());
      joined.append(first ? "" : separator).append(part);
      first = false;
    }
    return joined.toString();
  }

  private Object find(String text, String name, CallArguments arguments) {
    String part = arguments.text(0, "sub");
    budget.search(text.length(), part.length());
    int found = name.startsWith("r") ? text.lastIndexOf(part) : text.indexOf(part);
    if (found < 0 && name.endsWith("index")) {
      throw TemplateException.evaluation("substring not found");
    }
    return found < 0 ? -1L : (long) text.codePointCount(0, found);
  }

  private Object count(String text, String part) {
    budget.search(text.length(), part.length());
    if (part.isEmpty()) {
      return text.codePointCount(0, text.length()) + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  private Object partition(String text, String separator, String name) {
    boolean last = name.startsWith("r");
    budget.search(text.length(), separator.length());
    int found = last ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (found < 0) {
      return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
    }
    return Tuple.of(
        text.substring(0, found), separator, text.substring(found + separator.length()));
  }

  private static String fill(CallArguments arguments) {
    return arguments.text(1, "fillchar", " ");
  }

  private static int missing(String text, CallArguments arguments) {
    return arguments.integer(0, "width", 0) - text.codePointCount(0, text.length());
  }

  static String center(String text, int width, String fill, Budget budget) {
    int missing = width - text.codePointCount(0, text.length());
    if (missing <= 0) {
      return text;
    }
    int left = missing / 2 + (missing & width & 1);
    return repeat(fill, left, budget) + text + repeat(fill, missing - left, budget);
  }

  private String zeroFill(String text, CallArguments arguments) {
    boolean signed = text.startsWith("-") || text.startsWith("+");
    int sign = signed ? 1 : 0;
    return text.substring(0, sign)
        + repeat("0", missing(text, arguments), budget)
        + text.substring(sign);
  }

  static String repeat(String text, int count, Budget budget) {
    budget.text((long) text.length() * Math.max(0, count));
    return text.repeat(Math.max(0, count));
  }
}
