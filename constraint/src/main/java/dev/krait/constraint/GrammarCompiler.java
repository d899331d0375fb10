package dev.krait.constraint;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Compiles grammars into places of an automaton.
final class GrammarCompiler {
  private static final int MAX_RULES = 10_000;

  private final Languages languages;
  private final Encoding plain;
  private final List<Node.Rule> rules = new ArrayList<>();
  private final Node end = new Node.End();

  GrammarCompiler(Languages languages) {
    this.languages = languages;
    plain = new Encoding(languages, false);
  }

  Node compile(Grammar grammar) {
    Node.Rule root = newRule();
    root.body = node(grammar, end, Map.of());
    findProductive();
    if (!root.productive) {
      throw new ConstraintException("schema", "schema: no finite text satisfies it");
    }
    for (Node.Rule rule : rules) {
      refuseLeftRecursion(rule, new HashSet<>(), new HashSet<>());
    }
    return new Node.Call(root, end);
  }

  private Node.Rule newRule() {
    Node.Rule rule = new Node.Rule();
    add(rule);
    return rule;
  }

  private void add(Node.Rule rule) {
    if (rules.size() >= MAX_RULES) {
      throw new ConstraintException(
          "rules", "more than " + MAX_RULES + " different schemas or rules");
    }
    rules.add(rule);
  }

  private Node node(Grammar grammar, Node next, Map<String, Node.Rule> names) {
    if (isRegular(grammar)) {
      return terminal(regular(grammar), next);
    }
    return switch (grammar) {
      case Grammar.Schema schema -> {
        SchemaCompiler compiler =
            new SchemaCompiler(
                Objects.requireNonNullElse(schema.schema(), Map.of()),
                languages,
                schema.ordered(),
                this::add);
        yield new Node.Call(compiler.compile(), next);
      }
      case Grammar.Sequence sequence -> {
        Node node = next;
        for (Grammar part : sequence.parts().reversed()) {
          node = node(part, node, names);
        }
        yield node;
      }
      case Grammar.Either either ->
          new Node.Fork(either.parts().stream().map(part -> node(part, next, names)).toList());
      case Grammar.Repeat repeat ->
          new Node.Loop(node(repeat.part(), end, names), repeat.min(), repeat.max(), next);
      case Grammar.Rules inner -> {
        Map<String, Node.Rule> known = new HashMap<>();
        inner.rules().keySet().forEach(name -> known.put(name, newRule()));
        inner.rules().forEach((name, body) -> rule(known, name).body = node(body, end, known));
        yield new Node.Call(rule(known, inner.start()), next);
      }
      case Grammar.Reference reference -> new Node.Call(rule(names, reference.rule()), next);
      case Grammar.Text text -> throw new IllegalStateException("a text is regular");
      case Grammar.Pattern pattern -> throw new IllegalStateException("a pattern is regular");
      case Grammar.Free free -> throw new IllegalStateException("free text is regular");
    };
  }

  private static boolean isRegular(Grammar grammar) {
    return switch (grammar) {
      case Grammar.Text text -> true;
      case Grammar.Pattern pattern -> true;
      case Grammar.Free free -> true;
      case Grammar.Sequence sequence ->
          sequence.parts().stream().allMatch(GrammarCompiler::isRegular);
      case Grammar.Either either -> either.parts().stream().allMatch(GrammarCompiler::isRegular);
      case Grammar.Repeat repeat -> isRegular(repeat.part());
      case Grammar.Schema schema -> false;
      case Grammar.Rules rules -> false;
      case Grammar.Reference reference -> false;
    };
  }

  private Regex regular(Grammar grammar) {
    return switch (grammar) {
      case Grammar.Text text -> languages.text(text.text());
      case Grammar.Pattern pattern ->
          new Expression.Reader("regex", languages, plain)
              .whole(ExpressionParser.parse("regex", pattern.expression()));
      case Grammar.Free free -> {
        Regex text = plain.all;
        for (String without : free.without()) {
          Regex with = languages.concat(plain.all, languages.text(without), plain.all);
          text = languages.and(text, languages.not(with));
        }
        yield text;
      }
      case Grammar.Sequence sequence -> {
        Regex regex = languages.empty;
        for (Grammar part : sequence.parts().reversed()) {
          regex = languages.concat(regular(part), regex);
        }
        yield regex;
      }
      case Grammar.Either either -> {
        List<Regex> ways = new ArrayList<>();
        List<byte[]> texts = new ArrayList<>();
        for (Grammar part : either.parts()) {
          if (part instanceof Grammar.Text text) {
            texts.add(text.text().getBytes(StandardCharsets.UTF_8));
          } else {
            ways.add(regular(part));
          }
        }
        if (!texts.isEmpty()) {
          ways.add(languages.anyOf(texts));
        }
        yield languages.or(ways);
      }
      case Grammar.Repeat repeat ->
          languages.repeat(regular(repeat.part()), repeat.min(), repeat.max());
      case Grammar.Schema schema -> throw new IllegalStateException("a schema nests");
      case Grammar.Rules rules -> throw new IllegalStateException("rules nest");
      case Grammar.Reference reference -> throw new IllegalStateException("a rule nests");
    };
  }

  private static Node.Rule rule(Map<String, Node.Rule> names, String name) {
    Node.Rule rule = names.get(name);
    if (rule == null) {
      throw new ConstraintException("grammar", "grammar: there is no rule '" + name + "'");
    }
    return rule;
  }

  private Node terminal(Regex language, Node next) {
    return languages.isNothing(language)
        ? new Node.Fork(List.of())
        : language == languages.empty ? next : new Node.Terminal(language, false, next);
  }

  private void findProductive() {
    boolean changed = true;
    while (changed) {
      changed = false;
      for (Node.Rule rule : rules) {
        if (!rule.productive && isProductive(Objects.requireNonNull(rule.body))) {
          rule.productive = true;
          changed = true;
        }
      }
    }
  }

  private static boolean isProductive(Node node) {
    return switch (node) {
      case Node.End end -> true;
      case Node.Terminal terminal -> isProductive(terminal.next);
      case Node.Call call -> call.rule.productive && isProductive(call.next);
      case Node.Fork fork -> fork.ways.stream().anyMatch(GrammarCompiler::isProductive);
      case Node.Loop loop -> (loop.min == 0 || isProductive(loop.body)) && isProductive(loop.next);
      case Node.Members members -> {
        long able = members.entries.stream().filter(entry -> entry.value().productive).count();
        boolean more = members.others.stream().anyMatch(entry -> entry.value().productive);
        yield members.entries.stream()
                .allMatch(entry -> !entry.required() || entry.value().productive)
            && (more || able >= members.min);
      }
      case Node.Elements elements -> {
        boolean able = true;
        for (int i = 0; i < elements.min && able; i++) {
          boolean first = i < elements.first.size();
          Node.Rule item = first ? elements.first.get(i) : elements.later;
          able = item != null && item.productive;
          i = first ? i : elements.min;
        }
        yield able && (elements.max < 0 || elements.min <= elements.max);
      }
    };
  }

  /// A rule that calls itself before it has read anything would never come to an end.
  private static void refuseLeftRecursion(
      Node.Rule rule, Set<Node.Rule> open, Set<Node.Rule> done) {
    if (done.contains(rule)) {
      return;
    }
    if (!open.add(rule)) {
      throw new ConstraintException(
          "grammar", "grammar: a rule begins with itself (left recursion is not supported)");
    }
    visit(rule.body, open, done);
    open.remove(rule);
    done.add(rule);
  }

  /// Visits what can be reached without reading; whether the end is reached.
  private static boolean visit(@Nullable Node node, Set<Node.Rule> open, Set<Node.Rule> done) {
    return switch (node) {
      case null -> true;
      case Node.End end -> true;
      case Node.Terminal terminal -> terminal.language.nullable && visit(terminal.next, open, done);
      case Node.Call call -> {
        refuseLeftRecursion(call.rule, open, done);
        yield isNullable(call.rule.body, new HashSet<>()) && visit(call.next, open, done);
      }
      case Node.Fork fork -> {
        boolean any = false;
        for (Node way : fork.ways) {
          any |= visit(way, open, done);
        }
        yield any;
      }
      case Node.Loop loop ->
          (visit(loop.body, open, done) || loop.min == 0) && visit(loop.next, open, done);
      case Node.Members members -> false;
      case Node.Elements elements -> false;
    };
  }

  private static boolean isNullable(@Nullable Node node, Set<Node> open) {
    if (node == null || !open.add(node)) {
      return node == null;
    }
    return switch (node) {
      case Node.End end -> true;
      case Node.Terminal t -> t.language.nullable && isNullable(t.next, open);
      case Node.Call c -> isNullable(c.rule.body, open) && isNullable(c.next, open);
      case Node.Fork f -> f.ways.stream().anyMatch(way -> isNullable(way, open));
      case Node.Loop l -> (l.min == 0 || isNullable(l.body, open)) && isNullable(l.next, open);
      case Node.Members members -> false;
      case Node.Elements elements -> false;
    };
  }
}
