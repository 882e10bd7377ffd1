// BatchNorm, LayerNorm and PReLU, as in normalization.py and layers.py: y = gain x^ + offset, and what leads to it.
#pragma once
#include "core.hpp"
#include "optimizers.hpp"
#include "vec.hpp"

namespace {

// For column k of a BatchNorm's batch: its mean, its variance, sqrt(variance + epsilon), and the means of d and d x^.
enum Statistic { MEAN, VARIANCE, SPREAD, MEAN_D, MEAN_DX, STATISTICS };

// Whether a BatchNorm goes by its batch: not in prediction, nor where it is frozen.
template <class T> INLINE bool by_batch(const Job<T> &job, const Stage &stage) { return job.training && stage.constants >= 0; }

// Sum over rows of f(r, k), for LANE columns from `start` on, in the order of the rows.
template <class T, class F> INLINE void column_sums(long rows, long start, T *sum, const F &f) {
  for (long k = 0; k < LANE; k++) sum[k] = 0;
  for (long r = 0; r < rows; r++)
    INDEPENDENT
    for (long k = 0; k < LANE; k++) sum[k] += f(r, start + k);
}
// f(start) for every LANE columns that are this thread's.
template <class F> INLINE void my_columns(long n, int thread, int threads, const F &f) {
  const long lanes = padded(n) / LANE;
  for (long q = lanes * thread / threads; q < lanes * (thread + 1) / threads; q++) f(q * LANE);
}

// This thread's columns of the statistics of a whole batch, before its rows are normalized,
template <class T> void batch_forward(const Job<T> &job, int s, long batch, int thread, int threads) {
  const Stage &stage = job.stage[s];
  const T *x = job.A[s], m = T(batch);
  const long ld = job.ld[s];
  T *of = job.statistics[s];
  my_columns(stage.n_in, thread, threads, [&](long k0) {
    T *mean = of + MEAN * ld + k0, *variance = of + VARIANCE * ld + k0, *spread = of + SPREAD * ld + k0;
    column_sums<T>(batch, k0, mean, [&](long r, long k) { return x[r * ld + k]; });
    for (long k = 0; k < LANE; k++) mean[k] /= m;
    column_sums<T>(batch, k0, variance, [&](long r, long k) { return (x[r * ld + k] - mean[k - k0]) * (x[r * ld + k] - mean[k - k0]); });
    for (long k = 0; k < LANE; k++) variance[k] /= m, spread[k] = root(variance[k] + T(stage.setting));
  });
}
// and of the means that its way back needs.
template <class T> void batch_backward(const Job<T> &job, int s, long batch, int thread, int threads) {
  const Stage &stage = job.stage[s];
  const T *dy = job.D[s + 1], *normal = job.kept[s], *gain = job.params + stage.weights, m = T(batch);
  const long ld = job.ld[s];
  T *of = job.statistics[s];
  my_columns(stage.n_in, thread, threads, [&](long k0) {
    T *d = of + MEAN_D * ld + k0, *dx = of + MEAN_DX * ld + k0;
    column_sums<T>(batch, k0, d, [&](long r, long k) { return dy[r * ld + k] * gain[k]; });
    column_sums<T>(batch, k0, dx, [&](long r, long k) { return dy[r * ld + k] * gain[k] * normal[r * ld + k]; });
    for (long k = 0; k < LANE; k++) d[k] /= m, dx[k] /= m;
  });
}

template <class T> void batchnorm_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const T *gain = job.params + stage.weights, *offset = job.params + stage.biases;
  const long n = stage.n_in, ld_x = job.ld[s], ld = job.ld[s + 1];  // X may be the user's own
  const T *mean = by_batch(job, stage) ? job.statistics[s] + MEAN * ld : job.params + stage.running_mean;
  const T *variance = by_batch(job, stage) ? job.statistics[s] + VARIANCE * ld : job.params + stage.running_variance;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * ld_x;
    T *y = job.A[s + 1] + r * ld, *normal = job.kept[s] + r * ld;
    INDEPENDENT
    for (long k = 0; k < n; k++) {
      normal[k] = (x[k] - mean[k]) / root(variance[k] + T(stage.setting));
      y[k] = normal[k] * gain[k] + offset[k];
    }
  }
}
template <class T> void batchnorm_backward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const T *gain = job.params + stage.weights, *of = job.statistics[s];
  const long n = stage.n_in, ld = job.ld[s];
  const T *d = of + MEAN_D * ld, *along = of + MEAN_DX * ld;
  const T *variance = by_batch(job, stage) ? of + VARIANCE * ld : job.params + stage.running_variance;
  const T in_training = T(by_batch(job, stage));
  for (long r = first; r < last; r++) {
    const T *dy = job.D[s + 1] + r * ld, *normal = job.kept[s] + r * ld;
    T *dx = job.D[s] + r * ld;
    INDEPENDENT
    for (long k = 0; k < n; k++)
      dx[k] = (dy[k] * gain[k] - in_training * (d[k] + normal[k] * along[k])) / root(variance[k] + T(stage.setting));
  }
}
// The running mean and variance after an update, the variance over m - 1.
template <class T> void move_running(const Job<T> &job, int s, long batch) {
  const Stage &stage = job.stage[s];
  const T *mean = job.statistics[s] + MEAN * job.ld[s], *variance = job.statistics[s] + VARIANCE * job.ld[s];
  T *running = job.params + stage.running_mean, *running_variance = job.params + stage.running_variance;
  const T momentum = T(stage.rate), unbiased = T(batch) / T(batch > 1 ? batch - 1 : 1);
  for (long k = 0; k < stage.n_in; k++) {
    running[k] += momentum * (mean[k] - running[k]);
    running_variance[k] += momentum * (variance[k] * unbiased - running_variance[k]);
  }
  for (long start : {stage.running_mean, stage.running_variance})
    if (job.mean) enter(job.mean_share, job.mean + start, job.params + start, stage.n_in);
}

// The sum of n numbers that are followed by zeros up to whole vectors.
template <class T> INLINE T row_sum(const T *x, long n) {
  vec<T> total = {};
  for (long k = 0; k < n; k += LANES<T>) total += load(x + k);
  return ::total<T>(total);
}
template <class T> void layernorm_forward(const Job<T> &job, int s, long first, long last, T *scratch) {
  const Stage &stage = job.stage[s];
  const T *gain = job.params + stage.weights, *offset = job.params + stage.biases;
  const long n = stage.n_in, ld_x = job.ld[s], ld = job.ld[s + 1];
  for (long k = n; k < whole<T>(n); k++) scratch[k] = 0;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * ld_x, mean = row_sum(x, n) / T(n);
    T *y = job.A[s + 1] + r * ld, *normal = job.kept[s] + r * ld;
    for (long k = 0; k < n; k++) normal[k] = x[k] - mean, scratch[k] = normal[k] * normal[k];
    const T spread = root(row_sum(scratch, n) / T(n) + T(stage.setting));
    job.statistics[s][r] = spread;
    INDEPENDENT
    for (long k = 0; k < n; k++) normal[k] /= spread, y[k] = normal[k] * gain[k] + offset[k];
  }
}
template <class T> void layernorm_backward(const Job<T> &job, int s, long first, long last, T *scratch) {
  const Stage &stage = job.stage[s];
  const T *gain = job.params + stage.weights;
  const long n = stage.n_in, ld = job.ld[s];
  T *along = scratch + whole<T>(n);
  for (long k = n; k < whole<T>(n); k++) scratch[k] = along[k] = 0;
  for (long r = first; r < last; r++) {
    const T *dy = job.D[s + 1] + r * ld, *normal = job.kept[s] + r * ld, spread = job.statistics[s][r];
    T *dx = job.D[s] + r * ld;
    INDEPENDENT
    for (long k = 0; k < n; k++) scratch[k] = dy[k] * gain[k], along[k] = scratch[k] * normal[k];
    const T mean = row_sum(scratch, n) / T(n), mean_along = row_sum(along, n) / T(n);
    INDEPENDENT
    for (long k = 0; k < n; k++) dx[k] = (scratch[k] - mean - normal[k] * mean_along) / spread;
  }
}

template <class T> void prelu_forward(const Job<T> &job, int s, long first, long last) {
  const T *slope = job.params + job.stage[s].weights;
  const long n = job.stage[s].n_in;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * job.ld[s];
    T *y = job.A[s + 1] + r * job.ld[s + 1];
    INDEPENDENT
    for (long k = 0; k < n; k++) y[k] = x[k] < 0 ? slope[k] * x[k] : x[k];
  }
}
template <class T> void prelu_backward(const Job<T> &job, int s, long first, long last) {
  const T *slope = job.params + job.stage[s].weights;
  const long n = job.stage[s].n_in, ld = job.ld[s];
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * ld, *dy = job.D[s + 1] + r * ld;
    T *dx = job.D[s] + r * ld;
    INDEPENDENT
    for (long k = 0; k < n; k++) dx[k] = x[k] < 0 ? slope[k] * dy[k] : dy[k];
  }
}

}  // namespace
