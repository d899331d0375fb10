package dev.krait.text.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Python's ways to take a text apart: by separator, into words, into lines.
final class TextSplitter {
  private final Budget budget;

  TextSplitter(Budget budget) {
    this.budget = budget;
  }

  List<Object> split(String text, CallArguments arguments, boolean fromRight) {
    Object separator = arguments.get(0, "sep", None.NONE);
    int most = arguments.integer(1, "maxsplit", -1);
    if (separator == None.NONE && most < 0) {
      return words(text, budget);
    }
    budget.work(text.length());
    if (separator == None.NONE) {
      return fromRight ? wordsFromRight(text, most) : wordsFromLeft(text, most);
    }
    String between = Values.text(separator, "split");
    if (between.isEmpty()) {
      throw TemplateException.evaluation("empty separator");
    }
    budget.search(text.length(), between.length());
    List<Object> parts = new ArrayList<>();
    int start = 0;
    int end = text.length();
    for (int splits = 0; most < 0 || splits < most; splits++) {
      int found =
          fromRight
              ? text.lastIndexOf(between, end - between.length())
              : text.indexOf(between, start);
      if (found < 0 || (fromRight && end < between.length())) {
        break;
      }
      parts.add(
          fromRight ? text.substring(found + between.length(), end) : text.substring(start, found));
      start = fromRight ? start : found + between.length();
      end = fromRight ? found : end;
    }
    parts.add(text.substring(start, end));
    if (fromRight) {
      Collections.reverse(parts);
    }
    return parts;
  }

  static List<Object> words(String text, Budget budget) {
    budget.work(text.length() / 2);
    List<Object> words = new ArrayList<>();
    int start = -1;
    for (int i = 0; i < text.length(); i++) {
      boolean space = TextMethods.isSpace(text.charAt(i));
      if (space && start >= 0) {
        words.add(text.substring(start, i));
      }
      start = space ? -1 : start < 0 ? i : start;
    }
    if (start >= 0) {
      words.add(text.substring(start));
    }
    return words;
  }

  private List<Object> wordsFromLeft(String text, int most) {
    List<Object> words = new ArrayList<>();
    String rest = TextMethods.strip(text, None.NONE, true, false, budget);
    while (!rest.isEmpty()) {
      budget.read(rest.length());
      int space = 0;
      while (space < rest.length() && !TextMethods.isSpace(rest.charAt(space))) {
        space++;
      }
      if (words.size() == most || space == rest.length()) {
        words.add(rest);
        break;
      }
      words.add(rest.substring(0, space));
      rest = TextMethods.strip(rest.substring(space), None.NONE, true, false, budget);
    }
    return words;
  }

  private List<Object> wordsFromRight(String text, int most) {
    List<Object> words = new ArrayList<>();
    String rest = TextMethods.strip(text, None.NONE, false, true, budget);
    while (!rest.isEmpty()) {
      budget.read(rest.length());
      int space = rest.length();
      while (space > 0 && !TextMethods.isSpace(rest.charAt(space - 1))) {
        space--;
      }
      if (words.size() == most || space == 0) {
        words.add(rest);
        break;
      }
      words.add(rest.substring(space));
      rest = TextMethods.strip(rest.substring(0, space), None.NONE, false, true, budget);
    }
    Collections.reverse(words);
    return words;
  }

  static List<String> lines(String text, boolean keepEnds, Budget budget) {
    budget.work(text.length() / 4);
    List<String> lines = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if ("\n\r\u000b\f\u001c\u001d\u001e\u0085\u2028\u2029".indexOf(c) >= 0) {
        boolean pair = c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n';
        int next = i + (pair ? 2 : 1);
        lines.add(text.substring(start, keepEnds ? next : i));
        start = next;
        i = next - 1;
      }
    }
    if (start < text.length()) {
      lines.add(text.substring(start));
    }
    return lines;
  }
}
