// Runs a network: steps of training, gradients, predictions. Knows threads and memory, but neither Python nor vectors.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "core.hpp"
#include "threads.hpp"

template <class T> const Kernels<T> &kernels();  // of the best instruction set of this machine; in bindings.cpp

constexpr size_t ALIGNMENT = 64;       // bytes of a cache line
constexpr long PADDED = 16;            // elements: rows of weights and values are multiples of it; as in parameters.py
constexpr long WHOLE = 64;             // elements: room for whole vectors past the end
constexpr size_t CLEARED = 1 << 26;    // bytes of room between two looks at whether to stop
constexpr long COLUMN_STATISTICS = 5;  // of a BatchNorm, for each of its columns; as in normalization.hpp
constexpr long PREDICT_ROWS = 64;      // predicted at a time by each thread: their values stay in the cache
constexpr double STOP_FLOPS = 4e9;     // between two looks at whether to stop: about a tenth of a second
constexpr double VALUE_FLOPS = 32;     // that take as long as a value does to be read, or to go through an activation
constexpr long MANY_BYTES = 1 << 19;   // of weights: each thread reads its share of them, for all rows,
constexpr long MANY_UNITS = 64, FEW_ROWS = 32, MANY_ROWS = 1024;  // unless there are too few of either to share, or rows are more than weights
constexpr double HALVES_FLOPS = 4e6;   // of a step, from which on gradients are summed in halves: about where two threads pay
constexpr long STOP_ROWS = 64, STOP_COLUMNS = 64;  // or those of the widest layer: less would waste what is packed

// Room that begins on a cache line, and holds zeros unless nobody reads what he has not written. Aligned by hand: what glibc
// before 2.38 aligns it finds room for anew each time, and a fit to a stream grew by a scratch for every few windows.
template <class T> class Array {
  struct Free {
    void operator()(void *p) const { ::operator delete(p); }
  };
  std::unique_ptr<void, Free> room;
  T *data;

 public:
  explicit Array(long n, bool zeros = true, threads::Stop *stop = nullptr) {
    const size_t bytes = size_t(n + WHOLE) * sizeof(T);
    room.reset(::operator new(bytes + ALIGNMENT));
    data = (T *)(((uintptr_t)room.get() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    for (size_t k = 0; zeros && k < bytes && !(stop && stop->now(0)); k += CLEARED) std::memset((char *)data + k, 0, std::min(CLEARED, bytes - k));
  }
  operator T *() const { return data; }
};

inline long widest(const std::vector<Stage> &stages) {
  long n = stages.empty() ? 0 : stages[0].n_in;
  for (const Stage &stage : stages) n = std::max(n, stage.n_out);
  return n;
}

// What a PERIODIC keeps of a row: of each column its waves, and a slope for each frequency.
inline long kept_width(const Stage &stage) {
  const long waves = long(stage.parts[1].n), frequencies = long(stage.parts[0].n);
  return distance(stage.n_in * ((waves + PADDED - 1) / PADDED + (frequencies + PADDED - 1) / PADDED) * PADDED);
}
// What an ENSEMBLE keeps of a member of a row: its inputs and its outputs, and what is on their way back.
inline long ensemble_width(const Stage &stage) {
  const auto whole = [](int64_t n) { return long(n + PADDED - 1) / PADDED * PADDED; };
  return distance(2 * whole(stage.sizes[2]) + 2 * whole(stage.sizes[3]));
}
// From the first of a stage's parts to the end of the last.
inline long gradient_size(const Stage &stage) {
  const Part &last = stage.parts[stage.n_parts - 1];
  return long(last.start + std::max(last.row, last.n) * last.rows - stage.parts[0].start);
}

// The stage of the BRANCH that a TURN goes back to.
inline size_t branch_of(const std::vector<Stage> &stages, size_t turn) { return size_t(stages[size_t(stages[turn].partner) - 1].partner); }

// What one batch is worked out in. Room for a huge one takes seconds to be cleared: nothing may be read once `stop` is told.
template <class T> struct Workspace {
  long rows;
  bool backward;
  std::vector<Array<T>> store, scratch;
  std::vector<T *> A, D, kept, statistics;
  std::vector<long> ld;

  Workspace(const std::vector<Stage> &stages, long batch, int threads, bool backward_, long from_rows = std::numeric_limits<long>::max(), threads::Stop *stop = nullptr) : rows(batch), backward(backward_) {
    const size_t n = stages.size();
    const auto room = [&](long elements) -> T * { return store.emplace_back(elements, true, stop); };
    A.resize(n + 1), D.resize(n + 1), kept.resize(n), statistics.resize(n), ld.resize(n + 1);
    for (size_t s = 0; s <= n; s++) {
      const long width = s ? stages[s - 1].n_out : stages[0].n_in;
      ld[s] = distance(width);
      if (s && stages[s - 1].in_place) {
        A[s] = A[s - 1], D[s] = D[s - 1];
        continue;
      }
      if (s && stages[s - 1].kind == TURN) A[s] = A[branch_of(stages, s - 1)];  // back to what went into the first chain
      else A[s] = room(batch * ld[s]);
      if (backward) D[s] = room(batch * ld[s]);
    }
    for (size_t s = 0; s < n; s++) {
      const int kind = stages[s].kind;
      if (kind == DROPOUT || kind == BATCHNORM || kind == LAYERNORM) kept[s] = room(batch * ld[s + 1]);
      if (kind == ENSEMBLE) kept[s] = room(batch * long(stages[s].sizes[0]) * ensemble_width(stages[s]));
      if (kind == MEMBERS) kept[s] = room(batch * distance(stages[s].n_in));
      if (kind == PERIODIC) kept[s] = room(batch * kept_width(stages[s]));
      if (backward && in_halves(stages[s], batch, from_rows)) statistics[s] = room(2 * half_size(stages[s]));
      if (backward && stages[s].n_parts) statistics[s] = room(gradient_size(stages[s]));
      if (kind == BATCHNORM || kind == LAYERNORM) statistics[s] = room(std::max(batch, COLUMN_STATISTICS * ld[s + 1]));
    }
    for (int t = 0; t < threads; t++) scratch.emplace_back(kernels<T>().scratch(widest(stages)), false);
  }
};

// What the weight matrices of hidden layers are worked out in, where an optimizer takes them as wholes.
template <class T> struct HiddenMatrices {
  std::vector<Array<T>> store;
  std::vector<Array<double>> squares;
  std::vector<Hidden<T>> all;

  HiddenMatrices(const std::vector<Stage> &stages, bool wanted) {
    std::vector<int> dense;
    for (size_t s = 0; s < stages.size(); s++)
      if (stages[s].kind == DENSE) dense.push_back(int(s));
    for (size_t k = 1; wanted && k + 1 < dense.size(); k++) {
      const Stage &stage = stages[size_t(dense[k])];
      const long n = std::min(stage.n_in, stage.n_out), m = std::max(stage.n_in, stage.n_out);
      const long ld = ((m + PADDED - 1) / PADDED | 1) * PADDED, ld_a = ((n + PADDED - 1) / PADDED | 1) * PADDED;
      Hidden<T> matrix{dense[k], stage.n_out > stage.n_in, n, m, ld, ld_a, {}, nullptr, nullptr, nullptr};
      for (T *&X : matrix.X) X = store.emplace_back(n * ld);
      matrix.A = store.emplace_back(n * ld_a), matrix.B = store.emplace_back(n * ld_a);
      matrix.squares = squares.emplace_back(stage.n_out);
      all.push_back(matrix);
    }
  }
};

// The rows of one call, as Python has them.
template <class T> struct Data {
  const void *X;
  long rows;
  int input;
  const int64_t *labels;
  const T *targets, *weights;
};

// Consecutive updates: rows order[bounds[k]] to order[bounds[k + 1] - 1] are the batch of update k.
struct Updates {
  const int64_t *order, *bounds;
  const double *constants;  // CONSTANTS for each set of an update
  const Augment *augment;   // of images, or null
  const double *shares;     // of the mean, for each update; null if there is none
  long count;
  int optimizer;
  double clip_norm, clip_value;
  const double *penalty;  // what l1 and l2 are multiplied by in each; null: 1
  uint64_t seed;
  int64_t step;
};

template <class T> class Network {
  std::vector<std::vector<int64_t>> numbers;  // of each stage: how many parts, those, and its sizes
  std::vector<Stage> stages;
  int link;  // the activation that turns scores into outputs, -1 for none
  double link_setting;
  long members, link_groups;  // whose outputs lie side by side, and in how many groups the link takes them
  int loss;
  bool from_outputs;
  std::vector<T> settings;  // of the loss
  T factor, scale;          // of the loss, of X

  long n_scores() const { return stages.back().n_out; }
  // A workspace for one thread's predictions. One is kept from call to call; who finds it taken, or too small, makes one.
  mutable std::atomic<Workspace<T> *> spare{nullptr};
  std::unique_ptr<Workspace<T>> take(long rows, bool backward) const {
    std::unique_ptr<Workspace<T>> kept(spare.exchange(nullptr));
    if (kept && kept->rows >= rows && kept->backward >= backward) return kept;
    return std::make_unique<Workspace<T>>(stages, rows, 1, backward);
  }
  bool predict_block(T *params, const Data<T> &data, long first, T *outputs, double *losses, Workspace<T> &work) const {
    const Kernels<T> &k = kernels<T>();
    const long n = data.rows, rows = std::min(PREDICT_ROWS, n - first), row_bytes = n_in() * (data.input == U8 ? 1 : data.input == F32 ? 4 : 8);
    Job<T> j = job(params, data, work);
    j.X = (const char *)data.X + first * row_bytes, j.X_rows = n - first;
    T *const gathered = work.A[0];
    const long ld_gathered = work.ld[0];
    j.direct = data.input == (sizeof(T) == 4 ? F32 : F64) && scale == 1 && n_in() % PADDED == 0 && !stages[0].in_place;
    if (j.direct) work.A[0] = (T *)j.X, work.ld[0] = n_in();  // rows that are as the kernels want them are read where they are
    // An input that is not finite makes every unit of a dense layer so: 0 times infinity is NaN. These are fewer to look at.
    const int seen = stages[0].kind == DENSE;
    k.forward(j, n, 0, rows, 0, seen, work.scratch[0]);
    j.direct = true;  // the rows are in A[0] by now
    const bool finite = data.input == U8 || k.finite(work.A[seen], rows, seen ? stages[0].n_out : n_in(), work.ld[seen]);
    k.forward(j, n, 0, rows, seen, int(stages.size()), work.scratch[0]);
    work.A[0] = gathered, work.ld[0] = ld_gathered;
    T *scores = work.A.back();
    const long ld = work.ld.back();
    if (losses) {
      j.labels = data.labels ? data.labels + first : nullptr, j.targets = data.targets ? data.targets + first * n_out() : nullptr;
      j.weights = data.weights ? data.weights + first : nullptr, j.row_loss = losses + first, j.share = 1;
      k.losses(j, 0, rows, work.scratch[0]);
    }
    for (long c = 0, n_each = n_scores() / link_groups; link >= 0 && c < n_scores(); c += n_each) k.activation(link, T(link_setting), scores + c, scores + c, rows, n_each, ld);
    for (long r = 0; r < rows; r++)
      if (members == 1) std::memcpy(outputs + (first + r) * n_out(), scores + r * ld, size_t(n_out()) * sizeof(T));
      else
        for (long c = 0; c < n_out(); c++) {
          T total = 0;
          for (long i = 0; i < members; i++) total += scores[r * ld + i * n_out() + c];
          outputs[(first + r) * n_out() + c] = total / T(members);
        }
    return finite && k.finite(scores, rows, n_scores(), ld);
  }

  Job<T> job(T *params, const Data<T> &data, const Workspace<T> &work) const {
    static const double none[CONSTANTS] = {};
    Job<T> j{};
    j.stages = int(stages.size()), j.stage = stages.data();
    j.params = j.memory[0] = j.memory[1] = params;
    j.A = const_cast<T **>(work.A.data()), j.D = const_cast<T **>(work.D.data()), j.kept = const_cast<T **>(work.kept.data()), j.statistics = const_cast<T **>(work.statistics.data());
    j.ld = work.ld.data();
    j.X = data.X, j.X_rows = data.rows, j.input = data.input, j.scale = scale;
    j.labels = data.labels, j.targets = data.targets, j.weights = data.weights;
    j.members = members, j.loss = loss, j.from_outputs = from_outputs, j.settings = settings.data(), j.factor = factor, j.constants = none, j.penalty = 1, j.from_rows = from_rows();
    return j;
  }
  // Rows of all gradients: one for each unit of a layer, one for each vector.
  long gradient_rows() const {
    long n = 0;
    for (const Stage &stage : stages) {
      if (stage.constants < 0) continue;
      if (stage.weights >= 0 && !stage.n_parts) n += (stage.kind == DENSE ? stage.n_out : 1) + (stage.biases >= 0);
      for (long k = 0; k < stage.n_parts; k++) n += long(stage.parts[k].rows);
    }
    return n;
  }
  bool constrained() const {
    return std::any_of(stages.begin(), stages.end(), [](const Stage &stage) { return stage.max_norm > 0 || stage.non_negative; });
  }
  long penalized_rows() const {
    long n = 0;
    for (const Stage &stage : stages)
      if (stage.l1 != 0 || stage.l2 != 0) n += matrix_rows(stage);
    return n;
  }
  static T share_of(const Job<T> &j, long batch) {
    if (!j.weights) return T(1.0 / double(batch));
    double total = 0;
    for (long r = 0; r < batch; r++) total += double(j.weights[j.rows ? j.rows[r] : r]);
    return T(total > 0 ? 1 / total : 0);
  }
  static double sum(const double *values, long n) {
    double total = 0;
    for (long k = 0; k < n; k++) total += values[k];
    return total;
  }
  // Multiplications and additions for one row in one of the three products.
  static double flops(const Stage &stage) {
    return 2.0 * double(matrix_rows(stage)) * double(matrix_columns(stage)) * (stage.kind == ENSEMBLE ? double(stage.sizes[0]) : 1);
  }
  double flops() const {
    double total = 0;
    for (const Stage &stage : stages) total += flops(stage);
    return total;
  }
  // The same with what values cost besides: narrow layers have more of them for each multiplication.
  double effort() const {
    double total = flops();
    for (const Stage &stage : stages) total += VALUE_FLOPS * double(stage.n_out);
    return total;
  }
  // Of a batch whose gradients are summed in halves, neither of them empty.
  long from_rows() const { return std::max<long>(2, long(HALVES_FLOPS / (3 * flops() + 1)) + 1); }
  // A step's phases: rows go forward and back, except that each thread does its columns of all rows where the whole batch
  // must be known, to be normalized, and where weights are so many that no thread should read all of them.
  struct Phase {
    enum { ROWS, WHOLE_FORWARD, WHOLE_BACKWARD, HALVES, UPDATE, SQUARE, ORTHOGONAL, FINISH } what = ROWS;
    int stage = 0;                          // WHOLE_: which; ORTHOGONAL: which part
    int forward_from = 0, forward_to = 0;   // ROWS: through these stages,
    bool losses = false;                    // to the losses,
    int back_from = -1, back_to = 0;        // and back through these;
    bool halves = false;                    // those of up to two threads then have what their half of the batch comes to
  };
  static bool many_weights(const Stage &stage, long batch) {
    return stage.kind == DENSE && stage.n_out >= MANY_UNITS && batch >= FEW_ROWS && batch <= MANY_ROWS && stage.n_in * stage.n_out * long(sizeof(T)) >= MANY_BYTES;
  }
  std::vector<Phase> phases_of(long batch, bool training, bool in_two, bool matrices) const {
    const int n = int(stages.size());
    const auto normalized = [&](int s) { return stages[size_t(s)].kind == BATCHNORM && stages[size_t(s)].constants >= 0 && training; };
    const auto shared_out = [&](int s) { return many_weights(stages[size_t(s)], batch); };
    std::vector<Phase> phases;
    Phase rows;
    for (int s = 0; s < n; s++) {
      if (!normalized(s) && !shared_out(s)) continue;
      rows.forward_to = s;
      phases.insert(phases.end(), {rows, {Phase::WHOLE_FORWARD, s}});
      rows.forward_from = s + shared_out(s);  // rows are normalized one by one once the batch is known
    }
    rows.forward_to = n, rows.losses = true, rows.back_from = n - 1;
    for (int s = n - 1; s >= 0; s--) {
      if (!normalized(s) && !(shared_out(s) && s > 0)) continue;
      rows.back_to = s + 1;
      phases.insert(phases.end(), {rows, {Phase::WHOLE_BACKWARD, s}});
      rows = Phase(), rows.back_from = s - shared_out(s);
    }
    rows.back_to = 0;
    rows.halves = std::any_of(stages.begin(), stages.end(), [&](const Stage &stage) { return in_halves(stage, batch, from_rows()); });
    phases.push_back(rows);
    if (rows.halves) phases.push_back({Phase::HALVES});
    phases.push_back({Phase::UPDATE});
    if (in_two) phases.push_back({Phase::SQUARE});
    for (int part = 0; matrices && part < ORTHOGONAL_PARTS; part++) phases.push_back({Phase::ORTHOGONAL, part});
    if (in_two) phases.push_back({Phase::FINISH});
    return phases;
  }

  // The phases of a step for one batch; in `between` thread 0 reads costs. A step so large that Ctrl-C would have to wait
  // for it is taken in pieces: rows are independent, and thread t of n is also threads t p to (t + 1) p - 1 of n p.
  template <class Prepare, class Between>
  void run(Job<T> first, long count, int threads, Workspace<T> &work, const Prepare &prepare, const Between &between, threads::Stop &stop) const {
    const Kernels<T> &k = kernels<T>();
    const double row = effort();
    const long rows = std::max(STOP_ROWS, long(STOP_FLOPS / (2 * row))), columns = widest(stages) / STOP_COLUMNS;
    const std::vector<Phase> phases = phases_of(work.rows, first.training, first.squares, first.matrices > 0);
    const threads::NothingTiny mode;  // of this thread, and mostly of those that it makes: phases then need not set it
    threads::steps(
        threads, count, int(phases.size()),
        [&](long step, int p, int t, int n) {
          const threads::NothingTiny mode_of_thread;
          const Phase &phase = phases[size_t(p)];
          T *const scratch = work.scratch[size_t(t)];
          Job<T> j = first;
          const long batch = prepare(j, step), end = batch * (t + 1) / n;
          j.alone = n == 1 && row * double(batch) < STOP_FLOPS;  // then nothing is taken in pieces
          const auto in_pieces = [&](double operations, const auto &f) {
            const int pieces = int(std::clamp<long>(long(operations / STOP_FLOPS / n), 1, std::max<long>(columns / n, 1)));
            for (int piece = t * pieces; piece < (t + 1) * pieces && (pieces == 1 || !stop.now(t)); piece++) f(piece, n * pieces);
          };
          if (phase.what == Phase::WHOLE_FORWARD || phase.what == Phase::WHOLE_BACKWARD) {
            const auto whole = phase.what == Phase::WHOLE_FORWARD ? k.whole_forward : k.whole_backward;
            return in_pieces(flops(stages[size_t(phase.stage)]) * double(batch), [&](int of, int all) { whole(j, phase.stage, batch, of, all, scratch); });
          }
          const auto halves = [&] {
            const long pieces = long(row * double(batch) / STOP_FLOPS) + 1;  // of rows: however many threads there are, the same
            for (long piece = 0; piece < pieces && !stop.now(t); piece++) k.halves(j, batch, piece, pieces, t, n, scratch);
          };
          if (phase.what == Phase::HALVES) return n > 2 ? halves() : void();
          if (phase.what == Phase::UPDATE) return in_pieces(row * double(batch), [&](int of, int all) { k.update(j, batch, of, all, scratch); });
          if (phase.what == Phase::SQUARE) return k.square(j, t, n);
          if (phase.what == Phase::ORTHOGONAL) {
            const double norm = phase.stage ? 0 : std::sqrt(sum(j.squares, gradient_rows()));
            return in_pieces(row * double(widest(stages)), [&](int of, int all) { k.orthogonal(j, phase.stage, norm, of, all, scratch); });
          }
          if (phase.what == Phase::FINISH) return k.finish(j, batch, std::sqrt(sum(j.squares, gradient_rows())), t, n);
          for (long a = batch * t / n, b; a < end && !stop.now(t); a = b) {
            b = std::min(a + rows, end);
            k.forward(j, batch, a, b, phase.forward_from, phase.forward_to, scratch);
            if (phase.losses) k.losses(j, a, b, scratch);
            k.backward(j, a, b, phase.back_from, phase.back_to, scratch);
          }
          if (phase.halves && n <= 2) halves();
          if (phase.losses) k.penalties(j, t, n);
        },
        [&](long step) { return between(step), !stop.told(); });
  }

 public:
  Network(std::vector<Stage> stages_, std::vector<std::vector<int64_t>> numbers_, int link_, double link_setting_, long members_, long link_groups_, int loss_, bool from_outputs_, std::vector<T> settings_, double factor_, double scale_)
      : numbers(std::move(numbers_)), stages(std::move(stages_)), link(link_), link_setting(link_setting_), members(members_), link_groups(link_groups_), loss(loss_), from_outputs(from_outputs_), settings(std::move(settings_)), factor(T(factor_)), scale(T(scale_)) {
    for (size_t s = 0; s < stages.size(); s++) {
      stages[s].n_parts = long(numbers[s][0]), stages[s].parts = (const Part *)(numbers[s].data() + 1);
      stages[s].sizes = (const int64_t *)(stages[s].parts + stages[s].n_parts);
    }
  }
  ~Network() { delete spare.load(); }
  Network(const Network &) = delete;

  long n_in() const { return stages.front().n_in; }
  long n_out() const { return n_scores() / members; }
  long sets() const {  // of constants, for learning rates that layers have of their own
    int last = 0;
    for (const Stage &stage : stages) last = std::max(last, stage.constants);
    return last + 1;
  }
  void fit(T *params, size_t size, T *const memory[2], T *mean, const Data<T> &data, const Updates &u, double *losses, double *penalties, int threads, threads::Stop &stop) const {
    long largest = 0;
    for (long k = 0; k < u.count; k++) largest = std::max<long>(largest, long(u.bounds[k + 1] - u.bounds[k]));
    Workspace<T> work(stages, largest, threads, true, from_rows(), &stop);
    if (stop.told()) return;
    const long penalized = penalized_rows();
    Array<double> row_penalty(penalized);
    Job<T> j = job(params, data, work);
    j.training = true, j.optimizer = u.optimizer, j.seed = u.seed, j.augment = u.augment, j.row_penalty = row_penalty;
    for (int k = 0; k < 2; k++)
      if (memory[k]) j.memory[k] = memory[k];
    const HiddenMatrices<T> hidden(stages, kernels<T>().takes_matrices(u.optimizer));
    const bool in_two = u.clip_norm > 0 || u.clip_value > 0 || constrained() || !hidden.all.empty();
    Array<T> grads(in_two ? long(size) : 0);
    Array<double> squares(in_two ? gradient_rows() : 0);
    if (in_two) j.grads = grads, j.squares = squares, j.clip_norm = u.clip_norm, j.clip_value = u.clip_value;
    j.matrix = hidden.all.data(), j.matrices = long(hidden.all.size());
    const auto prepare = [&](Job<T> &mine, long step) {
      const long start = long(u.bounds[step] - u.bounds[0]), batch = long(u.bounds[step + 1] - u.bounds[step]);
      mine.rows = u.order + start, mine.row_loss = losses + start;
      if (step + 1 < u.count) mine.next_rows = mine.rows + batch, mine.next_batch = long(u.bounds[step + 2] - u.bounds[step + 1]);
      mine.constants = u.constants + step * sets() * CONSTANTS, mine.step = u.step + step;
      if (u.penalty) mine.penalty = u.penalty[step];
      mine.share = share_of(mine, batch);
      if (mean && u.shares[step] > 0) mine.mean = mean, mine.mean_share = T(u.shares[step]);
      return batch;
    };
    run(j, u.count, threads, work, prepare, [&](long step) { penalties[step] = sum(row_penalty, penalized); }, stop);
  }

  // J of all rows as one batch, gradients by the parameters in `grads` and, unless it is null, by X in `dx`, n_in apart.
  double gradient(T *params, T *grads, T *dx, const Data<T> &data, bool training, uint64_t seed, int64_t step, int threads, threads::Stop &stop) const {
    const long n = data.rows;
    Workspace<T> work(stages, n, threads, true, from_rows(), &stop);
    if (stop.told()) return 0;
    const long penalized = penalized_rows();
    Array<double> row_penalty(penalized), row_loss(n);
    Job<T> j = job(params, data, work);
    j.training = training, j.input_gradient = dx != nullptr, j.seed = seed, j.step = step;
    j.grads = grads, j.row_loss = row_loss, j.row_penalty = row_penalty, j.share = share_of(j, n);
    run(j, 1, threads, work, [&](Job<T> &, long) { return n; }, [](long) {}, stop);
    for (long r = 0; r < (dx ? n : 0); r++)
      for (long k = 0; k < n_in(); k++) dx[r * n_in() + k] = work.D[0][r * work.ld[0] + k] * scale;
    double total = 0;
    for (long r = 0; r < n; r++) total += data.weights ? double(data.weights[r]) : 1.0;
    return sum(row_loss, n) / total + sum(row_penalty, penalized);
  }

  // Outputs (n, n_out), and the weighted loss of each row where `losses` is given. False if an input or output is not finite.
  bool predict(T *params, const Data<T> &data, T *outputs, double *losses, int most, threads::Stop &stop) const {
    const long n = data.rows;
    const int threads = int(std::min<long>(most, (n + PREDICT_ROWS - 1) / PREDICT_ROWS));
    std::vector<std::unique_ptr<Workspace<T>>> work;
    for (int t = 0; t < threads; t++) work.push_back(take(std::min(n, PREDICT_ROWS), losses != nullptr));
    std::atomic<bool> finite{true};
    const long blocks = (n + PREDICT_ROWS - 1) / PREDICT_ROWS;
    std::atomic<long> next{0};  // whoever is free takes the next: cores that others use as well are slower
    threads::once(threads, [&](int t, int) {
      for (long block; (block = next.fetch_add(1, std::memory_order_relaxed)) < blocks && !stop.now(t);)
        if (!predict_block(params, data, block * PREDICT_ROWS, outputs, losses, *work[size_t(t)])) finite = false;
    });
    delete spare.exchange(work[0].release());
    return finite;
  }
};
