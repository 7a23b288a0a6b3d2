/* kl-make-model: models of the public shapes and names with random weights, so that everything that a real
 * checkpoint runs through can be tested and timed without one.
 *
 *   kl-make-model ARCH DIR [--type f16|bf16|q8_0] [--scale full|tiny] [--layers N] [--seed N]
 *
 * wan2.1-t2v-1.3b makes a folder (transformer, VAE, text encoder, tokenizer, model.json); the other ARCHs one
 * file in DIR. q8_0 writes the matrices of transformer and text encoder as GGUF; kernels of convolutions are
 * then F16. */
#include "engine/base/mem.h"
#include "tests/tools/model_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct Part {
  const char *arch, *stem;
  void (*specs)(KlSpecs *s, KlScale scale);
  bool gguf; /* has matrices that are worth blocks */
} parts[] = {
    {"wan2.1-t2v-1.3b-transformer", "diffusion_pytorch_model", kl_specs_wan, true},
    {"wan2.1-vae", "Wan2.1_VAE", kl_specs_vae, false},
    {"umt5-xxl", "models_t5_umt5-xxl-enc", kl_specs_umt5, true},
    {"taew2_1", "taew2_1", kl_specs_taew, false},
};
enum { TRANSFORMER, VAE, UMT5, TAEW, PARTS };

typedef struct {
  const char *dir;
  KlDtype type;
  KlScale scale;
  uint64_t seed;
} Job;

static bool file_name(const Job *job, int part, char *out, size_t n) {
  const char *ext = parts[part].gguf && kl_dtype_is_quantised(job->type) ? "gguf" : "safetensors";
  return snprintf(out, n, "%s.%s", parts[part].stem, ext) < (int)n;
}

static bool write_part(const Job *job, int part, KlErr *err) {
  char name[128], path[4096];
  KlSpecs s = {.type = job->type};
  if (!parts[part].gguf && kl_dtype_is_quantised(s.type)) s.type = KL_F16;
  parts[part].specs(&s, job->scale);
  file_name(job, part, name, sizeof name);
  bool ok = snprintf(path, sizeof path, "%s/%s", job->dir, name) < (int)sizeof path
                ? kl_specs_write(&s, path, job->seed, err)
                : kl_fail(err, KL_ERR_INVALID, "the path is too long");
  if (ok) printf("%s\n", path);
  kl_specs_free(&s);
  return ok;
}

/* Single characters and common words: every prompt of ASCII has tokens, most words of prompts are one. */
static void tokenizer_text(FILE *f) {
  static const char words[] = "a the of and in on at to with over under by is are its this that for from an "
                              "as into through while two three "
                              "cat dog bird horse man woman child people person boat car train bus plane "
                              "rocket robot dragon fish bear panda "
                              "fox owl sea ocean beach river lake mountain forest tree flower garden meadow "
                              "desert city street road house "
                              "castle bridge room kitchen window sky cloud clouds sun moon star stars night "
                              "day morning evening sunset sunrise "
                              "rain snow storm wind fire water light lights shadow smoke fog red orange "
                              "yellow green blue purple pink white "
                              "black gray golden silver bright dark small big large old young slow slowly "
                              "fast walks walking runs running "
                              "flies flying swims swimming jumps dances dancing sits sitting stands standing "
                              "looks looking moves moving rises "
                              "falls falling spins turns plays playing eats drinks drives driving camera "
                              "shot close wide view pan zoom cinematic "
                              "film style realistic photo painting animation detailed quality high low video "
                              "scene background foreground motion";
  fputs("{\"version\":\"1.0\",\"added_tokens\":[", f);
  static const char *const special[] = {"<pad>", "</s>", "<s>", "<unk>"};
  for (int i = 0; i < 4; i++)
    fprintf(f, "%s{\"id\":%d,\"content\":\"%s\",\"normalized\":false,\"special\":true}", i ? "," : "", i,
            special[i]);
  fputs("],\n\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},{\"type\":"
        "\"Replace\",\"pattern\":"
        "{\"Regex\":\" {2,}\"},\"content\":\" "
        "\"}]},\n\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xE2\x96\x81\","
        "\"prepend_scheme\":\"always\",\"split\":true},\n\"post_processor\":{\"type\":\"TemplateProcessing\","
        "\"single\":["
        "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}]},\n"
        "\"model\":{\"type\":\"Unigram\",\"unk_id\":3,\"byte_fallback\":false,\"vocab\":[\n",
        f);
  for (int i = 0; i < 4; i++) fprintf(f, "[\"%s\",0.0],", special[i]);
  fputs("[\"\xE2\x96\x81\",-4.0]", f);
  for (int c = '!'; c <= '~'; c++)
    fprintf(f, c == '"' || c == '\\' ? ",[\"\\%c\",-8.0]" : ",[\"%c\",-8.0]", c);
  for (const char *p = words; *p;) {
    int n = (int)strcspn(p, " ");
    fprintf(f, ",\n[\"\xE2\x96\x81%.*s\",-7.0]", n, p);
    p += n;
    p += strspn(p, " ");
  }
  fputs("\n]}}\n", f);
}

static void model_text(FILE *f, const Job *job) {
  char transformer[128], vae[128], umt5[128];
  file_name(job, TRANSFORMER, transformer, sizeof transformer);
  file_name(job, VAE, vae, sizeof vae);
  file_name(job, UMT5, umt5, sizeof umt5);
  fprintf(
      f,
      "{\n  \"format\": 1,\n  \"name\": \"random-wan2.1-t2v-1.3b\",\n  \"title\": \"Random weights in the "
      "shape of "
      "Wan2.1-T2V-1.3B\",\n  \"license\": \"CC0-1.0\",\n  \"family\": \"wan\",\n  \"transformer\": "
      "\"%s\",\n"
      "  \"text_encoder\": \"%s\",\n  \"tokenizer\": \"google/umt5-xxl/tokenizer.json\",\n  \"vae\": "
      "\"%s\",\n"
      "  \"defaults\": {\"width\": %d, \"height\": %d, \"fps\": \"16\", \"frames\": %d, \"steps\": %d, "
      "\"guidance\": 5, \"shift\": 5, \"solver\": \"unipc\"}\n}\n",
      transformer, umt5, vae, job->scale.tiny ? 64 : 832, job->scale.tiny ? 64 : 480,
      job->scale.tiny ? 9 : 81, job->scale.tiny ? 2 : 50);
}

static bool make_dir(const char *dir, const char *sub, KlErr *err) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s%s", dir, sub) >= (int)sizeof path)
    return kl_fail(err, KL_ERR_INVALID, "the path is too long");
  return !mkdir(path, 0777) || errno == EEXIST ||
         kl_fail(err, KL_ERR_IO, "cannot make %s: %s", path, strerror(errno));
}

static FILE *open_in(const char *dir, const char *name, KlErr *err) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
    kl_fail(err, KL_ERR_INVALID, "the path is too long");
    return NULL;
  }
  FILE *f = fopen(path, "we");
  if (f)
    printf("%s\n", path);
  else
    kl_fail(err, KL_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  return f;
}

static bool close_text(FILE *f, KlErr *err) {
  bool bad = ferror(f);
  return (!fclose(f) && !bad) || kl_fail(err, KL_ERR_IO, "cannot write: %s", strerror(errno));
}

static bool folder(const Job *job, KlErr *err) {
  if (!make_dir(job->dir, "/google", err) || !make_dir(job->dir, "/google/umt5-xxl", err)) return false;
  for (int i = TRANSFORMER; i <= UMT5; i++)
    if (!write_part(job, i, err)) return false;
  FILE *f = open_in(job->dir, "google/umt5-xxl/tokenizer.json", err);
  if (!f) return false;
  tokenizer_text(f);
  if (!close_text(f, err) || !(f = open_in(job->dir, "model.json", err))) return false;
  model_text(f, job);
  return close_text(f, err);
}

static int usage(void) {
  fputs("usage: kl-make-model ARCH DIR [--type f16|bf16|q8_0] [--scale full|tiny] [--layers N] [--seed N]\n"
        "  ARCH: wan2.1-t2v-1.3b (a whole folder)",
        stderr);
  for (int i = 0; i < PARTS; i++) fprintf(stderr, ", %s", parts[i].arch);
  fputs("\n", stderr);
  return 2;
}

int main(int argc, char **argv) {
  Job job = {.type = KL_BF16, .seed = 1};
  if (argc < 3 || argc % 2 == 0) return usage();
  for (int i = 3; i + 1 < argc; i += 2) {
    const char *value = argv[i + 1];
    char *end = NULL;
    if (!strcmp(argv[i], "--type")) {
      if (!strcmp(value, "f16"))
        job.type = KL_F16;
      else if (!strcmp(value, "bf16"))
        job.type = KL_BF16;
      else if (!strcmp(value, "q8_0"))
        job.type = KL_Q8_0;
      else
        return usage();
    } else if (!strcmp(argv[i], "--scale")) {
      job.scale.tiny = !strcmp(value, "tiny");
      if (!job.scale.tiny && strcmp(value, "full")) return usage();
    } else if (!strcmp(argv[i], "--layers")) {
      long n = strtol(value, &end, 10);
      if (*end || n < 1 || n > 1000) return usage();
      job.scale.layers = (int)n;
    } else if (!strcmp(argv[i], "--seed")) {
      job.seed = strtoull(value, &end, 10);
      if (*end || !*value) return usage();
    } else {
      return usage();
    }
  }
  job.dir = argv[2];
  KlErr err = KL_ERR_INIT;
  bool ok = make_dir(job.dir, "", &err);
  if (ok && (!strcmp(argv[1], "wan2.1-t2v-1.3b") || !strcmp(argv[1], "wan-1.3b"))) {
    ok = folder(&job, &err);
  } else if (ok) {
    int part = 0;
    while (part < PARTS && strcmp(parts[part].arch, argv[1])) part++;
    if (part == PARTS) return usage();
    ok = write_part(&job, part, &err);
  }
  if (!ok) fprintf(stderr, "kl-make-model: %s\n", err.msg);
  return ok ? 0 : 1;
}
