/* The folder tokenizer: spiece.model (or tokenizer.json), texts.txt, ids.txt: a line of ids for a line of
 * text, no eos. */
#include "engine/base/mem.h"
#include "engine/formats/tokenizer.h"
#include "tests/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_file(Golden *g, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/tokenizer/%s", g->dir, name);
  FILE *f = fopen(path, "re");
  KlErr err = KL_ERR_INIT;
  if (!f && !kl_fail(&err, KL_ERR_IO, "cannot open %s", path)) golden_error(g, name, &err);
  return f;
}

static bool open_tokenizer(Golden *g, KlTokenizer **t, KlErr *err) {
  char path[4096];
  snprintf(path, sizeof path, "%s/tokenizer/spiece.model", g->dir);
  FILE *there = fopen(path, "re");
  if (there)
    fclose(there);
  else
    snprintf(path, sizeof path, "%s/tokenizer/tokenizer.json", g->dir);
  return kl_tokenizer_open(path, t, err);
}

/* A line of ids as f32 (exact: they are below 2^24). Returns how many. */
static size_t parse_ids(char *line, float *out, size_t most) {
  size_t n = 0;
  char *end;
  for (long id = strtol(line, &end, 10); end != line && n < most; id = strtol(line, &end, 10)) {
    out[n++] = (float)id;
    line = end + (*end == ',');
  }
  return n;
}

static void check_line(Golden *g, const KlTokenizer *t, int number, const char *text, char *ids) {
  char name[32];
  KlErr err = KL_ERR_INIT;
  KlTokens tokens;
  snprintf(name, sizeof name, "line_%d", number);
  if (!kl_tokenizer_encode(t, text, false, &tokens, &err)) {
    golden_error(g, name, &err);
    return;
  }
  size_t most = strlen(ids) + 1, n;
  float *want = golden_alloc(most, sizeof *want), *got = golden_alloc(tokens.n + 1, sizeof *got);
  n = parse_ids(ids, want, most);
  for (size_t i = 0; i < tokens.n; i++) got[i] = (float)tokens.ids[i];
  if (n != tokens.n) {
    kl_fail(&err, KL_ERR_FORMAT, "%zu tokens, not %zu", tokens.n, n);
    golden_error(g, name, &err);
  } else {
    golden_compare_within(g, name, got, want, n, 0);
  }
  kl_free(&want);
  kl_free(&got);
  kl_tokens_free(&tokens);
}

void golden_tokenizer(Golden *g) {
  KlTokenizer *t = NULL;
  KlErr err = KL_ERR_INIT;
  char *text = NULL, *ids = NULL;
  size_t text_cap = 0, ids_cap = 0;
  FILE *texts = open_file(g, "texts.txt"), *lists = open_file(g, "ids.txt");
  if (!texts || !lists) goto out;
  if (!open_tokenizer(g, &t, &err)) {
    golden_error(g, "model", &err);
    goto out;
  }
  ssize_t n;
  for (int i = 1; (n = getline(&text, &text_cap, texts)) >= 0; i++) {
    if (getline(&ids, &ids_cap, lists) < 0) {
      kl_fail(&err, KL_ERR_FORMAT, "ends before texts.txt does");
      golden_error(g, "ids.txt", &err);
      break;
    }
    if (n > 0 && text[n - 1] == '\n') text[n - 1] = 0;
    check_line(g, t, i, text, ids);
  }
out:
  if (texts) fclose(texts);
  if (lists) fclose(lists);
  free(text);
  free(ids);
  kl_tokenizer_free(&t);
}
