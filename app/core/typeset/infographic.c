#include "app/core/typeset/infographic_internal.h"

#include "app/core/job_output.h"
#include "app/core/typeset/compose.h"
#include "app/core/typeset/frames.h"
#include "app/core/typeset/paint.h"
#include "app/core/typeset/pdf.h"
#include "app/core/typeset/svg.h"

#include "engine/base/mem.h"
#include "media/bounds.h"
#include "media/png.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define HOLD 3.0         /* seconds after all has entered */
#define PICTURE_FPS 16   /* at which pictures are made and played */
#define PICTURE_MOST 5.0 /* seconds of one; then it plays backwards */

bool infographic_moves(const Infographic *r) {
  return r->format == KL_FORMAT_VIDEO && r->container != KL_CONTAINER_PNG;
}

static bool stopped(const Infographic *r, GError **error) {
  return kl_cancelled(r->o->cancel) && !kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
}

/* ---- what is told ---- */

void infographic_tell(Infographic *r, KlEventKind kind, const char *text) {
  KlEvent *e = &r->now;
  e->kind = kind;
  e->text = text;
  e->elapsed_s = (double)(g_get_monotonic_time() - r->began) / 1e6;
  e->eta_s = e->fraction > 0.02 ? e->elapsed_s * (1 - e->fraction) / e->fraction : -1;
  e->peak_bytes = kl_mem_peak_rss();
  if (r->o->event) r->o->event(r->o->user, e);
}

void infographic_progress(Infographic *r, double done) {
  gint64 now = g_get_monotonic_time();
  r->now.fraction = MAX(r->now.fraction, r->from + r->share * CLAMP(done, 0, 1));
  if (now - r->told < 100000 && done < 1) return;
  r->told = now;
  infographic_tell(r, KL_EVENT_PROGRESS, NULL);
}

static void phase(Infographic *r, KlPhase p, double from, double share) {
  r->now.phase = p;
  r->from = from;
  r->share = share;
  r->told = 0;
}

/* ---- what is asked ---- */

static bool choose_format(Infographic *r, GError **error) {
  const KlInfographicOptions *o = r->o;
  const char *name = o->container;
  g_autofree char *lower = g_ascii_strdown(o->output, -1);
  if (!name && g_str_has_suffix(lower, ".svg")) name = "svg";
  if (!name && g_str_has_suffix(lower, ".pdf")) name = "pdf";
  if (name && !strcmp(name, "svg")) {
    r->format = KL_FORMAT_SVG;
  } else if (name && !strcmp(name, "pdf")) {
    r->format = KL_FORMAT_PDF;
  } else {
    r->format = KL_FORMAT_VIDEO;
    r->container = kl_container_from_path(o->output);
    if (name && !kl_container_parse(name, &r->container)) r->container = KL_CONTAINER_NONE;
    if (r->container == KL_CONTAINER_NONE || r->container == KL_CONTAINER_PNG_SEQUENCE)
      return kl_gfail(error, KL_ERROR_USAGE,
                      "an infographic is written as .svg, .pdf, .png, .mp4, .webm, .mkv, .gif or .apng%s",
                      !strcmp(o->output, "-") ? ": --container says which" : "");
  }
  return true;
}

static bool prepare(Infographic *r, GError **error) {
  const KlInfographicOptions *o = r->o;
  const KlLayout *l = o->layout;
  *r = (Infographic){.o = o, .result = r->result, .began = g_get_monotonic_time()};
  r->pictures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)kl_pixels_free);
  r->ids = g_ptr_array_new_with_free_func(g_free);
  r->now.eta_s = -1;
  if (!choose_format(r, error)) return false;
  r->scale = o->scale > 0 ? o->scale : 1;
  r->fps_num = o->fps_num > 0 ? o->fps_num : 24;
  r->fps_den = o->fps_num > 0 ? o->fps_den : 1;
  if (r->format == KL_FORMAT_VIDEO) {
    double w = round(l->width * r->scale), h = round(l->height * r->scale);
    if (w < 1 || h < 1 || w > KL_MEDIA_MAX_EDGE || h > KL_MEDIA_MAX_EDGE || w * h > KL_MEDIA_MAX_PIXELS)
      return kl_gfail(error, KL_ERROR_USAGE, "%.0fx%.0f pixels are too %s: scale %g by less", w, h,
                      w < 1 || h < 1 ? "few" : "many", r->scale);
  }
  if (infographic_moves(r)) {
    double enter = 0.2 + 0.6 + 0.28 * l->elements->len;
    r->seconds = o->seconds > 0 ? o->seconds : ceil(enter) + HOLD;
  }
  for (guint i = 0; i < o->brief->items->len && !r->title; i++) {
    const KlBriefItem *it = o->brief->items->pdata[i];
    if (it->type == KL_EL_TITLE)
      r->title = g_utf8_substring(it->text, 0, MIN(g_utf8_strlen(it->text, -1), 200));
  }
  r->job = kl_infographic_job(o);
  return kl_layout_check(l, o->brief, NULL, error);
}

static void clear(Infographic *r) {
  if (r->pictures) g_hash_table_unref(r->pictures);
  if (r->ids) g_ptr_array_unref(r->ids);
  g_free(r->job);
  g_free(r->title);
  g_free(r->comment);
}

void infographic_tags(const Infographic *r, KlMediaTags *out) {
  *out = (KlMediaTags){
      .title = r->title, .comment = "Kinoloom " KL_VERSION, .job_json = r->job, .synthetic = r->ids->len > 0};
  if (strlen(r->job) > KL_JOB_MAX) out->job_json = NULL;
  if (r->comment) out->comment = r->comment;
}

/* ---- pictures ---- */

typedef struct {
  Infographic *r;
  KlPictureAsk *asks;
} Receive;

static bool receive(void *user, gsize ask, int index, const float *rgb, int width, int height,
                    GError **error) {
  Receive *k = user;
  KlPixels *p = g_hash_table_lookup(k->r->pictures, k->asks[ask].id);
  gsize n = (gsize)width * (gsize)height * 3;
  if (!p) {
    p = g_new0(KlPixels, 1);
    p->width = width;
    p->height = height;
    g_hash_table_insert(k->r->pictures, g_strdup(k->asks[ask].id), p);
  }
  if (p->width != width || p->height != height || index != p->frames)
    return kl_gfail(error, KL_ERROR_FORMAT, "the picture \"%s\" changed its size", k->asks[ask].id);
  guint8 *more = g_try_realloc(p->rgb, n * ((gsize)p->frames + 1));
  if (!more) return kl_gfail(error, KL_ERROR_OOM, "out of memory for the picture \"%s\"", k->asks[ask].id);
  p->rgb = more;
  guint8 *to = p->rgb + n * (gsize)p->frames++;
  for (gsize i = 0; i < n; i++) {
    if (!isfinite(rgb[i]))
      return kl_gfail(error, KL_ERROR_FORMAT, "the picture \"%s\" has values that are not finite",
                      k->asks[ask].id);
    to[i] = (guint8)(CLAMP(rgb[i], 0, 1) * 255 + 0.5f);
  }
  return true;
}

static void received(void *user, double done) {
  infographic_progress(((Receive *)user)->r, done);
}

static const KlBriefItem *pictured(const Infographic *r, const KlElement *e) {
  if ((e->type != KL_EL_PICTURE && e->type != KL_EL_BACKGROUND) || !e->item) return NULL;
  return kl_brief_item(r->o->brief, e->item);
}

/* What is to be generated; files are shown as they are. */
static KlPictureAsk *gather_asks(const Infographic *r, gsize *n, guint *files) {
  const KlLayout *l = r->o->layout;
  KlPictureAsk *asks = g_new0(KlPictureAsk, l->elements->len + 1);
  *n = 0;
  *files = 0;
  for (guint i = 0; i < l->elements->len; i++) {
    const KlElement *e = l->elements->pdata[i];
    const KlBriefItem *it = pictured(r, e);
    if (it && it->image)
      ++*files;
    else if (it && it->text && *it->text)
      asks[(*n)++] = (KlPictureAsk){.id = e->id, .prompt = it->text, .box = e->box};
  }
  return asks;
}

static KlPictureRequest request_of(const Infographic *r, const KlPictureAsk *asks, gsize n) {
  const KlLayout *l = r->o->layout;
  int frames = infographic_moves(r) ? (int)ceil(MIN(r->seconds, PICTURE_MOST) * PICTURE_FPS) : 1;
  return (KlPictureRequest){.width = l->width,
                            .height = l->height,
                            .prompt = r->title,
                            .asks = asks,
                            .count = n,
                            .frames = frames,
                            .fps_num = PICTURE_FPS,
                            .fps_den = 1,
                            .seed = r->o->seed};
}

static bool read_files(Infographic *r, GError **error) {
  for (guint i = 0; i < r->o->layout->elements->len; i++) {
    const KlElement *e = r->o->layout->elements->pdata[i];
    const KlBriefItem *it = pictured(r, e);
    if (!it || !it->image) continue;
    if (stopped(r, error)) return false;
    KlPixels *p = kl_picture_read(it->image, it->image_w, it->image_h, e->box.w * MAX(r->scale, 1) * 1.5,
                                  e->box.h * MAX(r->scale, 1) * 1.5, r->o->cancel, error);
    if (!p) return false;
    g_hash_table_insert(r->pictures, g_strdup(e->id), p);
  }
  return true;
}

bool infographic_pictures(Infographic *r, GError **error) {
  gsize n;
  guint files;
  g_autofree KlPictureAsk *asks = gather_asks(r, &n, &files);
  bool had = g_hash_table_size(r->pictures) > 0; /* from the ledger */
  for (gsize i = 0; i < n; i++) g_ptr_array_add(r->ids, g_strdup(asks[i].id));
  if (r->o->model && n)
    r->comment = g_strdup_printf("Kinoloom " KL_VERSION ", pictures by %s, seed %" G_GUINT64_FORMAT,
                                 r->o->model, r->o->seed);
  phase(r, KL_PHASE_SAMPLE, 0, n ? 0.8 : 0.05);
  if (n && !had && r->o->pictures) {
    KlPictureRequest q = request_of(r, asks, n);
    Receive k = {r, asks};
    KlPictureSink to = {&k, r->o->cancel, receive, received};
    if (!r->o->pictures->make(r->o->pictures->user, &q, &to, error)) return false;
  }
  if (!r->o->pictures) g_ptr_array_set_size(r->ids, 0);
  return read_files(r, error);
}

KlScene *infographic_scene(Infographic *r, GError **error) {
  g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
  phase(r, KL_PHASE_IMAGE, r->ids->len ? 0.8 : 0.05, 0.05);
  infographic_progress(r, 0);
  if (stopped(r, error)) return NULL;
  KlScene *s = kl_compose(r->o->brief, r->o->layout, r->pictures, notes, error);
  for (guint i = 0; i < notes->len; i++) infographic_tell(r, KL_EVENT_NOTE, notes->pdata[i]);
  phase(r, KL_PHASE_MUX, r->ids->len ? 0.85 : 0.1, r->ids->len ? 0.15 : 0.9);
  return s;
}

/* ---- documents and stills ---- */

/* All or nothing: into PATH.part, then renamed. */
static bool write_whole(Infographic *r, const void *data, gsize n, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlFileSink *sink = NULL;
  bool pipe = !strcmp(r->o->output, "-");
  g_autofree char *part = pipe ? g_strdup("-") : g_strconcat(r->o->output, ".part", NULL);
  bool ok = kl_file_sink_open(part, 0, &sink, &err);
  if (ok) {
    KlSink to = kl_file_sink(sink);
    ok = to.write(to.user, data, n, &err) && kl_file_sink_sync(sink, &err);
  }
  if (!kl_file_sink_close(&sink, ok ? &err : NULL)) ok = false;
  if (!ok) {
    if (!pipe) g_unlink(part);
    return kl_gerr(error, &err);
  }
  r->result->bytes = (gint64)n;
  if (!pipe && g_rename(part, r->o->output)) {
    g_autofree char *shown = g_filename_display_name(r->o->output);
    int why = errno;
    g_unlink(part);
    return kl_gfail(error, KL_ERROR_IO, "cannot write %s: %s", shown, g_strerror(why));
  }
  return true;
}

static bool to_array(void *user, const void *data, size_t n, KlErr *err) {
  g_byte_array_append(user, data, (guint)n);
  return true;
}

static GByteArray *png_of(const Infographic *r, const KlScene *s, const KlMediaTags *tags, GError **error) {
  KlErr err = KL_ERR_INIT;
  int w = (int)lrint(s->width * r->scale), h = (int)lrint(s->height * r->scale);
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
  g_autofree guint8 *rgb = g_try_malloc((gsize)w * (gsize)h * 3);
  GByteArray *out = NULL;
  if (rgb && cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS) {
    cairo_t *c = cairo_create(surface);
    kl_paint_scene(c, s, r->scale, 0);
    cairo_destroy(c);
    kl_paint_to_rgb(surface, rgb);
    out = g_byte_array_new();
    if (!kl_png_write((KlSink){to_array, out}, rgb, w, h, 3, tags, &err)) {
      kl_gerr(error, &err);
      g_clear_pointer(&out, g_byte_array_unref);
    }
  } else {
    kl_gfail(error, KL_ERROR_OOM, "out of memory for a picture of %dx%d pixels", w, h);
  }
  cairo_surface_destroy(surface);
  return out;
}

static bool still(Infographic *r, GError **error) {
  KlMediaTags tags;
  if (!infographic_pictures(r, error)) return false;
  g_autoptr(KlScene) s = infographic_scene(r, error);
  if (!s || stopped(r, error)) return false;
  infographic_tags(r, &tags);
  const KlMediaTags *t = r->o->provenance ? &tags : NULL;
  g_autofree char *svg = r->format == KL_FORMAT_SVG ? kl_svg_write(s, r->scale, t, error) : NULL;
  if (r->format == KL_FORMAT_SVG) return svg && write_whole(r, svg, strlen(svg), error);
  g_autoptr(GByteArray) bytes =
      r->format == KL_FORMAT_PDF ? kl_pdf_write(s, r->scale, t, error) : png_of(r, s, t, error);
  return bytes && write_whole(r, bytes->data, bytes->len, error);
}

/* ---- all ---- */

static bool may_write(const Infographic *r, GError **error) {
  g_autofree char *shown = g_filename_display_name(r->o->output);
  if (!strcmp(r->o->output, "-")) return true;
  if (!kl_job_output_check(r->o->output, error)) return false;
  if (!r->o->overwrite && kl_job_output_exists(r->o->output))
    return kl_gfail(error, KL_ERROR_EXISTS, "%s exists already: -y overwrites it", shown);
  return true;
}

bool kl_infographic_run(const KlInfographicOptions *o, KlInfographicResult *out, GError **error) {
  Infographic r = {.o = o, .result = out};
  *out = (KlInfographicResult){.output = g_strdup(o->output), .frames = 1, .resumed_from = -1};
  bool ok = prepare(&r, error);
  if (ok && o->resume && !strcmp(o->output, "-"))
    ok = kl_gfail(error, KL_ERROR_USAGE, "standard output cannot be resumed: give -o FILE");
  if (ok && infographic_moves(&r)) {
    ok = infographic_video(&r, error);
  } else if (ok && o->resume && kl_job_output_exists(o->output)) {
    out->already_finished = true; /* it appears whole or not at all */
  } else if (ok) {
    ok = may_write(&r, error) && still(&r, error);
  }
  if (ok) infographic_progress(&r, 1);
  out->seconds = (double)(g_get_monotonic_time() - r.began) / 1e6;
  out->peak_bytes = kl_mem_peak_rss();
  clear(&r);
  return ok;
}

void kl_infographic_result_clear(KlInfographicResult *r) {
  g_free(r->output);
  *r = (KlInfographicResult){0};
}

bool kl_infographic_plan(const KlInfographicOptions *o, KlInfographicPlan *out, GError **error) {
  Infographic r = {.o = o};
  gsize n;
  *out = (KlInfographicPlan){.elements = o->layout->elements->len, .frames = 1};
  bool ok = prepare(&r, error);
  if (ok) {
    g_autofree KlPictureAsk *asks = gather_asks(&r, &n, &out->given);
    KlPictureRequest q = request_of(&r, asks, n);
    guint64 bytes = 0;
    double seconds = 0;
    if (n && o->pictures && o->pictures->plan)
      ok = o->pictures->plan(o->pictures->user, &q, &bytes, &seconds, error);
    for (guint i = 0; i < o->layout->elements->len; i++) {
      const KlElement *e = o->layout->elements->pdata[i];
      out->texts += kl_element_is_text(e->type);
      out->charts += e->type == KL_EL_CHART;
    }
    out->generated = o->pictures ? (guint)n : 0;
    out->width = (int)lrint(o->layout->width * r.scale);
    out->height = (int)lrint(o->layout->height * r.scale);
    out->fps_num = r.fps_num;
    out->fps_den = r.fps_den;
    out->format = r.format == KL_FORMAT_SVG   ? "svg"
                  : r.format == KL_FORMAT_PDF ? "pdf"
                                              : kl_container_name(r.container);
    if (infographic_moves(&r)) out->frames = MAX(1, llround(r.seconds * r.fps_num / r.fps_den));
    double pixels = (double)out->width * out->height;
    /* the surfaces, the frame and the encoder's copies; the program with its fonts */
    out->peak_bytes = MAX(bytes, (guint64)(pixels * (out->frames > 1 ? 24 : 11))) + ((guint64)60 << 20);
    out->seconds =
        seconds + 0.4 + 6e-7 * pixels + (out->frames > 1 ? (double)out->frames * pixels * 4e-8 : 0);
  }
  clear(&r);
  return ok;
}
