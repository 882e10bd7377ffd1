// The activations, row for row as in activations.py: f, and dZ = dA f'(Z) from the output a. NaN passes through all.
#pragma once
#include <cmath>

#include "vec.hpp"

namespace {

// e^x without branches, so that loops over it become vectors (Cephes' polynomial); float64 is the library's own.
INLINE float exponential(float x) {
  float t = x > 88.37f ? 88.37f : x;
  t = t < -103.0f ? -103.0f : t;
  float n = t * 1.44269504088896341f + 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
  int32_t whole;
  std::memcpy(&whole, &n, 4);
  n -= 12582912.0f;
  const float r = t - n * 0.693359375f - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  whole -= 0x4b400000;
  const int32_t half = whole >> 1;  // 2^whole in two factors: the smaller results are denormal
  const int32_t low = (half + 127) << 23, high = (whole - half + 127) << 23;
  float a, b;
  std::memcpy(&a, &low, 4);
  std::memcpy(&b, &high, 4);
  p = p * a * b;
  p = x > 88.7228f ? INFINITY : p;
  p = x < -103.97f ? 0.0f : p;
  return x != x ? x : p;
}
INLINE double exponential(double x) { return std::exp(x); }

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
INLINE double hyperbolic_tangent(double x) { return std::tanh(x); }

// log x, likewise; -inf of 0 and NaN below it.
INLINE float logarithm(float x) {
  const bool tiny = x < 1.17549435e-38f;  // denormal: its exponent is read after it is made larger
  const float y = tiny ? x * 8388608.0f : x;
  int32_t bits;
  std::memcpy(&bits, &y, 4);
  const int32_t shifted = bits - 0x3f3504f3;  // of sqrt(1/2), so that the mantissa is within sqrt(1/2) to sqrt(2)
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
INLINE double logarithm(double x) { return std::log(x); }

INLINE float logarithm_of_1_plus(float x) {  // what rounding took from 1 + x is given back in proportion
  const float u = 1 + x, log = logarithm(u) * (x / (u - 1));
  return u == 1 ? x : log;
}
INLINE double logarithm_of_1_plus(double x) { return std::log1p(x); }

template <class T> INLINE T sign(T x) { return x > 0 ? T(1) : x < 0 ? T(-1) : x; }  // of NaN, NaN

// One struct for each: f(z), and dz for da where a = f(z). `p` is the setting of those that have one.
template <class T> struct Linear {
  static T f(T z, T) { return z; }
  static T backward(T da, T, T, T) { return da; }
};
template <class T> struct ReLU {
  static T f(T z, T) { return z < 0 ? T(0) : z; }  // not z > 0 ? z : 0, which would turn NaN into a healthy 0
  static T backward(T da, T, T a, T) { return a > 0 ? da : a * da; }
};
template <class T> struct Tanh {
  static T f(T z, T) { return hyperbolic_tangent(z); }
  static T backward(T da, T, T a, T) { return (1 - a * a) * da; }
};
template <class T> struct Sigmoid {
  static T f(T z, T) { return 1 / (1 + exponential(-z)); }
  static T backward(T da, T, T a, T) { return (1 - a) * a * da; }
};
template <class T> struct HardSigmoid {
  static T f(T z, T) {
    T a = z * T(0.2) + T(0.5);
    a = a < 0 ? T(0) : a;
    return a > 1 ? T(1) : a;
  }
  static T backward(T da, T, T a, T) { return sign((1 - a) * a) * T(0.2) * da; }
};
template <class T> struct Exponential {
  static T f(T z, T) { return exponential(z); }
  static T backward(T da, T, T a, T) { return a * da; }
};

// Values of one stage: rows `ld` apart, which are padded with zeros to whole vectors. In place is fine.
template <class T> struct ActivationRow {
  const char *name;
  bool needs_z;  // the backward reads z, so it must be kept; else it makes do with a
  void (*forward)(const T *z, T *a, long rows, long n, long ld_z, long ld_a, T p);
  void (*backward)(const T *da, const T *z, const T *a, T *dz, long rows, long n, long ld, T p);
};
template <class T, template <class> class F> struct Elementwise {
  static void forward(const T *z, T *a, long rows, long n, long ld_z, long ld_a, T p) {
    const bool pads = F<T>::f(T(0), p) == 0;
    const long end = whole<T>(n);
    for (long r = 0; r < rows; r++) {
      const T *from = z + r * ld_z;
      T *to = a + r * ld_a;
#pragma GCC ivdep
      for (long k = 0; k < end; k++) to[k] = F<T>::f(from[k], p);
      if (!pads)
        for (long k = n; k < end; k++) to[k] = 0;
    }
  }
  static void backward(const T *da, const T *z, const T *a, T *dz, long rows, long n, long ld, T p) {
    const long end = whole<T>(n);
    for (long r = 0; r < rows; r++) {
      const T *d = da + r * ld, *in = z + r * ld, *out = a + r * ld;
      T *to = dz + r * ld;
#pragma GCC ivdep
      for (long k = 0; k < end; k++) to[k] = F<T>::backward(d[k], in[k], out[k], p);
    }
  }
};

template <class T> struct Softmax {
  static void forward(const T *z, T *a, long rows, long n, long ld_z, long ld_a, T) {
    for (long r = 0; r < rows; r++) {
      const T *from = z + r * ld_z;
      T *to = a + r * ld_a, top = from[0], total = 0;
      for (long k = 1; k < n; k++) top = from[k] > top || from[k] != from[k] ? from[k] : top;
#pragma GCC ivdep
      for (long k = 0; k < n; k++) to[k] = exponential(from[k] - top);
      for (long k = 0; k < n; k++) total += to[k];
      for (long k = 0; k < n; k++) to[k] /= total;
    }
  }
  static void backward(const T *da, const T *, const T *a, T *dz, long rows, long n, long ld, T) {
    for (long r = 0; r < rows; r++) {
      const T *d = da + r * ld, *out = a + r * ld;
      T *to = dz + r * ld, total = 0;
      for (long k = 0; k < n; k++) total += out[k] * d[k];
      for (long k = 0; k < n; k++) to[k] = out[k] * (d[k] - total);
    }
  }
};

constexpr bool NEEDS_Z = true;
template <class T, template <class> class F> constexpr ActivationRow<T> row(const char *name, bool needs_z = false) {
  return {name, needs_z, Elementwise<T, F>::forward, Elementwise<T, F>::backward};
}
template <class T> constexpr ActivationRow<T> ACTIVATIONS[] = {
    row<T, Linear>("linear"),
    row<T, ReLU>("relu"),
    row<T, Tanh>("tanh"),
    row<T, Sigmoid>("sigmoid"),
    row<T, HardSigmoid>("hard_sigmoid"),
    {"softmax", false, Softmax<T>::forward, Softmax<T>::backward},
    row<T, Exponential>("exponential"),
};

}  // namespace
