package dev.krait.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.krait.backend.cpu.machine.Lanes;
import java.util.function.DoubleUnaryOperator;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class VectorMathTest {
  /// Every so many bit patterns of a float.
  private static final int STRIDE = 20_011;

  private interface VectorFunction {
    FloatVector apply(FloatVector x);
  }

  private interface FloatFunction {
    float apply(float x);
  }

  @Test
  void vectorsAndFloatsGetTheSameBits() {
    assertSameBits(VectorMath::exp, VectorMath::exp);
    assertSameBits(VectorMath::silu, VectorMath::silu);
    assertSameBits(VectorMath::softplus, VectorMath::softplus);
  }

  private static void assertSameBits(VectorFunction vector, FloatFunction scalar) {
    float[] in = new float[Lanes.COUNT];
    float[] out = new float[Lanes.COUNT];
    for (long bits = Integer.MIN_VALUE; bits <= Integer.MAX_VALUE; bits += STRIDE) {
      for (int lane = 0; lane < in.length; lane++) {
        in[lane] = Float.intBitsToFloat((int) (bits + lane));
      }
      vector.apply(FloatVector.fromArray(Lanes.FLOATS, in, 0)).intoArray(out, 0);
      for (int lane = 0; lane < in.length; lane++) {
        float expected = scalar.apply(in[lane]);
        if (Float.floatToIntBits(out[lane]) != Float.floatToIntBits(expected)) {
          assertThat(out[lane]).as("of %s", in[lane]).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void decayEqualsExpUpToZero() {
    for (float x = -100; x <= 0; x += 0.37f) {
      assertThat(VectorMath.decay(x)).isEqualTo(VectorMath.exp(x));
    }
  }

  @Test
  void functionsAreWithinAFewUnitsInTheLastPlace() {
    assertClose(VectorMath::exp, Math::exp, -87.3f, 88.7f, 1);
    assertClose(VectorMath::silu, x -> x / (1 + Math.exp(-x)), -80, 80, 3);
    assertClose(VectorMath::softplus, x -> x > 20 ? x : Math.log1p(Math.exp(x)), -80, 80, 3);
  }

  private static void assertClose(
      FloatFunction function, DoubleUnaryOperator exact, float from, float to, double units) {
    double worst = 0;
    float at = 0;
    for (float x = from; x < to; x += 0.00123f) {
      double expected = exact.applyAsDouble(x);
      double error = Math.abs(function.apply(x) - expected) / Math.ulp((float) expected);
      if (error > worst) {
        worst = error;
        at = x;
      }
    }
    assertThat(worst).as("units in the last place, worst at %s", at).isLessThanOrEqualTo(units);
  }

  @Test
  void theEndsOfTheRangeAreHandled() {
    assertThat(VectorMath.exp(-1000)).isEqualTo(0);
    assertThat(VectorMath.exp(Float.NEGATIVE_INFINITY)).isEqualTo(0);
    assertThat(VectorMath.exp(1000)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(VectorMath.exp(Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(VectorMath.exp(Float.NaN)).isNaN();
    assertThat(VectorMath.exp(Float.intBitsToFloat(0x7f800001))).isNaN();
    assertThat(VectorMath.exp(0)).isEqualTo(1);
    assertThat(VectorMath.silu(-1000)).isZero();
    assertThat(VectorMath.silu(1000)).isEqualTo(1000);
    assertThat(VectorMath.silu(Float.NaN)).isNaN();
    assertThat(VectorMath.softplus(-1000)).isZero();
    assertThat(VectorMath.softplus(1000)).isEqualTo(1000);
    assertThat(VectorMath.softplus(Float.POSITIVE_INFINITY)).isEqualTo(Float.POSITIVE_INFINITY);
    assertThat(VectorMath.softplus(Float.NaN)).isNaN();
  }
}
