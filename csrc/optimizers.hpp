// The optimizers, row for row as in optimizers.py, on a stretch of the parameters, in whole vectors: gradients
// come in, nothing of them stays. Where the gradient is 0, as in padding, a 0 stays 0.
#pragma once
#include <cmath>

#include "activations.hpp"
#include "core.hpp"

namespace {

// What is the same for all stretches of one update, worked out once.
template <class T> struct Step {
  T rate, keep;  // keep = 1 - rate * weight_decay
  T momentum, beta1, beta2, epsilon, mean_scale, root_scale;
  Step(const Optimizer &o, double rate_, int64_t t)
      : rate(T(rate_)),
        keep(T(1 - rate_ * o.weight_decay)),
        momentum(T(o.momentum)),
        beta1(T(o.beta1)),
        beta2(T(o.beta2)),
        epsilon(T(o.epsilon)),
        mean_scale(T(rate_ / (1 - std::pow(o.beta1, double(t))))),
        root_scale(T(1 / std::sqrt(1 - std::pow(o.beta2, double(t))))) {}
};

INLINE float root(float x) { return __builtin_sqrtf(x); }
INLINE double root(double x) { return __builtin_sqrt(x); }

// What happens to a weight besides its step: the penalty's part of the gradient, and decay.
template <class T> struct Penalty {
  T l1, l2, keep;
  T gradient(T d, T w) const { return d + l2 * w + l1 * sign(w); }
};

template <class T> struct SGD {
  static void update(const Step<T> &s, Penalty<T> p, T *__restrict w, const T *__restrict d, T *, T *, long n) {
    const long end = whole<T>(n);
#pragma GCC ivdep
    for (long k = 0; k < end; k++) w[k] = p.keep * w[k] - s.rate * p.gradient(d[k], w[k]);
  }
};
template <class T> struct Momentum {
  static void update(const Step<T> &s, Penalty<T> p, T *__restrict w, const T *__restrict d, T *__restrict v, T *, long n) {
    const long end = whole<T>(n);
#pragma GCC ivdep
    for (long k = 0; k < end; k++) {
      v[k] = s.momentum * v[k] + p.gradient(d[k], w[k]);
      w[k] = p.keep * w[k] - s.rate * v[k];
    }
  }
};
template <class T> struct Nesterov {
  static void update(const Step<T> &s, Penalty<T> p, T *__restrict w, const T *__restrict d, T *__restrict v, T *, long n) {
    const long end = whole<T>(n);
#pragma GCC ivdep
    for (long k = 0; k < end; k++) {
      const T g = p.gradient(d[k], w[k]);
      v[k] = s.momentum * v[k] + g;
      w[k] = p.keep * w[k] - s.rate * (g + s.momentum * v[k]);
    }
  }
};
template <class T> struct Adam {
  static void update(const Step<T> &s, Penalty<T> p, T *__restrict w, const T *__restrict d, T *__restrict m, T *__restrict v, long n) {
    const long end = whole<T>(n);
#pragma GCC ivdep
    for (long k = 0; k < end; k++) {
      const T g = p.gradient(d[k], w[k]);
      m[k] = s.beta1 * (m[k] - g) + g;
      v[k] = s.beta2 * v[k] + (1 - s.beta2) * (g * g);
      w[k] = p.keep * w[k] - s.mean_scale * m[k] / (root(v[k]) * s.root_scale + s.epsilon);
    }
  }
};

}  // namespace
