package dev.krait.service;

import dev.krait.constraint.Constraint;
import dev.krait.constraint.ConstraintException;
import dev.krait.constraint.Vocabulary;
import dev.krait.error.EngineException;
import dev.krait.error.ErrorCode;
import dev.krait.generation.OutputConstraint;
import dev.krait.generation.TokenIds;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// Compiles what requests ask of their answers, on their own threads, and keeps what was used last.
final class Constraints {
  /// Longest source of a constraint, in characters.
  static final int MAX_SOURCE = 1 << 18;

  private static final int MAX_KEPT = 64;

  private final ServedModel model;
  private final Lock lock = new ReentrantLock();
  private final Map<String, OutputConstraint> kept = new LinkedHashMap<>(16, 0.75f, true);
  private @Nullable Vocabulary vocabulary;

  Constraints(ServedModel model) {
    this.model = model;
  }

  /// The constraint of an answer.
  ///
  /// @throws EngineException INVALID_ARGUMENT when it is wrong or cannot be held, with the reason
  OutputConstraint of(StructuredOutput wanted) {
    if (wanted.key().length() > MAX_SOURCE) {
      throw EngineException.invalidArgument(
          wanted.field(), wanted.key().length() + " characters", "at most " + MAX_SOURCE);
    }
    OutputConstraint known = find(wanted.key());
    if (known != null) {
      return known;
    }
    OutputConstraint made = compile(wanted);
    lock.lock();
    try {
      kept.put(wanted.key(), made);
      if (kept.size() > MAX_KEPT) {
        kept.remove(kept.keySet().iterator().next());
      }
    } finally {
      lock.unlock();
    }
    return made;
  }

  private @Nullable OutputConstraint find(String key) {
    lock.lock();
    try {
      OutputConstraint known = kept.get(key);
      if (known != null && known.constraint().isSpent()) {
        kept.remove(key);
        return null;
      }
      return known;
    } finally {
      lock.unlock();
    }
  }

  private OutputConstraint compile(StructuredOutput wanted) {
    TokenIds ends = model.info().endTokenIds();
    if (ends.size() == 0) {
      throw new EngineException(
          ErrorCode.UNSUPPORTED,
          wanted.field(),
          wanted.field() + ": not supported by a model without an end token");
    }
    try {
      Constraint constraint = Constraint.compile(wanted.grammar());
      Vocabulary tokens = vocabulary();
      if (constraint.mask(constraint.start(), tokens).count() == 0
          && !constraint.start().isComplete()) {
        throw new ConstraintException("tokens", "no token of the model can begin such a text");
      }
      return new OutputConstraint(constraint, tokens, ends);
    } catch (ConstraintException e) {
      throw new EngineException(
          ErrorCode.INVALID_ARGUMENT, wanted.field(), wanted.field() + ": " + e.getMessage(), e);
    }
  }

  private Vocabulary vocabulary() {
    lock.lock();
    try {
      Vocabulary tokens = vocabulary;
      if (tokens == null) {
        tokens = new Vocabulary(model.tokenizer().textTokens());
        vocabulary = tokens;
      }
      return tokens;
    } finally {
      lock.unlock();
    }
  }
}
