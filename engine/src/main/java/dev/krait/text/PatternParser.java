package dev.krait.text;

import dev.krait.error.EngineException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Reads the regular expressions that tokenizers use, in the syntax of Oniguruma. Whatever it does
/// not know, such as references back or recursion, it refuses.
final class PatternParser {
  private static final int MAX_DEPTH = 20;

  /// A group of less than so many repetitions costs a constant.
  private static final int MAX_REPETITIONS = 1000;

  private static final Pattern GROUP =
      Pattern.compile("\\((?:\\?(?:i?:|(?<look>=|!|<=|<!)))?", Pattern.DOTALL);
  private static final Pattern CHARACTER =
      Pattern.compile(
          "\\\\(?:[pP]\\{\\^?[\\w ]+\\}|x\\{\\p{XDigit}{1,6}\\}|x\\p{XDigit}{2}|u\\p{XDigit}{4}"
              + "|[sSdDwWhHnrtfvae]|[^\\p{Alnum}])|[^\\\\\\[\\](){}?*+|^$]|[{}\\]]",
          Pattern.DOTALL);
  private static final Pattern POSITION = Pattern.compile("[$^]|\\\\[bBAzZ]");
  private static final Pattern REPETITION =
      Pattern.compile("(?<sign>[?*+])[?+]?|\\{(?<min>\\d{1,6})?(?<comma>,)?(?<max>\\d{1,6})?\\}");

  private final String text;
  private int at;

  PatternParser(String text) {
    this.text = text;
  }

  /// The alternatives of the whole expression.
  List<List<PatternPart>> parse() {
    List<List<PatternPart>> alternatives = alternatives(0);
    if (at < text.length()) {
      throw unknown();
    }
    return alternatives;
  }

  private List<List<PatternPart>> alternatives(int depth) {
    if (depth > MAX_DEPTH) {
      throw unknown();
    }
    List<List<PatternPart>> alternatives = new ArrayList<>();
    List<PatternPart> parts = new ArrayList<>();
    while (at < text.length() && text.charAt(at) != ')') {
      if (text.charAt(at) == '|') {
        at++;
        alternatives.add(parts);
        parts = new ArrayList<>();
      } else {
        parts.add(repeated(atom(depth)));
      }
    }
    alternatives.add(parts);
    return alternatives;
  }

  private PatternPart atom(int depth) {
    int start = at;
    Matcher position = matcher(POSITION);
    if (position.lookingAt()) {
      at = position.end();
      return part(start, List.of(), PatternPart.Kind.POSITION);
    }
    if (text.charAt(at) == '[') {
      skipClass();
      return part(start, List.of(), PatternPart.Kind.CHARACTER);
    }
    Matcher character = matcher(CHARACTER);
    if (character.lookingAt()) {
      at = character.end();
      return part(start, List.of(), PatternPart.Kind.CHARACTER);
    }
    Matcher group = matcher(GROUP);
    if (!group.lookingAt()) {
      throw unknown();
    }
    at = group.end();
    List<List<PatternPart>> inner = alternatives(depth + 1);
    if (at >= text.length()) {
      throw unknown();
    }
    at++;
    PatternPart.Kind kind =
        group.group("look") == null ? PatternPart.Kind.GROUP : PatternPart.Kind.LOOKAROUND;
    return part(start, inner, kind);
  }

  private PatternPart part(int start, List<List<PatternPart>> group, PatternPart.Kind kind) {
    return new PatternPart(text.substring(start, at), group, kind, 1, 1);
  }

  /// Steps over a class, with the classes inside of it.
  private void skipClass() {
    int depth = 0;
    do {
      char c = text.charAt(at);
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      at += c == '\\' ? 2 : 1;
      boolean first = c == '[' && at < text.length();
      if (first && (text.charAt(at) == ']' || text.startsWith("^]", at))) {
        throw unknown();
      }
    } while (depth > 0 && at < text.length());
    if (depth > 0 || at > text.length()) {
      throw unknown();
    }
  }

  private PatternPart repeated(PatternPart once) {
    Matcher repetition = matcher(REPETITION);
    if (at >= text.length() || !repetition.lookingAt()) {
      return once;
    }
    String sign = repetition.group("sign");
    String least = repetition.group("min");
    String most = repetition.group("max");
    if (sign == null && least == null && most == null) {
      return once;
    }
    at = repetition.end();
    // A second repetition makes one of the first, as in `a{1,3}+`.
    if (once.kind() == PatternPart.Kind.POSITION
        || once.isLookaround()
        || (at < text.length() && matcher(REPETITION).lookingAt())) {
      throw unknown();
    }
    int min = sign != null ? (sign.equals("+") ? 1 : 0) : least == null ? 0 : number(least);
    int max =
        sign != null
            ? (sign.equals("?") ? 1 : PatternPart.UNBOUNDED)
            : most != null
                ? number(most)
                : repetition.group("comma") == null ? min : PatternPart.UNBOUNDED;
    return new PatternPart(once.atom(), once.group(), once.kind(), min, max);
  }

  private int number(String digits) {
    int value = Integer.parseInt(digits);
    if (value > MAX_REPETITIONS) {
      throw unknown();
    }
    return value;
  }

  private Matcher matcher(Pattern pattern) {
    return pattern.matcher(text).region(at, text.length());
  }

  private EngineException unknown() {
    return EngineException.invalidCheckpoint(
        "regular expression "
            + text
            + ": not known at character "
            + at
            + " (expected: characters, classes, groups, lookaround and repetitions)");
  }
}
