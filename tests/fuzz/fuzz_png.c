/* PNG with the job in its text chunks. */
#include "media/png.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  KlPng png;
  KlErr err = KL_ERR_INIT;
  if (!kl_png_read_memory(data, size, &png, &err)) {
    if (png.pixels || png.job_json || err.code == KL_ERR_NONE || !err.msg[0]) abort();
    return 0;
  }
  volatile uint8_t last = png.pixels[(size_t)png.width * (size_t)png.height * (size_t)png.channels - 1];
  (void)last;
  kl_png_free(&png);
  return 0;
}
