/* Non-finite weights: one look at every stored number that can be NaN or infinite. */
#include "engine/base/mem.h"
#include "engine/formats/weights_internal.h"

#include <string.h>

static bool finite_f32(const uint8_t *p, size_t n) {
  uint32_t bad = 0, u;
  for (size_t i = 0; i < n; i++) {
    memcpy(&u, p + 4 * i, 4);
    bad |= (u & 0x7F800000u) == 0x7F800000u;
  }
  return !bad;
}

/* mask: the exponent's bits; `step` bytes from one 16-bit number to the next. */
static bool finite_16(const uint8_t *p, size_t n, size_t step, uint16_t mask) {
  uint16_t bad = 0, u;
  for (size_t i = 0; i < n; i++) {
    memcpy(&u, p + step * i, 2);
    bad |= (u & mask) == mask;
  }
  return !bad;
}

/* Of the block types only the scales can be bad. */
static bool all_finite(KlDtype type, const uint8_t *p, size_t n) {
  const uint16_t f16 = 0x7C00, bf16 = 0x7F80;
  size_t blocks = n / kl_dtype_block(type), step = kl_dtype_block_bytes(type);
  switch (type) {
  case KL_F32:
    return finite_f32(p, n);
  case KL_F16:
    return finite_16(p, n, 2, f16);
  case KL_BF16:
    return finite_16(p, n, 2, bf16);
  case KL_Q8_0:
    return finite_16(p, blocks, step, f16);
  case KL_Q4_K:
  case KL_Q5_K:
    return finite_16(p, blocks, step, f16) && finite_16(p + 2, blocks, step, f16);
  case KL_Q6_K:
    return finite_16(p + 208, blocks, step, f16);
  case KL_I32:
  case KL_DTYPES:
    break;
  }
  return true;
}

bool kl_weights_check(KlWeights *w, KlErr *err) {
  for (size_t i = 0; i < w->n; i++) {
    const KlWeight *item = w->item[i];
    const KlTensor *t = &item->tensor;
    size_t n;
    if (!kl_shape_count(t->ndim, t->shape, &n) || !n) continue;
    if (!all_finite(t->dtype, kl_data(t), n))
      return kl_fail(err, KL_ERR_FORMAT, "%s: tensor \"%s\" holds a number that is not finite", item->label,
                     kl_clip(item->name).text);
    kl_weights_drop(w, t); /* a 12 GB model must not stay resident because someone looked at it */
  }
  return true;
}
