package dev.krait.constraint;

import java.util.ArrayList;
import java.util.List;

/// A regular expression as it is written, with the places that depend on what is around them.
sealed interface Expression {
  record Characters(CharacterSet set) implements Expression {}

  record Sequence(List<Expression> items) implements Expression {}

  record Either(List<Expression> ways) implements Expression {}

  record Repeat(Expression item, int min, int max) implements Expression {}

  record Start() implements Expression {}

  record End() implements Expression {}

  record Look(Expression inside, boolean negative) implements Expression {}

  /// Whether what it matches depends on what is around it.
  default boolean looksAround() {
    return switch (this) {
      case Characters c -> false;
      case Sequence s -> s.items.stream().anyMatch(Expression::looksAround);
      case Either e -> e.ways.stream().anyMatch(Expression::looksAround);
      case Repeat r -> r.item.looksAround();
      case Start s -> true;
      case End e -> true;
      case Look l -> true;
    };
  }

  /// Expressions as languages in an encoding.
  record Reader(String keyword, Languages languages, Encoding encoding) {
    /// Texts that match from their first to their last character.
    Regex whole(Expression expression) {
      return rest(List.of(expression), true, languages.empty);
    }

    /// Texts with a match anywhere in them.
    Regex anywhere(Expression expression) {
      Regex first = rest(List.of(expression), true, encoding.all);
      Regex later = rest(List.of(expression), false, encoding.all);
      return first == later
          ? languages.concat(encoding.all, first)
          : languages.or(first, languages.concat(encoding.any, encoding.all, later));
    }

    /// The texts that the items match, followed by a tail.
    private Regex rest(List<Expression> items, boolean atStart, Regex tail) {
      if (items.isEmpty()) {
        return tail;
      }
      Expression item = items.getFirst();
      List<Expression> others = items.subList(1, items.size());
      if (!item.looksAround()) {
        Regex regex = plain(item);
        boolean still = atStart && regex == languages.empty;
        return languages.concat(regex, rest(others, still, tail));
      }
      return switch (item) {
        case Start s -> atStart ? rest(others, true, tail) : languages.nothing;
        case End e -> languages.and(languages.empty, rest(others, atStart, tail));
        case Look look -> {
          Regex ahead = rest(List.of(look.inside), atStart, encoding.all);
          yield languages.and(
              look.negative ? languages.not(ahead) : ahead, rest(others, atStart, tail));
        }
        case Sequence s -> rest(join(s.items, others), atStart, tail);
        case Either e ->
            languages.or(
                e.ways.stream().map(w -> rest(join(List.of(w), others), atStart, tail)).toList());
        case Repeat r -> {
          if (r.min > 1 || r.max > 1 || r.max < 0) {
            throw new ConstraintException(
                keyword, keyword + ": a repeated group with ^, $ or a look ahead is not supported");
          }
          Regex once = rest(join(List.of(r.item), others), atStart, tail);
          yield r.min == 1 ? once : languages.or(once, rest(others, atStart, tail));
        }
        case Characters c -> throw new IllegalStateException("characters look at nothing else");
      };
    }

    private static List<Expression> join(List<Expression> one, List<Expression> other) {
      List<Expression> all = new ArrayList<>(one);
      all.addAll(other);
      return all;
    }

    private Regex plain(Expression expression) {
      return switch (expression) {
        case Characters c -> encoding.characters(c.set);
        case Sequence s -> {
          Regex regex = languages.empty;
          for (Expression item : s.items.reversed()) {
            regex = languages.concat(plain(item), regex);
          }
          yield regex;
        }
        case Either e -> languages.or(e.ways.stream().map(this::plain).toList());
        case Repeat r -> languages.repeat(plain(r.item), r.min, r.max);
        case Start s -> throw new IllegalStateException("^ looks around");
        case End e -> throw new IllegalStateException("$ looks around");
        case Look l -> throw new IllegalStateException("a look ahead looks around");
      };
    }
  }
}
