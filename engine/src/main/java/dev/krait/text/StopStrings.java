package dev.krait.text;

import dev.krait.error.EngineException;
import java.util.List;

/// Stop strings with what a search for them needs; one for all sequences of a request. Immutable.
public final class StopStrings {
  private final List<String> stops;

  /// Of each stop: for every length, the longest shorter prefix that ends there as well.
  private final int[][] shorter;

  private StopStrings(List<String> stops, int[][] shorter) {
    this.stops = stops;
    this.shorter = shorter;
  }

  /// Prepares the search.
  ///
  /// @throws EngineException INVALID_ARGUMENT for an empty stop string
  public static StopStrings of(List<String> stops) {
    List<String> copy = List.copyOf(stops);
    int[][] shorter = new int[copy.size()][];
    for (int i = 0; i < shorter.length; i++) {
      if (copy.get(i).isEmpty()) {
        throw EngineException.invalidArgument("stop", "''", "a text that is not empty");
      }
      shorter[i] = shorterPrefixes(copy.get(i));
    }
    return new StopStrings(copy, shorter);
  }

  int size() {
    return stops.size();
  }

  String text(int stop) {
    return stops.get(stop);
  }

  /// How much of a stop a text ends with after one more character.
  int extend(int stop, int matching, char c) {
    return extend(stops.get(stop), shorter[stop], matching, c);
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
