// The losses, row for row as in losses.py: each row's loss, and its derivative by scores or by outputs.
// They work on as many rows at once as a vector has lanes, turned so that output k of all of them lies side by side:
// a loop over lanes is then one instruction, and what happens to a lane is what losses.py does to a row.
#pragma once
#include <limits>

#include "activations.hpp"
#include "core.hpp"

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

// What output k of a row should be, whichever way the targets are given.
template <class T> INLINE T target(const Rows<T> &rows, long k, long lane) {
  return rows.labels ? T(k == rows.labels[lane]) : rows.y[k * LANES<T> + lane];
}

template <class T> struct CategoricalCrossentropy {
  static void of_scores(const Rows<T> &rows) {
    const T *z = rows.z, smoothing = rows.settings[0], floor = smoothing / rows.n;
    T *dz = rows.dz, top[LANES<T>], total[LANES<T>], share[LANES<T>], of_truth[LANES<T>];
    vec<T> largest = load(z);
    for (long k = 1; k < rows.n; k++) {
      const vec<T> x = load(z + k * LANES<T>);
      largest = ((x > largest) | (x != x)) ? x : largest;
    }
    store(top, largest);
    EACH_LANE total[lane] = 0, of_truth[lane] = 0;
    for (long k = 0; k < rows.n; k++) EACH_LANE {
      const T e = exponential(z[k * LANES<T> + lane] - top[lane]);
      total[lane] += e, dz[k * LANES<T> + lane] = e;
    }
    EACH_LANE share[lane] = 1 / total[lane];
    for (long k = 0; k < rows.n; k++) EACH_LANE dz[k * LANES<T> + lane] *= share[lane];
    if (smoothing != 0) {
      for (long k = 0; k < rows.n; k++)
        for (long lane = 0; lane < LANES<T>; lane++) {
          const T y = target(rows, k, lane) * (1 - smoothing) + floor;
          of_truth[lane] += (z[k * LANES<T> + lane] - top[lane]) * y, dz[k * LANES<T> + lane] -= y;
        }
    } else if (rows.labels) {
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
    const T least = std::numeric_limits<T>::epsilon(), smoothing = rows.settings[0], floor = smoothing / rows.n;
    EACH_LANE rows.loss[lane] = 0;
    for (long k = 0; k < rows.n; k++)
      for (long lane = 0; lane < LANES<T>; lane++) {
        const T a = rows.z[k * LANES<T> + lane], p = a < least ? least : a;
        const T y = target(rows, k, lane) * (1 - smoothing) + floor;
        rows.dz[k * LANES<T> + lane] = -y / p;
        if (y != 0) rows.loss[lane] -= y * std::log(p);
      }
  }
};

// With q = 1 - p: each output's part of the loss is -factor log p, factor = alpha y q^gamma, and its c, from which both
// derivatives are made, factor (gamma p log(p) / q - 1).
template <class T> struct CategoricalFocal {
  INLINE T part(const Rows<T> &rows, long k, long lane, T p, T log, T q) {
    const T y = target(rows, k, lane), gamma = rows.settings[0];
    if (y == 0) return 0;
    const T factor = rows.settings[1 + k] * y * std::pow(q, gamma), slope = q > 0 ? log / q : T(-1);
    rows.loss[lane] -= factor * log;
    return factor * (gamma * p * slope - 1);
  }
  static void of_scores(const Rows<T> &rows) {
    for (long lane = 0; lane < LANES<T>; lane++) {
      const T *z = rows.z + lane;
      T *dz = rows.dz + lane, top = z[0], total = 0, sum = 0;
      for (long k = 1; k < rows.n; k++) top = z[k * LANES<T>] > top || z[k * LANES<T>] != z[k * LANES<T>] ? z[k * LANES<T>] : top;
      for (long k = 0; k < rows.n; k++) total += exponential(z[k * LANES<T>] - top);
      const T log_total = logarithm(total);
      rows.loss[lane] = 0;
      for (long k = 0; k < rows.n; k++) {
        const T log = (z[k * LANES<T>] - top) - log_total;
        dz[k * LANES<T>] = part(rows, k, lane, exponential(log), log, -std::expm1(log));
        sum += dz[k * LANES<T>];
      }
      for (long k = 0; k < rows.n; k++) dz[k * LANES<T>] -= exponential((z[k * LANES<T>] - top) - log_total) * sum;
    }
  }
  static void of_outputs(const Rows<T> &rows) {
    const T least = std::numeric_limits<T>::epsilon();
    EACH_LANE rows.loss[lane] = 0;
    for (long k = 0; k < rows.n; k++)
      for (long lane = 0; lane < LANES<T>; lane++) {
        const T a = rows.z[k * LANES<T> + lane], p = a < least ? least : a;
        rows.dz[k * LANES<T> + lane] = part(rows, k, lane, p, std::log(p), 1 - p) / p;
      }
  }
};

template <class T> struct CategoricalHinge {
  static void of_outputs(const Rows<T> &rows) {
    for (long lane = 0; lane < LANES<T>; lane++) {
      const T *z = rows.z + lane;
      T *dz = rows.dz + lane, top = -INFINITY;
      const long truth = rows.labels[lane];
      long rival = truth == 0 && rows.n > 1;
      for (long k = 0; k < rows.n; k++) {
        const T x = z[k * LANES<T>];
        if (k != truth && (x > top || x != x)) top = x, rival = k;
        dz[k * LANES<T>] = 0;
      }
      const T margin = 1 + (top - z[truth * LANES<T>]), loss = margin < 0 ? T(0) : margin;
      dz[rival * LANES<T>] = sign(loss);
      dz[truth * LANES<T>] = -sign(loss);
      rows.loss[lane] = loss;
    }
  }
  static constexpr auto of_scores = of_outputs;
};

template <class T> struct BinaryCrossentropy {
  struct Score {
    INLINE T f(T z, T target, const T *settings, long, T &d) {
      const T y = target + settings[0] * (T(0.5) - target);
      const T small = exponential(z < 0 ? z : -z), share = 1 / (1 + small);
      d = (z < 0 ? small * share : share) - y;
      return ((z < 0 ? T(0) : z) - z * y) + logarithm_of_1_plus(small);
    }
  };
  struct Output {
    INLINE T f(T a, T target, const T *settings, long, T &d) {
      const T y = target + settings[0] * (T(0.5) - target);
      const T low = std::numeric_limits<T>::epsilon(), high = 1 - low, p = a < low ? low : a > high ? high : a;
      d = (p - y) / (p * (1 - p));
      return -(y * std::log(p) + (1 - y) * std::log1p(-p));
    }
  };
  static constexpr auto of_scores = Each<T, Score, false>::rows, of_outputs = Each<T, Output, false>::rows;
};

template <class T> struct BinaryFocal {  // settings: gamma, the factors of yes and of no
  struct Score {
    INLINE T f(T z, T y, const T *settings, long, T &d) {
      const T gamma = settings[0], small = exponential(z < 0 ? z : -z), log = logarithm_of_1_plus(small);
      const T up = (z < 0 ? T(0) : z) + log, down = (z < 0 ? -z : T(0)) + log;  // -log(1 - p), -log p
      const T p = (z < 0 ? small : T(1)) / (1 + small), q = (z < 0 ? T(1) : small) / (1 + small);
      const T of_yes = settings[1] * y * exponential(-gamma * up), of_no = settings[2] * (1 - y) * exponential(-gamma * down);
      d = of_no * (gamma * q * up + p) - of_yes * (gamma * p * down + q);
      return of_yes * down + of_no * up;
    }
  };
  struct Output {
    INLINE T f(T a, T y, const T *settings, long, T &d) {
      const T low = std::numeric_limits<T>::epsilon(), high = 1 - low, p = a < low ? low : a > high ? high : a;
      const T gamma = settings[0], q = 1 - p, up = -std::log1p(-p), down = -std::log(p);
      const T of_yes = settings[1] * y * std::pow(q, gamma), of_no = settings[2] * (1 - y) * std::pow(p, gamma);
      d = of_no * (gamma * up / p + 1 / q) - of_yes * (gamma * down / q + 1 / p);
      return of_yes * down + of_no * up;
    }
  };
  static constexpr auto of_scores = Each<T, Score, false>::rows, of_outputs = Each<T, Output, false>::rows;
};

template <class T> struct Hinge {
  struct Score {
    INLINE T f(T z, T y, const T *, long, T &d) {
      const T margin = 1 - y * z, loss = margin < 0 ? T(0) : margin;
      d = sign(loss) * -y;
      return loss;
    }
  };
  static constexpr auto of_outputs = Each<T, Score, false>::rows, of_scores = of_outputs;
};

template <class T> struct SquaredHinge {
  struct Score {
    INLINE T f(T z, T y, const T *, long, T &d) {
      const T margin = 1 - y * z, part = margin < 0 ? T(0) : margin;
      d = part * (-2 * y);
      return part * part;
    }
  };
  static constexpr auto of_outputs = Each<T, Score, false>::rows, of_scores = of_outputs;
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

template <class T> struct Huber {
  struct Error {
    INLINE T f(T a, T y, const T *settings, long, T &d) {
      const T delta = settings[0], e = a - y, size = e < 0 ? -e : e, near = size > delta ? delta : size;
      d = e > delta ? delta : e < -delta ? -delta : e;
      return near * (size - near / 2);
    }
  };
  static constexpr auto of_outputs = Each<T, Error, true>::rows, of_scores = of_outputs;
};

template <class T> struct LogCosh {
  struct Error {
    INLINE T f(T a, T y, const T *, long, T &d) {
      const T e = a - y, size = e < 0 ? -e : e, small = exponential(-size);
      d = hyperbolic_tangent(e);
      const T square = d * d, held = square < T(0.7) ? square : T(0.7);
      const T far = (size - T(0.693147180559945309)) + logarithm_of_1_plus(small * small);
      const T near = T(-0.5) * logarithm_of_1_plus(-held);
      return size < 1 ? near : far;
    }
  };
  static constexpr auto of_outputs = Each<T, Error, true>::rows, of_scores = of_outputs;
};

template <class T> struct Quantile {  // settings: the quantile of each output
  struct Error {
    INLINE T f(T a, T y, const T *settings, long k, T &d) {
      const T q = settings[k], e = a - y;
      d = (e > 0 ? 1 - q : q) * sign(e);
      return e * d;
    }
  };
  static constexpr auto of_outputs = Each<T, Error, true>::rows, of_scores = of_outputs;
};

template <class T> struct Poisson {
  INLINE T half_deviance(T a, T z, T y) {
    const T u = z - logarithm(y > 0 ? y : T(1));
    if (y > 0 && u > -1 && u < 1) return y * (std::expm1(u) - u);
    return (a - y) - y * u;
  }
  struct Score {
    INLINE T f(T z, T y, const T *, long, T &d) {
      const T a = exponential(z);
      d = a - y;
      return half_deviance(a, z, y);
    }
  };
  struct Output {
    INLINE T f(T a, T y, const T *, long, T &d) {
      const T least = std::numeric_limits<T>::epsilon(), p = a < least ? least : a;
      d = (p - y) / p;
      return half_deviance(p, logarithm(p), y);
    }
  };
  static constexpr auto of_scores = Each<T, Score, true>::rows, of_outputs = Each<T, Output, true>::rows;
};

template <class T> struct Gamma {
  struct Score {
    INLINE T f(T z, T y, const T *, long, T &d) {
      const T v = logarithm(y) - z, e = std::expm1(v);
      d = -e;
      return e - v;
    }
  };
  struct Output {
    INLINE T f(T a, T y, const T *settings, long k, T &d) {
      const T least = std::numeric_limits<T>::epsilon(), p = a < least ? least : a;
      const T loss = Score::f(logarithm(p), y, settings, k, d);
      d /= p;
      return loss;
    }
  };
  static constexpr auto of_scores = Each<T, Score, true>::rows, of_outputs = Each<T, Output, true>::rows;
};

template <class T> struct GaussianNLL {  // outputs in pairs: a mean and a log variance
  static void of_outputs(const Rows<T> &rows) {
    const T targets = T(rows.n / 2);
    EACH_LANE rows.loss[lane] = 0;
    for (long k = 0; k + 1 < rows.n; k += 2) {
      const T *mean = rows.z + k * LANES<T>, *log_variance = mean + LANES<T>, *y = rows.y + k * LANES<T>;
      T *dmean = rows.dz + k * LANES<T>, *dlog_variance = dmean + LANES<T>;
      EACH_LANE {
        const T e = mean[lane] - y[lane], s = log_variance[lane], size = logarithm(e < 0 ? -e : e);
        const T squares = exponential(2 * size - s);
        dmean[lane] = sign(e) * exponential(size - s) / targets;
        dlog_variance[lane] = (1 - squares) / (2 * targets);
        rows.loss[lane] += s + squares;
      }
    }
    EACH_LANE rows.loss[lane] /= 2 * targets;
  }
  static constexpr auto of_scores = of_outputs;
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
    loss_row<T, CategoricalFocal>("categorical_focal"),
    loss_row<T, CategoricalHinge>("categorical_hinge"),
    loss_row<T, BinaryCrossentropy>("binary_crossentropy"),
    loss_row<T, BinaryFocal>("binary_focal"),
    loss_row<T, Hinge>("hinge"),
    loss_row<T, SquaredHinge>("squared_hinge"),
    loss_row<T, MSE>("mse"),
    loss_row<T, MAE>("mae"),
    loss_row<T, Huber>("huber"),
    loss_row<T, LogCosh>("log_cosh"),
    loss_row<T, Quantile>("quantile"),
    loss_row<T, Poisson>("poisson"),
    loss_row<T, Gamma>("gamma"),
    loss_row<T, GaussianNLL>("gaussian_nll"),
};

constexpr long FEW_TO_TURN = 4;  // outputs of a row: fewer are quicker fetched one by one

// One number of each of as many rows as a vector has lanes.
template <class T, int... K> INLINE vec<T> column(const T *from, long apart, std::integer_sequence<int, K...>) { return vec<T>{from[K * apart]...}; }

// Leaves the weighted loss of each row, and in D[stages] dJ/dscores: each row's derivative times its share of J.
template <class T> void losses(const Job<T> &job, long first, long last, T *scratch) {
  const long members = job.members, n = job.stage[job.stages - 1].n_out / members, ld = job.ld[job.stages];
  const auto loss = job.from_outputs ? LOSSES<T>[job.loss].of_outputs : LOSSES<T>[job.loss].of_scores;
  const T *const scores = job.A[job.stages], *const targets = job.targets, factor = job.factor / T(members);
  const int64_t *const rows = job.rows;
  T *const errors = job.D[job.stages];
  double *const row_loss = job.row_loss;
  T *z = scratch, *dz = z + whole<T>(n) * LANES<T>, *y = dz + whole<T>(n) * LANES<T>, value[LANES<T>], share[LANES<T>];
  int64_t labels[LANES<T>];
  long row[LANES<T>], place[LANES<T>], in_data[LANES<T>];  // of each lane, where its scores are, and its targets
  const long begin = first * members, end = last * members;  // each member of each row
  for (long r = first; r < last; r++) row_loss[r] = 0;
  // The lane is the place in the batch, wherever a thread begins: compilers do not round all lanes of a loop alike.
  for (long start = begin / LANES<T> * LANES<T>; start < end; start += LANES<T>) {
    const long none = start < begin ? begin - start : 0, count = smaller(end - start, LANES<T>);
    const bool plain = members == 1 && none == 0 && count == LANES<T>, turned = members == 1 && none == 0 && n >= FEW_TO_TURN;
    for (long q = 0; q < LANES<T>; q++) {
      long each = start + q, r = each;
      if (!plain) each = start + (q < none ? none : smaller(q, count - 1)), r = members == 1 ? each : each / members;  // lanes that are left repeat a row
      row[q] = r, place[q] = r * ld + (each - r * members) * n;
    }
    for (long q = 0; q < LANES<T>; q++) in_data[q] = rows ? rows[row[q]] : row[q];
    for (long q = 0; q < LANES<T>; q++) share[q] = job.weights ? factor * job.weights[in_data[q]] : factor;
    if (job.labels)
      for (long q = 0; q < LANES<T>; q++) labels[q] = job.labels[in_data[q]];
    else
      for (long k = 0; k < n; k++)
        for (long q = 0; q < LANES<T>; q++) y[k * LANES<T> + q] = targets[in_data[q] * n + k];
    if (turned)
      for (long k = 0; k < n; k += LANES<T>) turn(scores + start * ld + k, ld, count, z + k * LANES<T>, LANES<T>);
    else if (plain)
      for (long k = 0; k < n; k++) store(z + k * LANES<T>, column(scores + start * ld + k, ld, std::make_integer_sequence<int, LANES<T>>{}));
    else
      for (long k = 0; k < n; k++)
        for (long q = 0; q < LANES<T>; q++) z[k * LANES<T> + q] = scores[place[q] + k];
    loss({z, y, job.labels ? labels : nullptr, dz, value, n, job.settings});
    for (long q = 0; q < LANES<T>; q++) value[q] *= share[q];
    if (plain)
      for (long q = 0; q < LANES<T>; q++) row_loss[start + q] = double(value[q]);
    else
      for (long q = none; q < count; q++) row_loss[row[q]] += double(value[q]);
    for (long k = 0; k < n; k++) store(dz + k * LANES<T>, load(dz + k * LANES<T>) * (job.share * load(share)));
    if (turned)
      for (long k = 0; k < n; k += LANES<T>) turn(dz + k * LANES<T>, LANES<T>, n - k, errors + start * ld + k, ld, count);
    else if (plain)
      for (long k = 0; k < n; k++)
        for (long q = 0; q < LANES<T>; q++) errors[(start + q) * ld + k] = dz[k * LANES<T> + q];
    else
      for (long k = 0; k < n; k++)
        for (long q = none; q < count; q++) errors[place[q] + k] = dz[k * LANES<T> + q];
  }
}

}  // namespace
