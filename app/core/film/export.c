#include "app/core/film/export_internal.h"
#include "app/core/job_output.h"
#include "engine/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK_SECONDS 4
#define BETWEEN_EVENTS 100000 /* microseconds */

typedef struct {
  const KlExportSpec *spec;
  const KlExportHow *how;
  KlExportPlan plan;
  KlCompose *compose;
  KlEncoder *encoder;
  KlFileSink *sink;
  char *part; /* where the bytes go until the file is whole; NULL: straight to the output */
  gint64 done, sound_from, sound_frames;
  gint64 began, last;
  GError *sound_error;
} Export;

static void say(Export *x, KlEventKind kind, const char *text, bool now) {
  gint64 time = g_get_monotonic_time();
  if (!x->how->event || (!now && time - x->last < BETWEEN_EVENTS)) return;
  double took = (double)(time - x->began) / 1e6, part = (double)x->done / (double)x->plan.frames;
  int chunk = MAX(1, (int)(CHUNK_SECONDS * x->plan.fps_num / x->plan.fps_den));
  KlEvent e = {.kind = kind,
               .phase = KL_PHASE_MUX,
               .chunk = (int)(x->done / chunk),
               .chunks = (int)((x->plan.frames + chunk - 1) / chunk),
               .fraction = part,
               .eta_s = part > 0.01 && took > 0.5 ? took / part - took : -1,
               .elapsed_s = took,
               .frames_done = x->done,
               .frames = x->plan.frames,
               .bytes = x->sink ? kl_file_sink_offset(x->sink) : 0,
               .peak_bytes = kl_mem_peak_rss(),
               .text = text};
  if (kind == KL_EVENT_PROGRESS) x->last = time;
  x->how->event(x->how->user, &e);
}

static void on_note(void *user, const char *text) {
  say(user, KL_EVENT_NOTE, text, true);
}

/* The encoder's source of sound: silence behind the end of the stretch. */
static bool read_sound(void *user, int64_t first, float *out, size_t n, KlErr *err) {
  Export *x = user;
  gint64 have = CLAMP(x->sound_frames - first, 0, (gint64)n);
  if (have && !kl_compose_samples(x->compose, x->sound_from + first, out, (gsize)have, &x->sound_error))
    return kl_fail(err, x->sound_error->code == KL_ERROR_CANCELLED ? KL_ERR_CANCELLED : KL_ERR_OOM, "%s",
                   x->sound_error->message);
  memset(out + 2 * have, 0, (n - (size_t)have) * 2 * sizeof *out);
  return true;
}

static bool io_error(GError **error, const char *path, int code) {
  g_autofree char *shown = g_filename_display_name(path);
  return kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s", shown, g_strerror(code));
}

/* The whole file gets its name. Without `overwrite` never over another that came meanwhile. */
static bool put_in_place(const char *part, const char *path, bool overwrite, GError **error) {
  struct stat st;
  bool empty = stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0; /* what mktemp made */
  if (!overwrite && !empty) {
    if (link(part, path) == 0) {
      g_unlink(part);
      return true;
    }
    if (errno == EEXIST || access(path, F_OK) == 0) { /* else: a file system without links */
      g_autofree char *shown = g_filename_display_name(path);
      return kl_gfail(error, KL_ERROR_EXISTS, "%s has appeared meanwhile and is not overwritten", shown);
    }
  }
  return g_rename(part, path) == 0 || io_error(error, path, errno);
}

static bool may_begin(const KlExportSpec *s, GError **error) {
  if (!kl_job_output_check(s->output, error)) return false;
  if (s->overwrite || !kl_job_output_exists(s->output)) return true;
  g_autofree char *shown = g_filename_display_name(s->output);
  return kl_gfail(error, KL_ERROR_EXISTS, "%s exists; overwrite it (-y), or choose another name", shown);
}

/* A plain file, or one that is to become: it grows under another name. */
static char *part_of(const char *output) {
  struct stat st;
  if (!strcmp(output, "-") || (stat(output, &st) == 0 && !S_ISREG(st.st_mode))) return NULL;
  return g_strdup_printf("%s.%d.part", output, (int)getpid());
}

static bool copy_bytes(Export *x, const char *from, GError **error) {
  bool ok = false;
  KlErr err = KL_ERR_INIT;
  gsize size = 1 << 20;
  g_autofree guint8 *buffer = g_malloc(size);
  g_autofree char *shown = g_filename_display_name(from);
  int fd = open(from, O_RDONLY | O_CLOEXEC);
  struct stat st = {0};
  if (fd < 0 || fstat(fd, &st)) {
    kl_gfail(error, KL_ERROR_INPUT, "cannot read %s: %s", shown, g_strerror(errno));
    goto out;
  }
  KlSink sink = kl_file_sink(x->sink);
  for (ssize_t n; (n = read(fd, buffer, size)) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      kl_gfail(error, KL_ERROR_INPUT, "cannot read %s: %s", shown, g_strerror(errno));
      goto out;
    }
    if (kl_cancelled(x->how->cancel)) {
      kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
      goto out;
    }
    if (!sink.write(sink.user, buffer, (size_t)n, &err)) {
      kl_gerr(error, &err);
      goto out;
    }
    x->done =
        (gint64)((double)kl_file_sink_offset(x->sink) / (double)MAX(st.st_size, 1) * (double)x->plan.frames);
    say(x, KL_EVENT_PROGRESS, NULL, false);
  }
  ok = true;
out:
  if (fd >= 0) close(fd);
  return ok;
}

static bool encode(Export *x, KlTimeline *t, GError **error) {
  const KlExportPlan *p = &x->plan;
  KlErr err = KL_ERR_INIT;
  KlEncodeSpec e;
  bool ok = false, synthetic;
  g_autofree char *jobs = NULL, *comment = NULL;
  g_autofree guint8 *rgb = g_try_malloc((gsize)p->width * (gsize)p->height * 3);
  gint64 chunk = MAX(1, (gint64)CHUNK_SECONDS * p->fps_num / p->fps_den), first, n = 0;
  KlSink nowhere = {0};
  if (!rgb) return kl_gfail(error, KL_ERROR_OOM, "out of memory");
  KlComposeSetup setup = {.width = p->width,
                          .height = p->height,
                          .fit = x->spec->fit,
                          .fps_num = p->fps_num,
                          .fps_den = p->fps_den,
                          .rate = KL_EXPORT_RATE,
                          .cancel = x->how->cancel,
                          .note = on_note,
                          .user = x};
  x->compose = kl_compose_new(t, &setup);
  first = (gint64)floor(x->spec->from * p->fps_num / p->fps_den + 1e-6);
  x->sound_from = llround((double)first * p->fps_den / p->fps_num * KL_EXPORT_RATE);
  x->sound_frames = llround(p->seconds * KL_EXPORT_RATE);
  kl_export_encode_spec(p, x->spec, &e);
  if (p->sound) {
    e.sound.read = read_sound;
    e.sound.user = x;
  }
  if (!x->spec->no_provenance) {
    jobs = kl_export_jobs(t, p, &synthetic);
    comment = g_strdup("Kinoloom " KL_VERSION);
    e.tags = (KlMediaTags){.title = t->title, .comment = comment, .job_json = jobs, .synthetic = synthetic};
  }
  if (!kl_encoder_open(&e, x->sink ? kl_file_sink(x->sink) : nowhere, x->how->cancel, &x->encoder, &err))
    goto out;
  for (gint64 c = 0; n < p->frames; c++) {
    if (!kl_encoder_chunk_begin(x->encoder, c, n, &err)) goto out;
    for (gint64 end = MIN(n + chunk, p->frames); n < end; n++) {
      if (!kl_compose_frame(x->compose, first + n, rgb, error)) return false;
      if (!kl_encoder_push_rgb8(x->encoder, rgb, &err)) goto out;
      x->done = n + 1;
      say(x, KL_EVENT_PROGRESS, NULL, false);
    }
    if (!kl_encoder_chunk_end(x->encoder, &err)) goto out;
  }
  ok = kl_encoder_finish(x->encoder, &err);
out:
  if (ok) return true;
  if (x->sound_error) {
    g_propagate_error(error, g_steal_pointer(&x->sound_error));
    return false;
  }
  return kl_gerr(error, &err);
}

bool kl_export_run(KlTimeline *t, const KlExportSpec *s, const KlExportHow *how, KlExportResult *out,
                   GError **error) {
  Export x = {.spec = s, .how = how, .began = g_get_monotonic_time()};
  KlErr err = KL_ERR_INIT;
  bool ok = false;
  *out = (KlExportResult){0};
  if (!kl_export_plan(t, s, &x.plan, error) || !may_begin(s, error)) return false;
  const char *same = kl_export_whole_file(t, s, &x.plan, how->cancel);
  if (!same && !kl_export_check(&x.plan, s, error)) return false;
  if (x.plan.container != KL_CONTAINER_PNG_SEQUENCE) {
    x.part = part_of(s->output);
    if (!kl_file_sink_open(x.part ? x.part : s->output, 0, &x.sink, &err)) {
      kl_gerr(error, &err);
      goto out;
    }
  }
  if (!(same && x.sink ? copy_bytes(&x, same, error) : encode(&x, t, error))) goto out;
  if (x.sink) {
    out->bytes = kl_file_sink_offset(x.sink);
    if (!kl_file_sink_sync(x.sink, &err) || !kl_file_sink_close(&x.sink, &err)) {
      kl_gerr(error, &err);
      goto out;
    }
  }
  if (x.part && !put_in_place(x.part, s->output, s->overwrite, error)) goto out;
  x.done = x.plan.frames;
  say(&x, KL_EVENT_PROGRESS, NULL, true);
  out->plan = x.plan;
  out->copied = same && x.plan.container != KL_CONTAINER_PNG_SEQUENCE;
  out->took = (double)(g_get_monotonic_time() - x.began) / 1e6;
  ok = true;
out:
  kl_encoder_free(&x.encoder);
  kl_file_sink_close(&x.sink, NULL);
  if (!ok && x.part) g_unlink(x.part);
  kl_compose_free(x.compose);
  g_clear_error(&x.sound_error);
  g_free(x.part);
  return ok;
}
