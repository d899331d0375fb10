package dev.krait.constraint;

import dev.krait.constraint.Expression.Repeat;
import java.util.ArrayList;
import java.util.List;

/// Reads a regular expression of ECMA-262, as JSON schemas and clients write them.
final class ExpressionParser {
  private static final int MAX_DEPTH = 100;
  private static final int MAX_REPEAT = 100_000;
  static final CharacterSet DIGIT = CharacterSet.of('0', '9');
  static final CharacterSet WORD = CharacterSet.of('a', 'z', 'A', 'Z', '0', '9', '_', '_');
  static final CharacterSet SPACE =
      CharacterSet.of(
          '\t', '\r', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f,
          0x202f, 0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff);
  static final CharacterSet LINE_END =
      CharacterSet.of('\n', '\n', '\r', '\r', 0x2028, 0x2028, 0x2029, 0x2029);

  private final String keyword;
  private final int[] text;
  private final String source;
  private int at;
  private boolean anyCase;

  private ExpressionParser(String keyword, String source) {
    this.keyword = keyword;
    this.source = source;
    text = source.codePoints().toArray();
  }

  static Expression parse(String keyword, String source) {
    ExpressionParser parser = new ExpressionParser(keyword, source);
    if (source.startsWith("(?i)")) {
      parser.anyCase = true;
      parser.at = 4;
    }
    Expression expression = parser.alternatives(0);
    if (parser.at < parser.text.length) {
      throw parser.wrong("an unmatched )");
    }
    return expression;
  }

  private ConstraintException wrong(String what) {
    return new ConstraintException(
        keyword, keyword + ": " + what + " at character " + at + " of /" + shown(source) + "/");
  }

  private static String shown(String text) {
    return text.length() <= 200 ? text : text.substring(0, 200) + "...";
  }

  private boolean ahead(String what) {
    return new String(text, at, Math.min(what.length(), text.length - at)).equals(what);
  }

  private boolean take(String what) {
    boolean there = ahead(what);
    at += there ? what.length() : 0;
    return there;
  }

  private Expression alternatives(int depth) {
    if (depth > MAX_DEPTH) {
      throw wrong("more than " + MAX_DEPTH + " groups inside each other");
    }
    List<Expression> ways = new ArrayList<>();
    do {
      List<Expression> items = new ArrayList<>();
      while (at < text.length && text[at] != '|' && text[at] != ')') {
        items.add(quantified(atom(depth)));
      }
      ways.add(items.size() == 1 ? items.getFirst() : new Expression.Sequence(items));
    } while (take("|"));
    return ways.size() == 1 ? ways.getFirst() : new Expression.Either(ways);
  }

  private Expression quantified(Expression atom) {
    Expression result = atom;
    while (at < text.length) {
      int min;
      int max;
      if (take("*")) {
        min = 0;
        max = -1;
      } else if (take("+")) {
        min = 1;
        max = -1;
      } else if (take("?")) {
        min = 0;
        max = 1;
      } else if (text[at] == '{' && bounds() > 0) {
        String inside = new String(text, at + 1, bounds() - at - 1);
        at = bounds() + 1;
        int comma = inside.indexOf(',');
        min = number(comma < 0 ? inside : inside.substring(0, comma));
        max =
            comma < 0
                ? min
                : comma + 1 == inside.length() ? -1 : number(inside.substring(comma + 1));
        if (max >= 0 && max < min) {
          throw wrong("{" + inside + "}, which ends before it begins,");
        }
      } else {
        return result;
      }
      take("?"); // lazy or not: the same texts
      result = new Repeat(result, min, max);
    }
    return result;
  }

  /// Where the braces of a quantifier end; 0 when they are plain characters.
  private int bounds() {
    int end = at + 1;
    while (end < text.length && (DIGIT.has(text[end]) || text[end] == ',')) {
      end++;
    }
    boolean quantifier =
        end < text.length
            && text[end] == '}'
            && new String(text, at + 1, end - at - 1).matches("\\d+(,\\d*)?");
    return quantifier ? end : 0;
  }

  private int number(String digits) {
    if (digits.length() > 6 || Integer.parseInt(digits) > MAX_REPEAT) {
      throw wrong("a repetition of " + digits + " times (expected: at most " + MAX_REPEAT + ")");
    }
    return Integer.parseInt(digits);
  }

  private Expression atom(int depth) {
    int c = text[at];
    if (c == '(') {
      return group(depth);
    }
    at++;
    return switch (c) {
      case '[' -> characters(set());
      case '.' -> characters(LINE_END.not());
      case '^' -> new Expression.Start();
      case '$' -> new Expression.End();
      case '*', '+', '?' -> throw wrong("nothing to repeat");
      case '\\' -> characters(escape(false));
      default -> characters(CharacterSet.of(c, c));
    };
  }

  private Expression characters(CharacterSet set) {
    return new Expression.Characters(anyCase ? set.inBothCases() : set);
  }

  private Expression group(int depth) {
    at++;
    boolean negative = ahead("?!");
    boolean look = negative || ahead("?=");
    if (look) {
      at += 2;
    } else if (ahead("?<=") || ahead("?<!")) {
      throw wrong("a look behind, which is not supported,");
    } else if (take("?<") || take("?P<")) {
      while (at < text.length && text[at] != '>') {
        at++;
      }
      at++;
    } else if (ahead("?") && !take("?:")) {
      throw wrong("a group of a kind that is not supported");
    }
    Expression inside = alternatives(depth + 1);
    if (!take(")")) {
      throw wrong("a ( without its )");
    }
    return look ? new Expression.Look(inside, negative) : inside;
  }

  private CharacterSet set() {
    boolean not = take("^");
    CharacterSet set = CharacterSet.NONE;
    while (at < text.length && text[at] != ']') {
      CharacterSet first = member();
      boolean range = at + 1 < text.length && text[at] == '-' && text[at + 1] != ']';
      if (range && single(first)) {
        int dash = at++;
        CharacterSet last = member();
        if (single(last)) {
          int from = first.ranges().getFirst().first();
          int to = last.ranges().getFirst().first();
          if (from > to) {
            throw wrong("a range out of order");
          }
          set = set.or(CharacterSet.of(from, to));
          continue;
        }
        at = dash; // a class such as \w ends no range: the dash stands for itself
      }
      set = set.or(first);
    }
    if (!take("]")) {
      throw wrong("a [ without its ]");
    }
    set = anyCase ? set.inBothCases() : set;
    return not ? set.not() : set;
  }

  private static boolean single(CharacterSet set) {
    return set.ranges().size() == 1
        && set.ranges().getFirst().first() == set.ranges().getFirst().last();
  }

  private CharacterSet member() {
    int c = text[at++];
    return c == '\\' ? escape(true) : CharacterSet.of(c, c);
  }

  private CharacterSet escape(boolean inSet) {
    if (at >= text.length) {
      throw wrong("a \\ at the end");
    }
    int c = text[at++];
    return switch (c) {
      case 'd' -> DIGIT;
      case 'D' -> DIGIT.not();
      case 'w' -> WORD;
      case 'W' -> WORD.not();
      case 's' -> SPACE;
      case 'S' -> SPACE.not();
      case 't' -> CharacterSet.of('\t', '\t');
      case 'n' -> CharacterSet.of('\n', '\n');
      case 'r' -> CharacterSet.of('\r', '\r');
      case 'f' -> CharacterSet.of('\f', '\f');
      case 'v' -> CharacterSet.of(0xb, 0xb);
      case '0' -> CharacterSet.of(0, 0);
      case 'x' -> code(2);
      case 'u' -> take("{") ? braced() : code(4);
      case 'p', 'P' -> property(c == 'P');
      default -> {
        if (c == 'b' && inSet) {
          yield CharacterSet.of('\b', '\b');
        }
        if (c < 0x80 && Character.isLetterOrDigit(c)) {
          throw wrong("\\" + (char) c + ", which is not supported,");
        }
        yield CharacterSet.of(c, c);
      }
    };
  }

  private CharacterSet code(int digits) {
    if (at + digits > text.length) {
      throw wrong("an escape without its " + digits + " digits");
    }
    at += digits;
    return value(new String(text, at - digits, digits));
  }

  private CharacterSet braced() {
    int from = at;
    while (at < text.length && text[at] != '}') {
      at++;
    }
    return value(new String(text, from, at++ - from));
  }

  private CharacterSet value(String hex) {
    if (!hex.matches("[0-9A-Fa-f]{1,6}") || Integer.parseInt(hex, 16) > CharacterSet.LAST) {
      throw wrong("'" + shown(hex) + "', which is no code of a character,");
    }
    int value = Integer.parseInt(hex, 16);
    return CharacterSet.of(value, value);
  }

  private CharacterSet property(boolean not) {
    if (!take("{")) {
      throw wrong("\\p without {");
    }
    int from = at;
    while (at < text.length && text[at] != '}') {
      at++;
    }
    String name = new String(text, from, at++ - from);
    CharacterSet set = CharacterCategories.named(name);
    if (set.ranges().isEmpty()) {
      throw wrong("the property '" + shown(name) + "', which is not known,");
    }
    return not ? set.not() : set;
  }
}
