/* Any media file: probe, the job inside, the first frames. FFmpeg does the parsing; what is ours is the
 * handling of sizes, orientation, tags and errors around it. */
#define _GNU_SOURCE
#include "engine/base/mem.h"
#include "media/decode.h"
#include "media/provenance.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int fd = -1;
  char path[64];
  KlErr err = KL_ERR_INIT;
  KlMediaInfo info;
  KlDecoder *d = NULL;
  KlFrame f;
  char *json = NULL;
  if (fd < 0) fd = memfd_create("fuzz", 0);
  if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (!kl_media_probe(path, NULL, &info, &err) && err.code == KL_ERR_NONE) abort();
  kl_media_read_job(path, &json, NULL, NULL);
  kl_free(&json);
  err = KL_ERR_INIT;
  if (kl_decoder_open(path, NULL, &d, &err)) {
    const KlMediaInfo *i = kl_decoder_info(d);
    /* small ones only: the fuzzer's time goes into parsing */
    for (int n = 0; n < 3 && i->width * i->height < 1 << 16 && kl_decoder_next(d, &f, &err) && f.rgb; n++) {
      volatile uint8_t last = f.rgb[i->width * i->height * 3 - 1];
      (void)last;
    }
  } else if (d || err.code == KL_ERR_NONE) {
    abort();
  }
  kl_decoder_free(&d);
  return 0;
}
