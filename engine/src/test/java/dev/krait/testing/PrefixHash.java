package dev.krait.testing;

import dev.krait.generation.GenerationRequest;
import dev.krait.generation.StopConditions;
import java.util.ArrayList;
import java.util.List;

/// A language model in closed form: the next token is a hash of every token before it.
///
/// @param vocabSize ids are below this
/// @param attends the model reads the prefix from key/value blocks
/// @param recurs the model reads the prefix from a recurrent state
public record PrefixHash(int vocabSize, boolean attends, boolean recurs) {
  /// Hash of no token.
  public static final long EMPTY = 0x9E3779B97F4A7C15L;

  /// The hash of a prefix with one more token.
  public static long fold(long hash, int id, int position) {
    return mix(hash ^ mix(((long) position << 32) + id + 1));
  }

  /// The token that follows.
  ///
  /// @param attended hash of the prefix as read from the blocks
  /// @param recurred hash of the prefix as read from the state
  /// @param generated tokens generated before this one
  public int next(long attended, long recurred, int generated, StopConditions stop) {
    long key = mix((attends ? attended : 0) * 31 + (recurs ? recurred : 0));
    int id = (int) Long.remainderUnsigned(key, vocabSize);
    boolean endIsAllowed = generated >= stop.minTokens();
    while (!endIsAllowed && stop.stopTokenIds().contains(id)) {
      id = (id + 1) % vocabSize;
    }
    return id;
  }

  /// All tokens that a request must generate when nothing interrupts it.
  public List<Integer> text(GenerationRequest request) {
    long hash = EMPTY;
    int position = 0;
    for (int id : request.promptIds().toArray()) {
      hash = fold(hash, id, position++);
    }
    List<Integer> text = new ArrayList<>();
    while (text.size() < request.stop().maxTokens()) {
      int id = next(hash, hash, text.size(), request.stop());
      text.add(id);
      hash = fold(hash, id, position++);
      if (request.stop().stopTokenIds().contains(id) && text.size() > request.stop().minTokens()) {
        break;
      }
    }
    return text;
  }

  private static long mix(long value) {
    long z = (value ^ (value >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
