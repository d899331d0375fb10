package dev.krait.backend;

import dev.krait.model.RoutedMlp;
import dev.krait.model.RoutedMlp.Router;
import dev.krait.model.RoutedMlp.Score;
import dev.krait.tensor.Buffer;
import java.util.Arrays;
import java.util.Optional;

/// Which experts a token goes through, and with which weights.
final class ExpertChoice {
  private final RoutedMlp mixer;
  private final Router router;
  private final float[] scores;

  /// What the choice goes by; minus infinity where a group does not take part.
  private final float[] keys;

  private final boolean[] taken;
  private final float[] groupKeys;
  private final boolean[] keptGroups;

  ExpertChoice(RoutedMlp mixer) {
    this.mixer = mixer;
    router = mixer.router();
    scores = new float[mixer.experts()];
    keys = new float[mixer.experts()];
    taken = new boolean[mixer.experts()];
    groupKeys = new float[router.groups()];
    keptGroups = new boolean[router.groups()];
  }

  /// Chooses for one token.
  ///
  /// @param logits of all experts from `from` on, then that of the shared one
  /// @param bias of the choice
  /// @param chosen where the experts go, from `to` on, the best first and the shared one last
  /// @param weights where their weights go
  void choose(
      float[] logits, int from, Optional<Buffer> bias, int[] chosen, float[] weights, int to) {
    score(logits, from);
    if (bias.isPresent()) {
      float[] own = HostBuffer.floats(bias.get());
      for (int e = 0; e < keys.length; e++) {
        keys[e] += own[e];
      }
    }
    if (router.groups() > 1) {
      leaveOutGroups();
    }
    int count = mixer.perToken();
    pick(keys, taken, count);
    rank(chosen, to, count);
    float total = router.renormalised() ? router.epsilon() : 1;
    if (router.renormalised()) {
      for (int i = to; i < to + count; i++) {
        total += scores[chosen[i]];
      }
    } else if (router.score() == Score.SOFTMAX) {
      total = 0;
      for (float score : scores) {
        total += score;
      }
    }
    for (int i = to; i < to + count; i++) {
      weights[i] = scores[chosen[i]] / total * router.scale();
    }
    if (mixer.sharedDim() > 0) {
      chosen[to + count] = mixer.experts();
      weights[to + count] = sigmoid(logits[from + mixer.experts()]);
    }
  }

  private static float sigmoid(float v) {
    return (float) (1 / (1 + Math.exp(-v)));
  }

  private void score(float[] logits, int from) {
    System.arraycopy(logits, from, keys, 0, keys.length);
    float most = Float.NEGATIVE_INFINITY;
    for (float key : keys) {
      most = Math.max(most, key);
    }
    for (int e = 0; e < keys.length; e++) {
      switch (router.score()) {
        case SOFTMAX -> scores[e] = (float) Math.exp(keys[e] - most);
        case SIGMOID -> {
          scores[e] = sigmoid(keys[e]);
          keys[e] = scores[e];
        }
      }
    }
  }

  private void leaveOutGroups() {
    int size = keys.length / router.groups();
    for (int g = 0; g < groupKeys.length; g++) {
      float best = Float.NEGATIVE_INFINITY;
      float second = Float.NEGATIVE_INFINITY;
      for (int e = g * size; e < (g + 1) * size; e++) {
        second = Math.max(second, Math.min(best, keys[e]));
        best = Math.max(best, keys[e]);
      }
      groupKeys[g] = size > 1 ? best + second : best;
    }
    pick(groupKeys, keptGroups, router.keptGroups());
    for (int e = 0; e < keys.length; e++) {
      keys[e] = keptGroups[e / size] ? keys[e] : Float.NEGATIVE_INFINITY;
    }
  }

  /// Marks the largest of some numbers, of equal ones those of the lowest index.
  private static void pick(float[] of, boolean[] picked, int count) {
    Arrays.fill(picked, false);
    for (int i = 0; i < count; i++) {
      picked[best(of, picked, false)] = true;
    }
  }

  /// The largest of those that are marked so.
  private static int best(float[] of, boolean[] picked, boolean marked) {
    int best = -1;
    for (int e = 0; e < of.length; e++) {
      if (picked[e] == marked && (best < 0 || of[e] > of[best])) {
        best = e;
      }
    }
    return best;
  }

  /// Writes those that are taken, the best first.
  private void rank(int[] chosen, int to, int count) {
    for (int i = to; i < to + count; i++) {
      chosen[i] = best(keys, taken, true);
      taken[chosen[i]] = false;
    }
  }
}
