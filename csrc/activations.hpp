// The activations, row for row as in activations.py: f, and dZ = dA f'(Z) from the output a. NaN passes through all.
#pragma once
#include <cmath>

#include "elementary.hpp"

namespace {

template <class V> INLINE V sign(V x) { return x > V{} ? V{} + 1 : x < V{} ? V{} - 1 : x; }  // of numbers or vectors; of NaN, NaN

template <class T> INLINE T held(T x, T low, T high) {  // NaN passes
  x = x < low ? low : x;
  return x > high ? high : x;
}

template <class T> struct Shares {  // s = 1 / (1 + e^-x) and 1 - s, both to the last digits
  T s, rest;
  Shares(T x) {
    const T e = exponential(x > 0 ? -x : x), large = 1 / (1 + e), small = e * large;
    s = x > 0 ? large : small, rest = x > 0 ? small : large;
  }
};

template <class T> INLINE T bell(T t) { return exponential(t * t * T(-0.5)); }

// The share of the standard normal above t, over e^(-t^2/2), for t from 0 to 40; smooth.py tells where it is from.
template <class T> INLINE T tail_over_bell(T t) {
  constexpr double top[] = {0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383,
                            112.079291497871,   221.213596169931,  220.206867912376};
  constexpr double bottom[] = {0.0883883476483184, 1.75566716318264, 16.064177579207,  86.7807322029461,
                               296.564248779674,   637.333633378831, 793.826512519948, 440.413735824752};
  T p = T(top[0]), q = T(bottom[0]);
  for (int k = 1; k < 7; k++) p = p * t + T(top[k]);
  for (int k = 1; k < 8; k++) q = q * t + T(bottom[k]);
  return p / q;
}

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
template <class T> struct LeakyReLU {
  static T f(T z, T p) { return z > 0 ? z : p * z; }
  static T backward(T da, T, T a, T p) { return a > 0 ? da : a <= 0 ? p * da : a; }
};
template <class T> struct ReLU6 {
  static T f(T z, T) { return held(z, T(0), T(6)); }
  static T backward(T da, T, T a, T) { return sign((6 - a) * a) * da; }
};
template <class T> struct ELU {
  static T f(T z, T p) { return z > 0 ? z : p * exponential_less_1(z); }
  static T backward(T da, T, T a, T p) { return a > 0 ? da : (a + p) * da; }
};
template <class T> struct SELU {
  static constexpr T SCALE = T(1.0507009873554804934), DEPTH = T(1.7580993408473768600);
  static T f(T z, T) { return z > 0 ? SCALE * z : DEPTH * exponential_less_1(z); }
  static T backward(T da, T, T a, T) { return (a > 0 ? SCALE : a + DEPTH) * da; }
};
template <class T> struct HardSwish {
  static T f(T z, T) { return held(z + 3, T(0), T(6)) / 6 * (z < -3 ? T(-3) : z); }
  static T backward(T da, T z, T, T) { return (z <= -3 ? T(0) : z >= 3 ? T(1) : z / 3 + T(0.5)) * da; }
};
template <class T> struct Softplus {
  static T f(T z, T) { return (z < 0 ? T(0) : z) + logarithm_of_1_plus(exponential(z < 0 ? z : -z)); }
  static T backward(T da, T, T a, T) { return -exponential_less_1(-a) * da; }
};
template <class T> struct Softsign {
  static T size(T z) { return z < 0 ? -z : z; }
  static T f(T z, T) {
    const T x = held(z, T(-1e30), T(1e30));
    return x / (1 + size(x));
  }
  static T backward(T da, T z, T, T) {
    const T share = 1 / (1 + size(z));
    return share * share * da;
  }
};
template <class T> struct SmoothClip {
  static T f(T z, T) {
    const T x = held(z, T(-1e15), T(1e15)), third = x / 3;
    return x / root(third * third + 1);
  }
  static T backward(T da, T z, T, T) {
    const T third = z / 3, share = 1 / (third * third + 1);
    return share * root(share) * da;
  }
};
// Far out z is held where what it is multiplied by is 0 or 1 to the last bit: 0 times infinity is NaN.
template <class T> struct GELU {
  static T size(T z) { return held(z < 0 ? -z : z, T(0), T(40)); }
  static T f(T z, T) {
    const T t = size(z);
    return (z < 0 ? T(0) : z) - bell(t) * tail_over_bell(t) * t;
  }
  static T backward(T da, T z, T, T) {
    const T t = size(z), below = bell(t) * (tail_over_bell(t) - t * T(0.3989422804014327));
    return (z > 0 ? 1 - below : below) * da;
  }
};
template <class T> struct GELUTanh {
  static constexpr T TWICE = T(1.5957691216057308), CUBIC = T(1.5957691216057308 * 0.044715);
  static Shares<T> shares(T x) { return (CUBIC * (x * x) + TWICE) * x; }
  static T f(T z, T) { return (z < -40 ? T(-40) : z) * shares(held(z, T(-40), T(40))).s; }
  static T backward(T da, T z, T, T) {
    const T x = held(z, T(-40), T(40));
    const Shares<T> of = shares(x);
    return ((3 * CUBIC * (x * x) + TWICE) * x * of.rest + 1) * of.s * da;
  }
};
template <class T> struct SiLU {
  static T f(T z, T) { return (z < -800 ? T(-800) : z) * Shares<T>(z).s; }
  static T backward(T da, T z, T, T) {
    const Shares<T> of(z);
    return (held(z, T(-800), T(800)) * of.rest + 1) * of.s * da;
  }
};
template <class T> struct Mish {
  T e, top;  // e^z, and n^2 - 1 where n = 1 + e^z
  Mish(T z) : e(exponential(z > 25 ? T(25) : z)), top(e * (e + 2)) {}
  static T f(T z, T) {
    const T top = Mish(z).top;
    return (z < -800 ? T(-800) : z) * (top / (top + 2));
  }
  static T backward(T da, T z, T, T) {
    const Mish m(z);
    const T slope = 4 * (1 + m.e) * m.e / (m.top + 2);
    return (held(z, T(-800), T(25)) * slope + m.top) / (m.top + 2) * da;
  }
};

template <class T> constexpr T TINY = T(1.1754943508222875e-38);  // 2^-126: logarithms are taken of no less
template <class T> struct Log {
  static T f(T z, T) { return logarithm(z < TINY<T> ? TINY<T> : z); }
  static T backward(T da, T z, T, T) { return z <= TINY<T> ? T(0) : da / z; }
};
template <class T> struct Logit {
  static T f(T z, T) { return logarithm(held(z, TINY<T>, T(1)) / held(1 - z, TINY<T>, T(1))); }
  static T backward(T da, T z, T, T) { return z <= TINY<T> || z >= 1 ? T(0) : da / ((1 - z) * z); }
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
    long end = whole<T>(n);
    if (pads && end == ld_z && end == ld_a) end *= rows, rows = 1;
    for (long r = 0; r < rows; r++) {
      const T *from = z + r * ld_z;
      T *to = a + r * ld_a;
      INDEPENDENT
      for (long k = 0; k < end; k++) to[k] = F<T>::f(from[k], p);
      if (!pads)
        for (long k = n; k < end; k++) to[k] = 0;
    }
  }
  static void backward(const T *da, const T *z, const T *a, T *dz, long rows, long n, long ld, T p) {
    long end = whole<T>(n);
    if (end == ld) end *= rows, rows = 1;
    for (long r = 0; r < rows; r++) {
      const T *d = da + r * ld, *in = z + r * ld, *out = a + r * ld;
      T *to = dz + r * ld;
      INDEPENDENT
      for (long k = 0; k < end; k++) to[k] = F<T>::backward(d[k], in[k], out[k], p);
    }
  }
};

// e^z / sum e^z. Of few outputs as many rows as a vector has lanes are turned and go side by side, each in the same order.
template <class T> struct Softmax {
  static constexpr long FEW = 64, ROWS = 4;  // outputs at most, and rows at least
  static void forward(const T *z, T *a, long rows, long n, long ld_z, long ld_a, T) {
    long r = 0;
    for (T turned[FEW * LANES<T>]; n <= FEW && r + ROWS <= rows; r += LANES<T>) {
      const long count = smaller(rows - r, LANES<T>);
      for (long k = 0; k < n; k += LANES<T>) turn(z + r * ld_z + k, ld_z, count, turned + k * LANES<T>, LANES<T>);
      side_by_side(turned, n);
      for (long q = 0; q < count; q++)
        for (long k = 0; k < n; k++) a[(r + q) * ld_a + k] = turned[k * LANES<T> + q];
    }
    for (; r < rows; r++) {
      const T *from = z + r * ld_z;
      T *to = a + r * ld_a, top = from[0], total = 0;
      for (long k = 1; k < n; k++) top = from[k] > top || from[k] != from[k] ? from[k] : top;
      INDEPENDENT
      for (long k = 0; k < n; k++) to[k] = exponential(from[k] - top);
      for (long k = 0; k < n; k++) total += to[k];
      for (long k = 0; k < n; k++) to[k] /= total;
    }
  }
  static void side_by_side(T *z, long n) {
    vec<T> top = load(z), total = {};
    for (long k = 1; k < n; k++) {
      const vec<T> x = load(z + k * LANES<T>);
      top = ((x > top) | (x != x)) ? x : top;
    }
    for (long k = 0; k < n; k++) store(z + k * LANES<T>, load(z + k * LANES<T>) - top);
    INDEPENDENT
    for (long k = 0; k < n * LANES<T>; k++) z[k] = exponential(z[k]);
    for (long k = 0; k < n; k++) total += load(z + k * LANES<T>);
    for (long k = 0; k < n; k++) store(z + k * LANES<T>, load(z + k * LANES<T>) / total);
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
    row<T, LeakyReLU>("leaky_relu"),
    row<T, ReLU6>("relu6"),
    row<T, ELU>("elu"),
    row<T, SELU>("selu"),
    row<T, HardSwish>("hard_swish", NEEDS_Z),
    row<T, Softplus>("softplus"),
    row<T, GELU>("gelu", NEEDS_Z),
    row<T, GELUTanh>("gelu_tanh", NEEDS_Z),
    row<T, SiLU>("silu", NEEDS_Z),
    row<T, Mish>("mish", NEEDS_Z),
    row<T, Tanh>("tanh"),
    row<T, Softsign>("softsign", NEEDS_Z),
    row<T, SmoothClip>("smooth_clip", NEEDS_Z),
    row<T, Sigmoid>("sigmoid"),
    row<T, HardSigmoid>("hard_sigmoid"),
    {"softmax", false, Softmax<T>::forward, Softmax<T>::backward},
    row<T, Exponential>("exponential"),
    row<T, Log>("log", NEEDS_Z),
    row<T, Logit>("logit", NEEDS_Z),
};

}  // namespace
