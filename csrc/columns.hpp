// Layers for the columns of tables, as in columns.py, embeddings.py and Scaling of normalization.py.
#pragma once
#include "core.hpp"
#include "gemm.hpp"
#include "normalization.hpp"
#include "optimizers.hpp"

namespace {

// --- SPLIT, SPLICE ---------------------------------------------------------------------------------------------------
template <class T> INLINE void copied(const T *from, long ld_from, T *to, long ld_to, long rows, long n) {
  for (long r = 0; r < rows; r++)
    INDEPENDENT
    for (long k = 0; k < n; k++) to[r * ld_to + k] = from[r * ld_from + k];
}
// Of `wide`, n columns from `start` on are those of `part`, which is `after` wide there; the others are those of `rest`.
template <class T>
INLINE void joined(const T *part, long ld_part, long n_part, const T *rest, long ld_rest, long n_rest_part, T *wide, long ld, long start, long width, long rows) {
  copied(rest, ld_rest, wide, ld, rows, start);
  copied(part, ld_part, wide + start, ld, rows, n_part);
  copied(rest + start + n_rest_part, ld_rest, wide + start + n_part, ld, rows, width - start - n_part);
}
template <class T> void split_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const long ld_x = job.ld[s], ld = job.ld[s + 1];
  copied(job.A[s] + first * ld_x + stage.sizes[0], ld_x, job.A[s + 1] + first * ld, ld, last - first, stage.n_out);
}
template <class T> void split_backward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s], &splice = job.stage[stage.partner - 1];
  const long ld = job.ld[s], ld_part = job.ld[s + 1], ld_rest = job.ld[stage.partner];
  joined(job.D[s + 1] + first * ld_part, ld_part, stage.n_out, job.D[stage.partner] + first * ld_rest, ld_rest, splice.n_in,
         job.D[s] + first * ld, ld, stage.sizes[0], stage.n_in, last - first);
}
template <class T> void splice_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s], &split = job.stage[stage.partner];
  const long ld = job.ld[s + 1], ld_part = job.ld[s], ld_rest = job.ld[stage.partner];
  joined(job.A[s] + first * ld_part, ld_part, stage.n_in, job.A[stage.partner] + first * ld_rest, ld_rest, split.n_out,
         job.A[s + 1] + first * ld, ld, stage.sizes[0], stage.n_out, last - first);
}
template <class T> void splice_backward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const long ld = job.ld[s], ld_y = job.ld[s + 1];
  copied(job.D[s + 1] + first * ld_y + stage.sizes[0], ld_y, job.D[s] + first * ld, ld, last - first, stage.n_in);
}

// --- SCALING ---------------------------------------------------------------------------------------------------------
template <class T> void scaling_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const T *scale = job.params + stage.weights, *centre = stage.biases < 0 ? nullptr : job.params + stage.biases;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * job.ld[s];
    T *y = job.A[s + 1] + r * job.ld[s + 1];
    INDEPENDENT
    for (long k = 0; k < stage.n_in; k++) y[k] = (centre ? x[k] - centre[k] : x[k]) * scale[k];
  }
}
template <class T> void scaling_backward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const T *scale = job.params + stage.weights;
  for (long r = first; r < last; r++) {
    const T *dy = job.D[s + 1] + r * job.ld[s + 1];
    T *dx = job.D[s] + r * job.ld[s];
    INDEPENDENT
    for (long k = 0; k < stage.n_in; k++) dx[k] = dy[k] * scale[k];
  }
}
template <class T, class Apply> void update_scaling(const Job<T> &job, int s, long batch, int thread, int threads, const Apply &apply) {
  const Stage &stage = job.stage[s];
  const T *x = job.A[s], *dy = job.D[s + 1], *scale = job.params + stage.weights;
  const T *centre = stage.biases < 0 ? nullptr : job.params + stage.biases;
  const long ld = job.ld[s + 1];
  my_columns(stage.n_in, thread, threads, [&](long k0) {
    T ds[LANE], dc[LANE];  // both before either parameter moves
    const long n = smaller(LANE, stage.n_in - k0);
    column_sums<T>(batch, k0, ds, [&](long r, long k) { return dy[r * ld + k] * (centre ? x[r * ld + k] - centre[k] : x[r * ld + k]); });
    if (centre) {
      column_sums<T>(batch, k0, dc, [&](long r, long k) { return -dy[r * ld + k] * scale[k]; });
      apply(Block<T>{dc, 0, stage.biases + k0, 0, 1, n});
    }
    apply(Block<T>{ds, 0, stage.weights + k0, 0, 1, n});
  });
}

// --- PIECEWISE -------------------------------------------------------------------------------------------------------
// sizes: where the bins of each column begin among all bins, and their number.
template <class T> void piecewise_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const T *starts = job.params + stage.running_mean, *factors = job.params + stage.running_variance;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * job.ld[s];
    T *y = job.A[s + 1] + r * job.ld[s + 1];
    for (long j = 0; j < stage.n_in; j++) {
      const long begin = stage.sizes[j], end = stage.sizes[j + 1] - 1;
      const auto free = [&](long k) { return (x[j] - starts[k]) * factors[k]; };
      INDEPENDENT
      for (long k = begin; k <= end; k++) y[k] = held(free(k), T(0), T(1));
      if (begin == end) y[end] = free(end);
      else {
        y[begin] = free(begin) > 1 ? T(1) : free(begin);
        y[end] = free(end) < 0 ? T(0) : free(end);
      }
    }
  }
}
template <class T> void piecewise_backward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const T *starts = job.params + stage.running_mean, *factors = job.params + stage.running_variance;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * job.ld[s], *dy = job.D[s + 1] + r * job.ld[s + 1];
    T *dx = job.D[s] + r * job.ld[s];
    for (long j = 0; j < stage.n_in; j++) {
      const long begin = stage.sizes[j], end = stage.sizes[j + 1] - 1;
      T sum = 0;
      for (long k = begin; k <= end; k++) {
        const T y = (x[j] - starts[k]) * factors[k];
        if ((y >= 0 || k == begin) && (y <= 1 || k == end)) sum += dy[k] * factors[k];
      }
      dx[j] = sum;
    }
  }
}

// --- EMBEDDING -------------------------------------------------------------------------------------------------------
// sizes: of each column its levels, its first column of the result, its width there, and the number of its table, -1 if
// it is one-hot.
struct Column {
  int64_t levels, start, width, table;
};
// The row of a table that a code means, -1 for none.
template <class T> INLINE long row_of(T code, long levels) { return code >= T(-0.5) && code < T(levels) - T(0.5) ? long(code + T(0.5)) : -1; }

template <class T> void embedding_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const Column *columns = (const Column *)stage.sizes;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * job.ld[s];
    for (long j = 0; j < stage.n_in; j++) {
      const Column &column = columns[j];
      T *y = job.A[s + 1] + r * job.ld[s + 1] + column.start;
      const long row = row_of(x[j], long(column.levels));
      if (column.table >= 0 && row >= 0) {
        const Part &part = stage.parts[column.table];
        const T *from = job.params + part.start + row * part.row;
        for (long k = 0; k < column.width; k++) y[k] = from[k];
      } else {
        for (long k = 0; k < column.width; k++) y[k] = (x[j] < 0 ? -x[j] : x[j]) * 0;  // NaN of NaN
        if (row >= 0) (column.levels == 2 ? y[0] : y[row]) = T(column.levels == 2 && row == 0 ? -1 : 1);
      }
    }
  }
}
template <class T> void embedding_backward(const Job<T> &job, int s, long first, long last) {
  for (long r = first; r < last; r++)
    for (long k = 0; k < job.stage[s].n_in; k++) job.D[s][r * job.ld[s] + k] = 0;
}
// This thread's rows of all tables: each of them sees all codes, and adds up those that are its own.
template <class T, class Apply> void update_embedding(const Job<T> &job, int s, long batch, int thread, int threads, const Apply &apply) {
  const Stage &stage = job.stage[s];
  for (long j = 0; j < stage.n_in; j++) {
    const Column &column = ((const Column *)stage.sizes)[j];
    if (column.table < 0) continue;
    const Part &part = stage.parts[column.table];
    const long from = long(part.rows) * thread / threads, to = long(part.rows) * (thread + 1) / threads;
    T *sums = job.statistics[s] + (part.start - stage.parts[0].start);
    for (long k = from * part.row; k < to * part.row; k++) sums[k] = 0;
    for (long r = 0; r < batch; r++) {
      const long row = row_of(job.A[s][r * job.ld[s] + j], long(column.levels));
      if (row < from || row >= to) continue;
      const T *dy = job.D[s + 1] + r * job.ld[s + 1] + column.start;
      for (long k = 0; k < column.width; k++) sums[row * part.row + k] += dy[k];
    }
    if (from < to) apply(Block<T>{sums + from * part.row, long(part.row), long(part.start + from * part.row), long(part.row), to - from, long(part.n)});
  }
}

// --- PERIODIC --------------------------------------------------------------------------------------------------------
// cos and sin of 2 pi t: what is left of t beyond whole quarter turns, by Cephes' polynomials; NaN of infinity. Where
// float32 knows no fraction of t, that of 0.
INLINE void cos_and_sin(float t, float &cos, float &sin) {
  const float n = t * 4 + 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
  int32_t quarter;
  std::memcpy(&quarter, &n, 4);
  float r = (t - (n - 12582912.0f) * 0.25f) * 6.283185307179586f;
  r = t > 1e6f || t < -1e6f ? t * 0 : r;
  const float z = r * r;
  const float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
  const float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1;
  const float a = quarter & 1 ? s : c, b = quarter & 1 ? c : s;
  cos = (quarter + 1) & 2 ? -a : a;
  sin = quarter & 2 ? -b : b;
}
INLINE void cos_and_sin(double t, double &cos, double &sin) {
  const double z = t * 6.283185307179586;
  cos = std::cos(z), sin = std::sin(z);
}

// What is kept of each column in a row: its waves, all of them, and the slopes of those of each frequency.
enum { FREQUENCIES, WEIGHTS, BIASES, PHASES };  // parts; with phases x itself is the first of the columns
struct Periodic {
  long n, frequencies, waves, units, plain, width, slopes, step, ld;
  explicit Periodic(const Stage &stage)
      : n(stage.n_in), frequencies(long(stage.parts[FREQUENCIES].n)), waves(long(stage.parts[WEIGHTS].n)), units(long(stage.parts[WEIGHTS].rows) / n),
        plain(stage.n_parts > PHASES), width(units + plain), slopes(padded(waves)), step(slopes + padded(frequencies)), ld(distance(n * step)) {}
};

template <class T> void periodic_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const Periodic p(stage);
  const Part *parts = stage.parts;
  const T *biases = job.params + parts[BIASES].start;
  const long ld_x = job.ld[s], ld = job.ld[s + 1], wide = padded(p.frequencies);
  for (long r = first; r < last; r++)
    for (long j = 0; j < p.n; j++) {
      const T x = job.A[s][r * ld_x + j], *c = job.params + parts[FREQUENCIES].start + j * parts[FREQUENCIES].row;
      T *waves = job.kept[s] + r * p.ld + j * p.step;
      if (p.plain) {
        const T *b = job.params + parts[PHASES].start + j * parts[PHASES].row;
        T *slopes = waves + p.slopes;
        INDEPENDENT
        for (long k = 0; k < wide; k++) cos_and_sin(c[k] * x + b[k] * T(0.15915494309189535), waves[k], slopes[k]);
      } else {
        INDEPENDENT
        for (long k = 0; k < p.frequencies; k++) cos_and_sin(c[k] * x, waves[k], waves[p.frequencies + k]);
      }
      for (long k = p.waves; k < p.slopes; k++) waves[k] = 0;
    }
  for (long j = 0; j < p.n; j++) {
    T *y = job.A[s + 1] + first * ld + j * p.width;
    const T *W = job.params + parts[WEIGHTS].start + j * p.units * parts[WEIGHTS].row;
    dots(last - first, p.units, p.slopes, job.kept[s] + first * p.ld + j * p.step, p.ld, W, long(parts[WEIGHTS].row), y + p.plain, ld);
    for (long r = 0; r < last - first; r++) {
      if (p.plain) y[r * ld] = job.A[s][(first + r) * ld_x + j];
      for (long k = 0; k < p.units; k++) y[r * ld + p.plain + k] += biases[j * p.units + k];
    }
  }
}
// Leaves dJ/dangle in place of the slopes.
template <class T> void periodic_backward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const Periodic p(stage);
  const Part *parts = stage.parts;
  const long row = long(parts[WEIGHTS].row), wide = padded(p.frequencies);
  for (long r = first; r < last; r++)
    for (long j = 0; j < p.n; j++) {
      const T *dy = job.D[s + 1] + r * job.ld[s + 1] + j * p.width, *d = dy + p.plain;
      const T *W = job.params + parts[WEIGHTS].start + j * p.units * row, *c = job.params + parts[FREQUENCIES].start + j * parts[FREQUENCIES].row;
      T *waves = job.kept[s] + r * p.ld + j * p.step, *slopes = waves + p.slopes;
      vec<T> total = {};
      for (long k = 0; k < wide; k += LANES<T>) {
        vec<T> of_cos = {}, of_sin = {};
        for (long i = 0; i < p.units; i++) of_cos += load(W + i * row + k) * d[i];
        if (p.plain) store(slopes + k, -of_cos * load(slopes + k));
        else {
          for (long i = 0; i < p.units; i++) of_sin += load(W + i * row + p.frequencies + k) * d[i];
          store(slopes + k, of_sin * load(waves + k) - of_cos * load(waves + p.frequencies + k));
        }
        for (long q = smaller(k + LANES<T>, wide), i = k > p.frequencies ? k : p.frequencies; i < q; i++) slopes[i] = 0;
        total += load(slopes + k) * load(c + k);
      }
      const T along = ::total<T>(total) * T(6.283185307179586);
      job.D[s][r * job.ld[s] + j] = p.plain ? along + dy[0] : along;
    }
}
// This thread's columns: the sums over the batch lie where their parameters do.
template <class T, class Apply> void update_periodic(const Job<T> &job, int s, long batch, int thread, int threads, const Apply &apply) {
  const Stage &stage = job.stage[s];
  const Periodic p(stage);
  const Part *parts = stage.parts;
  const long row = long(parts[WEIGHTS].row), wide = padded(p.frequencies), ld = job.ld[s + 1];
  const auto sums_of = [&](int part, long i) { return job.statistics[s] + (parts[part].start - parts[0].start) + i * parts[part].row; };
  for (long j = p.n * thread / threads; j < p.n * (thread + 1) / threads; j++) {
    T *of_c = sums_of(FREQUENCIES, j), *of_W = sums_of(WEIGHTS, j * p.units), *of_b = p.plain ? sums_of(PHASES, j) : nullptr;
    for (long k = 0; k < wide; k++) of_c[k] = 0;
    for (long k = 0; k < wide && p.plain; k++) of_b[k] = 0;
    for (long k = 0; k < p.units * row; k++) of_W[k] = 0;
    for (long r = 0; r < batch; r++) {
      const T x = job.A[s][r * job.ld[s] + j] * T(6.283185307179586), *d = job.D[s + 1] + r * ld + j * p.width + p.plain;
      const T *waves = job.kept[s] + r * p.ld + j * p.step, *slopes = waves + p.slopes;
      for (long k = 0; k < wide; k += LANES<T>) store(of_c + k, load(of_c + k) + load(slopes + k) * x);
      for (long k = 0; k < wide && p.plain; k += LANES<T>) store(of_b + k, load(of_b + k) + load(slopes + k));
      for (long i = 0; i < p.units; i++)
        for (long k = 0; k < p.slopes; k += LANES<T>) store(of_W + i * row + k, load(of_W + i * row + k) + load(waves + k) * d[i]);
    }
    apply(Block<T>{of_c, 0, long(parts[FREQUENCIES].start + j * parts[FREQUENCIES].row), 0, 1, p.frequencies});
    if (p.plain) apply(Block<T>{of_b, 0, long(parts[PHASES].start + j * parts[PHASES].row), 0, 1, p.frequencies});
    apply(Block<T>{of_W, row, long(parts[WEIGHTS].start + j * p.units * row), row, p.units, p.waves});
  }
  my_columns(p.n * p.units, thread, threads, [&](long k0) {
    const long n = smaller(LANE, p.n * p.units - k0);
    T sum[LANE] = {};
    long column[LANE];
    for (long k = 0; k < n; k++) column[k] = (k0 + k) / p.units * p.width + p.plain + (k0 + k) % p.units;
    for (long r = 0; r < batch; r++)
      for (long k = 0; k < n; k++) sum[k] += job.D[s + 1][r * ld + column[k]];
    apply(Block<T>{sum, 0, long(parts[BIASES].start + k0), 0, 1, n});
  });
}

}  // namespace
