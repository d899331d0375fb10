package dev.krait.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// The methods of Python's `str` that look for another text. Positions count characters of Unicode.
final class TextSearch {
  private TextSearch() {}

  private static String part(Run run, String text, Bound args) {
    String part = Text.of(run, args.get(0));
    run.search(text, part);
    return part;
  }

  private static String separator(Run run, String text, Bound args) {
    String separator = part(run, text, args);
    if (separator.isEmpty()) {
      throw TemplateException.evaluation("empty separator");
    }
    return separator;
  }

  static Object split(Run run, String text, Bound args) {
    int limit = args.integer(1, -1);
    if (!args.has(0)) {
      return words(run, text, limit);
    }
    String separator = separator(run, text, args);
    List<Object> parts = new ArrayList<>();
    int from = 0;
    for (int at = text.indexOf(separator);
        at >= 0 && (limit < 0 || parts.size() < limit);
        at = text.indexOf(separator, from)) {
      run.items(1);
      parts.add(text.substring(from, at));
      from = at + separator.length();
    }
    parts.add(text.substring(from));
    return parts;
  }

  static Object rsplit(Run run, String text, Bound args) {
    int limit = args.integer(1, -1);
    if (args.has(0)) {
      return splitFromEnd(run, text, args, limit);
    }
    return limit < 0 ? words(run, text, limit) : wordsFromEnd(run, text, limit);
  }

  private static List<Object> splitFromEnd(Run run, String text, Bound args, int limit) {
    String separator = separator(run, text, args);
    List<Object> parts = new ArrayList<>();
    int to = text.length();
    for (int at = text.lastIndexOf(separator);
        at >= 0 && (limit < 0 || parts.size() < limit);
        at = to < separator.length() ? -1 : text.lastIndexOf(separator, to - separator.length())) {
      run.items(1);
      parts.add(text.substring(at + separator.length(), to));
      to = at;
    }
    parts.add(text.substring(0, to));
    Collections.reverse(parts);
    return parts;
  }

  private static List<Object> words(Run run, String text, int limit) {
    List<Object> words = new ArrayList<>();
    int from = skip(text, 0, true);
    while (from < text.length()) {
      int end = limit >= 0 && words.size() >= limit ? text.length() : skip(text, from, false);
      run.items(1);
      words.add(text.substring(from, end));
      from = skip(text, end, true);
    }
    return words;
  }

  /// Where whitespace, or anything else, ends.
  private static int skip(String text, int from, boolean space) {
    int end = from;
    while (end < text.length() && Chars.isSpace(text.charAt(end)) == space) {
      end++;
    }
    return end;
  }

  private static List<Object> wordsFromEnd(Run run, String text, int limit) {
    List<Object> words = new ArrayList<>();
    int to = Chars.endWithoutSpace(text);
    while (to > 0) {
      int from = to;
      while (from > 0 && (words.size() >= limit || !Chars.isSpace(text.charAt(from - 1)))) {
        from--;
      }
      run.items(1);
      words.add(text.substring(from, to));
      to = Chars.endWithoutSpace(text.substring(0, from));
      run.step(from / 64);
    }
    Collections.reverse(words);
    return words;
  }

  static String replace(Run run, String text, Bound args) {
    return replace(
        run,
        text,
        Text.of(run, args.get(0)),
        Text.of(run, args.get(1)),
        args.has(2) ? args.integer(2, -1) : -1);
  }

  static String replace(Run run, String text, String old, String by, int limit) {
    run.search(text, old);
    StringBuilder out = new StringBuilder();
    int from = 0;
    for (int done = 0; limit < 0 || done < limit; done++) {
      int at = old.isEmpty() ? (done <= Chars.count(text) ? from : -1) : text.indexOf(old, from);
      if (at < 0) {
        break;
      }
      run.text((long) at - from + by.length());
      run.outputs((long) out.length() + at - from + by.length());
      out.append(text, from, at).append(by);
      from = at + old.length();
      if (old.isEmpty()) {
        if (from >= text.length()) {
          break;
        }
        run.step(text.length() / 64L);
        out.appendCodePoint(text.codePointAt(from));
        from = text.offsetByCodePoints(from, 1);
      }
    }
    run.text((long) text.length() - from);
    run.outputs((long) out.length() + text.length() - from);
    return out.append(text, from, text.length()).toString();
  }

  /// The text between the two positions that `find` and its like take, and where it begins.
  private record Window(String text, long start) {}

  private static Window window(Run run, String text, Bound args) {
    if (!args.has(1) && !args.has(2)) {
      return new Window(text, 0);
    }
    int size = Chars.count(text);
    long start = args.integer(1, 0);
    start = start < 0 ? Math.max(0, start + size) : start;
    Object part =
        new Slice(args.get(1, None.NONE), args.get(2, None.NONE), None.NONE).of(run, text);
    return new Window((String) part, start);
  }

  private static long found(Run run, String text, Bound args, boolean last) {
    Window window = window(run, text, args);
    String part = part(run, text, args);
    if (window.start() > Chars.count(text)) {
      return -1;
    }
    int at = last ? window.text().lastIndexOf(part) : window.text().indexOf(part);
    return at < 0 ? -1 : window.start() + window.text().codePointCount(0, at);
  }

  static Object find(Run run, String text, Bound args) {
    return found(run, text, args, false);
  }

  static Object rfind(Run run, String text, Bound args) {
    return found(run, text, args, true);
  }

  static Object index(Run run, String text, Bound args) {
    return required(found(run, text, args, false));
  }

  static Object rindex(Run run, String text, Bound args) {
    return required(found(run, text, args, true));
  }

  private static Object required(long at) {
    if (at < 0) {
      throw TemplateException.evaluation("substring not found");
    }
    return at;
  }

  static Object count(Run run, String text, Bound args) {
    String within = window(run, text, args).text();
    String part = part(run, text, args);
    if (part.isEmpty()) {
      return Chars.count(within) + 1L;
    }
    long count = 0;
    for (int at = within.indexOf(part); at >= 0; at = within.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  static Object startsWith(Run run, String text, Bound args) {
    String within = window(run, text, args).text();
    return parts(run, args, "startswith").stream().anyMatch(within::startsWith);
  }

  static Object endsWith(Run run, String text, Bound args) {
    String within = window(run, text, args).text();
    return parts(run, args, "endswith").stream().anyMatch(within::endsWith);
  }

  private static List<String> parts(Run run, Bound args, String method) {
    if (args.get(0) instanceof Tuple(List<Object> items, _)) {
      run.items(items.size());
      return items.stream().map(item -> Text.of(run, item)).toList();
    }
    if (Comparison.string(args.get(0)) == null) {
      throw TemplateException.evaluation(
          method + " first arg must be str or a tuple of str, not " + Values.type(args.get(0)));
    }
    return List.of(Text.of(run, args.get(0)));
  }

  static Object partition(Run run, String text, Bound args) {
    String separator = separator(run, text, args);
    int at = text.indexOf(separator);
    return at < 0
        ? Tuple.of(text, "", "")
        : Tuple.of(text.substring(0, at), separator, text.substring(at + separator.length()));
  }

  static Object rpartition(Run run, String text, Bound args) {
    String separator = separator(run, text, args);
    int at = text.lastIndexOf(separator);
    return at < 0
        ? Tuple.of("", "", text)
        : Tuple.of(text.substring(0, at), separator, text.substring(at + separator.length()));
  }

  static Object removePrefix(Run run, String text, Bound args) {
    String prefix = Text.of(run, args.get(0));
    return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
  }

  static Object removeSuffix(Run run, String text, Bound args) {
    String suffix = Text.of(run, args.get(0));
    return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
  }
}
