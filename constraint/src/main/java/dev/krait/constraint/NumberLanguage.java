package dev.krait.constraint;

import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/// Numbers of JSON as languages.
final class NumberLanguage {
  private static final int MAX_DECIMALS = 20;

  private final Languages languages;

  /// Any number.
  final Regex any;

  /// Any number as it is written, with at most so many digits behind the point that a model does
  /// not write digits without end.
  final Regex syntax;

  /// Numbers without fraction and exponent.
  final Regex integerSyntax;

  private final Regex whole;
  private final Regex digit;
  private final Regex magnitude;
  private final Regex sign;
  private final Regex positive;

  NumberLanguage(Languages languages) {
    this.languages = languages;
    sign = languages.optional(languages.text("-"));
    digit = languages.bytes(ByteSet.range('0', '9'));
    whole =
        languages.or(
            languages.text("0"),
            languages.concat(languages.bytes(ByteSet.range('1', '9')), languages.star(digit)));
    Regex digits = languages.repeat(digit, 1, -1);
    Regex fraction = languages.concat(languages.text("."), digits);
    magnitude = languages.concat(whole, languages.optional(fraction));
    Regex exponent =
        languages.concat(
            languages.bytes(ByteSet.of('e').or(ByteSet.of('E'))),
            languages.optional(languages.bytes(ByteSet.of('+').or(ByteSet.of('-')))),
            digits);
    any = languages.concat(sign, magnitude, languages.optional(exponent));
    syntax = languages.concat(decimals(MAX_DECIMALS), languages.optional(exponent));
    integerSyntax = languages.concat(sign, whole);
    positive = languages.not(languages.decimals(Decimals.atMost(BigDecimal.ZERO, true)));
  }

  /// Numbers without exponent and with at most so many digits behind the point.
  private Regex decimals(int most) {
    Regex fraction = languages.concat(languages.text("."), languages.repeat(digit, 1, most));
    return languages.concat(sign, whole, languages.optional(fraction));
  }

  /// How multiples are written: with no more digits than the step has, but for one zero.
  Regex syntaxOfMultiples(BigDecimal step) {
    return decimals(Math.max(1, step.stripTrailingZeros().scale()));
  }

  /// Numbers with an integral value, without exponent.
  Regex integers() {
    Regex zeros =
        languages.concat(
            languages.text("."), languages.repeat(languages.bytes(ByteSet.of('0')), 1, -1));
    return languages.concat(integerSyntax, languages.optional(zeros));
  }

  /// A bound and whether it belongs to the numbers.
  record Bound(BigDecimal value, boolean inclusive) {
    Bound negated() {
      return new Bound(value.negate(), inclusive);
    }
  }

  /// Numbers between two bounds.
  Regex between(@Nullable Bound low, @Nullable Bound high) {
    if (low == null && high == null) {
      return any;
    }
    Regex above = magnitudes(low, high);
    Regex below =
        languages.and(
            positive,
            magnitudes(high == null ? null : high.negated(), low == null ? null : low.negated()));
    return languages.or(above, languages.concat(languages.text("-"), below));
  }

  private Regex magnitudes(@Nullable Bound low, @Nullable Bound high) {
    Regex regex = magnitude;
    if (high != null) {
      if (high.value.signum() < 0) {
        return languages.nothing;
      }
      regex = languages.and(regex, languages.decimals(Decimals.atMost(high.value, high.inclusive)));
    }
    if (low != null && low.value.signum() >= 0) {
      regex =
          languages.and(
              regex, languages.not(languages.decimals(Decimals.atMost(low.value, !low.inclusive))));
    }
    return languages.isNothing(regex) ? languages.nothing : regex;
  }

  Regex multiplesOf(BigDecimal step) {
    return languages.concat(
        sign, languages.and(magnitude, languages.decimals(Decimals.multipleOf(step))));
  }

  Regex equalTo(BigDecimal value) {
    Bound bound = new Bound(value, true);
    return between(bound, bound);
  }

  /// Numbers without exponent that are not in a set.
  Regex except(Regex values) {
    Regex plain =
        languages.or(
            magnitude, languages.concat(languages.text("-"), languages.and(positive, magnitude)));
    return languages.and(plain, languages.not(values));
  }

  /// The spellings of an allowed value: as an integer, or as it is.
  Regex spelled(BigDecimal value) {
    boolean integral = value.stripTrailingZeros().scale() <= 0;
    Regex plain = languages.text(value.toPlainString());
    return integral ? languages.or(plain, languages.text(value.toBigInteger().toString())) : plain;
  }
}
