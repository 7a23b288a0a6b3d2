/* Colour conversion for the encoder. Private to media/. Plain integer code: the same bytes on every machine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* floor(255 * clamp(x, 0, 1) + 0.5) for n values; false if one of them is not finite (out is then undefined).
 */
bool kl_f32_to_u8(const float *src, uint8_t *dst, size_t n);

/* [h, w, 3] R'G'B' to 4:2:0 Y'CbCr, BT.709, limited range, chroma sited left (H.264's default). Odd edges
 * repeat the last row or column. Y is [h rounded up to even, w rounded up to even], chroma half of it each
 * way. */
void kl_rgb_to_yuv420(const uint8_t *rgb, int w, int h, uint8_t *y, int y_stride, uint8_t *cb, uint8_t *cr,
                      int c_stride);
