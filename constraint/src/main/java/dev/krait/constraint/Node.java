package dev.krait.constraint;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// A place in a compiled grammar; each knows what follows it. Compared by identity.
sealed interface Node {
  /// The text of a rule, an entry, or a repetition ends here.
  final class End implements Node {}

  /// A text of a regular language. A `quoted` one is a JSON string from quote to quote, which no
  /// token without a quote leaves.
  final class Terminal implements Node {
    final Regex language;
    final boolean quoted;
    final Node next;

    Terminal(Regex language, boolean quoted, Node next) {
      this.language = language;
      this.quoted = quoted;
      this.next = next;
    }
  }

  /// A rule, then what follows it.
  final class Call implements Node {
    final Rule rule;
    final Node next;

    Call(Rule rule, Node next) {
      this.rule = rule;
      this.next = next;
    }
  }

  /// One of several ways.
  final class Fork implements Node {
    final List<Node> ways;

    Fork(List<Node> ways) {
      this.ways = ways;
    }
  }

  /// The body several times, then what follows; no limit is -1.
  final class Loop implements Node {
    final Node body;
    final int min;
    final int max;
    final Node next;

    Loop(Node body, int min, int max, Node next) {
      this.body = body;
      this.min = min;
      this.max = max;
      this.next = next;
    }
  }

  /// The entries of an object behind its brace, in their order or in any, and its closing brace.
  final class Members implements Node {
    final List<Entry> entries;

    /// Entries that may come any number of times.
    final List<Entry> others;

    final int min;
    final int max;
    final boolean ordered;
    final Node comma;
    final Node close;

    Members(List<Entry> entries, List<Entry> others, int min, int max, Frame.Text text) {
      this.entries = entries;
      this.others = others;
      this.min = min;
      this.max = max;
      this.ordered = text.ordered();
      this.comma = text.comma();
      this.close = text.close();
    }
  }

  /// An entry of an object: its key, colon and value.
  record Entry(Node key, Rule value, boolean required) {}

  /// The items of an array behind its bracket, and its closing bracket.
  final class Elements implements Node {
    final List<Rule> first;

    /// All later ones; null when there are none.
    final @Nullable Rule later;

    final int min;
    final int max;
    final Node comma;
    final Node close;

    Elements(List<Rule> first, @Nullable Rule later, int min, int max, Frame.Text text) {
      this.first = first;
      this.later = later;
      this.min = min;
      this.max = max;
      this.comma = text.comma();
      this.close = text.close();
    }
  }

  /// A part of the grammar with a body of its own, which may contain itself.
  final class Rule {
    @Nullable Node body;

    /// Whether some text of it ends.
    boolean productive;
  }
}
