// Vectors of the compiler's own kind: as wide as the instruction set, added and multiplied like numbers.
// Everything that is compiled once for each instruction set lies in an anonymous namespace: an inline function with
// external linkage might be kept once for all of them, and then run where its instructions do not exist.
#pragma once
#include <cstdint>
#include <cstring>

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif
#define INLINE static inline __attribute__((always_inline))

// Before a loop whose rounds do not depend on one another.
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif
// A loop over the lanes of one vector, which the compiler turns into one instruction for each operation.
#define EACH_LANE INDEPENDENT for (long lane = 0; lane < LANES<T>; lane++)

namespace {

template <class T> struct Vector {
  typedef T type __attribute__((vector_size(VECTOR_BYTES), aligned(alignof(T)), may_alias));
};
template <class T> using vec = typename Vector<T>::type;
template <class T> constexpr long LANES = VECTOR_BYTES / sizeof(T);

template <class T> INLINE vec<T> load(const T *p) { return *(const vec<T> *)p; }
template <class T> INLINE void store(T *p, vec<T> v) { *(vec<T> *)p = v; }
template <class T> INLINE vec<T> splat(T a) { return a - vec<T>{}; }  // filling it lane by lane is several times slower

template <class T, int N> struct FewOf {
  typedef T type __attribute__((vector_size(N * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <class T, int N> using Few = typename FewOf<T, N>::type;

// Halves are added until four lanes are left.
template <class T> INLINE Few<T, 4> fold(vec<T> v) {
  Few<T, 4> part[LANES<T> < 4 ? 1 : LANES<T> / 4] = {};
  std::memcpy(part, &v, sizeof v);
  for (long half = LANES<T> / 8; half; half /= 2)
    for (long k = 0; k < half; k++) part[k] += part[k + half];
  return part[0];
}
// The sums of all lanes of four vectors, always in the same order.
template <class T> INLINE Few<T, 4> sums(vec<T> a, vec<T> b, vec<T> c, vec<T> d) {
  const Few<T, 4> A = fold<T>(a), B = fold<T>(b), C = fold<T>(c), D = fold<T>(d);
  const Few<T, 4> ab = __builtin_shufflevector(A, B, 0, 4, 1, 5) + __builtin_shufflevector(A, B, 2, 6, 3, 7);
  const Few<T, 4> cd = __builtin_shufflevector(C, D, 0, 4, 1, 5) + __builtin_shufflevector(C, D, 2, 6, 3, 7);
  return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

template <class T> INLINE T total(vec<T> v) { return sums<T>(v, v, v, v)[0]; }

constexpr long LANE = 16;  // elements; as in parameters.py
constexpr long padded(long n) { return (n + LANE - 1) / LANE * LANE; }
template <class T> constexpr long whole(long n) { return (n + LANES<T> - 1) / LANES<T> * LANES<T>; }  // as vectors
constexpr long smaller(long a, long b) { return a < b ? a : b; }

}  // namespace
