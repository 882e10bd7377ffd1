// The losses, row for row as in losses.py: each row's loss, and its derivative by scores or by outputs.
// They work on as many rows at once as a vector has lanes, turned so that output k of all of them lies side by side:
// a loop over lanes is then one instruction, and what happens to a lane is what losses.py does to a row.
#pragma once
#include <limits>

#include "activations.hpp"

namespace {

// Outputs or scores, targets and derivatives, (n, LANES) each; `labels` in place of y where targets are column numbers.
template <class T> struct Rows {
  const T *z, *y;
  const int64_t *labels;
  T *dz, *loss;
  long n;
  const T *settings;  // of the loss
};

// A loss that is the mean, or the sum, over outputs of a function of each: f(z, y, settings, k, d) for output k, which
// leaves the derivative in d.
template <class T, class F, bool MEAN> struct Each {
  static void rows(const Rows<T> &rows) {
    const T n = T(MEAN ? rows.n : 1);
    EACH_LANE rows.loss[lane] = 0;
    for (long k = 0; k < rows.n; k++) {
      const T *z = rows.z + k * LANES<T>, *y = rows.y + k * LANES<T>;
      T *dz = rows.dz + k * LANES<T>;
      EACH_LANE {
        T d;
        rows.loss[lane] += F::f(z[lane], y[lane], rows.settings, k, d);
        dz[lane] = MEAN ? d / n : d;
      }
    }
    if (MEAN) EACH_LANE rows.loss[lane] /= n;
  }
};

template <class T> struct CategoricalCrossentropy {
  static void of_scores(const Rows<T> &rows) {
    const T *z = rows.z;
    T *dz = rows.dz, top[LANES<T>], total[LANES<T>], of_truth[LANES<T>];
    EACH_LANE top[lane] = z[lane], total[lane] = 0, of_truth[lane] = 0;
    for (long k = 1; k < rows.n; k++) EACH_LANE {
      const T x = z[k * LANES<T> + lane];
      top[lane] = x > top[lane] || x != x ? x : top[lane];
    }
    for (long k = 0; k < rows.n; k++) EACH_LANE {
      const T e = exponential(z[k * LANES<T> + lane] - top[lane]);
      total[lane] += e, dz[k * LANES<T> + lane] = e;
    }
    for (long k = 0; k < rows.n; k++) EACH_LANE dz[k * LANES<T> + lane] /= total[lane];
    if (rows.labels) {
      for (long lane = 0; lane < LANES<T>; lane++) {
        const long k = rows.labels[lane] * LANES<T> + lane;
        of_truth[lane] = z[k] - top[lane], dz[k] -= 1;
      }
    } else {
      for (long k = 0; k < rows.n; k++) EACH_LANE {
        const T y = rows.y[k * LANES<T> + lane];
        of_truth[lane] += (z[k * LANES<T> + lane] - top[lane]) * y, dz[k * LANES<T> + lane] -= y;
      }
    }
    EACH_LANE rows.loss[lane] = logarithm(total[lane]) - of_truth[lane];
  }
  static void of_outputs(const Rows<T> &rows) {
    const T least = std::numeric_limits<T>::epsilon();
    EACH_LANE rows.loss[lane] = 0;
    for (long k = 0; k < rows.n; k++)
      for (long lane = 0; lane < LANES<T>; lane++) {
        const T a = rows.z[k * LANES<T> + lane], p = a < least ? least : a;
        const T y = rows.labels ? T(k == rows.labels[lane]) : rows.y[k * LANES<T> + lane];
        rows.dz[k * LANES<T> + lane] = -y / p;
        if (y != 0) rows.loss[lane] -= y * std::log(p);
      }
  }
};

template <class T> struct BinaryCrossentropy {
  struct Score {
    INLINE T f(T z, T y, const T *, long, T &d) {
      d = Sigmoid<T>::f(z, 0) - y;
      return ((z < 0 ? T(0) : z) - z * y) + logarithm_of_1_plus(exponential(z < 0 ? z : -z));
    }
  };
  struct Output {
    INLINE T f(T a, T y, const T *, long, T &d) {
      const T low = std::numeric_limits<T>::epsilon(), high = 1 - low, p = a < low ? low : a > high ? high : a;
      d = (p - y) / (p * (1 - p));
      return -(y * std::log(p) + (1 - y) * std::log1p(-p));
    }
  };
  static constexpr auto of_scores = Each<T, Score, false>::rows, of_outputs = Each<T, Output, false>::rows;
};

template <class T> struct MSE {
  struct Error {
    INLINE T f(T a, T y, const T *, long, T &d) {
      d = 2 * (a - y);
      return (a - y) * (a - y);
    }
  };
  static constexpr auto of_outputs = Each<T, Error, true>::rows, of_scores = of_outputs;
};

template <class T> struct MAE {
  struct Error {
    INLINE T f(T a, T y, const T *, long, T &d) {
      d = sign(a - y);
      return a < y ? y - a : a - y;
    }
  };
  static constexpr auto of_outputs = Each<T, Error, true>::rows, of_scores = of_outputs;
};

template <class T> struct LossRow {
  const char *name;
  void (*of_scores)(const Rows<T> &);
  void (*of_outputs)(const Rows<T> &);
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
