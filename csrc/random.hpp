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
  constexpr int TOGETHER = 4, HALVES = 8 * TOGETHER;
  uint64_t words[TOGETHER][4], last = uint64_t(n) - 1, mask = std::bit_ceil(uint64_t(n)) - 1;
  for (uint64_t drawn = 0; last > 0; drawn++) {
    if (drawn % HALVES == 0) stream.blocks<TOGETHER>(drawn / 8, words);
    mask >>= last <= mask >> 1;
    const uint64_t other = uint32_t(words[drawn / 8 % TOGETHER][drawn / 2 % 4] >> (drawn % 2 * 32)) & mask;
    const bool small = other <= last;  // no jump that could be guessed wrong: what is too large changes nothing
    std::swap(out[last], out[small ? other : last]);
    last -= small;
  }
}

}  // namespace
