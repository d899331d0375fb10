package dev.krait.speculation;

import dev.krait.speculation.SpeculationReport.Choice;
import java.util.Arrays;
import java.util.List;

/// Drafted and accepted tokens by draft position.
final class AcceptanceCounts {
  private final long[] drafted;
  private final long[] accepted;

  AcceptanceCounts(int maxDraftTokens) {
    drafted = new long[maxDraftTokens];
    accepted = new long[maxDraftTokens];
  }

  void observe(int draftedTokens, int acceptedTokens) {
    for (int j = 0; j < draftedTokens; j++) {
      drafted[j]++;
      accepted[j] += j < acceptedTokens ? 1 : 0;
    }
  }

  SpeculationReport report(
      String drafter,
      int draftTokens,
      DraftLengthReason reason,
      double acceptance,
      List<Choice> choices) {
    return new SpeculationReport(
        drafter,
        draftTokens,
        reason,
        acceptance,
        Arrays.stream(drafted).sum(),
        Arrays.stream(accepted).sum(),
        Arrays.stream(accepted).boxed().toList(),
        Arrays.stream(drafted).boxed().toList(),
        choices);
  }
}
