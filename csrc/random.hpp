// Philox4x64-10 (Salmon et al., 2011), the same numbers as streams.py draws.
#pragma once
#include <bit>
#include <cstdint>
#include <utility>

namespace {

struct Philox {
  uint64_t key[2], counter[4];

  // The four numbers of each of N blocks from block `index` (from 0) of the place on: side by side, since each round of
  // one waits for the round before it.
  template <int N = 1> void blocks(uint64_t index, uint64_t (*out)[4]) const {
    uint64_t c[N][4], k0 = key[0], k1 = key[1];
    for (int n = 0; n < N; n++) c[n][0] = counter[0] + index + n + 1, c[n][1] = counter[1], c[n][2] = counter[2], c[n][3] = counter[3];
    for (int round = 0; round < 10; round++) {
      for (int n = 0; n < N; n++) {
        const auto a = (unsigned __int128)0xD2E7470EE14C6C93ull * c[n][0], b = (unsigned __int128)0xCA5A826395121157ull * c[n][2];
        c[n][0] = uint64_t(b >> 64) ^ c[n][1] ^ k0, c[n][1] = uint64_t(b);
        c[n][2] = uint64_t(a >> 64) ^ c[n][3] ^ k1, c[n][3] = uint64_t(a);
      }
      k0 += 0x9E3779B97F4A7C15ull;
      k1 += 0xBB67AE8584CAA73Bull;
    }
    for (int n = 0; n < N; n++)
      for (int i = 0; i < 4; i++) out[n][i] = c[n][i];
  }
};

// 0 to n - 1 in random order, the same as NumPy's Generator.permutation over this stream: from the last place down, each
// is exchanged with one at or before it, whose number is drawn by masking 32 bits until it is small enough.
static inline void permutation(const Philox &stream, int64_t n, int64_t *out) {
  for (int64_t k = 0; k < n; k++) out[k] = k;
  constexpr int TOGETHER = 2, HALVES = 8 * TOGETHER;
  uint64_t last = uint64_t(n) - 1;
  for (uint64_t block = 0; last > 0; block += TOGETHER) {
    uint64_t words[TOGETHER][4], others[HALVES], found = 0;
    stream.blocks<TOGETHER>(block, words);
    for (int k = 0; k < HALVES && found < last;) {
      const uint64_t mask = std::bit_ceil(last - found + 1) - 1;
      for (; k < HALVES && last - found > mask >> 1; k++) {  // no jump that could be guessed wrong: what is too large is written over
        others[found] = uint32_t(words[k / 8][k / 2 % 4] >> (k % 2 * 32)) & mask;
        found += others[found] <= last - found;
      }
    }
    for (uint64_t k = 0; k < found; k++, last--) std::swap(out[last], out[others[k]]);
  }
}

}  // namespace
