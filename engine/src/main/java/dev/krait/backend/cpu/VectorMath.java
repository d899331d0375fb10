package dev.krait.backend.cpu;

import dev.krait.backend.cpu.machine.Lanes;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// exp, sigmoid, silu, gelu and softplus, each for a vector and for a float with identical bits:
/// both are the same sequence of exactly rounded operations.
///
/// exp and log follow Cephes (`expf`, `logf`: range reduction by ln 2 in two parts, then a minimax
/// polynomial) with fused multiply-adds. Largest error: exp 1 ulp, softplus 3 ulp, silu 3 ulp of a
/// correctly rounded result, except that exp gives 0 where the result would be subnormal.
@SuppressWarnings("FloatingPointLiteralPrecision") // the constants as published
final class VectorMath {
  private static final float LOG2_E = 1.44269504f;

  /// ln 2 in two parts; the first has few bits, so that its product with a whole number is exact.
  private static final float LN2_HIGH = 0.693359375f;

  private static final float LN2_LOW = -2.12194440e-4f;

  /// 1.5 * 2^23: adding it rounds to a whole number, which then is in the low bits.
  private static final float ROUNDING = 12582912f;

  private static final int ROUNDING_BITS = Float.floatToRawIntBits(ROUNDING);
  private static final float EXP_LOW = -87.33654f;
  private static final float EXP_HIGH = 88.72283f;
  private static final float EXP_0 = 1.9875691500e-4f;
  private static final float EXP_1 = 1.3981999507e-3f;
  private static final float EXP_2 = 8.3334519073e-3f;
  private static final float EXP_3 = 4.1665795894e-2f;
  private static final float EXP_4 = 1.6666665459e-1f;
  private static final float EXP_5 = 5.0000001201e-1f;

  private static final int MANTISSA_BITS = 23;
  private static final int SQRT_HALF_BITS = 0x3f3504f3;
  private static final float LOG_0 = 7.0376836292e-2f;
  private static final float LOG_1 = -1.1514610310e-1f;
  private static final float LOG_2 = 1.1676998740e-1f;
  private static final float LOG_3 = -1.2420140846e-1f;
  private static final float LOG_4 = 1.4249322787e-1f;
  private static final float LOG_5 = -1.6668057665e-1f;
  private static final float LOG_6 = 2.0000714765e-1f;
  private static final float LOG_7 = -2.4999993993e-1f;
  private static final float LOG_8 = 3.3333331174e-1f;

  private static final float SQRT_HALF = 0.70710678f;

  /// From here on erf is 1 in single precision.
  private static final float ERF_HIGH = 4;

  private static final float ERF_P0 = -1.60960333262415e-2f;
  private static final float ERF_P1 = -2.95459980854025e-3f;
  private static final float ERF_P2 = -7.34990630326855e-4f;
  private static final float ERF_P3 = -5.69250639462346e-5f;
  private static final float ERF_P4 = -2.10102402082508e-6f;
  private static final float ERF_P5 = 2.77068142495902e-8f;
  private static final float ERF_P6 = -2.72614225801306e-10f;
  private static final float ERF_Q0 = -1.42647390514189e-2f;
  private static final float ERF_Q1 = -7.37332916720468e-3f;
  private static final float ERF_Q2 = -1.68282697438203e-3f;
  private static final float ERF_Q3 = -2.13374055278905e-4f;
  private static final float ERF_Q4 = -1.45660718464996e-5f;

  /// Above this softplus is the identity, as in the reference.
  private static final float SOFTPLUS_LINEAR = 20;

  private VectorMath() {}

  static FloatVector exp(FloatVector x) {
    return decay(x)
        .blend(Float.POSITIVE_INFINITY, x.compare(VectorOperators.GT, EXP_HIGH))
        .blend(x, x.compare(VectorOperators.NE, x));
  }

  /// exp of numbers that are not above 0, such as a step size times a negative rate.
  static FloatVector decay(FloatVector x) {
    FloatVector rounded =
        x.fma(
            FloatVector.broadcast(Lanes.FLOATS, LOG2_E),
            FloatVector.broadcast(Lanes.FLOATS, ROUNDING));
    FloatVector n = rounded.sub(ROUNDING);
    FloatVector r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_HIGH), x);
    r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_LOW), r);
    FloatVector p = FloatVector.broadcast(Lanes.FLOATS, EXP_0);
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, EXP_1));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, EXP_2));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, EXP_3));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, EXP_4));
    p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, EXP_5));
    FloatVector y = p.fma(r.mul(r), r).add(1f);
    IntVector scale = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, MANTISSA_BITS);
    FloatVector result = y.reinterpretAsInts().add(scale).reinterpretAsFloats();
    return result.blend(0f, x.compare(VectorOperators.LT, EXP_LOW));
  }

  static float exp(float x) {
    if (x > EXP_HIGH) {
      return Float.POSITIVE_INFINITY;
    }
    return Float.isNaN(x) ? x : decay(x);
  }

  static float decay(float x) {
    if (x < EXP_LOW) {
      return 0;
    }
    float rounded = Math.fma(x, LOG2_E, ROUNDING);
    float n = rounded - ROUNDING;
    float r = Math.fma(n, -LN2_HIGH, x);
    r = Math.fma(n, -LN2_LOW, r);
    float p = EXP_0;
    p = Math.fma(p, r, EXP_1);
    p = Math.fma(p, r, EXP_2);
    p = Math.fma(p, r, EXP_3);
    p = Math.fma(p, r, EXP_4);
    p = Math.fma(p, r, EXP_5);
    float y = Math.fma(p, r * r, r) + 1;
    int scale = Float.floatToRawIntBits(rounded) << MANTISSA_BITS;
    return Float.intBitsToFloat(Float.floatToRawIntBits(y) + scale);
  }

  /// `x / (1 + exp(-x))`.
  static FloatVector silu(FloatVector x) {
    return x.div(exp(x.neg()).add(1f));
  }

  static float silu(float x) {
    return x / (exp(-x) + 1);
  }

  /// `1 / (1 + exp(-x))`.
  static FloatVector sigmoid(FloatVector x) {
    return FloatVector.broadcast(Lanes.FLOATS, 1f).div(exp(x.neg()).add(1f));
  }

  static float sigmoid(float x) {
    return 1 / (exp(-x) + 1);
  }

  /// `x (1 + erf(x / sqrt(2))) / 2`.
  static FloatVector gelu(FloatVector x) {
    return x.mul(0.5f).mul(erf(x.mul(SQRT_HALF)).add(1f));
  }

  static float gelu(float x) {
    return x * 0.5f * (erf(x * SQRT_HALF) + 1);
  }

  /// A quotient of polynomials in `x^2` times `x`, as in Eigen; within 1e-7.
  private static FloatVector erf(FloatVector unbounded) {
    FloatVector x = unbounded.max(-ERF_HIGH).min(ERF_HIGH);
    FloatVector z = x.mul(x);
    FloatVector p = FloatVector.broadcast(Lanes.FLOATS, ERF_P6);
    p = p.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_P5));
    p = p.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_P4));
    p = p.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_P3));
    p = p.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_P2));
    p = p.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_P1));
    p = p.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_P0));
    FloatVector q = FloatVector.broadcast(Lanes.FLOATS, ERF_Q4);
    q = q.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_Q3));
    q = q.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_Q2));
    q = q.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_Q1));
    q = q.fma(z, FloatVector.broadcast(Lanes.FLOATS, ERF_Q0));
    return x.mul(p).div(q);
  }

  private static float erf(float unbounded) {
    float x = Math.min(Math.max(unbounded, -ERF_HIGH), ERF_HIGH);
    float z = x * x;
    float p = ERF_P6;
    p = Math.fma(p, z, ERF_P5);
    p = Math.fma(p, z, ERF_P4);
    p = Math.fma(p, z, ERF_P3);
    p = Math.fma(p, z, ERF_P2);
    p = Math.fma(p, z, ERF_P1);
    p = Math.fma(p, z, ERF_P0);
    float q = ERF_Q4;
    q = Math.fma(q, z, ERF_Q3);
    q = Math.fma(q, z, ERF_Q2);
    q = Math.fma(q, z, ERF_Q1);
    q = Math.fma(q, z, ERF_Q0);
    return x * p / q;
  }

  /// `log(1 + exp(x))`; `x` itself above 20.
  static FloatVector softplus(FloatVector x) {
    FloatVector e = exp(x);
    FloatVector u = e.add(1f);
    FloatVector lost = e.sub(u.sub(1f)).div(u);
    return logAboveOne(u).add(lost).blend(x, x.compare(VectorOperators.GT, SOFTPLUS_LINEAR));
  }

  static float softplus(float x) {
    if (x > SOFTPLUS_LINEAR) {
      return x;
    }
    float e = exp(x);
    float u = e + 1;
    float lost = (e - (u - 1)) / u;
    return logAboveOne(u) + lost;
  }

  private static FloatVector logAboveOne(FloatVector u) {
    IntVector bits = u.reinterpretAsInts();
    IntVector exponent = bits.sub(SQRT_HALF_BITS).lanewise(VectorOperators.ASHR, MANTISSA_BITS);
    FloatVector n = exponent.add(ROUNDING_BITS).reinterpretAsFloats().sub(ROUNDING);
    FloatVector f =
        bits.sub(exponent.lanewise(VectorOperators.LSHL, MANTISSA_BITS))
            .reinterpretAsFloats()
            .sub(1f);
    FloatVector z = f.mul(f);
    FloatVector p = FloatVector.broadcast(Lanes.FLOATS, LOG_0);
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_1));
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_2));
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_3));
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_4));
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_5));
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_6));
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_7));
    p = p.fma(f, FloatVector.broadcast(Lanes.FLOATS, LOG_8));
    FloatVector y = p.mul(f).mul(z);
    y = n.fma(FloatVector.broadcast(Lanes.FLOATS, LN2_LOW), y);
    y = z.fma(FloatVector.broadcast(Lanes.FLOATS, -0.5f), y);
    return n.fma(FloatVector.broadcast(Lanes.FLOATS, LN2_HIGH), f.add(y));
  }

  private static float logAboveOne(float u) {
    int bits = Float.floatToRawIntBits(u);
    int exponent = (bits - SQRT_HALF_BITS) >> MANTISSA_BITS;
    float n = Float.intBitsToFloat(exponent + ROUNDING_BITS) - ROUNDING;
    float f = Float.intBitsToFloat(bits - (exponent << MANTISSA_BITS)) - 1;
    float z = f * f;
    float p = LOG_0;
    p = Math.fma(p, f, LOG_1);
    p = Math.fma(p, f, LOG_2);
    p = Math.fma(p, f, LOG_3);
    p = Math.fma(p, f, LOG_4);
    p = Math.fma(p, f, LOG_5);
    p = Math.fma(p, f, LOG_6);
    p = Math.fma(p, f, LOG_7);
    p = Math.fma(p, f, LOG_8);
    float y = p * f * z;
    y = Math.fma(n, LN2_LOW, y);
    y = Math.fma(z, -0.5f, y);
    return Math.fma(n, LN2_HIGH, f + y);
  }
}
