// The losses, row for row as in losses.py: the loss of one row, and its derivative by scores or by outputs.
#pragma once
#include <limits>

#include "activations.hpp"

namespace {

// One row: `label` where targets are column numbers (then y is null), y otherwise.
template <class T> struct Truth {
  int64_t label;
  const T *y;
};

template <class T> struct CategoricalCrossentropy {
  static T of_scores(const T *z, Truth<T> t, T *dz, long n) {
    T top = z[0], total = 0, of_truth = 0;
    for (long k = 1; k < n; k++) top = z[k] > top || z[k] != z[k] ? z[k] : top;
#pragma GCC ivdep
    for (long k = 0; k < n; k++) dz[k] = exponential(z[k] - top);
    for (long k = 0; k < n; k++) total += dz[k];
    for (long k = 0; k < n; k++) dz[k] /= total;
    if (t.y) {
      for (long k = 0; k < n; k++) of_truth += (z[k] - top) * t.y[k], dz[k] -= t.y[k];
    } else {
      of_truth = z[t.label] - top;
      dz[t.label] -= 1;
    }
    return std::log(total) - of_truth;
  }
  static T of_outputs(const T *a, Truth<T> t, T *da, long n) {
    T loss = 0;
    for (long k = 0; k < n; k++) {
      const T p = a[k] < std::numeric_limits<T>::epsilon() ? std::numeric_limits<T>::epsilon() : a[k];
      const T y = t.y ? t.y[k] : T(k == t.label);
      da[k] = -y / p;
      if (y != 0) loss -= y * std::log(p);
    }
    return loss;
  }
};

template <class T> struct BinaryCrossentropy {
  static T of_scores(const T *z, Truth<T> t, T *dz, long n) {
    T loss = 0;
    for (long k = 0; k < n; k++) {
      const T size = z[k] < 0 ? -z[k] : z[k];
      loss += ((z[k] < 0 ? T(0) : z[k]) - z[k] * t.y[k]) + std::log1p(exponential(-size));
      dz[k] = Sigmoid<T>::f(z[k]) - t.y[k];
    }
    return loss;
  }
  static T of_outputs(const T *a, Truth<T> t, T *da, long n) {
    const T low = std::numeric_limits<T>::epsilon(), high = 1 - low;
    T loss = 0;
    for (long k = 0; k < n; k++) {
      const T p = a[k] < low ? low : a[k] > high ? high : a[k], y = t.y[k];
      da[k] = (p - y) / (p * (1 - p));
      loss -= y * std::log(p) + (1 - y) * std::log1p(-p);
    }
    return loss;
  }
};

template <class T> struct MSE {
  static T of_outputs(const T *a, Truth<T> t, T *da, long n) {
    T loss = 0;
    for (long k = 0; k < n; k++) {
      const T error = a[k] - t.y[k];
      loss += error * error;
      da[k] = 2 * error / n;
    }
    return loss / n;
  }
  static constexpr auto of_scores = of_outputs;
};

template <class T> struct MAE {
  static T of_outputs(const T *a, Truth<T> t, T *da, long n) {
    T loss = 0;
    for (long k = 0; k < n; k++) {
      const T error = a[k] - t.y[k];
      loss += error < 0 ? -error : error;
      da[k] = sign(error) / n;
    }
    return loss / n;
  }
  static constexpr auto of_scores = of_outputs;
};

template <class T> struct LossRow {
  const char *name;
  T (*of_scores)(const T *, Truth<T>, T *, long);
  T (*of_outputs)(const T *, Truth<T>, T *, long);
};
template <class T, template <class> class L> constexpr LossRow<T> loss_row(const char *name) {
  return {name, L<T>::of_scores, L<T>::of_outputs};
}
template <class T> constexpr LossRow<T> LOSSES[] = {
    loss_row<T, CategoricalCrossentropy>("categorical_crossentropy"),
    loss_row<T, BinaryCrossentropy>("binary_crossentropy"),
    loss_row<T, MSE>("mse"),
    loss_row<T, MAE>("mae"),
};

}  // namespace
