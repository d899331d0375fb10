package dev.krait.error;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/// Names that differ least from one that does not exist, for messages.
public final class NearestNames {
  private static final int MAX_COMPARED_CHARS = 200;

  private record Candidate(String name, int edits) {}

  private NearestNames() {}

  /// At most `limit` names, the nearest first.
  public static List<String> of(String wanted, Collection<String> names, int limit) {
    return names.stream()
        .map(name -> new Candidate(name, edits(wanted, name)))
        .sorted(Comparator.comparingInt(Candidate::edits).thenComparing(Candidate::name))
        .limit(limit)
        .map(Candidate::name)
        .toList();
  }

  /// Insertions, deletions and replacements from one text to the other.
  private static int edits(String from, String to) {
    if (Math.max(from.length(), to.length()) > MAX_COMPARED_CHARS) {
      return Integer.MAX_VALUE;
    }
    int[] row = new int[to.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= from.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j < row.length; j++) {
        int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[to.length()];
  }
}
