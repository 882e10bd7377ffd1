// A network's step, in two halves with a barrier after each: by rows (forward, loss, backward), which reads the weights,
// then by columns of each weight matrix (gradient and update), which reads all rows. Each value is made by one thread in
// an order that depends on shapes alone, so the number of threads does not change a bit.
#pragma once
#include "activations.hpp"
#include "columns.hpp"
#include "core.hpp"
#include "dense.hpp"
#include "ensembles.hpp"
#include "gemm.hpp"
#include "images.hpp"
#include "losses.hpp"
#include "normalization.hpp"
#include "optimizers.hpp"
#include "orthogonal.hpp"
#include "random.hpp"

namespace {

constexpr long AHEAD = 8;        // rows of X fetched from memory before their turn,
constexpr long ROWS_AHEAD = 8;   // and rows of parameters before their update

// --- forward ---------------------------------------------------------------------------------------------------------
// A row as whole vectors. The last may read past its end, which the caller has made sure of; zeros come of it.
template <class T> INLINE void copy_row(const T *from, T *to, long n, T scale) {
  long k = 0;
  for (; k + LANES<T> <= n; k += LANES<T>) store(to + k, load(from + k) * scale);
  if (k == n) return;
  vec<T> place;
  for (long lane = 0; lane < LANES<T>; lane++) place[lane] = T(lane);
  store(to + k, place < T(n - k) ? load(from + k) * scale : vec<T>{});
}
// On its own: as a part of the switch in `forward`, the loop would run out of registers.
template <class T, class U> __attribute__((noinline)) void gather_as(const Job<T> &job, long first, long last) {
  const int64_t *const rows = job.rows;  // copied, as what is stored might be the job's, for all that a compiler knows
  const long n = job.stage[0].n_in, ld = job.ld[0], last_whole = job.X_rows * n - whole<T>(n);
  const U *const X = (const U *)job.X;
  const Augment *const augment = job.augment;
  const T scale = job.scale;
  T *to = job.A[0] + first * ld;
  const Philox stream = {{job.seed, augment ? augment->purpose : 0}, {0, 0, uint64_t(job.step), 0}};
  for (long r = first; r < last; r++, to += ld) {
    const long place = (rows ? rows[r] : r) * n;
    const U *const from = X + place, *const ahead = X + (rows ? rows[smaller(r + AHEAD, last - 1)] : r) * n;
    for (long k = 0; k < n; k += 64 / sizeof(U)) __builtin_prefetch(ahead + k);
    if (augment) {
      gather_image(*augment, stream, r, scale, from, to);
      continue;
    }
    if constexpr (std::is_same_v<T, U>)
      if (place <= last_whole) {
        copy_row(from, to, n, scale);
        continue;
      }
    INDEPENDENT
    for (long k = 0; k < n; k++) to[k] = T(from[k]) * scale;
  }
}
template <class T> void gather(const Job<T> &job, long first, long last) {
  if (job.input == U8) gather_as<T, uint8_t>(job, first, last);
  else if (job.input == F32) gather_as<T, float>(job, first, last);
  else gather_as<T, double>(job, first, last);
}

template <class T> void dropout_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const long n = stage.n_in;
  const uint32_t threshold = uint32_t(stage.rate * 4294967296.0);
  const T kept = T(1 / (1 - stage.rate));
  const Philox stream = {{job.seed, uint64_t(stage.function)}, {0, uint64_t(stage.layer), uint64_t(job.step), 0}};
  uint64_t words[1][4], have = ~0ull;
  for (long r = first; r < last; r++) {
    const T *x = job.A[s] + r * job.ld[s];
    T *y = job.A[s + 1] + r * job.ld[s + 1], *mask = job.kept[s] + r * job.ld[s + 1];
    for (long k = 0; k < n; k++) {
      const uint64_t i = uint64_t(r) * n + k;  // a 32-bit half of the stream for each element of the batch
      if (i / 8 != have) stream.blocks(have = i / 8, words);
      const uint32_t half = uint32_t(words[0][i / 2 % 4] >> (i % 2 * 32));
      mask[k] = half >= threshold ? kept : T(0);
      y[k] = x[k] * mask[k];
    }
  }
}

// Box and Muller's normal numbers, one for each 64-bit word of the stream, as in streams.py.
template <class T> void noise_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const long n = stage.n_in;
  const Philox stream = {{job.seed, uint64_t(stage.function)}, {0, uint64_t(stage.layer), uint64_t(job.step), 0}};
  uint64_t words[1][4], have = ~0ull;
  for (long r = first; r < last; r++)
    for (long k = 0; k < n; k++) {
      const uint64_t i = uint64_t(r) * n + k;
      if (i / 4 != have) stream.blocks(have = i / 4, words);
      const double u = (double(uint32_t(words[0][i % 4])) + 0.5) / 4294967296.0, v = double(words[0][i % 4] >> 32) / 4294967296.0;
      const double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v);
      job.A[s + 1][r * job.ld[s + 1] + k] = job.A[s][r * job.ld[s] + k] + T(stage.rate * normal);
    }
}

// Y = X, or Y = X + Z, for rows of as many numbers.
template <class T> INLINE void pass_on(const T *x, const T *z, T *y, long rows, long n, long ld_x, long ld) {
  for (long r = 0; r < rows; r++)
    INDEPENDENT
    for (long k = 0; k < n; k++) y[r * ld + k] = z ? x[r * ld_x + k] + z[r * ld + k] : x[r * ld_x + k];
}

// Chains side by side stand one after the other: BRANCH, a chain, TURN, a chain, ..., MEET. f(s) for each TURN between two.
template <class F> INLINE void each_turn(const Stage *stage, int branch, int meet, const F &f) {
  for (int s = branch + 1; s < meet; s++)
    if (stage[s].kind == TURN && stage[s].partner == meet + 1) f(s);
}
// The mean of what the chains have made, added up in their order.
template <class T> void meet_forward(const Job<T> &job, int s, long first, long last) {
  const Stage &stage = job.stage[s];
  const long n = stage.n_in, ld = job.ld[s], rows = last - first;
  const T share = T(1 / stage.setting);
  T *const y = job.A[s + 1] + first * ld;
  const T *sum = nullptr;
  const auto add = [&](int k) {
    pass_on<T>(job.A[k] + first * ld, sum, y, rows, n, ld, ld);
    sum = y;
  };
  each_turn(job.stage, int(stage.partner), s, add);
  add(s);
  for (long r = 0; r < rows; r++)
    INDEPENDENT
    for (long k = 0; k < n; k++) y[r * ld + k] *= share;
}

template <class T> void forward(const Job<T> &job, long batch, long first, long last, int from, int to, T *scratch) {
  if (first >= last) return;
  if (from == 0 && !job.direct) gather(job, first, last);
  for (int s = from; s < to; s++) {
    const Stage &stage = job.stage[s];
    const long rows = last - first, n = stage.n_in, ld_x = job.ld[s], ld = job.ld[s + 1];
    T *x = job.A[s] + first * ld_x, *y = job.A[s + 1] + first * ld;
    switch (stage.kind) {
      case DENSE: dense_forward(job, s, batch, first, last, scratch); break;
      case ACTIVATION: ACTIVATIONS<T>[stage.function].forward(x, y, rows, n, ld_x, ld, T(stage.setting)); break;
      case DROPOUT: job.training ? dropout_forward(job, s, first, last) : pass_on<T>(x, nullptr, y, rows, n, ld_x, ld); break;
      case NOISE: job.training ? noise_forward(job, s, first, last) : pass_on<T>(x, nullptr, y, rows, n, ld_x, ld); break;
      case PRELU: prelu_forward(job, s, first, last); break;
      case BATCHNORM: batchnorm_forward(job, s, first, last); break;
      case LAYERNORM: layernorm_forward(job, s, first, last, scratch); break;
      case FORK: break;  // in place
      case JOIN: pass_on<T>(x, job.A[stage.partner] + first * ld, y, rows, n, ld_x, ld); break;
      case SCALING: scaling_forward(job, s, first, last); break;
      case PERIODIC: periodic_forward(job, s, first, last); break;
      case PIECEWISE: piecewise_forward(job, s, first, last); break;
      case EMBEDDING: embedding_forward(job, s, first, last); break;
      case SPLIT: split_forward(job, s, first, last); break;
      case SPLICE: splice_forward(job, s, first, last); break;
      case ENSEMBLE: ensemble_forward(job, s, batch, first, last, scratch); break;
      case MEMBERS: mean_forward(job, s, first, last); break;
      case BRANCH: case TURN: break;  // in place, and back to what is there
      case MEET: meet_forward(job, s, first, last); break;
    }
  }
}

// --- backward --------------------------------------------------------------------------------------------------------
// This thread's rows of each matrix, before the update.
template <class T> void penalties(const Job<T> &job, int thread, int threads) {
  double *out = job.row_penalty;
  for (int s = 0; s < job.stages; s++) {
    const Stage &stage = job.stage[s];
    if (stage.l1 == 0 && stage.l2 == 0) continue;
    const T *W = job.params + stage.weights;
    const long n = matrix_columns(stage), rows = matrix_rows(stage), start = rows * thread / threads, stop = rows * (thread + 1) / threads;
    W += start * stage.row;
    for (long i = start; i < stop; i++, W += stage.row) {
      vec<T> squares[2] = {}, sizes[2] = {};  // each addition waits for the one before it; padding is 0
      for (long k = 0; k < n; k += LANES<T>) {
        const vec<T> w = load(W + k);
        const long lane = k / LANES<T> % 2;
        squares[lane] += w * w, sizes[lane] += w < 0 ? -w : w;
      }
      out[i] = job.penalty * (stage.l1 * double(total<T>(sizes[0] + sizes[1])) + stage.l2 / 2 * double(total<T>(squares[0] + squares[1])));
    }
    out += rows;
  }
}

// What a chain that ends before stage s has of the error of the mean.
template <class T> void error_of_chain(const Job<T> &job, int s, int meet, long first, long last) {
  const long n = job.stage[s].n_in, ld = job.ld[s];
  const T share = T(1 / job.stage[meet].setting);
  const T *dy = job.D[meet + 1] + first * ld;
  T *dx = job.D[s] + first * ld;
  for (long r = 0; r < last - first; r++)
    INDEPENDENT
    for (long k = 0; k < n; k++) dx[r * ld + k] = dy[r * ld + k] * share;
}
// The errors of the chains meet where they began.
template <class T> void branch_backward(const Job<T> &job, int s, long first, long last) {
  const long n = job.stage[s].n_in, ld = job.ld[s];
  T *dx = job.D[s] + first * ld;
  each_turn(job.stage, s, int(job.stage[s].partner) - 1, [&](int k) { pass_on<T>(job.D[k + 1] + first * ld, dx, dx, last - first, n, ld, ld); });
}

template <class T> void backward(const Job<T> &job, long first, long last, int from, int to, T *scratch) {
  if (first >= last) return;
  const bool for_itself = job.stage[0].kind == PERIODIC || job.stage[0].kind == ENSEMBLE;  // whose own gradients need it
  const int lowest = job.input_gradient || for_itself ? 0 : 1;
  for (int s = from; s >= (to > lowest ? to : lowest); s--) {
    const Stage &stage = job.stage[s];
    const long rows = last - first, n = stage.n_in, ld = job.ld[s];  // of all but dense stages as wide before as after
    const T *dy = job.D[s + 1] + first * job.ld[s + 1], *y = job.A[s + 1] + first * job.ld[s + 1], *x = job.A[s] + first * ld;
    T *dx = job.D[s] + first * ld;
    switch (stage.kind) {
      case DENSE: dense_backward(job, s, first, last, scratch); break;
      case ACTIVATION: ACTIVATIONS<T>[stage.function].backward(dy, x, y, dx, rows, n, ld, T(stage.setting)); break;
      case DROPOUT: {
        const T *mask = job.kept[s] + first * ld;
        for (long k = 0; k < rows * ld; k++) dx[k] = job.training ? dy[k] * mask[k] : dy[k];
        break;
      }
      case NOISE: pass_on<T>(dy, nullptr, dx, rows, n, ld, ld); break;
      case PRELU: prelu_backward(job, s, first, last); break;
      case BATCHNORM: batchnorm_backward(job, s, first, last); break;
      case LAYERNORM: layernorm_backward(job, s, first, last, scratch); break;
      case FORK: pass_on<T>(dy, job.D[stage.partner] + first * ld, dx, rows, n, ld, ld); break;
      case JOIN: pass_on<T>(dy, nullptr, dx, rows, n, ld, ld); break;
      case SCALING: scaling_backward(job, s, first, last); break;
      case PERIODIC: periodic_backward(job, s, first, last); break;
      case PIECEWISE: piecewise_backward(job, s, first, last); break;
      case EMBEDDING: embedding_backward(job, s, first, last); break;
      case SPLIT: split_backward(job, s, first, last); break;
      case SPLICE: splice_backward(job, s, first, last); break;
      case ENSEMBLE: ensemble_backward(job, s, first, last, scratch); break;
      case MEMBERS: mean_backward(job, s, first, last); break;
      case BRANCH: branch_backward(job, s, first, last); break;
      case TURN: error_of_chain(job, s, int(stage.partner) - 1, first, last); break;
      case MEET: error_of_chain(job, s, s, first, last); break;
    }
  }
}

// --- update ----------------------------------------------------------------------------------------------------------
// Change the parameters, or keep the gradient where it was asked for.
template <class T, template <class> class Rule>
void apply(const Job<T> &job, const Step<T> &step, Block<T> block, Penalty<T> penalty) {
  const auto rule = step.template as<Rule<T>>();
  if (block.ld == block.row && block.row == whole<T>(block.n) && !job.grads) block.n += (block.rows - 1) * block.row, block.rows = 1;
  for (long i = 0; i < block.rows; i++) {
    const long o = block.start + i * block.row, ahead = o + smaller(ROWS_AHEAD, block.rows - 1 - i) * block.row;
    for (long k = 0; block.rows > 1 && k < block.n; k += LINE / sizeof(T)) {  // another core has read them: taking them back takes time
      __builtin_prefetch(job.params + ahead + k, 1);
      for (T *memory : job.memory) __builtin_prefetch(memory + ahead + k, 1);
    }
    const T *__restrict g = block.g + i * block.ld;
    T *const w = job.params + o;
    if (job.grads)
      for (long k = 0; k < block.n; k++) job.grads[o + k] = penalty.gradient(g[k], w[k]);
    else {
      step_along(rule, penalty, w, g, job.memory[0] + o, job.memory[1] + o, block.n);
      if (job.mean) enter(job.mean_share, job.mean + o, w, block.n);
    }
  }
}
template <class T> struct OptimizerRow {
  const char *name;
  void (*apply)(const Job<T> &, const Step<T> &, Block<T>, Penalty<T>);
  bool takes_matrices = false;
};
template <class T> constexpr OptimizerRow<T> OPTIMIZERS[] = {
    {"sgd", apply<T, SGD>},
    {"momentum", apply<T, Momentum>},
    {"nesterov", apply<T, Nesterov>},
    {"rmsprop", apply<T, RMSProp>},
    {"rmsprop_momentum", apply<T, RMSPropMomentum>},
    {"adagrad", apply<T, Adagrad>},
    {"adam", apply<T, Adam>},
    {"nadam", apply<T, NAdam>},
    {"lion", apply<T, Lion>},
    {"muon", apply<T, Muon>, true},
};

// This thread's part of the gradient of a vector: sums over the batch of f(r, k) for each k.
template <class T, class F> INLINE void update_vector(const Job<T> &job, const Step<T> &step, long start, long n, long batch, int thread, int threads, const F &f) {
  my_columns(n, thread, threads, [&](long k0) {
    T sum[LANE];
    column_sums<T>(batch, k0, sum, f);
    OPTIMIZERS<T>[job.optimizer].apply(job, step, {sum, 0, start + k0, 0, 1, smaller(LANE, n - k0)}, {T(0), T(0), T(1)});
  });
}
// The same for biases, the quickest way to sum dz alone.
template <class T> void update_biases(const Job<T> &job, const Step<T> &step, int s, long batch, int thread, int threads, T *scratch) {
  const Stage &stage = job.stage[s];
  const long first = share(stage.n_out, thread, threads), last = share(stage.n_out, thread + 1, threads);
  if (first == last) return;
  sum_rows(job.D[s + 1], batch, job.ld[s + 1], first, last, [&](long k0, const T *sum) { std::memcpy(scratch + k0 - first, sum, LANE * sizeof(T)); });
  OPTIMIZERS<T>[job.optimizer].apply(job, step, {scratch, 0, stage.biases + first, 0, 1, last - first}, {T(0), T(0), T(1)});
}

// A stage of which each thread does its share for all rows.
template <class T> void whole_forward(const Job<T> &job, int s, long batch, int thread, int threads, T *scratch) {
  if (job.stage[s].kind == DENSE) dense_forward_by_units(job, s, batch, thread, threads, scratch);
  else batch_forward(job, s, batch, thread, threads);
}
template <class T> void whole_backward(const Job<T> &job, int s, long batch, int thread, int threads, T *scratch) {
  if (job.stage[s].kind == DENSE) dense_backward_by_columns(job, s, batch, thread, threads, scratch);
  else batch_backward(job, s, batch, thread, threads);
}

template <class T> void halves(const Job<T> &job, long batch, long piece, long pieces, int thread, int threads, T *scratch) {
  Ahead ahead = job.alone ? rows_ahead(job, 0, 2) : rows_ahead(job, thread, threads);
  for (int s = job.stages - 1; s >= 0; s--)
    if (in_halves(job.stage[s], batch, job.from_rows) && (job.grads || job.stage[s].constants >= 0)) dense_halves(job, s, batch, piece, pieces, thread, threads, scratch, ahead);
}

template <class T> void update(const Job<T> &job, long batch, int thread, int threads, T *scratch) {
  Ahead ahead = job.alone && in_halves(job.stage[0], batch, job.from_rows) ? rows_ahead(job, 1, 2) : rows_ahead(job, thread, threads);
  for (int s = job.stages - 1; s >= 0; s--) {
    const Stage &stage = job.stage[s];
    if (stage.kind == BATCHNORM && by_batch(job, stage) && !job.grads && thread == 0) move_running(job, s, batch);
    if ((stage.weights < 0 && !stage.n_parts) || (stage.constants < 0 && !job.grads)) continue;
    const Step<T> step(job.constants + (job.grads ? 0 : stage.constants * CONSTANTS));
    const T *dy = job.D[s + 1], *x = job.A[s], *normal = job.kept[s];
    const long n = stage.n_in, ld = job.ld[s + 1];
    const Penalty<T> penalty = {T(job.penalty * stage.l1), T(job.penalty * stage.l2), step.keep};
    const auto change = [&](const Block<T> &block) { OPTIMIZERS<T>[job.optimizer].apply(job, step, block, {T(0), T(0), T(1)}); };
    const auto change_weights = [&](const Block<T> &block) { OPTIMIZERS<T>[job.optimizer].apply(job, step, block, penalty); };
    if (stage.kind == SCALING) update_scaling(job, s, batch, thread, threads, change);
    else if (stage.kind == PERIODIC) update_periodic(job, s, batch, thread, threads, change);
    else if (stage.kind == ENSEMBLE) update_ensemble(job, s, batch, thread, threads, scratch, change_weights, change);
    else if (stage.kind == EMBEDDING) update_embedding(job, s, batch, thread, threads, change);
    else if (in_halves(stage, batch, job.from_rows)) update_from_halves(job, s, batch, thread, threads, scratch, ahead, change_weights, change);
    else if (stage.kind == DENSE) {
      update_dense(job, s, batch, thread, threads, scratch, ahead, change_weights);
      if (stage.biases >= 0) update_biases(job, step, s, batch, thread, threads, scratch);
    } else if (stage.kind == PRELU) {
      update_vector(job, step, stage.weights, n, batch, thread, threads, [&](long r, long k) { return x[r * ld + k] < 0 ? dy[r * ld + k] * x[r * ld + k] : T(0); });
    } else {
      update_vector(job, step, stage.weights, n, batch, thread, threads, [&](long r, long k) { return dy[r * ld + k] * normal[r * ld + k]; });
      update_biases(job, step, s, batch, thread, threads, scratch);
    }
  }
}

// f(start, row, n, rows, stage) for the matrix and the vectors that a stage has trained.
template <class T, class F> INLINE void each_gradient(const Job<T> &job, const F &f) {
  for (int s = 0; s < job.stages; s++) {
    const Stage &stage = job.stage[s];
    if (stage.constants < 0) continue;
    for (const Part *part = stage.parts; part < stage.parts + stage.n_parts; part++) f(long(part->start), long(part->row), long(part->n), long(part->rows), stage);
    if (stage.weights < 0 || stage.n_parts) continue;
    if (stage.kind == DENSE) f(stage.weights, stage.row, stage.n_in, stage.n_out, stage);
    else f(stage.weights, 0, stage.n_in, 1, stage);
    if (stage.biases >= 0) f(stage.biases, 0, stage.n_out, 1, stage);
  }
}

// This thread's rows of all gradients: held within the clip, and their squares summed.
template <class T> void square(const Job<T> &job, int thread, int threads) {
  double *sum = job.squares;
  const T most = T(job.clip_value);
  each_gradient(job, [&](long start, long row, long n, long rows, const Stage &) {
    for (long i = rows * thread / threads; i < rows * (thread + 1) / threads; i++) {
      T *g = job.grads + start + i * row;
      double total = 0;
      for (long k = 0; k < n; k++) {
        if (most > 0) g[k] = g[k] > most ? most : g[k] < -most ? -most : g[k];
        total += double(g[k]) * double(g[k]);
      }
      sum[i] = total;
    }
    sum += rows;
  });
}

// A unit's weights where they may be: none below 0, their norm not above its most.
template <class T> void constrain(const Stage &stage, T *w, long n) {
  double squares = 0;
  for (long k = 0; k < n; k++) {
    if (stage.non_negative) w[k] = w[k] < 0 ? T(0) : w[k];
    squares += double(w[k]) * double(w[k]);
  }
  const double length = root(squares), most = stage.max_norm;
  for (long k = 0; k < n && most > 0 && length > most; k++) w[k] *= T(most / length);
}

// The stage's weights as a matrix that the optimizer takes as a whole, null if they are none.
template <class T> const Hidden<T> *matrix_of(const Job<T> &job, const Stage &stage) {
  for (long k = 0; k < job.matrices; k++)
    if (&job.stage[job.matrix[k].stage] == &stage) return job.matrix + k;
  return nullptr;
}

// This thread's rows of the update, gradients first brought to the norm that is allowed, weights then to where they may be.
template <class T> void finish(const Job<T> &job, long batch, double norm, int thread, int threads) {
  const T factor = clip_factor(job, norm);
  Job<T> now = job;
  now.grads = now.mean = nullptr;
  for (int s = 0; s < job.stages; s++)
    if (job.stage[s].kind == BATCHNORM && by_batch(job, job.stage[s]) && thread == 0) move_running(job, s, batch);
  each_gradient(job, [&](long start, long row, long n, long rows, const Stage &stage) {
    const Step<T> step(job.constants + stage.constants * CONSTANTS);
    const bool weights = matrix_rows(stage) && start == stage.weights;
    const Hidden<T> *matrix = weights && stage.kind == DENSE ? matrix_of(job, stage) : nullptr;
    for (long i = rows * thread / threads; i < rows * (thread + 1) / threads; i++) {
      T *g = job.grads + start + i * row, *w = job.params + start + i * row;
      for (long k = 0; k < n && factor != 1 && !matrix; k++) g[k] *= factor;
      if (matrix) step_along_matrix(job, *matrix, step, i);
      else OPTIMIZERS<T>[job.optimizer].apply(now, step, {g, 0, start + i * row, 0, 1, n}, {T(0), T(0), weights ? step.keep : T(1)});
      if (weights) constrain(stage, w, n);
      if (job.mean) enter(job.mean_share, job.mean + start + i * row, w, n);
    }
  });
}

static bool needs_z(int function) { return ACTIVATIONS<float>[function].needs_z; }
static bool takes_matrices(int optimizer) { return OPTIMIZERS<float>[optimizer].takes_matrices; }
template <class T> void activation(int function, T setting, const T *z, T *a, long rows, long n, long ld) {
  ACTIVATIONS<T>[function].forward(z, a, rows, n, ld, ld, setting);
}
template <class T> void activation_backward(int function, T setting, const T *da, const T *z, const T *a, T *dz, long rows, long n, long ld) {
  ACTIVATIONS<T>[function].backward(da, z, a, dz, rows, n, ld, setting);
}

// The name of row k of a table, null past its end.
template <class Row, size_t N> constexpr const char *name_of(const Row (&table)[N], int k) { return k >= 0 && k < int(N) ? table[k].name : nullptr; }
static const char *name(int family, int k) {
  return family == 0 ? name_of(ACTIVATIONS<float>, k) : family == 1 ? name_of(LOSSES<float>, k) : name_of(OPTIMIZERS<float>, k);
}

template <class T> bool finite(const T *values, long rows, long n, long ld) {
  vec<T> zero[4] = {};  // times anything finite; each addition waits for the one before it, so there are four rows of them
  for (long r = 0; r < rows; r++) {
    const T *row = values + r * ld;
    long k = 0;
    for (; k + 4 * LANES<T> <= n; k += 4 * LANES<T>)
      for (long i = 0; i < 4; i++) zero[i] += load(row + k + i * LANES<T>) * T(0);
    for (; k < n; k += LANES<T>) zero[0] += load(row + k) * T(0);
  }
  const vec<T> sum = (zero[0] + zero[1]) + (zero[2] + zero[3]);
  T total = 0;
  for (long k = 0; k < LANES<T>; k++) total += sum[k];
  return total == 0;
}

// Elements of scratch for layers so wide: what a product packs, what the losses turn, or rows to be summed.
template <class T> long scratch(long widest) { return SCRATCH<T> > 3 * whole<T>(widest) * LANES<T> ? SCRATCH<T> : 3 * whole<T>(widest) * LANES<T>; }

template <class T> constexpr Kernels<T> KERNELS = {
    name, forward<T>, losses<T>, backward<T>, whole_forward<T>, whole_backward<T>, halves<T>, penalties<T>, update<T>, square<T>, finish<T>, takes_matrices, orthogonal<T>, needs_z, activation<T>, activation_backward<T>, finite<T>, scratch<T>, INSTRUCTION_SET};

}  // namespace
