package dev.krait.constraint;

import java.math.BigDecimal;
import java.math.BigInteger;
import org.jspecify.annotations.Nullable;

/// A test on the digits of a decimal number without sign and exponent, read from the left: the
/// state of an automaton. Immutable.
sealed interface Decimals {
  /// Behind one more character; null when no number can follow.
  @Nullable Decimals next(int character);

  boolean accepts();

  /// Numbers up to a bound. Leading zeros are not expected.
  static Decimals atMost(BigDecimal bound, boolean inclusive) {
    String[] parts = bound.stripTrailingZeros().toPlainString().split("\\.", 2);
    return new AtMost(parts[0], parts.length > 1 ? parts[1] : "", inclusive, 0, 0, false);
  }

  /// Multiples of a number above zero.
  static Decimals multipleOf(BigDecimal step) {
    BigDecimal plain = step.stripTrailingZeros();
    int scale = Math.max(0, plain.scale());
    BigInteger unscaled = plain.setScale(scale).unscaledValue();
    if (unscaled.bitLength() > 31) {
      throw new ConstraintException("multipleOf", "multipleOf: " + step + " is too long");
    }
    return new MultipleOf(unscaled.longValueExact(), scale, 0, -1);
  }

  /// `read` digits of the current part were read; `order` compares them with those of the bound.
  record AtMost(
      String integer, String fraction, boolean inclusive, int read, int order, boolean inFraction)
      implements Decimals {
    @Override
    public @Nullable Decimals next(int character) {
      if (character == '.') {
        if (inFraction) {
          return null;
        }
        int known = read < integer.length() ? -1 : order;
        return known > 0 ? null : new AtMost(integer, fraction, inclusive, 0, known, true);
      }
      String digits = inFraction ? fraction : integer;
      if (!inFraction && read == integer.length()) {
        return null;
      }
      int bound = read < digits.length() ? digits.charAt(read) : '0';
      int now = order != 0 ? order : Integer.compare(character, bound);
      if (inFraction && now > 0) {
        return null;
      }
      return new AtMost(
          integer, fraction, inclusive, Math.min(read + 1, digits.length()), now, inFraction);
    }

    @Override
    public boolean accepts() {
      if (!inFraction && read < integer.length()) {
        return true;
      }
      if (order != 0) {
        return order < 0;
      }
      return inclusive || (inFraction ? read < fraction.length() : !fraction.isEmpty());
    }
  }

  /// The number so far, in units of 10^-scale, leaves `rest`; `decimals` is -1 before the point.
  record MultipleOf(long step, int scale, long rest, int decimals) implements Decimals {
    @Override
    public @Nullable Decimals next(int character) {
      if (character == '.') {
        return decimals >= 0 ? null : new MultipleOf(step, scale, rest, 0);
      }
      int digit = character - '0';
      if (decimals >= scale) {
        return digit == 0 ? this : null;
      }
      return new MultipleOf(
          step, scale, (rest * 10 + digit) % step, decimals < 0 ? -1 : decimals + 1);
    }

    @Override
    public boolean accepts() {
      long scaled = rest;
      for (int i = Math.max(0, decimals); i < scale; i++) {
        scaled = scaled * 10 % step;
      }
      return scaled == 0;
    }
  }
}
