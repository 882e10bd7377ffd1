// The optimizers, row for row as in optimizers.py, on a stretch of the parameters, in whole vectors: gradients
// come in, nothing of them stays. Where the gradient is 0, as in padding, a 0 stays 0.
#pragma once
#include <cstring>

#include "activations.hpp"
#include "core.hpp"

namespace {

// What is the same for all stretches of one update: `constants` of optimizers.py, which each struct below has as its fields.
template <class T> struct Step {
  T keep, constants[CONSTANTS - 1];  // keep = 1 - rate * weight_decay
  explicit Step(const double *given) : keep(T(given[0])) {
    for (int k = 1; k < CONSTANTS; k++) constants[k - 1] = T(given[k]);
  }
  template <class Rule> Rule as() const {
    Rule rule;
    static_assert(sizeof rule <= sizeof constants);
    std::memcpy(&rule, constants, sizeof rule);
    return rule;
  }
};

// A block of gradients, rows `ld` apart, and where its parameters lie: from `start` on, rows `row` apart.
template <class T> struct Block {
  const T *g;
  long ld, start, row, rows, n;
};

// What happens to a weight besides its step: the penalty's part of the gradient, and decay.
template <class T> struct Penalty {
  T l1, l2, keep;
  template <class V> V gradient(V d, V w) const { return d + l2 * w + l1 * sign(w); }
};

// Each struct returns what its update takes from a weight of gradient g, and changes what it remembers of it: one or two
// numbers, in the order of `remembers` in optimizers.py.
template <class T> struct SGD {
  T rate;
  template <class V> V step(V g, V &, V &) const { return rate * g; }
};
template <class T> struct Momentum {
  T rate, momentum;
  template <class V> V step(V g, V &v, V &) const {
    v = momentum * v + g;
    return rate * v;
  }
};
template <class T> struct Nesterov {
  T rate, momentum;
  template <class V> V step(V g, V &v, V &) const {
    v = momentum * v + g;
    return rate * (g + momentum * v);
  }
};
template <class T> struct RMSProp {
  T rate, rho, epsilon;
  template <class V> V step(V g, V &s, V &) const {
    s = rho * s + (1 - rho) * (g * g);
    return rate * g * inverse(root(s) + epsilon);
  }
};
template <class T> struct RMSPropMomentum {
  T rate, rho, epsilon, momentum;
  template <class V> V step(V g, V &s, V &v) const {
    s = rho * s + (1 - rho) * (g * g);
    v = momentum * v + g * inverse(root(s) + epsilon);
    return rate * v;
  }
};
template <class T> struct Adagrad {
  T rate, epsilon;
  template <class V> V step(V g, V &s, V &) const {
    s += g * g;
    return rate * g * inverse(root(s) + epsilon);
  }
};
template <class T> struct Adam {
  T mean_scale, root_scale, beta1, beta2, epsilon;
  template <class V> V step(V g, V &m, V &v) const {
    m = beta1 * (m - g) + g;
    v = beta2 * v + (1 - beta2) * (g * g);
    return mean_scale * m * inverse(root(v) * root_scale + epsilon);
  }
};
template <class T> struct Muon {  // of what is no matrix: Adam
  T mean_scale, root_scale, beta1, beta2, epsilon, rate, momentum;
  template <class V> V step(V g, V &m, V &v) const { return Adam<T>{mean_scale, root_scale, beta1, beta2, epsilon}.step(g, m, v); }
};
template <class T> struct NAdam {
  T mean_scale, gradient_scale, root_scale, beta1, beta2, epsilon;
  template <class V> V step(V g, V &m, V &v) const {
    m = beta1 * (m - g) + g;
    v = beta2 * v + (1 - beta2) * (g * g);
    return (mean_scale * m + gradient_scale * g) * inverse(root(v) * root_scale + epsilon);
  }
};
template <class T> struct Lion {
  T rate, beta1, beta2;
  template <class V> V step(V g, V &m, V &) const {
    const V c = beta1 * (m - g) + g;
    m = beta2 * (m - g) + g;
    return rate * sign(c);
  }
};

// One vector after the other. A memory that the rule does not have is w itself, which is therefore written last.
template <class T, class Rule, class Gradient>
INLINE void step_of_vectors(Rule rule, T keep, T *w, const T *d, T *m, T *v, long n, Gradient gradient) {
  for (long k = 0; k < n; k += LANES<T>) {
    const vec<T> x = load(w + k);
    aligned_vec<T> one = load(m + k), other = load(v + k);
    const vec<T> step = rule.step(gradient(load(d + k), x), one, other);
    store(m + k, one), store(v + k, other), store(w + k, keep * x - step);
  }
}
template <class T, class Rule, class Gradient>
INLINE void step_along(Rule rule, T keep, T *__restrict w, const T *__restrict d, T *__restrict m, T *__restrict v, long n, Gradient gradient) {
  const long end = whole<T>(n);
  INDEPENDENT
  for (long k = 0; k < end; k++) {
    const T step = rule.step(gradient(d[k], w[k]), m[k], v[k]);
    w[k] = keep * w[k] - step;
  }
}
template <class T, class Rule>
INLINE void step_along(Rule rule, Penalty<T> p, T *w, const T *d, T *m, T *v, long n) {
  const auto along = [&](auto gradient) {
    if constexpr (ROOTS_OF_VECTORS) step_of_vectors(rule, p.keep, w, d, m, v, n, gradient);
    else step_along(rule, p.keep, w, d, m, v, n, gradient);
  };
  if (p.l1 == 0) along([p](auto g, auto x) { return g + p.l2 * x; });  // signs take time
  else along([p](auto g, auto x) { return p.gradient(g, x); });
}

// What brings gradients of this norm to the one that is allowed.
template <class T> INLINE T clip_factor(const Job<T> &job, double norm) { return T(job.clip_norm > 0 && norm > job.clip_norm ? job.clip_norm / norm : 1); }

// A mean of the weights over updates moves towards them; the first to enter it are the mean.
template <class T> INLINE void enter(T share, T *__restrict mean, const T *__restrict w, long n) {
  const long end = whole<T>(n);
  INDEPENDENT
  for (long k = 0; k < end; k++) mean[k] = share == 1 ? w[k] : mean[k] + share * (w[k] - mean[k]);
}

}  // namespace
