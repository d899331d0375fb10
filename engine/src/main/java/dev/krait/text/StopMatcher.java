package dev.krait.text;

import dev.krait.error.EngineException;
import java.util.List;
import java.util.Optional;

/// Finds stop strings in the text of one stream, across the pieces it comes in. Not thread-safe.
///
/// The stop string that is complete first wins; of several complete at the same character, the
/// longest. So where the text is cut does not depend on how it was cut into pieces.
public final class StopMatcher {
  private final List<String> stops;
  private final boolean includeStopInOutput;

  /// Of each stop: for every length, the longest shorter prefix that ends there as well.
  private final int[][] shorter;

  /// How much of each stop the text ends with.
  private final int[] matching;

  private String held = "";
  private Optional<String> matched = Optional.empty();

  /// Starts a stream.
  ///
  /// @param includeStopInOutput whether the stop string that matched is part of the text
  /// @throws EngineException INVALID_ARGUMENT for an empty stop string
  public StopMatcher(List<String> stops, boolean includeStopInOutput) {
    this.stops = List.copyOf(stops);
    this.includeStopInOutput = includeStopInOutput;
    this.shorter = new int[stops.size()][];
    this.matching = new int[stops.size()];
    for (int i = 0; i < stops.size(); i++) {
      if (stops.get(i).isEmpty()) {
        throw EngineException.invalidArgument("stop", "''", "a text that is not empty");
      }
      shorter[i] = shorterPrefixes(stops.get(i));
    }
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
        matched = Optional.of(stops.get(stop));
        held = "";
        int end = at + 1;
        return text.substring(0, includeStopInOutput ? end : end - stops.get(stop).length());
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
      String stop = stops.get(i);
      matching[i] = extend(stop, shorter[i], matching[i], c);
      boolean complete = matching[i] == stop.length();
      if (complete && (found < 0 || stop.length() > stops.get(found).length())) {
        found = i;
      }
    }
    return found;
  }

  private static int extend(String stop, int[] shorter, int matching, char c) {
    int length = matching;
    while (length > 0 && stop.charAt(length) != c) {
      length = shorter[length];
    }
    return stop.charAt(length) == c ? length + 1 : 0;
  }

  private static int[] shorterPrefixes(String stop) {
    int[] shorter = new int[stop.length() + 1];
    for (int end = 1; end < stop.length(); end++) {
      shorter[end + 1] = extend(stop, shorter, shorter[end], stop.charAt(end));
    }
    return shorter;
  }
}
