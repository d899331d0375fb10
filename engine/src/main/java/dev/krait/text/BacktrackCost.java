package dev.krait.text;

import dev.krait.error.EngineException;
import java.util.ArrayList;
import java.util.List;

/// What a regular expression of a tokenizer may cost, and whether that is too much.
///
/// The tokenizers library matches by backtracking. It ends the process when one match needs more
/// than ten million retries, and nothing interrupts a search whose time grows with the square of
/// the text. An expression is taken when its time grows with the text alone:
///
/// - Nothing that repeats contains a choice or something that repeats.
/// - Behind a repetition without a bound something may fail only when a later alternative takes the
///   same run of characters for sure, as `\s+` does for `\s+(?!\S)`; else each character of a run
///   would begin the search anew.
/// - At most one repetition without a bound stands before what may fail.
final class BacktrackCost {
  /// Retries that one match may need: the library's limit of ten million, less what expressions
  /// need whatever the text.
  static final int MAX_RETRIES = 8 << 20;

  /// Most ways to match a part without unbounded repetitions.
  private static final long MAX_WAYS = 10_000;

  private final String expression;

  private BacktrackCost(String expression) {
    this.expression = expression;
  }

  /// Retries of one match for each character of the text, at most.
  ///
  /// @throws EngineException INVALID_CHECKPOINT for an expression that is not taken
  static int retriesPerCharacter(String expression) {
    BacktrackCost cost = new BacktrackCost(expression);
    List<List<PatternPart>> alternatives = new ArrayList<>();
    for (List<PatternPart> alternative : new PatternParser(expression).parse()) {
      cost.expand(List.of(), alternative, alternatives);
    }
    long retries = 0;
    for (int i = 0; i < alternatives.size(); i++) {
      retries += cost.retries(alternatives, i);
    }
    if (retries > MAX_WAYS) {
      throw cost.refused("too many choices");
    }
    return (int) retries;
  }

  /// Replaces a last group that repeats something without a bound by what it may stand for.
  private void expand(
      List<PatternPart> before, List<PatternPart> parts, List<List<PatternPart>> into) {
    if (into.size() > MAX_WAYS) {
      throw refused("too many choices");
    }
    List<PatternPart> whole = new ArrayList<>(before);
    for (int i = 0; i < parts.size(); i++) {
      PatternPart part = parts.get(i);
      if (part.isBoundedInside()) {
        whole.add(part);
        continue;
      }
      if (i < parts.size() - 1 || part.isLookaround() || part.max() != 1) {
        throw refused("a repetition without a bound inside of a group");
      }
      for (List<PatternPart> inner : part.group()) {
        expand(whole, inner, into);
      }
      if (part.min() == 0) {
        into.add(whole);
      }
      return;
    }
    into.add(whole);
  }

  private long retries(List<List<PatternPart>> alternatives, int index) {
    List<PatternPart> parts = alternatives.get(index);
    int lastFailing = -1;
    for (int i = 0; i < parts.size(); i++) {
      checkRepeated(parts.get(i));
      lastFailing = parts.get(i).canFail() ? i : lastFailing;
    }
    long ways = 1;
    int run = -1;
    for (int i = 0; i < lastFailing; i++) {
      if (parts.get(i).isBounded()) {
        ways *= parts.get(i).ways();
      } else if (run < 0) {
        run = i;
      } else {
        throw refused("two repetitions without a bound before something that may fail");
      }
      if (ways > MAX_WAYS) {
        throw refused("too many choices");
      }
    }
    if (run < 0) {
      return 0;
    }
    String repeated = parts.get(run).atom();
    boolean taken =
        alternatives.subList(index + 1, alternatives.size()).stream()
            .anyMatch(later -> takes(later, repeated));
    if (!taken) {
      throw refused(
          "something that may fail behind '" + repeated + "' without a later alternative of it");
    }
    return ways;
  }

  /// Whether an alternative matches wherever a run of an atom begins.
  private static boolean takes(List<PatternPart> parts, String atom) {
    boolean found = false;
    for (PatternPart part : parts) {
      boolean theRun = !found && !part.isBounded() && part.min() <= 1 && part.atom().equals(atom);
      if (!theRun && part.canFail()) {
        return false;
      }
      found |= theRun;
    }
    return found;
  }

  private void checkRepeated(PatternPart part) {
    boolean choice =
        part.group().size() > 1
            || part.group().stream().flatMap(List::stream).anyMatch(PatternPart::varies);
    if (part.max() != 1 && choice) {
      throw refused("a choice or a repetition inside of a repetition");
    }
    part.group().forEach(inner -> inner.forEach(this::checkRepeated));
    if (part.ways() > MAX_WAYS) {
      throw refused("too many choices");
    }
  }

  private EngineException refused(String why) {
    return EngineException.invalidCheckpoint(
        "regular expression "
            + expression
            + ": "
            + why
            + " (expected: one whose time grows with the text and not faster)");
  }
}
