package dev.krait.reply;

import java.util.List;
import java.util.Optional;

/// Text that came and was not yet read. What it answers does not depend on the pieces it came in.
final class Input {
  private final StringBuilder text = new StringBuilder();
  private int at;
  private boolean ended;

  void append(CharSequence more) {
    text.delete(0, at);
    at = 0;
    text.append(more);
  }

  /// No more will come: what could only begin a marker is none.
  void end() {
    ended = true;
  }

  boolean hasNext() {
    return at < text.length();
  }

  char peek() {
    return text.charAt(at);
  }

  char next() {
    return text.charAt(at++);
  }

  /// How much was read since the last [#append].
  int position() {
    return at;
  }

  /// What was read since a position.
  CharSequence since(int position) {
    return text.subSequence(position, at);
  }

  /// Whether more text must come to tell if one of these markers is next.
  boolean isUndecided(List<String> markers) {
    if (!hasNext()) {
      return true;
    }
    boolean begun = false;
    for (String marker : markers) {
      int common = common(marker);
      if (common == marker.length()) {
        return false;
      }
      begun |= at + common == text.length();
    }
    return begun && !ended;
  }

  /// Reads one of these markers if it is next.
  Optional<String> take(List<String> markers) {
    for (String marker : markers) {
      if (common(marker) == marker.length()) {
        at += marker.length();
        return Optional.of(marker);
      }
    }
    return Optional.empty();
  }

  /// Whether one of these markers is next.
  boolean startsWith(List<String> markers) {
    return markers.stream().anyMatch(marker -> common(marker) == marker.length());
  }

  /// How many characters a marker and the next text have in common.
  private int common(String marker) {
    int most = Math.min(marker.length(), text.length() - at);
    int count = 0;
    while (count < most && marker.charAt(count) == text.charAt(at + count)) {
      count++;
    }
    return count;
  }
}
