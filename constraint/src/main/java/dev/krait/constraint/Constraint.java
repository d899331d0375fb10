package dev.krait.constraint;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// A grammar made ready. States and masks are found when they are first asked for and kept, so that
/// requests with the same grammar should share one. Threads may share it: each call takes its turn.
public final class Constraint {
  /// States of the automaton that compiling may make.
  public static final int MAX_COMPILED = 200_000;

  /// Time that compiling may take.
  public static final Duration MAX_TIME = Duration.ofSeconds(10);

  /// States beyond which a constraint should not be kept for later requests: about 100 MB.
  private static final int MAX_STATES = 50_000;

  private final Languages languages;
  private final Automaton automaton;
  private final State start;
  private final Lock lock = new ReentrantLock();
  private @Nullable Masks masks;
  private @Nullable Vocabulary vocabulary;

  private Constraint(Languages languages, Node root) {
    this.languages = languages;
    automaton = new Automaton(languages);
    start = automaton.start(root);
  }

  /// Throws [ConstraintException] with the keyword when the grammar is wrong, cannot be held, or is
  /// beyond the budgets.
  public static Constraint compile(Grammar grammar) {
    Languages languages = new Languages(MAX_COMPILED, System.nanoTime() + MAX_TIME.toNanos());
    Node root = new GrammarCompiler(languages).compile(grammar);
    languages.unbounded();
    return new Constraint(languages, root);
  }

  /// Before the first byte.
  public State start() {
    return start;
  }

  /// Behind more bytes; null when they are not allowed.
  public @Nullable State advance(State state, byte[] bytes) {
    lock.lock();
    try {
      State at = state;
      for (int i = 0; i < bytes.length && at != null; i++) {
        at = automaton.next(at, bytes[i] & 0xff);
      }
      return at;
    } finally {
      lock.unlock();
    }
  }

  /// Behind one more token; null when it is not allowed.
  public @Nullable State advance(State state, int token, Vocabulary of) {
    byte[] bytes = of.shared(token);
    return bytes == null || bytes.length == 0 ? null : advance(state, bytes);
  }

  /// The tokens that may come next, besides the model's own end where the state is complete.
  public TokenMask mask(State state, Vocabulary of) {
    lock.lock();
    try {
      if (masks == null || vocabulary != of) {
        if (vocabulary != null) {
          throw new IllegalArgumentException("a constraint serves one vocabulary");
        }
        vocabulary = of;
        masks = new Masks(automaton, languages, of);
      }
      TokenMask mask = state.mask;
      if (mask == null) {
        mask = masks.of(state);
        state.mask = mask;
      }
      return mask;
    } finally {
      lock.unlock();
    }
  }

  /// The bytes that may come next.
  public List<Integer> allowedBytes(State state) {
    lock.lock();
    try {
      List<Integer> allowed = new ArrayList<>();
      for (int value = 0; value < 256; value++) {
        if (automaton.next(state, value) != null) {
          allowed.add(value);
        }
      }
      return allowed;
    } finally {
      lock.unlock();
    }
  }

  /// Whether it holds so much that a new one should take its place.
  public boolean isSpent() {
    lock.lock();
    try {
      return automaton.states() > MAX_STATES || languages.size() > 2 * MAX_COMPILED;
    } finally {
      lock.unlock();
    }
  }
}
