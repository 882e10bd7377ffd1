// e^x, log x and their kin, without branches, so that loops over them become vectors. NaN passes through all.
#pragma once
#include <cmath>
#include <limits>
#if VECTOR_BYTES == 64 && defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "vec.hpp"

namespace {

INLINE float root(float x) { return __builtin_sqrtf(x); }
INLINE double root(double x) { return __builtin_sqrt(x); }

// x = whole log 2 + r with |r| <= log(2) / 2, and e^r - 1: Cephes' polynomial in float32, in float64 Taylor's to r^13 / 13!.
template <class T, class Whole> struct Reduced {
  Whole whole;
  T less_1;
};
INLINE Reduced<float, int32_t> reduced(float x) {
  float n = x * 1.44269504088896341f + 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
  int32_t whole;
  std::memcpy(&whole, &n, 4);
  n -= 12582912.0f;
  const float r = x - n * 0.693359375f - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return {int32_t(uint32_t(whole) - 0x4b400000u), p * (r * r) + r};
}
INLINE Reduced<double, int64_t> reduced(double x) {
  double n = x * 1.4426950408889634 + 6755399441055744.0;  // 1.5 * 2^52
  int64_t whole;
  std::memcpy(&whole, &n, 8);
  n -= 6755399441055744.0;
  const double r = x - n * 6.93147180369123816490e-01 - n * 1.90821492927058770002e-10;
  double p = 1.6059043836821613e-10;
  p = p * r + 2.08767569878681e-09;
  p = p * r + 2.505210838544172e-08;
  p = p * r + 2.755731922398589e-07;
  p = p * r + 2.7557319223985893e-06;
  p = p * r + 2.48015873015873e-05;
  p = p * r + 0.0001984126984126984;
  p = p * r + 0.001388888888888889;
  p = p * r + 0.008333333333333333;
  p = p * r + 0.041666666666666664;
  p = p * r + 0.16666666666666666;
  p = p * r + 0.5;
  return {int64_t(uint64_t(whole) - 0x4338000000000000u), p * (r * r) + r};
}
INLINE float power_of_2(int32_t whole) {
  const int32_t bits = int32_t((uint32_t(whole) + 127) << 23);
  float power;
  std::memcpy(&power, &bits, 4);
  return power;
}
INLINE double power_of_2(int64_t whole) {
  const int64_t bits = int64_t((uint64_t(whole) + 1023) << 52);
  double power;
  std::memcpy(&power, &bits, 8);
  return power;
}

// 1 / (x + the least normal number), for x >= 0.
template <class T> constexpr T LEAST = std::numeric_limits<T>::min();
INLINE float inverse(float x) { return 1 / (x + LEAST<float>); }
INLINE double inverse(double x) { return 1 / (x + LEAST<double>); }

#if VECTOR_BYTES == 64 && defined(__AVX512F__)
// The same of whole vectors, by what no operator stands for and no loop is turned into. From an inverse y that is right to 14
// bits, y (1 + e) with e = 1 - x y is right to 28, and y (1 + e + e^2 + e^3) to all; past an eighth of the largest number it is 0.
constexpr bool ROOTS_OF_VECTORS = true;
INLINE vec<float> root(vec<float> x) { return (vec<float>)_mm512_maskz_sqrt_ps(0xffff, (__m512)x); }
INLINE vec<double> root(vec<double> x) { return (vec<double>)_mm512_maskz_sqrt_pd(0xff, (__m512d)x); }
INLINE vec<float> nearly_inverse(vec<float> x) { return (vec<float>)_mm512_maskz_rcp14_ps(0xffff, (__m512)x); }
INLINE vec<double> nearly_inverse(vec<double> x) { return (vec<double>)_mm512_maskz_rcp14_pd(0xff, (__m512d)x); }
template <class T> INLINE vec<T> inverse_of(vec<T> x) {
  const vec<T> y = nearly_inverse(x), e = T(1) - x * y, lacking = sizeof(T) == 4 ? e : e + e * e + e * e * e;
  return x > std::numeric_limits<T>::max() / 8 ? vec<T>{} : y + y * lacking;
}
INLINE vec<float> inverse(vec<float> x) { return inverse_of<float>(x + LEAST<float>); }
INLINE vec<double> inverse(vec<double> x) { return inverse_of<double>(x + LEAST<double>); }
#else
constexpr bool ROOTS_OF_VECTORS = false;
#endif

// e^x. What comes of numbers that are too large or too small is anything, and thrown away.
INLINE float exponential(float x) {
  const auto e = reduced(x);
  const int32_t half = e.whole >> 1;  // 2^whole in two factors: the smaller results are denormal
  float p = (e.less_1 + 1) * power_of_2(half) * power_of_2(int32_t(uint32_t(e.whole) - uint32_t(half)));
  p = x > 88.7228f ? INFINITY : p;
  p = x < -103.97f ? 0.0f : p;
  return x != x ? x : p;
}
INLINE double exponential(double x) {
  const auto e = reduced(x);
  const int64_t half = int64_t((uint64_t(e.whole) + 2048) >> 1) - 1024;  // before AVX-512 no vector of them is shifted with its signs
  double p = (e.less_1 + 1) * power_of_2(half) * power_of_2(int64_t(uint64_t(e.whole) - uint64_t(half)));
  p = x > 709.782712893384 ? double(INFINITY) : p;
  p = x < -745.1332191019412 ? 0.0 : p;
  return x != x ? x : p;
}

INLINE float hyperbolic_tangent(float x) {
  const float size = x < 0 ? -x : x, z = x * x;
  float p = -5.70498872745e-3f;
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const float small = p * z * x + x, large = 1 - 2 / (exponential(2 * size) + 1);
  return size < 0.625f ? small : x < 0 ? -large : large;
}
// (e^2|x| - 1) / (e^2|x| + 1), where e^2|x| - 1 is exact near 0
INLINE double hyperbolic_tangent(double x) {
  const double size = x < 0 ? -x : x, far = size > 20 ? 20 : size;
  const auto e = reduced(2 * far);
  const double power = power_of_2(e.whole), less_1 = e.less_1 * power + (power - 1), y = less_1 / (less_1 + 2);
  return x < 0 ? -y : x > 0 ? y : x;
}

// log x, likewise; -inf of 0 and NaN below it.
INLINE float logarithm(float x) {
  const bool tiny = x < 1.17549435e-38f;  // denormal: its exponent is read after it is made larger
  const float y = tiny ? x * 8388608.0f : x;
  int32_t bits;
  std::memcpy(&bits, &y, 4);
  const int32_t shifted = int32_t(uint32_t(bits) - 0x3f3504f3u);  // of sqrt(1/2), so that the mantissa is within sqrt(1/2) to sqrt(2)
  const int32_t mantissa = (shifted & 0x007fffff) + 0x3f3504f3;
  const float e = float((shifted >> 23) - (tiny ? 23 : 0));
  float r;
  std::memcpy(&r, &mantissa, 4);
  r -= 1;
  float p = 7.0376836292e-2f;
  p = p * r - 1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r - 1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r - 1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r - 2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  const float z = r * r;
  float value = p * r * z - 2.12194440e-4f * e - 0.5f * z + r + 0.693359375f * e;
  value = x == INFINITY ? x : value;
  value = x == 0 ? -INFINITY : value;
  return x >= 0 ? value : NAN;
}
// x = 2^e (1 + f), s = f / (2 + f): log(1 + f) = 2 atanh(s), whose series fdlibm's polynomial shortens.
INLINE double logarithm(double x) {
  const bool tiny = x < 2.2250738585072014e-308;
  const double y = tiny ? x * 18014398509481984.0 : x;
  uint64_t bits;
  std::memcpy(&bits, &y, 8);
  const uint64_t shifted = bits - 0x3fe6a09e667f3bcd;  // of sqrt(1/2)
  const uint64_t mantissa = (shifted & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd;
  const uint64_t exponent = ((shifted + 0x4000000000000000) >> 52) | 0x4330000000000000;  // as 2^52 + itself + 1024
  double e, m;
  std::memcpy(&e, &exponent, 8);
  std::memcpy(&m, &mantissa, 8);
  e -= 4503599627370496.0 + 1024 + (tiny ? 54 : 0);
  const double f = m - 1, s = f / (2 + f), z = s * s, half = 0.5 * f * f;
  double p = 1.479819860511658591e-01;
  p = p * z + 1.531383769920937332e-01;
  p = p * z + 1.818357216161805012e-01;
  p = p * z + 2.222219843214978396e-01;
  p = p * z + 2.857142874366239149e-01;
  p = p * z + 3.999999999940941908e-01;
  p = p * z + 6.666666666666735130e-01;
  double value = e * 6.93147180369123816490e-01 - ((half - (s * (half + p * z) + e * 1.90821492927058770002e-10)) - f);
  value = x == double(INFINITY) ? x : value;
  value = x == 0 ? -double(INFINITY) : value;
  return x >= 0 ? value : double(NAN);
}

template <class T> INLINE T logarithm_of_1_plus(T x) {  // what rounding took from 1 + x is given back in proportion
  const T u = 1 + x, log = logarithm(u) * (x / (u - 1));
  return u == 1 ? x : log;
}

// e^x - 1 of x <= 0, exact near 0: 2^whole (e^r - 1) + (2^whole - 1).
template <class T> INLINE T exponential_less_1(T x) {
  T t = x < T(-40) ? T(-40) : x;
  t = t > 0 ? T(0) : t;
  const auto e = reduced(t);
  const T power = power_of_2(e.whole);
  return e.less_1 * power + (power - 1);
}

}  // namespace
