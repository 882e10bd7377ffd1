// Z = X W^T + b, dX = dZ W and dW = dZ^T X: by rows, each thread with all of the weights, or by units and columns, each with
// its share of them for the whole batch.
#pragma once
#include "core.hpp"
#include "gemm.hpp"
#include "optimizers.hpp"

namespace {

// Where thread t's share of n units or columns begins: with a cache line of its own.
INLINE long share(long n, int t, int threads) { return smaller((n + LANE - 1) / LANE * t / threads * LANE, n); }

// Z = X W^T + b for some of its units. Which of three ways depends on the whole batch and layer, never on a thread's
// share: the order of sums must not.
template <class T> void dense_units(const Job<T> &job, int s, long batch, long first, long last, long unit, long n, T *scratch) {
  const Stage &stage = job.stage[s];
  const T *x = job.A[s] + first * job.ld[s], *W = job.params + stage.weights + unit * stage.row;
  const T *b = stage.biases < 0 ? nullptr : job.params + stage.biases + unit;
  T *z = job.A[s + 1] + first * job.ld[s + 1] + unit;
  const long rows = last - first, ld = job.ld[s + 1];
  const bool wide = stage.n_in >= DOT_WIDTH;
  if (batch < DOT_BATCH || stage.n_out <= DOT_UNITS<T> || (wide && stage.n_out < TURN_WIDTH)) {  // nothing is packed
    dots(rows, n, padded(stage.n_in), x, job.ld[s], W, stage.row, z, ld);
    for (long r = 0; r < rows && b; r++) put(z + r * ld, z + r * ld, b, n);
  } else if (wide && rows < n) {  // Z^T = W X^T: a batch of rows is less to pack than W
    product<T, true>(n, 0, rows, stage.n_in, W, stage.row, 1, x, job.ld[s], scratch, [&](long i0, long m, long r0, long w, const T *C) {
      T *to = z + r0 * ld + i0;
      for (long r = 0; r < w; r += LANES<T>)
        for (long i = 0; i < m; i += LANES<T>) turn(C + i * padded(w) + r, padded(w), m - i, to + r * ld + i, ld, w - r, b ? b + i0 + i : nullptr);
    });
  } else {
    product<T, true>(rows, 0, n, stage.n_in, x, job.ld[s], 1, W, stage.row, scratch, Into<T>{z, ld, b});
  }
}

template <class T> void dense_forward(const Job<T> &job, int s, long batch, long first, long last, T *scratch) {
  dense_units(job, s, batch, first, last, 0, job.stage[s].n_out, scratch);
}
// This thread's units for the whole batch.
template <class T> void dense_forward_by_units(const Job<T> &job, int s, long batch, int thread, int threads, T *scratch) {
  const long n = job.stage[s].n_out, first = share(n, thread, threads), last = share(n, thread + 1, threads);
  if (first < last) dense_units(job, s, batch, 0, batch, first, last - first, scratch);
}

// dX = dZ W for some rows and columns.
template <class T> void dense_columns(const Job<T> &job, int s, long first, long last, long column, long end, T *scratch) {
  const Stage &stage = job.stage[s];
  product<T, false>(last - first, column, end, stage.n_out, job.D[s + 1] + first * job.ld[s + 1], job.ld[s + 1], 1, job.params + stage.weights, stage.row,
                    scratch, Into<T>{job.D[s] + first * job.ld[s], job.ld[s], nullptr});
}

template <class T> void dense_backward(const Job<T> &job, int s, long first, long last, T *scratch) {
  dense_columns(job, s, first, last, 0, job.stage[s].n_in, scratch);
}
// This thread's columns for the whole batch.
template <class T> void dense_backward_by_columns(const Job<T> &job, int s, long batch, int thread, int threads, T *scratch) {
  const long n = job.stage[s].n_in;
  dense_columns(job, s, 0, batch, share(n, thread, threads), share(n, thread + 1, threads), scratch);
}

constexpr long FAR_ROWS = 4 * LINE;  // bytes of one, from which on they are worth asking for

// Of the next batch the rows that this thread will gather.
template <class T> Ahead rows_ahead(const Job<T> &job, int thread, int threads) {
  const long n = job.next_batch, bytes = job.stage[0].n_in * (job.input == U8 ? 1 : job.input == F32 ? 4 : 8);
  if (bytes < FAR_ROWS) return {};
  return {(const char *)job.X, bytes, job.next_rows + n * thread / threads, job.next_rows + n * (thread + 1) / threads};
}

constexpr long FAR_WEIGHTS = 1 << 18;  // bytes of a layer's, from which on they are worth asking for before their update

// Of each round of a tile, which line of the parameters it asks for, or of what the optimizer remembers of them.
template <class T> void lines_ahead(const Job<T> &job, const Stage &stage, long batch, uintptr_t *line) {
  const uintptr_t places[] = {uintptr_t(job.params), uintptr_t(job.memory[0]), uintptr_t(job.memory[1])};
  const long kinds = places[1] == places[0] ? 1 : places[2] == places[0] ? 2 : 3;  // a memory that there is not is params
  const long depth = smaller(batch, depth_at_once(batch)), lines = TILE_ROWS * kinds * 2;  // of a tile of two vectors
  long k = 0, n = 0;
  for (long row = 0; row < TILE_ROWS; row++)
    for (long kind = 0; kind < kinds; kind++)
      for (long vector = 0; vector < 2; vector++)
        for (const long end = ++n * depth / lines; k < end; k++)
          line[k] = places[kind] - places[0] + uintptr_t(row * stage.row + vector * LANES<T>) * sizeof(T);
}

// This thread's part of dW = dZ^T X, over the whole batch: units, whose weights lie side by side, or columns of a few units.
template <class T, class Change> void update_dense(const Job<T> &job, int s, long batch, int thread, int threads, T *scratch, Ahead &ahead, const Change &change) {
  const Stage &stage = job.stage[s];
  const bool few = stage.n_out < (stage.n_in > 4 * stage.n_out ? 4 : 2) * LANE * threads;  // short rows are better not divided
  const long most = few ? stage.n_in : stage.n_out, first = share(most, thread, threads), last = share(most, thread + 1, threads);
  if (first == last) return;
  const long unit = few ? 0 : first, units = few ? stage.n_out : last - first;
  uintptr_t line[DEPTH];
  if (stage.n_out * stage.row * long(sizeof(T)) >= FAR_WEIGHTS && !job.grads) {
    lines_ahead(job, stage, batch, line);
    ahead.changed = uintptr_t(job.params + stage.weights + unit * stage.row), ahead.changed_row = uintptr_t(stage.row) * sizeof(T), ahead.line = line;
  }
  product<T, false>(units, few ? first : 0, few ? last : stage.n_in, batch, job.D[s + 1] + unit, 1, job.ld[s + 1], job.A[s], job.ld[s], scratch,
                    [&](long i0, long m, long j0, long w, const T *C) {
                      change({C, padded(w), stage.weights + (unit + i0) * stage.row + j0, stage.row, m, w});
                    }, &ahead);
  ahead.changed = 0;
}

constexpr long HALVES_AT_ONCE = 4096;  // elements that are added up before they are used: they stay in L1

// Where the sums over a half of the batch lie: of the weights, as the weights do, then of the biases.
template <class T> INLINE T *half_of(const Job<T> &job, int s, long half) {
  const Stage &stage = job.stage[s];
  return job.statistics[s] + half * half_size(stage);
}
// f(k0, sums) for LANE columns at a time, from `first` to `last`, each summed over the rows.
template <class T, class F> INLINE void sum_rows(const T *from, long rows, long ld, long first, long last, const F &f) {
  for (long k0 = first; k0 < last; k0 += LANE) {
    T sum[LANE];
    for (long k = 0; k < LANE; k += LANES<T>) {
      const T *column = from + k0 + k;
      vec<T> sums[4] = {};  // each addition waits for the one before it, so there are four rows of them
      long r = 0;
      for (; r + 4 <= rows; r += 4)
        for (long i = 0; i < 4; i++) sums[i] += load(column + (r + i) * ld);
      for (; r < rows; r++) sums[0] += load(column + r * ld);
      store(sum + k, (sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
    f(k0, sum);
  }
}
// Units are in lanes, those of both halves one after the other, and of these thread t of n has an n-th part. Rows come in
// pieces of whole DEPTHs, one after the other.
template <class T> void dense_halves(const Job<T> &job, int s, long batch, long piece, long pieces, int thread, int threads, T *scratch, Ahead &ahead) {
  const Stage &stage = job.stage[s];
  const long lanes = (stage.n_out + LANE - 1) / LANE;
  for (long half = 0; half < (job.alone ? 1 : 2); half++) {
    const auto unit = [&](long t) {
      const long lane = 2 * lanes * t / threads - half * lanes;
      return smaller(lane < 0 ? 0 : lane * LANE, stage.n_out);
    };
    const long first = unit(thread), last = unit(thread + 1), start = batch * half / 2, end = batch * (half + 1) / 2;
    const auto cut = [&](long p) { return smaller(start + (end - start + DEPTH - 1) / DEPTH * p / pieces * DEPTH, end); };
    const long row = cut(piece), rows = cut(piece + 1) - row;
    if (first >= last || rows == 0) continue;
    const bool more = row > start;
    T *const to = half_of(job, s, half);
    const T *const dz = job.D[s + 1] + row * job.ld[s + 1], *const x = job.A[s] + row * job.ld[s];
    product<T, false>(last - first, 0, stage.n_in, rows, dz + first, 1, job.ld[s + 1], x, job.ld[s], scratch, Into<T>{to + first * stage.row, stage.row, nullptr, more}, &ahead);
    sum_rows(dz, rows, job.ld[s + 1], first, last, [&](long k0, const T *sum) {
      T *const biases = to + stage.n_out * stage.row + k0;
      put(biases, sum, more ? biases : nullptr, LANE);
    });
  }
}
// This thread's units, from what both halves have come to.
template <class T, class Weights, class Biases>
void update_from_halves(const Job<T> &job, int s, long batch, int thread, int threads, T *scratch, Ahead &ahead, const Weights &change_weights, const Biases &change) {
  const Stage &stage = job.stage[s];
  const long first = stage.n_out * thread / threads, last = stage.n_out * (thread + 1) / threads, biases = stage.n_out * stage.row;
  const T *const one = half_of(job, s, 0), *const other = half_of(job, s, 1);
  const auto add = [](const T *a, const T *b, T *sum, long n) {
    for (long k = 0; k < n; k += LANES<T>) store(sum + k, load(a + k) + load(b + k));
  };
  if (job.alone) {
    const long row = batch / 2, ld = job.ld[s + 1];
    const T *const dz = job.D[s + 1] + row * ld, *const x = job.A[s] + row * job.ld[s];
    product<T, false>(stage.n_out, 0, stage.n_in, batch - row, dz, 1, ld, x, job.ld[s], scratch, [&](long i0, long m, long j0, long w, T *C) {
      for (long i = 0; i < m; i++) add(one + (i0 + i) * stage.row + j0, C + i * padded(w), C + i * padded(w), w);
      change_weights({C, padded(w), stage.weights + i0 * stage.row + j0, stage.row, m, w});
    }, &ahead);
    if (stage.biases < 0) return;
    return sum_rows(dz, batch - row, ld, 0, stage.n_out, [&](long k0, T *sum) {
      add(one + biases + k0, sum, sum, LANE);
      change({sum, 0, stage.biases + k0, 0, 1, smaller(LANE, stage.n_out - k0)});
    });
  }
  const long at_once = stage.row < HALVES_AT_ONCE ? HALVES_AT_ONCE / stage.row : 1;  // units
  for (long i = first; i < last; i += at_once) {
    const long units = smaller(at_once, last - i);
    add(one + i * stage.row, other + i * stage.row, scratch, units * stage.row);
    change_weights({scratch, stage.row, stage.weights + i * stage.row, stage.row, units, stage.n_in});
  }
  if (stage.biases < 0 || thread > 0) return;
  add(one + biases, other + biases, scratch, stage.n_out);
  change({scratch, 0, stage.biases, 0, 1, stage.n_out});
}

}  // namespace
