// Vectors of the compiler's own kind: as wide as the instruction set, added and multiplied like numbers.
// Everything that is compiled once for each instruction set lies in an anonymous namespace: an inline function with
// external linkage might be kept once for all of them, and then run where its instructions do not exist.
#pragma once
#include <cstdint>
#include <cstring>
#include <utility>

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif
#define INLINE static inline __attribute__((always_inline))

// Before a loop whose rounds do not depend on one another, and before one over vectors that are to stay in registers.
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#define UNROLLED _Pragma("GCC unroll 16")
#endif
// A loop over the lanes of one vector, which the compiler turns into one instruction for each operation.
#define EACH_LANE INDEPENDENT for (long lane = 0; lane < LANES<T>; lane++)

namespace {

template <class T> struct Vector {
  typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(alignof(T)), may_alias));
  typedef T aligned_type __attribute__((vector_size(VECTOR_BYTES)));
};
template <class T> using vec = typename Vector<T>::type;  // anywhere in memory
template <class T> using aligned_vec = typename Vector<T>::aligned_type;  // where a template takes its address
template <class T> constexpr long LANES = VECTOR_BYTES / sizeof(T);

template <class T> INLINE vec<T> load(const T *p) { return *(const vec<T> *)p; }
template <class T> INLINE void store(T *p, vec<T> v) { *(vec<T> *)p = v; }
template <class T> INLINE vec<T> splat(T a) { return a - vec<T>{}; }  // filling it lane by lane is several times slower

constexpr long LANE = 16;  // elements; as in parameters.py
constexpr long padded(long n) { return (n + LANE - 1) / LANE * LANE; }
template <class T> constexpr long whole(long n) { return (n + LANES<T> - 1) / LANES<T> * LANES<T>; }  // as vectors
constexpr long smaller(long a, long b) { return a < b ? a : b; }

// a and b with every second group of so many lanes exchanged: those of b go to a's odd places, those of a to b's even ones.
template <class T, int GROUP, int... K> INLINE void exchange(vec<T> &a, vec<T> &b, std::integer_sequence<int, K...>) {
  constexpr int N = sizeof...(K);
  const vec<T> low = __builtin_shufflevector(a, b, (K & GROUP ? N + K - GROUP : K)...), high = __builtin_shufflevector(a, b, (K & GROUP ? N + K : K + GROUP)...);
  a = low, b = high;
}

// Each group of so many lanes with its neighbour added.
template <class T, int GROUP, int... K> INLINE vec<T> with_neighbours(vec<T> v, std::integer_sequence<int, K...>) { return v + __builtin_shufflevector(v, v, (K ^ GROUP)...); }
// The sum over the lanes of each of ROWS x COLUMNS vectors at(i, j), in lane i * WIDTH + j. Always in the same order: the two
// halves of a vector are added, then those of what came of it, down to one lane. Two vectors' halves share an addition.
template <class T, int ROWS, int COLUMNS, int WIDTH, class At, int FIRST = 0, int GROUP = 1> INLINE vec<T> sums(const At &at) {
  static_assert(COLUMNS <= WIDTH && ROWS * WIDTH <= LANES<T> && LANES<T> % WIDTH == 0);
  constexpr auto lanes = std::make_integer_sequence<int, LANES<T>>{};
  if constexpr (GROUP == LANES<T>) return at(FIRST / WIDTH, FIRST % WIDTH);
  else {
    constexpr int other = FIRST + GROUP;
    vec<T> a = sums<T, ROWS, COLUMNS, WIDTH, At, FIRST, 2 * GROUP>(at);
    if constexpr (other / WIDTH >= ROWS || other % WIDTH >= COLUMNS) return with_neighbours<T, GROUP>(a, lanes);
    else {
      vec<T> b = sums<T, ROWS, COLUMNS, WIDTH, At, other, 2 * GROUP>(at);
      exchange<T, GROUP>(a, b, lanes);
      return a + b;
    }
  }
}
template <class T> INLINE T total(vec<T> v) {
  return sums<T, 1, 1, LANES<T>>([&](int, int) { return v; })[0];
}

template <class T, int GROUP = 1> INLINE void transpose(vec<T> *v) {
  if constexpr (GROUP < LANES<T>) {
    UNROLLED
    for (int k = 0; k < LANES<T>; k++)
      if (!(k & GROUP)) exchange<T, GROUP>(v[k], v[k + GROUP], std::make_integer_sequence<int, LANES<T>>{});
    transpose<T, 2 * GROUP>(v);
  }
}
// to[k][j] = from[j][k] (+ b[j]) for LANES by LANES of them; rows of `from` past `n` count as 0, rows of `to` past `m` are
// left alone.
template <class T> INLINE void turn(const T *from, long row, long n, T *to, long to_row, long m = LANES<T>, const T *b = nullptr) {
  vec<T> v[LANES<T>];
  UNROLLED
  for (long q = 0; q < LANES<T>; q++) v[q] = q < n ? load(from + q * row) : vec<T>{};
  transpose<T>(v);
  const vec<T> bias = b ? load(b) : vec<T>{};
  UNROLLED
  for (long q = 0; q < LANES<T>; q++)
    if (q < m) store(to + q * to_row, b ? v[q] + bias : v[q]);
}

}  // namespace
