package dev.krait.constraint;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;

/// The sets of characters that `\p{...}` names.
final class CharacterCategories {
  /// The short name of each general category, at the number that Java gives it.
  private static final String[] CODES =
      ("Cn Lu Ll Lt Lm Lo Mn Me Mc Nd Nl No -- Zs Zl Zp Cc Cf -- Co Cs Pd Ps Pe Pc Po Sm Sc Sk So Pi"
              + " Pf")
          .split(" ");

  private CharacterCategories() {}

  /// A general category (`L`, `Lu`, `Letter`) or a script (`Script=Greek`); empty for others.
  static CharacterSet named(String name) {
    String category =
        switch (name.replaceFirst("^(General_Category|gc)=", "")) {
          case "Letter" -> "L";
          case "Number" -> "N";
          case "Punctuation" -> "P";
          case "Symbol" -> "S";
          case "Separator" -> "Z";
          case "Mark" -> "M";
          case "Other" -> "C";
          case String other -> other;
        };
    if (category.length() <= 2 && !category.isEmpty()) {
      return where(c -> CODES[Character.getType(c)].startsWith(category));
    }
    try {
      String script = name.replaceFirst("^(Script|sc|Script_Extensions|scx)=", "");
      Character.UnicodeScript wanted =
          Character.UnicodeScript.forName(script.toUpperCase(Locale.ROOT));
      return where(c -> Character.UnicodeScript.of(c) == wanted);
    } catch (IllegalArgumentException e) {
      return CharacterSet.NONE;
    }
  }

  private static CharacterSet where(IntPredicate member) {
    List<CharacterSet.Range> ranges = new ArrayList<>();
    int from = -1;
    for (int c = 0; c <= CharacterSet.LAST + 1; c++) {
      boolean in = c <= CharacterSet.LAST && member.test(c);
      if (in && from < 0) {
        from = c;
      } else if (!in && from >= 0) {
        ranges.add(new CharacterSet.Range(from, c - 1));
        from = -1;
      }
    }
    return ranges.isEmpty() ? CharacterSet.NONE : new CharacterSet(List.copyOf(ranges));
  }
}
