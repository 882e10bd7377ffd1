// Three products are all there is: Z = X W^T, dX = dZ W, dW = dZ^T X.
// The order in which one element is summed depends on the shapes alone, never on how rows or columns are shared out.
#pragma once
#include <bit>

#include "vec.hpp"

namespace {

constexpr int TILE_ROWS = VECTOR_BYTES == 64 ? 12 : 6;     // rows x 2 vectors of sums stay in registers
constexpr int DOT_ROWS = VECTOR_BYTES == 64 ? 5 : 3;       // likewise rows x DOT_COLUMNS sums of products
constexpr int DOT_COLUMNS = VECTOR_BYTES == 64 ? 5 : 4;
constexpr int DOT_ALONE = 9;                              // and as many for a row alone
constexpr long DEPTH = 256, BLOCK_ROWS = 192, BLOCK_COLUMNS = 64;  // a block of B is read from L1, one of A from L2
constexpr long PACK_AHEAD = 8;  // rows fetched before they are packed
constexpr long LINE = 64;       // bytes of a cache line
constexpr long PANEL_BLOCKS = 16;  // blocks of DEPTH that stay packed while one block of A's rows follows another
template <class T> constexpr long PANEL = smaller(2 * LANES<T>, LANE * 2);            // columns of B packed side by side
template <class T> constexpr long PANEL_SIZE = DEPTH * PANEL<T> + 5 * LANE;  // off the 4096-byte grid: no false sharing of sets
template <class T> constexpr long PANELS_SIZE = (BLOCK_COLUMNS / PANEL<T> + 1) * PANEL_SIZE<T>;
template <class T> constexpr long SCRATCH = BLOCK_ROWS * BLOCK_COLUMNS + PANEL_BLOCKS * PANELS_SIZE<T> + BLOCK_ROWS * DEPTH;

// Split n into pieces as equal as can be, none above `most`: 25 is 5 x 5, not 4 x 6 + 1. f(start, size, how many of them).
template <class F> INLINE void runs(long n, long most, F f) {
  if (n <= 0) return;
  const long count = (n + most - 1) / most, size = n / count, larger = n % count;
  if (larger) f(0, size + 1, larger);
  f(larger * (size + 1), size, count - larger);
}
template <class F> INLINE void pieces(long n, long most, F f) {
  runs(n, most, [&](long start, long size, long count) {
    for (long c = 0; c < count; c++) f(start + c * size, size);
  });
}

// What will soon be wanted from far away. Tiles ask for it, a little every round, while they keep the arithmetic busy: asked
// for all at once lines would wait for one another, and everything else for them.
struct Ahead {
  // Rows of X, of the next batch: one for each tile.
  const char *X = nullptr;
  long bytes = 0;  // of a row
  const int64_t *row = nullptr, *last = nullptr;
  const char *next() { return row < last ? X + *row++ * bytes : nullptr; }
  // Parameters that a product's sums are about to change, and what the optimizer remembers of them: the address of the first
  // sum's, 0 if they are near anyway; bytes from one row to the next; and of each round the line, from where a tile begins.
  uintptr_t changed = 0, changed_row = 0;
  const uintptr_t *line = nullptr;
};

// Tiles of one size below one another, and what is the same for all of them: C[i][j] (+)= sum_k A(i, k) B(k, j), and + b[j]
// unless it is null; k only ever grows.
template <class T> struct TileColumn {
  long count, depth;
  const T *A;
  long ai, ak, further;  // from one tile's A to the next one's
  const T *B;
  long bk;
  T *C;
  long ci;
  bool first, fetch;  // C begins at 0; rows of A are fetched a tile ahead
  const T *bias;
  Ahead *ahead;       // may be null
  uintptr_t changed;  // by the first tile's sums, see Ahead; may be 0
};
// Tiles of M rows and V vectors.
template <class T, int M, int V> void tiles(const TileColumn<T> &column) {
  const T *A = column.A, *const B = column.B, *const bias = column.bias;
  T *C = column.C;
  const long depth = column.depth, ai = column.ai, ak = column.ak, bk = column.bk, ci = column.ci;
  const bool first = column.first;
  const long bytes = column.ahead ? column.ahead->bytes / depth + 1 : 0;  // of a row ahead, asked for in each round
  uintptr_t changed = column.changed;
  for (long t = column.count; t > 0; t--, A += column.further, C += M * ci) {
    if (column.fetch)  // a tile takes as long as its successor's lines do to come
      for (long q = 0; q < M; q++)
        for (long k = 0; k < depth; k += LINE / sizeof(T)) __builtin_prefetch(A + (M + q) * ai + k);
    const char *ahead = column.ahead ? column.ahead->next() : nullptr;
    vec<T> c[M][V];
    UNROLLED
    for (int i = 0; i < M; i++)
      UNROLLED
      for (int j = 0; j < V; j++) c[i][j] = first ? vec<T>{} : load(C + i * ci + j * LANES<T>);
    const auto round = [&](long k) __attribute__((always_inline)) {
      vec<T> b[V];
      UNROLLED
      for (int j = 0; j < V; j++) b[j] = load(B + k * bk + j * LANES<T>);
      UNROLLED
      for (int i = 0; i < M; i++) {
        vec<T> a = splat<T>(A[i * ai + k * ak]);
        UNROLLED
        for (int j = 0; j < V; j++) c[i][j] += a * b[j];
      }
    };
    if (changed) {
      const char *also = ahead ? ahead : (const char *)changed;
      for (long k = 0; k < depth; k++) {
        __builtin_prefetch((const char *)(changed + column.ahead->line[k]), 1);
        __builtin_prefetch(also, 0, 2);
        also += ahead ? bytes : 0;
        round(k);
      }
      changed += M * column.ahead->changed_row;
    } else if (ahead)
      for (long k = 0; k < depth; k++) {
        __builtin_prefetch(ahead, 0, 2);
        ahead += bytes;
        round(k);
      }
    else
      for (long k = 0; k < depth; k++) round(k);
    if (bias) {
      UNROLLED
      for (int j = 0; j < V; j++) {
        const vec<T> b = load(bias + j * LANES<T>);
        UNROLLED
        for (int i = 0; i < M; i++) c[i][j] += b;
      }
    }
    UNROLLED
    for (int i = 0; i < M; i++)
      UNROLLED
      for (int j = 0; j < V; j++) store(C + i * ci + j * LANES<T>, c[i][j]);
  }
}

// TILES[V - 1][M - 1]
template <class T, class = std::make_integer_sequence<int, TILE_ROWS>> struct Tiles;
template <class T, int... M> struct Tiles<T, std::integer_sequence<int, M...>> {
  static constexpr void (*of[2][TILE_ROWS])(const TileColumn<T> &) = {{tiles<T, M + 1, 1>...}, {tiles<T, M + 1, 2>...}};
};

// Panels of B side by side, [panel][k][PANEL]: rows of B as they are, or columns of W^T.
template <class T> void pack_rows(long depth, long width, const T *B, long bk, T *out) {
  for (long k = 0; k < depth; k++)
    for (long j = 0; j < width; j += LANES<T>) {
      __builtin_prefetch(B + (k + PACK_AHEAD) * bk + j);
      store(out + j / PANEL<T> * PANEL_SIZE<T> + k * PANEL<T> + j % PANEL<T>, load(B + k * bk + j));
    }
}
template <class T> void pack_transposed(long depth, long width, const T *W, long row, T *out) {
  const long columns = whole<T>(width);  // that a tile reads
  for (long j = 0; j < columns; j += LANES<T>)
    for (long k = 0; k < depth; k += LANES<T>) turn(W + j * row + k, row, width - j, out + k * PANEL<T> + j, PANEL<T>);
}

// Where a product goes: rows `row` apart, with b added unless it is null, and to what is there if there is `more` to sum.
// Without a place it is given away in blocks.
template <class T> struct Into {
  T *to;
  long row;
  const T *b;
  bool more = false;
};

// How much of a product's depth is taken at a time: as equal as can be.
INLINE long depth_at_once(long depth) {
  const long blocks = (depth + DEPTH - 1) / DEPTH;
  return blocks > 1 ? padded((depth + blocks - 1) / blocks) : DEPTH;
}

// C = A B in blocks; each finished block of C, rows padded(columns) apart, goes to done(row, rows, column, columns, block), unless
// C has a place. TRANSPOSED: B(k, j) is W[j][k]. Reads B, and writes C, in whole vectors, so their rows are padded.
template <class T, bool TRANSPOSED, class Done>
INLINE void product(long rows, long first_column, long last_column, long depth, const T *A, long ai, long ak, const T *B, long bk, T *scratch, Into<T> into, Done done, Ahead *ahead) {
  T *room = scratch, *packed_B = room + BLOCK_ROWS * BLOCK_COLUMNS, *packed_A = packed_B + PANEL_BLOCKS * PANELS_SIZE<T>;
  const long step = depth_at_once(depth);
  const bool pack_A = ai == 1 && rows > 2 * BLOCK_COLUMNS && depth <= DEPTH;  // else each step of k is a cache line further
  const bool fetch_A = ak == 1 && depth > 64 && !into.to;                 // rows of weights, which another core may have changed
  const bool keep_B = !pack_A && depth <= PANEL_BLOCKS * DEPTH;           // packed once for all rows of A
  const auto block = [&](long i0, long j0) {
    const long n = smaller(rows - i0, BLOCK_ROWS), width = smaller(last_column - j0, BLOCK_COLUMNS);
    const long ci = into.to ? into.row : padded(width);
    T *C = into.to ? into.to + i0 * ci + j0 : room;
    for (long k0 = 0; k0 < depth; k0 += step) {
      const long d = smaller(depth - k0, step);
      const bool pack_B = TRANSPOSED || (depth > 64 && n > 4 * TILE_ROWS), packed = keep_B && i0 > 0;
      T *panels = packed_B + (keep_B ? k0 / step * PANELS_SIZE<T> : 0);
      if (!TRANSPOSED && pack_B && !packed) pack_rows(d, width, B + k0 * bk + j0, bk, panels);
      for (long j = 0; j < width; j += PANEL<T>) {
        T *panel = panels + j / PANEL<T> * PANEL_SIZE<T>;
        if (TRANSPOSED && !packed) pack_transposed(d, smaller(width - j, PANEL<T>), B + (j0 + j) * bk + k0, bk, panel);
        const T *b = pack_B ? panel : B + k0 * bk + j0 + j;
        const long b_step = pack_B ? PANEL<T> : bk;
        const auto of_size = Tiles<T>::of[width - j > LANES<T>];
        const bool changes = ahead && ahead->changed && k0 + d == depth;
        const T *bias = into.b && k0 + d == depth ? into.b + j0 + j : nullptr;
        runs(n, TILE_ROWS, [&](long i, long m, long count) {
          const T *a = pack_A ? packed_A + i * depth : A + (i0 + i) * ai + k0 * ak;
          const long a_row = pack_A ? 1 : ai, a_step = pack_A ? m : ak, further = pack_A ? m * depth : m * ai;
          const uintptr_t changed = changes ? ahead->changed + uintptr_t(i0 + i) * ahead->changed_row + uintptr_t(j0 + j) * sizeof(T) : 0;
          of_size[m - 1]({count, d, a, a_row, a_step, further, b, b_step, C + i * ci + j, ci, k0 == 0 && !into.more, fetch_A && j == 0, bias, ahead, changed});
        });
      }
    }
    if (!into.to) done(i0, n, j0, width, C);
  };
  if (pack_A) {
    for (long i0 = 0; i0 < rows; i0 += BLOCK_ROWS) {
      pieces(smaller(rows - i0, BLOCK_ROWS), TILE_ROWS, [&](long i, long m) {
        for (long k = 0; k < depth; k++) {
          __builtin_prefetch(A + i0 + i + (k + PACK_AHEAD) * ak);
          for (long q = 0; q < m; q += LANES<T>) store(packed_A + i * depth + k * m + q, load(A + i0 + i + q + k * ak));  // what is too much is written over
        }
      });
      for (long j0 = first_column; j0 < last_column; j0 += BLOCK_COLUMNS) block(i0, j0);
    }
  } else {
    for (long j0 = first_column; j0 < last_column; j0 += BLOCK_COLUMNS)
      for (long i0 = 0; i0 < rows; i0 += BLOCK_ROWS) block(i0, j0);
  }
}

template <class T, bool TRANSPOSED, class Done>
INLINE void product(long rows, long first_column, long last_column, long depth, const T *A, long ai, long ak, const T *B, long bk, T *scratch, const Done &done, Ahead *ahead = nullptr) {
  product<T, TRANSPOSED>(rows, first_column, last_column, depth, A, ai, ak, B, bk, scratch, Into<T>{}, done, ahead);
}
template <class T, bool TRANSPOSED>
INLINE void product(long rows, long first_column, long last_column, long depth, const T *A, long ai, long ak, const T *B, long bk, T *scratch, const Into<T> &into, Ahead *ahead = nullptr) {
  product<T, TRANSPOSED>(rows, first_column, last_column, depth, A, ai, ak, B, bk, scratch, into, [](long, long, long, long, const T *) {}, ahead);
}

// f(i) for each STEP-th number, known when it is compiled.
template <int FIRST, int LAST, int STEP, class F> INLINE void each(const F &f) {
  if constexpr (FIRST < LAST) f(std::integral_constant<int, FIRST>{}), each<FIRST + STEP, LAST, STEP>(f);
}

// C[i][j] = sum_k A[i][k] W[j][k], both contiguous in k, padding included, which is zero in one of them.
template <class T, int M, int N> INLINE void dot_tile(long depth, const T *A, long ai, const T *W, long row, T *C, long ci, const T *ahead) {
  vec<T> c[M][N];
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) c[i][j] = vec<T>{};
  for (long k = 0; k < depth; k += LANES<T>) {
    vec<T> a[M];
    if constexpr (M > 1) __builtin_prefetch(ahead + k, 0, 2);
    for (int i = 0; i < M; i++) a[i] = load(A + i * ai + k);
    for (int j = 0; j < N; j++) {
      vec<T> w = load(W + j * row + k);
      for (int i = 0; i < M; i++) c[i][j] += a[i] * w;
    }
  }
  constexpr int width = smaller(std::bit_ceil(unsigned(N)), LANES<T>), rows = LANES<T> / width;  // as many rows of sums fit into a vector
  each<0, M, rows>([&](auto i) {
    each<0, N, width>([&](auto j) {
      constexpr int m = smaller(M - i, rows), n = smaller(N - j, width);
      T sum[LANES<T>];
      store(sum, sums<T, m, n, width>([&](int r, int k) { return c[i + r][j + k]; }));
      for (int r = 0; r < m; r++) std::memcpy(C + (i + r) * ci + j, sum + r * width, n * sizeof(T));
    });
  });
}
constexpr long DOT_WIDTH = 128;  // layers with as many inputs go forward by dot products, which need no packing,
constexpr long TURN_WIDTH = 48;  // unless they have as many outputs;
constexpr long DOT_BATCH = 8;    // and so do batches too small for packing to pay,
template <class T> constexpr long DOT_UNITS = LANES<T> / 4;  // and layers that would leave most lanes empty

// Z = C + b for n numbers side by side, as whole vectors; or Z = C.
template <class T> INLINE void put(T *z, const T *c, const T *b, long n) {
  for (long k = 0; k < n; k += LANES<T>) store(z + k, b ? load(c + k) + load(b + k) : load(c + k));
}

// f(n) for n from 1 to MOST, known when it is compiled.
template <int MOST, class F> INLINE void as_constant(long n, const F &f) {
  each<1, MOST + 1, 1>([&](auto k) __attribute__((always_inline)) {
    if (n == k) f(k);
  });
}
template <class T> void dots(long rows, long columns, long depth, const T *A, long ai, const T *W, long row, T *C, long ci) {
  if (rows == 1)  // as many sums at once as hide how long one addition takes
    return pieces(columns, DOT_ALONE, [&](long j, long n) {
      as_constant<DOT_ALONE>(n, [&](auto N) { dot_tile<T, 1, N>(depth, A, ai, W + j * row, row, C + j, ci, nullptr); });
    });
  if (columns == 1)  // as many rows as sums fit into a vector
    return pieces(rows, LANES<T>, [&](long i, long m) {
      as_constant<LANES<T>>(m, [&](auto M) { dot_tile<T, M, 1>(depth, A + i * ai, ai, W, row, C + i * ci, ci, A + (i + m) * ai); });
    });
  pieces(rows, DOT_ROWS, [&](long i, long m) {  // whose numbers stay in L1 while all of W passes by
    pieces(columns, DOT_COLUMNS, [&](long j, long n) {
      const T *a = A + i * ai, *w = W + j * row;
      T *c = C + i * ci + j;
      const T *ahead = a + (m + j / DOT_COLUMNS) * ai;  // one of the rows of the tiles to come
      as_constant<DOT_ROWS>(m, [&](auto M) {
        as_constant<DOT_COLUMNS>(n, [&](auto N) { dot_tile<T, M, N>(depth, a, ai, w, row, c, ci, ahead); });
      });
    });
  });
}

}  // namespace
