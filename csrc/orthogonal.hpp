// Muon's step of a weight matrix, as in optimizers.py: the matrix nearest to its gradient whose singular values are alike,
// by Newton-Schulz. It takes the gradients of a whole batch, so it comes after them, in parts with a barrier after each;
// each number is made by one thread, in an order that depends on shapes alone.
#pragma once
#include <algorithm>

#include "core.hpp"
#include "gemm.hpp"
#include "optimizers.hpp"

namespace {

constexpr double NEWTON_SCHULZ[] = {3.4445, -4.7750, 2.0315};

// f(first, rows) for this thread's share of n rows, if there are any.
template <class F> INLINE void my_rows(long n, int thread, int threads, const F &f) {
  const long first = n * thread / threads, last = n * (thread + 1) / threads;
  if (first < last) f(first, last - first);
}

// M = g + momentum v, with v = momentum v + g and g as clipped; X is M, turned where that makes it wide.
template <class T> void gather_direction(const Job<T> &job, const Hidden<T> &matrix, T factor, int thread, int threads) {
  const Stage &stage = job.stage[matrix.stage];
  const auto rule = Step<T>(job.constants + stage.constants * CONSTANTS).template as<Muon<T>>();
  my_rows(stage.n_out, thread, threads, [&](long first, long rows) {
    for (long i = first; i < first + rows; i++) {
      T *g = job.grads + stage.weights + i * stage.row, *v = job.memory[0] + stage.weights + i * stage.row;
      T *x = matrix.X[0] + (matrix.turned ? i : i * matrix.ld);
      const long step = matrix.turned ? matrix.ld : 1;
      double sum = 0;
      for (long k = 0; k < stage.n_in; k++) {
        g[k] *= factor;
        v[k] = rule.momentum * v[k] + g[k];
        const T m = g[k] + rule.momentum * v[k];
        x[k * step] = m, sum += double(m) * double(m);
      }
      matrix.squares[i] = sum;
    }
  });
}
template <class T> void normalize(const Job<T> &job, const Hidden<T> &matrix, int thread, int threads) {
  double sum = 0;
  for (long i = 0; i < job.stage[matrix.stage].n_out; i++) sum += matrix.squares[i];
  const T norm = std::max(T(root(sum)), T(1e-7));  // 0 stays 0
  my_rows(matrix.n, thread, threads, [&](long first, long rows) {
    for (long k = first * matrix.ld; k < (first + rows) * matrix.ld; k++) matrix.X[0][k] /= norm;
  });
}
// A = X X^T; then B = b A + c A A; then X = a X + B X.
template <class T> void newton_schulz(const Hidden<T> &matrix, int what, const T *X, T *next, int thread, int threads, T *scratch) {
  const T a = T(NEWTON_SCHULZ[0]), b = T(NEWTON_SCHULZ[1]), c = T(NEWTON_SCHULZ[2]);
  const long n = matrix.n, m = matrix.m, ld = matrix.ld, ld_a = matrix.ld_a;
  my_rows(n, thread, threads, [&](long first, long rows) {
    if (what == 0)
      product<T, true>(rows, 0, n, m, X + first * ld, ld, 1, X, ld, scratch, [&](long i0, long r, long j0, long w, const T *C) {
        for (long i = 0; i < r; i++)
          for (long j = 0; j < w; j++) matrix.A[(first + i0 + i) * ld_a + j0 + j] = C[i * padded(w) + j];
      });
    else if (what == 1)
      product<T, false>(rows, 0, n, n, matrix.A + first * ld_a, ld_a, 1, matrix.A, ld_a, scratch, [&](long i0, long r, long j0, long w, const T *C) {
        for (long i = 0; i < r; i++)
          INDEPENDENT
          for (long j = 0; j < w; j++) {
            const long at = (first + i0 + i) * ld_a + j0 + j;
            matrix.B[at] = b * matrix.A[at] + c * C[i * padded(w) + j];
          }
      });
    else
      product<T, false>(rows, 0, m, n, matrix.B + first * ld_a, ld_a, 1, X, ld, scratch, [&](long i0, long r, long j0, long w, const T *C) {
        for (long i = 0; i < r; i++)
          INDEPENDENT
          for (long j = 0; j < w; j++) {
            const long at = (first + i0 + i) * ld + j0 + j;
            next[at] = a * X[at] + C[i * padded(w) + j];
          }
      });
  });
}

// Part 0, part 1, and three for each of five rounds.
template <class T> void orthogonal(const Job<T> &job, int part, double norm, int thread, int threads, T *scratch) {
  for (long k = 0; k < job.matrices; k++) {
    const Hidden<T> &matrix = job.matrix[k];
    const int round = (part - 2) / 3;
    if (part == 0) gather_direction(job, matrix, clip_factor(job, norm), thread, threads);
    else if (part == 1) normalize(job, matrix, thread, threads);
    else newton_schulz<T>(matrix, (part - 2) % 3, matrix.X[round % 2], matrix.X[1 - round % 2], thread, threads, scratch);
  }
}
static_assert(ORTHOGONAL_PARTS == 2 + 3 * 5);  // and an odd number of rounds ends in X[1]

// Row i of W takes its step of rate 0.2 sqrt(max(n_out, n_in)) along what came of it.
template <class T> void step_along_matrix(const Job<T> &job, const Hidden<T> &matrix, const Step<T> &step, long i) {
  const Stage &stage = job.stage[matrix.stage];
  const T rate = T(step.template as<Muon<T>>().rate * 0.2 * root(double(matrix.m)));
  T *w = job.params + stage.weights + i * stage.row;
  for (long k = 0; k < stage.n_in; k++)
    w[k] = step.keep * w[k] - rate * matrix.X[1][matrix.turned ? k * matrix.ld + i : i * matrix.ld + k];
}

}  // namespace
