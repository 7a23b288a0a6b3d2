/* Runs a fuzz target over the files of folders, each whole, then cut and with bytes changed in a fixed
 * pattern: the corpus as an ordinary test.   run-corpus-NAME FOLDER... */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exactly as many bytes as the target may read, so that a sanitizer sees one more. */
static void one(const uint8_t *data, size_t n) {
  uint8_t *exact = malloc(n ? n : 1);
  if (!exact) abort();
  if (n) memcpy(exact, data, n);
  LLVMFuzzerTestOneInput(exact, n);
  free(exact);
}

static void variants(uint8_t *data, size_t n) {
  static const uint8_t values[] = {0, 1, 0x7F, 0x80, 0xFF};
  size_t step = n / 200 + 1;
  one(data, n);
  for (size_t i = 0; i < n; i += step) {
    uint8_t was = data[i];
    one(data, i);
    data[i] = values[i / step % sizeof values];
    one(data, n);
    data[i] = was;
  }
}

static int file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) return 0;
  static uint8_t data[1 << 20];
  size_t n = fread(data, 1, sizeof data, f);
  fclose(f);
  variants(data, n);
  return 1;
}

int main(int argc, char **argv) {
  int files = 0;
  for (int i = 1; i < argc; i++) {
    DIR *d = opendir(argv[i]);
    if (!d) {
      perror(argv[i]);
      return 1;
    }
    for (struct dirent *e; (e = readdir(d));) {
      char path[4096];
      if (e->d_name[0] == '.') continue;
      if (snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name) < (int)sizeof path) files += file(path);
    }
    closedir(d);
  }
  printf("%d files\n", files);
  return files ? 0 : 1; /* an empty corpus tests nothing */
}
