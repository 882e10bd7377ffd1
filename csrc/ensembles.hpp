// Members that share their weights, as in ensembles.py.
#pragma once
#include "columns.hpp"

namespace {

// sizes: members, whether all get the same x, inputs and units of each. Kept of each member of each row: its scaled x,
// the products with W, and on the way back s dy and its product with W^T.
struct Ensemble {
  long members, n, units, scaled, products, g, u, step;
  bool first;
  explicit Ensemble(const Stage &stage)
      : members(long(stage.sizes[0])), n(long(stage.sizes[2])), units(long(stage.sizes[3])), scaled(0), products(padded(n)), g(products + padded(units)),
        u(g + padded(units)), step(distance(u + padded(n))), first(stage.sizes[1] != 0) {}
};
enum { SHARED, SCALE_IN, SCALE_OUT, OFFSETS };  // parts

template <class T> void ensemble_forward(const Job<T> &job, int s, long batch, long first, long last, T *scratch) {
  const Stage &stage = job.stage[s];
  const Ensemble e(stage);
  const Part *parts = stage.parts;
  const T *W = job.params + parts[SHARED].start;
  const long rows = (last - first) * e.members, row = long(parts[SHARED].row);
  T *const kept = job.kept[s] + first * e.members * e.step;
  for (long q = 0; q < rows; q++) {
    const T *x = job.A[s] + (first + q / e.members) * job.ld[s] + (e.first ? 0 : q % e.members * e.n);
    const T *scale = job.params + parts[SCALE_IN].start + q % e.members * parts[SCALE_IN].row;
    T *to = kept + q * e.step;
    INDEPENDENT
    for (long k = 0; k < e.n; k++) to[k] = x[k] * scale[k];
  }
  T *z = kept + e.products;
  if (batch * e.members < DOT_BATCH || (e.n >= DOT_WIDTH && e.units < TURN_WIDTH)) dots(rows, e.units, padded(e.n), kept, e.step, W, row, z, e.step);
  else
    product<T, true>(rows, 0, e.units, e.n, kept, e.step, 1, W, row, scratch, Into<T>{z, e.step, nullptr});
  for (long q = 0; q < rows; q++) {
    const T *scale = job.params + parts[SCALE_OUT].start + q % e.members * parts[SCALE_OUT].row;
    const T *offset = job.params + parts[OFFSETS].start + q % e.members * parts[OFFSETS].row, *from = z + q * e.step;
    T *y = job.A[s + 1] + (first + q / e.members) * job.ld[s + 1] + q % e.members * e.units;
    INDEPENDENT
    for (long k = 0; k < e.units; k++) y[k] = from[k] * scale[k] + offset[k];
  }
}
template <class T> void ensemble_backward(const Job<T> &job, int s, long first, long last, T *scratch) {
  const Stage &stage = job.stage[s];
  const Ensemble e(stage);
  const Part *parts = stage.parts;
  const long rows = (last - first) * e.members;
  T *const g = job.kept[s] + first * e.members * e.step + e.g, *const u = job.kept[s] + first * e.members * e.step + e.u;
  for (long q = 0; q < rows; q++) {
    const T *dy = job.D[s + 1] + (first + q / e.members) * job.ld[s + 1] + q % e.members * e.units;
    const T *scale = job.params + parts[SCALE_OUT].start + q % e.members * parts[SCALE_OUT].row;
    INDEPENDENT
    for (long k = 0; k < e.units; k++) g[q * e.step + k] = dy[k] * scale[k];
  }
  product<T, false>(rows, 0, e.n, e.units, g, e.step, 1, job.params + parts[SHARED].start, long(parts[SHARED].row), scratch, Into<T>{u, e.step, nullptr});
  for (long r = first; r < last; r++) {
    T *dx = job.D[s] + r * job.ld[s];
    for (long k = 0; k < stage.n_in; k++) dx[k] = 0;
    for (long i = 0; i < e.members; i++) {
      const T *scale = job.params + parts[SCALE_IN].start + i * parts[SCALE_IN].row, *from = u + ((r - first) * e.members + i) * e.step;
      T *to = dx + (e.first ? 0 : i * e.n);
      INDEPENDENT
      for (long k = 0; k < e.n; k++) to[k] += from[k] * scale[k];
    }
  }
}
// This thread's columns of dW, by `change`, which knows of penalties, and this thread's members of all else.
template <class T, class Change, class Apply>
void update_ensemble(const Job<T> &job, int s, long batch, int thread, int threads, T *scratch, const Change &change, const Apply &apply) {
  const Stage &stage = job.stage[s];
  const Ensemble e(stage);
  const Part *parts = stage.parts;
  const T *kept = job.kept[s];
  const long vectors = (e.n + LANES<T> - 1) / LANES<T>, row = long(parts[SHARED].row);
  const long from = vectors * thread / threads * LANES<T>, to = smaller(vectors * (thread + 1) / threads * LANES<T>, e.n);
  product<T, false>(e.units, from, to, batch * e.members, kept + e.g, 1, e.step, kept, e.step, scratch, [&](long i0, long m, long j0, long w, const T *C) {
    change(Block<T>{C, padded(w), long(parts[SHARED].start) + i0 * row + j0, row, m, w});
  });
  for (long i = e.members * thread / threads; i < e.members * (thread + 1) / threads; i++) {
    const auto sums = [&](int part, long n, const auto &f) {
      T *sum = job.statistics[s] + (parts[part].start - parts[0].start) + i * parts[part].row;
      for (long k = 0; k < parts[part].row; k++) sum[k] = 0;
      for (long r = 0; r < batch; r++) f(sum, r);
      apply(Block<T>{sum, 0, long(parts[part].start + i * parts[part].row), 0, 1, n});
    };
    const auto dy = [&](long r) { return job.D[s + 1] + r * job.ld[s + 1] + i * e.units; };
    const auto of = [&](long r, long place) { return kept + (r * e.members + i) * e.step + place; };
    sums(SCALE_IN, e.n, [&](T *sum, long r) {
      const T *u = of(r, e.u), *x = job.A[s] + r * job.ld[s] + (e.first ? 0 : i * e.n);
      INDEPENDENT
      for (long k = 0; k < e.n; k++) sum[k] += u[k] * x[k];
    });
    sums(SCALE_OUT, e.units, [&](T *sum, long r) {
      const T *d = dy(r), *z = of(r, e.products);
      INDEPENDENT
      for (long k = 0; k < e.units; k++) sum[k] += d[k] * z[k];
    });
    sums(OFFSETS, e.units, [&](T *sum, long r) {
      const T *d = dy(r);
      INDEPENDENT
      for (long k = 0; k < e.units; k++) sum[k] += d[k];
    });
  }
}

// --- MEMBERS ---------------------------------------------------------------------------------------------------------
// sizes: members, and in how many groups the activation takes a row: softmax each member alone. Kept: what it gives.
template <class T> void mean_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const long members = long(stage.sizes[0]), n = stage.n_in / long(stage.sizes[1]), ld = distance(stage.n_in);
  T *a = job.kept[s] + first * ld;
  for (long k = 0; k < stage.n_in; k += n)
    ACTIVATIONS<T>[stage.function].forward(job.A[s] + first * job.ld[s] + k, a + k, last - first, n, job.ld[s], ld, T(stage.setting));
  for (long r = 0; r < last - first; r++) {
    T *y = job.A[s + 1] + (first + r) * job.ld[s + 1];
    for (long k = 0; k < stage.n_out; k++) y[k] = 0;
    for (long i = 0; i < members; i++)
      for (long k = 0; k < stage.n_out; k++) y[k] += a[r * ld + i * stage.n_out + k];
    for (long k = 0; k < stage.n_out; k++) y[k] /= T(members);
  }
}
template <class T> void mean_backward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const long members = long(stage.sizes[0]), n = stage.n_in / long(stage.sizes[1]), ld = job.ld[s];
  T *dz = job.D[s] + first * ld;
  for (long r = 0; r < last - first; r++)
    for (long i = 0; i < members; i++)
      for (long k = 0; k < stage.n_out; k++) dz[r * ld + i * stage.n_out + k] = job.D[s + 1][(first + r) * job.ld[s + 1] + k] / T(members);
  for (long k = 0; k < stage.n_in; k += n)
    ACTIVATIONS<T>[stage.function].backward(dz + k, job.A[s] + first * ld + k, job.kept[s] + first * ld + k, dz + k, last - first, n, ld, T(stage.setting));
}

}  // namespace
