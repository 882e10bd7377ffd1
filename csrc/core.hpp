// What the bindings and the kernels of each instruction set agree on: plain data and pointers, nothing that does anything.
#pragma once
#include <cstdint>

enum Kind {  // of formulas
  DENSE, ACTIVATION, DROPOUT, NOISE, PRELU, BATCHNORM, LAYERNORM, FORK, JOIN, SCALING, PERIODIC, PIECEWISE, EMBEDDING, SPLIT, SPLICE,
  ENSEMBLE, MEMBERS, BRANCH, TURN, MEET
};
enum Input { U8, F32, F64 };               // of X

// The distance between rows of so many values: up to four cache lines as many as they need, then an odd number, so that no
// two rows meet in one set of the cache.
static constexpr long distance(long width) {
  const long lines = (width + 15) / 16;
  return (lines > 4 ? lines | 1 : lines) * 16;
}

// A parameter that is trained: `rows` of n numbers, `row` apart.
struct Part {
  int64_t start, row, n, rows;
};

// One formula of the chain. Offsets are into the flat vectors, -1 for "none".
struct Stage {
  int kind;
  int function;          // ACTIVATION: its row in the table; DROPOUT, NOISE: the purpose of its stream
  long n_in, n_out;
  long row;              // DENSE: elements from one row of weights to the next
  long weights, biases;  // DENSE: offsets; also gain and offset, or slopes
  double l1, l2;         // DENSE: penalty, already over the batch size
  bool in_place;         // writes over its input, which nobody needs any more
  double rate;           // DROPOUT: the share dropped; NOISE: its deviation; BATCHNORM: momentum
  int64_t layer;         // DROPOUT, NOISE: the number of its stream
  double setting;        // ACTIVATION: of those that have one; BATCHNORM, LAYERNORM: epsilon; MEET: how many chains
  int constants;         // which set of an update's, as each learning rate has its own; -1 where nothing is trained
  long partner;          // FORK, SPLIT: the value whose error is added; JOIN, SPLICE: the value that is added; BRANCH, TURN: the mean; MEET: its BRANCH
  long running_mean, running_variance;  // BATCHNORM: offsets; PIECEWISE: of starts and factors
  double max_norm;       // DENSE: of a unit's weights after an update; 0 for none
  bool non_negative;     // DENSE: no weight is below 0 after an update
  const Part *parts;     // PERIODIC, EMBEDDING, ENSEMBLE: their parameters; of others those of `weights` and `biases`
  long n_parts;
  const int64_t *sizes;  // as columns.hpp and ensembles.hpp say
};

// Of the matrix of weights that is penalized and decays: how many rows, and how many numbers in each; 0 for none.
static constexpr long matrix_rows(const Stage &stage) { return stage.kind == DENSE ? stage.n_out : stage.kind == ENSEMBLE ? long(stage.sizes[3]) : 0; }
static constexpr long matrix_columns(const Stage &stage) { return stage.kind == DENSE ? stage.n_in : stage.kind == ENSEMBLE ? long(stage.sizes[2]) : 0; }

// Whether a dense stage's gradient is first summed over each half of the batch: where weights are few for so many rows, two
// threads that read one another's rows wait longer for them than it takes to add two sums. The shapes alone decide.
static constexpr bool in_halves(const Stage &stage, long batch, long from_rows) {
  return stage.kind == DENSE && batch >= from_rows && 2 * stage.n_in * stage.n_out <= batch * (stage.n_in + stage.n_out);
}
// Of a sum over half of a batch: the weights', then the biases' in whole lanes.
static constexpr long half_size(const Stage &stage) { return stage.n_out * stage.row + (stage.n_out + 15) / 16 * 16; }

constexpr int CONSTANTS = 8;  // of an update: what decay leaves of a weight, then those of the optimizer's struct; as in core.py

// How images are changed while they are gathered, as in augment.py.
struct Augment {
  long height, width, channels;
  long down, right;     // the most pixels of a shift
  long cutout;          // side of the square that is left out
  double fill;
  bool channels_first, flip, edge;
  uint64_t purpose;     // of its stream
};

// A weight matrix that an optimizer takes as a whole, and what it is worked out in: X (n, m), n no larger than m, rows `ld`
// apart, from one of two places into the other; A and B (n, n).
template <class T> struct Hidden {
  int stage;
  bool turned;  // W has more rows than columns
  long n, m, ld, ld_a;
  T *X[2], *A, *B;
  double *squares;  // sums of them, one for each row of W
};
constexpr int ORTHOGONAL_PARTS = 17;  // with a barrier after each

// One batch, as kernels see it. A[s] goes into stage s and A[stages] comes out; D[s] is dJ/dA[s]; rows of both are
// ld[s] apart.
template <class T> struct Job {
  int stages;
  const Stage *stage;
  T *params;
  T *memory[2];  // of the optimizer, as long as params
  T *mean;       // of params over updates, null if nobody asks or this update does not enter it
  T mean_share;  // it moves by so much of the way towards them
  T *grads;      // where gradients go if they are asked for
  T **A, **D;
  T **kept;        // of stage s, what its way back needs, row by row: a mask, or normalized values
  T **statistics;  // of stage s, what belongs to whole columns or rows
  const long *ld;
  long from_rows;  // see in_halves
  bool alone;      // one thread has the whole step to itself: the sum over the second half need not be kept
  bool training, input_gradient;
  bool direct;   // A[0] is X itself

  const void *X;
  long X_rows;   // from there on: nothing is read past the last of them
  int input;
  T scale;
  const Augment *augment;  // null for none
  const int64_t *rows;    // which rows of X and of the targets; null: in order
  const int64_t *next_rows;  // those of the batch after this one, of which there are next_batch; 0 if there is none
  long next_batch;
  const int64_t *labels;  // targets: column numbers,
  const T *targets;       // or (n, n_out)
  const T *weights;       // of samples; null: all 1
  int loss;
  bool from_outputs;      // the loss takes outputs, not scores
  long members;           // whose scores lie side by side: each has its own loss
  const T *settings;      // of the loss
  T factor;               // the loss is multiplied by it
  T share;                // 1 / batch, or 1 / sum of weights

  int optimizer;           // its row in the table
  double clip_norm, clip_value;  // of gradients; 0 for none
  double *squares;         // sums of them, one for each row of a gradient
  const Hidden<T> *matrix; // those that the optimizer takes as wholes
  long matrices;
  const double *constants; // of this update
  double penalty;         // what l1 and l2 are multiplied by in it
  uint64_t seed;
  int64_t step;           // place in the stream of dropout
  double *row_loss, *row_penalty;
};

template <class T> struct Kernels {
  const char *(*name_of)(int family, int row);  // of activations (0), losses (1), optimizers (2)
  // Stages `from` to `to` - 1 for rows `first` to `last` - 1, and back from stage `from` down to `to`.
  void (*forward)(const Job<T> &, long batch, long first, long last, int from, int to, T *scratch);
  void (*losses)(const Job<T> &, long first, long last, T *scratch);
  void (*backward)(const Job<T> &, long first, long last, int from, int to, T *scratch);
  // A thread's share of one stage for the whole batch.
  void (*whole_forward)(const Job<T> &, int stage, long batch, int thread, int threads, T *scratch);
  void (*whole_backward)(const Job<T> &, int stage, long batch, int thread, int threads, T *scratch);
  // A thread's share of the sums over a piece of each half: of two threads each has the half whose rows it has worked on.
  void (*halves)(const Job<T> &, long batch, long piece, long pieces, int thread, int threads, T *scratch);
  void (*penalties)(const Job<T> &, int thread, int threads);
  void (*update)(const Job<T> &, long batch, int thread, int threads, T *scratch);
  // Where gradients are kept first, to be clipped, or weights constrained: sums of their squares, then the update itself.
  void (*square)(const Job<T> &, int thread, int threads);
  void (*finish)(const Job<T> &, long batch, double norm, int thread, int threads);
  bool (*takes_matrices)(int optimizer);
  void (*orthogonal)(const Job<T> &, int part, double norm, int thread, int threads, T *scratch);  // between the two
  bool (*needs_z)(int function);
  void (*activation)(int function, T setting, const T *z, T *a, long rows, long n, long ld);
  void (*activation_backward)(int function, T setting, const T *da, const T *z, const T *a, T *dz, long rows, long n, long ld);
  bool (*finite)(const T *values, long rows, long n, long ld);
  long (*scratch)(long widest);  // elements that a thread needs to work in
  const char *name;
};
