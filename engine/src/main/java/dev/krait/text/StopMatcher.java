package dev.krait.text;

import java.util.Optional;

/// Finds stop strings in the text of one stream, across the pieces it comes in. Not thread-safe.
///
/// The stop string that is complete first wins; of several complete at the same character, the
/// longest. So where the text is cut does not depend on how it was cut into pieces.
public final class StopMatcher {
  private final StopStrings stops;
  private final boolean includeStopInOutput;

  /// How much of each stop the text ends with.
  private final int[] matching;

  private String held = "";
  private Optional<String> matched = Optional.empty();

  /// Starts a stream.
  ///
  /// @param includeStopInOutput whether the stop string that matched is part of the text
  public StopMatcher(StopStrings stops, boolean includeStopInOutput) {
    this.stops = stops;
    this.includeStopInOutput = includeStopInOutput;
    this.matching = new int[stops.size()];
  }

  /// Takes the next piece of text.
  ///
  /// @return the text that cannot be part of a stop string any more; after a match nothing
  public String push(String delta) {
    if (matched.isPresent()) {
      return "";
    }
    String text = held + delta;
    for (int at = held.length(); at < text.length(); at++) {
      int stop = advance(text.charAt(at));
      if (stop >= 0) {
        matched = Optional.of(stops.text(stop));
        held = "";
        int end = at + 1;
        return text.substring(0, includeStopInOutput ? end : end - stops.text(stop).length());
      }
    }
    int keep = 0;
    for (int length : matching) {
      keep = Math.max(keep, length);
    }
    held = text.substring(text.length() - keep);
    return text.substring(0, text.length() - keep);
  }

  /// Ends the stream.
  ///
  /// @return the text that was held back because it could have begun a stop string
  public String flush() {
    String rest = held;
    held = "";
    return rest;
  }

  /// The stop string that ended the text, if one did.
  public Optional<String> matched() {
    return matched;
  }

  /// The index of the longest stop that this character completes, or -1.
  private int advance(char c) {
    int found = -1;
    for (int i = 0; i < matching.length; i++) {
      matching[i] = stops.extend(i, matching[i], c);
      int length = stops.text(i).length();
      boolean complete = matching[i] == length;
      if (complete && (found < 0 || length > stops.text(found).length())) {
        found = i;
      }
    }
    return found;
  }
}
