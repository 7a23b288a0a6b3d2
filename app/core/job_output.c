#include "app/core/job_output.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static bool is_sequence(const char *path) {
  return kl_container_from_path(path) == KL_CONTAINER_PNG_SEQUENCE;
}

bool kl_job_output_check(const char *path, GError **error) {
  g_autofree char *shown = g_filename_display_name(path);
  size_t n = strlen(path);
  struct stat st;
  if (!strcmp(path, "-")) return true;
  if (!n) return kl_gfail(error, KL_ERROR_USAGE, "the output has no name");
  bool slash = path[n - 1] == '/';
  if (!slash && !stat(path, &st) && S_ISDIR(st.st_mode))
    return kl_gfail(error, KL_ERROR_USAGE,
                    "the output %s is a folder: name a file in it, or write %s/ for a sequence of PNG files",
                    shown, shown);
  g_autofree char *dir = slash ? g_strdup(path) : g_path_get_dirname(path);
  g_autofree char *dir_shown = g_filename_display_name(dir);
  if (stat(dir, &st))
    return kl_gfail(error, KL_ERROR_IO, "cannot write %s: the folder %s: %s", shown, dir_shown,
                    g_strerror(errno));
  if (!S_ISDIR(st.st_mode))
    return kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s is not a folder", shown, dir_shown);
  if (access(path, F_OK) == 0 && !slash) {
    if (access(path, W_OK))
      return kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s", shown, g_strerror(errno));
  } else if (access(dir, W_OK | X_OK)) {
    return kl_gfail(error, KL_ERROR_IO, "cannot write %s: the folder %s: %s", shown, dir_shown,
                    g_strerror(errno));
  }
  return true;
}

/* The file of frame 0 in a sequence. */
static char *first_of(const char *path) {
  if (g_str_has_suffix(path, "/") || g_file_test(path, G_FILE_TEST_IS_DIR))
    return g_build_filename(path, "00001.png", NULL);
  const char *percent = strchr(path, '%'), *d = percent ? strchr(percent, 'd') : NULL;
  if (!d) return g_strdup(path);
  int width = (int)strtol(percent + 1, NULL, 10);
  return g_strdup_printf("%.*s%0*d%s", (int)(percent - path), path, CLAMP(width, 1, 12), 1, d + 1);
}

bool kl_job_output_exists(const char *path) {
  struct stat st;
  g_autofree char *first = is_sequence(path) ? first_of(path) : g_strdup(path);
  if (stat(first, &st)) return false;
  return S_ISREG(st.st_mode) && st.st_size > 0; /* not /dev/null, a pipe, or what mktemp made */
}

static bool counted_write(void *user, const void *data, size_t n, KlErr *err) {
  KlJobOutput *o = user;
  KlSink sink = kl_file_sink(o->sink);
  g_checksum_update(o->sum, data, (gssize)n);
  return sink.write(sink.user, data, n, err);
}

static bool no_write(void *user, const void *data, size_t n, KlErr *err) {
  return true;
}

bool kl_job_output_open(KlJobOutput *o, const KlJobPlan *plan, const char *path, gint64 offset,
                        const KlCancel *cancel, GError **error) {
  const KlJobSpec *j = plan->job;
  KlErr err = KL_ERR_INIT;
  g_autofree char *json = kl_job_serialise(j, false);
  const char *prompt = g_array_index(j->prompts, KlJobPrompt, 0).text;
  g_autofree char *title = g_utf8_substring(prompt, 0, MIN(g_utf8_strlen(prompt, -1), 200));
  g_autofree char *comment = g_strdup_printf("Kinoloom " KL_VERSION ", model %s, seed %" G_GINT64_FORMAT,
                                             plan->model->name, j->seed);
  *o = (KlJobOutput){.path = path,
                     .pipe = !strcmp(path, "-"),
                     .files = plan->container == KL_CONTAINER_PNG_SEQUENCE,
                     .dark = true,
                     .committed = offset};
  o->still = plan->container == KL_CONTAINER_PNG && !o->pipe;
  o->written = o->still ? g_strconcat(path, ".part", NULL) : g_strdup(path);
  o->sum = g_checksum_new(G_CHECKSUM_SHA256);
  o->made = !o->pipe && access(path, F_OK) != 0;
  KlEncodeSpec spec = KL_ENCODE_SPEC_INIT;
  spec.container = plan->container;
  spec.codec = plan->codec;
  spec.width = (int)j->width;
  spec.height = (int)j->height;
  spec.fps_num = j->fps_num;
  spec.fps_den = j->fps_den;
  spec.total_frames = j->frames;
  spec.crf = (int)j->crf;
  spec.pattern = o->files ? path : NULL;
  if (j->provenance)
    spec.tags = (KlMediaTags){.title = title, .comment = comment, .job_json = json, .synthetic = true};
  KlSink sink = {o->files ? no_write : counted_write, o};
  if (!kl_encoder_open(&spec, sink, cancel, &o->encoder, &err)) return kl_gerr(error, &err);
  if (o->files) return true;
  if (!kl_file_sink_open(o->written, offset, &o->sink, &err)) return kl_gerr(error, &err);
  if (!o->pipe && stat(o->written, &o->id)) memset(&o->id, 0, sizeof o->id);
  return true;
}

bool kl_job_output_chunk_begin(KlJobOutput *o, gint64 chunk, gint64 first_frame, KlErr *err) {
  g_checksum_reset(o->sum);
  return kl_encoder_chunk_begin(o->encoder, chunk, first_frame, err);
}

bool kl_job_output_push(KlJobOutput *o, const float *rgb, size_t n, KlErr *err) {
  for (size_t i = 0; o->dark && i < n; i++) o->dark = rgb[i] < 1.5f / 255.0f;
  return kl_encoder_push_f32(o->encoder, rgb, err);
}

bool kl_job_output_chunk_end(KlJobOutput *o, gint64 *offset, char sha256[65], KlErr *err) {
  if (!kl_encoder_chunk_end(o->encoder, err)) return false;
  if (o->sink && !kl_file_sink_sync(o->sink, err)) return false;
  *offset = o->sink ? kl_file_sink_offset(o->sink) : 0;
  g_strlcpy(sha256, g_checksum_get_string(o->sum), 65);
  g_checksum_reset(o->sum); /* a trailer may follow */
  return true;
}

bool kl_job_output_finish(KlJobOutput *o, GError **error) {
  KlErr err = KL_ERR_INIT;
  if (!kl_encoder_finish(o->encoder, &err) || (o->sink && !kl_file_sink_sync(o->sink, &err)))
    return kl_gerr(error, &err);
  if (o->sink && !kl_file_sink_close(&o->sink, &err)) return kl_gerr(error, &err);
  if (o->still && g_rename(o->written, o->path)) {
    g_autofree char *shown = g_filename_display_name(o->path);
    return kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s", shown, g_strerror(errno));
  }
  return true;
}

void kl_job_output_abandon(KlJobOutput *o) {
  struct stat now;
  bool opened = o->sink != NULL;
  kl_encoder_free(&o->encoder);
  kl_file_sink_close(&o->sink, NULL);
  if (!opened || o->pipe || stat(o->written, &now) || now.st_ino != o->id.st_ino ||
      now.st_dev != o->id.st_dev || !S_ISREG(now.st_mode))
    return;
  if (o->still || (o->committed == 0 && o->made))
    g_unlink(o->written);
  else if (truncate(o->written, o->committed))
    return; /* resuming does it again */
}

void kl_job_output_clear(KlJobOutput *o) {
  kl_encoder_free(&o->encoder);
  kl_file_sink_close(&o->sink, NULL);
  if (!o->written) return; /* never opened */
  g_checksum_free(o->sum);
  g_free(o->written);
  *o = (KlJobOutput){0};
}

int kl_job_output_intact(const char *path, KlLedger *l, bool *missing, const KlCancel *cancel,
                         GError **error) {
  int n = kl_ledger_chunks(l), good = 0;
  KlLedgerChunk c;
  guchar buf[65536];
  *missing = !kl_job_output_exists(path);
  if (is_sequence(path)) return *missing ? 0 : n;
  FILE *f = fopen(path, "rbe");
  g_autofree char *shown = g_filename_display_name(path);
  if (!f && errno != ENOENT && errno != ENOTDIR) {
    kl_gfail(error, KL_ERROR_IO, "cannot read %s: %s", shown, g_strerror(errno));
    return -1;
  }
  GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
  for (gint64 at = 0; f && good < n; good++) {
    if (!kl_ledger_chunk(l, good, &c, error)) {
      good = -1;
      break;
    }
    g_checksum_reset(sum);
    while (at < c.offset && !kl_cancelled(cancel)) {
      size_t got = fread(buf, 1, (size_t)MIN((gint64)sizeof buf, c.offset - at), f);
      if (!got) break;
      g_checksum_update(sum, buf, (gssize)got);
      at += (gint64)got;
    }
    if (at != c.offset || strcmp(g_checksum_get_string(sum), c.sha256)) break;
  }
  g_checksum_free(sum);
  if (f) fclose(f);
  if (good >= 0 && kl_cancelled(cancel)) {
    kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
    return -1;
  }
  return good;
}
