// Images changed at random while they are gathered, drawn as in augment.py: mirrored, shifted, with a square left out.
#pragma once
#include "core.hpp"
#include "random.hpp"
#include "vec.hpp"

namespace {

// A number from 0 to n - 1 from half number `half` of the words, 0 being the low half of the first.
INLINE long drawn(const uint64_t *words, int half, long n) { return long((words[half / 2] >> (half % 2 * 32) & 0xFFFFFFFFull) * uint64_t(n) >> 32); }

// `count` pixels of `each` numbers from `from` on, or backwards from there.
template <class T, class U> INLINE void copy_pixels(T scale, const U *from, T *to, long count, long each, bool back) {
  if (each == 1 && back)
#pragma GCC ivdep
    for (long k = 0; k < count; k++) to[k] = T(from[-k]) * scale;
  else if (back)
    for (long k = 0; k < count; k++)
      for (long c = 0; c < each; c++) to[k * each + c] = T(from[c - k * each]) * scale;
  else
#pragma GCC ivdep
    for (long k = 0; k < count * each; k++) to[k] = T(from[k]) * scale;
}
// One pixel, or if there is none a number, `count` times.
template <class T, class U> INLINE void repeat_pixel(T scale, const U *pixel, T fill, T *to, long count, long each) {
  for (long k = 0; k < count; k++)
    for (long c = 0; c < each; c++) to[k * each + c] = pixel ? T(pixel[c]) * scale : fill;
}

// Row `r` of the batch, from its image.
template <class T, class U> void gather_image(const Augment &a, const Philox &stream, long r, T scale, const U *from, T *to) {
  uint64_t words[1][4];
  stream.blocks(uint64_t(r), words);
  const long planes = a.channels_first ? a.channels : 1, each = a.channels_first ? 1 : a.channels, line = a.width * each;
  const bool flip = a.flip && drawn(words[0], 0, 2);
  const long down = drawn(words[0], 1, 2 * a.down + 1) - a.down, right = drawn(words[0], 2, 2 * a.right + 1) - a.right;
  const long x0 = right > 0 ? right : 0, x1 = right < 0 ? a.width + right : a.width;  // columns that come from within the image
  const T fill = T(U(a.fill)) * scale;
  for (long y = 0; y < planes * a.height; y++, to += line) {
    const long plane = y / a.height, wanted = y % a.height - down;
    const bool outside = wanted < 0 || wanted >= a.height;
    if (outside && !a.edge) {
      repeat_pixel<T, U>(scale, nullptr, fill, to, a.width, each);
      continue;
    }
    const U *source = from + (plane * a.height + (wanted < 0 ? 0 : outside ? a.height - 1 : wanted)) * line;
    const U *left_end = source + (flip ? line - each : 0), *right_end = source + (flip ? 0 : line - each);
    repeat_pixel(scale, a.edge ? left_end : nullptr, fill, to, x0, each);
    const long begin = x0 - right;  // of the columns of the image, mirrored or not
    copy_pixels(scale, source + (flip ? a.width - 1 - begin : begin) * each, to + x0 * each, x1 - x0, each, flip);
    repeat_pixel(scale, a.edge ? right_end : nullptr, fill, to + x1 * each, a.width - x1, each);
  }
  if (a.cutout == 0) return;
  to -= planes * a.height * line;
  const long top = drawn(words[0], 3, a.height) - a.cutout / 2, left = drawn(words[0], 4, a.width) - a.cutout / 2;
  const long y0 = top > 0 ? top : 0, y1 = smaller(top + a.cutout, a.height), from_x = left > 0 ? left : 0, to_x = smaller(left + a.cutout, a.width);
  for (long plane = 0; plane < planes; plane++)
    for (long y = y0; y < y1; y++) repeat_pixel<T, U>(scale, nullptr, fill, to + (plane * a.height + y) * line + from_x * each, to_x - from_x, each);
}

}  // namespace
