package dev.krait.cache.sequence;

import dev.krait.cache.pool.SlotCopy;
import dev.krait.cache.prefix.PrefixKey;
import dev.krait.generation.TokenIds;
import java.util.Optional;

/// One sequence's share of the pools: reserve, commit, close.
///
/// Two counts describe it. `committedTokens` are permanent; of these the last `pendingTokens` lie
/// in the replay window: they are accepted, but the recurrent states have not been advanced over
/// them. The next step folds them into the states.
public interface SequenceCache extends AutoCloseable {

  /// Makes room for the tokens of the next step, and of those that are submitted but not committed,
  /// or changes nothing and returns false. A later call before [#commit] replaces what was
  /// reserved.
  ///
  /// @param directTokens tokens that cannot be rejected; they advance the states directly
  /// @param windowedTokens tokens that may be rejected; their inputs go through the replay window.
  ///   Only one of the two may be positive
  boolean reserve(int directTokens, int windowedTokens);

  /// Makes the first so many of the reserved tokens permanent. Other direct ones stay reserved,
  /// other windowed ones are forgotten.
  ///
  /// @param tokens 1 to all of them
  /// @return the copy of its state slot that a kept prefix needs
  Optional<SlotCopy> commit(int tokens);

  /// How many tokens of the prompt may be committed in one step, so that the step ends where states
  /// are worth keeping; any number where none are kept.
  default int maxPromptTokens() {
    return Integer.MAX_VALUE;
  }

  /// Whether a sequence of this prompt should wait for this one, which is computing tokens that it
  /// can then start behind.
  default boolean isWorthAwaiting(PrefixKey prompt) {
    return false;
  }

  /// Tokens from the start that the draft model has computed into the same blocks and slot; 0
  /// without a draft model.
  int draftModelTokens();

  /// The draft model has computed so many tokens. Kept prefixes hear of it at the next [#commit].
  void setDraftModelTokens(int tokens);

  /// Tokens that are permanent.
  int committedTokens();

  /// Committed tokens that the states do not include yet.
  int pendingTokens();

  /// The states now include every committed token: what a flush says when it is done.
  void markFlushed();

  /// Slot in the state pool, or -1 when the model has no recurrent layer.
  int stateSlot();

  /// Number of key/value blocks held.
  int blocks();

  /// Index of one held block in the block pool; token `t` lies in block `t / blockTokens`.
  int block(int index);

  /// Gives everything back like [#close], but what was computed is kept for sequences that start
  /// alike, where prefixes are kept.
  ///
  /// @param tokens of the sequence from the start, as many as are computed; fewer than are
  ///   committed where the last ones are not wanted
  /// @param inFlight a submitted step computes the last of them, directly
  default void keep(TokenIds tokens, boolean inFlight) {
    close();
  }

  /// Gives everything back.
  @Override
  void close();
}
