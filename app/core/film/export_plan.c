/* What an export comes to, and whether it is one file as it is. */
#include "app/core/film/export_internal.h"
#include "media/decode.h"

#include <math.h>
#include <string.h>

KlExportSpec *kl_export_spec_copy(const KlExportSpec *s) {
  KlExportSpec *c = g_memdup2(s, sizeof *s);
  c->output = g_strdup(s->output);
  return c;
}

void kl_export_spec_free(KlExportSpec *s) {
  if (!s) return;
  g_free(s->output);
  g_free(s);
}

static int even(double v) {
  return MAX(2, 2 * (int)lround(v / 2));
}

static void size_of(const KlTimeline *t, const KlExportSpec *s, KlExportPlan *p) {
  p->width = s->width ? s->width : s->height ? even((double)s->height * t->width / t->height) : t->width;
  p->height = s->height ? s->height : s->width ? even((double)s->width * t->height / t->width) : t->height;
}

/* Bits a pixel of pictures with some movement, at the default quality; each codec's scale of crf halves the
 * bytes every six steps or so. */
static double bits_a_pixel(const KlExportPlan *p, int crf) {
  switch (p->codec) {
  case KL_CODEC_H264:
    return 0.14 * exp2((18 - (crf < 0 ? 18 : crf)) / 6.0);
  case KL_CODEC_VP9:
    return 0.09 * exp2((24 - (crf < 0 ? 24 : crf)) / 9.0);
  case KL_CODEC_AV1:
    return 0.07 * exp2((26 - (crf < 0 ? 26 : crf)) / 9.0);
  case KL_CODEC_MPEG4:
    return 0.6 / MAX(1, crf < 0 ? 3 : crf);
  case KL_CODEC_GIF:
    return 4;
  default:
    return 12;
  }
}

static bool has_sound(const KlTimeline *t) {
  for (guint i = 0; i < t->tracks->len; i++) {
    const KlTimelineTrack *k = t->tracks->pdata[i];
    for (guint j = 0; !k->muted && j < k->clips->len; j++) {
      const KlTimelineClip *c = &g_array_index(k->clips, KlTimelineClip, j);
      if (c->level > 0 && ((KlTimelineSource *)t->sources->pdata[c->source])->has_audio) return true;
    }
  }
  return false;
}

bool kl_export_plan(const KlTimeline *t, const KlExportSpec *s, KlExportPlan *out, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlExportPlan p = {.container = s->container ? s->container : kl_container_from_path(s->output),
                    .fps_num = s->fps_num ? s->fps_num : t->fps_num,
                    .fps_den = s->fps_num ? s->fps_den : t->fps_den};
  if (!p.container)
    return kl_gfail(error, KL_ERROR_USAGE,
                    "the output's name says no format: end it in .mp4, .webm, .mkv, .gif, .apng "
                    "or .png, or give the container");
  if (!kl_codec_resolve(p.container, s->codec, &p.codec, &err)) return kl_gerr(error, &err);
  size_of(t, s, &p);
  double length = (double)t->length * t->fps_den / t->fps_num, left = length - s->from;
  if (s->from < 0 || s->seconds < 0) return kl_gfail(error, KL_ERROR_USAGE, "times cannot be negative");
  if (left <= 1e-9)
    return kl_gfail(error, KL_ERROR_INPUT,
                    t->length ? "the timeline ends before the stretch that is to be exported"
                              : "the timeline is empty");
  if (s->seconds > 0 && s->seconds < left) left = s->seconds;
  p.frames = MAX(1, (gint64)ceil(left * p.fps_num / p.fps_den - 1e-6));
  bool film =
      p.container == KL_CONTAINER_MP4 || p.container == KL_CONTAINER_WEBM || p.container == KL_CONTAINER_MKV;
  p.sound = film && !s->silent && has_sound(t);
  if (p.container == KL_CONTAINER_PNG) p.frames = 1;
  p.seconds = (double)p.frames * p.fps_den / p.fps_num;
  p.bytes = (gint64)(bits_a_pixel(&p, s->crf) * p.width * p.height * (double)p.frames / 8) +
            (p.sound ? (gint64)(24000 * p.seconds) : 0);
  *out = p;
  return true;
}

bool kl_export_check(const KlExportPlan *p, const KlExportSpec *s, GError **error) {
  KlErr err = KL_ERR_INIT;
  KlEncodeSpec e;
  kl_export_encode_spec(p, s, &e);
  return kl_encoder_check(&e, &err) || kl_gerr(error, &err);
}

gsize kl_export_codecs(KlContainer c, KlCodec *out, gsize n) {
  static const KlCodec all[] = {KL_CODEC_H264,  KL_CODEC_VP9, KL_CODEC_AV1,
                                KL_CODEC_MPEG4, KL_CODEC_GIF, KL_CODEC_PNG};
  gsize found = 0;
  KlCodec resolved;
  for (gsize i = 0; i < G_N_ELEMENTS(all) && found < n; i++)
    if (kl_codec_resolve(c, all[i], &resolved, NULL)) out[found++] = all[i];
  return found;
}

const char *kl_export_codec_title(KlCodec c) {
  switch (c) {
  case KL_CODEC_H264:
    return "H.264";
  case KL_CODEC_VP9:
    return "VP9";
  case KL_CODEC_AV1:
    return "AV1";
  case KL_CODEC_MPEG4:
    return "MPEG-4";
  case KL_CODEC_GIF:
    return "GIF";
  default:
    return "PNG";
  }
}

static bool no_sound(void *user, int64_t first, float *out, size_t n, KlErr *err) {
  memset(out, 0, 2 * n * sizeof *out);
  return true;
}

void kl_export_encode_spec(const KlExportPlan *p, const KlExportSpec *s, KlEncodeSpec *e) {
  *e = KL_ENCODE_SPEC_INIT;
  e->container = p->container;
  e->codec = p->codec;
  e->width = p->width;
  e->height = p->height;
  e->fps_num = p->fps_num;
  e->fps_den = p->fps_den;
  e->total_frames = p->frames;
  e->crf = s->crf;
  e->pattern = p->container == KL_CONTAINER_PNG_SEQUENCE ? s->output : NULL;
  if (p->sound) e->sound = (KlSoundSource){.rate = KL_EXPORT_RATE, .channels = 2, .read = no_sound};
}

/* Whether a file is of this container; FFmpeg has one reader for Matroska and WebM. */
static bool in_container(const KlMediaInfo *i, const char *path, KlContainer c) {
  bool webm = g_str_has_suffix(path, ".webm");
  switch (c) {
  case KL_CONTAINER_MP4:
    return !strcmp(i->container, "mp4");
  case KL_CONTAINER_WEBM:
    return !strcmp(i->container, "matroska") && webm;
  case KL_CONTAINER_MKV:
    return !strcmp(i->container, "matroska") && !webm;
  case KL_CONTAINER_GIF:
    return !strcmp(i->container, "gif");
  default:
    return false;
  }
}

const char *kl_export_whole_file(const KlTimeline *t, const KlExportSpec *s, const KlExportPlan *p,
                                 const KlCancel *cancel) {
  const KlTimelineClip *only = NULL;
  KlMediaInfo i;
  KlCodec codec;
  if (s->from > 0 || s->crf >= 0) return NULL;
  for (guint k = 0; k < t->tracks->len; k++) {
    const KlTimelineTrack *track = t->tracks->pdata[k];
    if (track->muted || !track->clips->len) continue;
    if (only || track->kind != KL_TRACK_VIDEO || track->clips->len > 1) return NULL;
    only = &g_array_index(track->clips, KlTimelineClip, 0);
  }
  if (!only || only->start || only->fade || only->in > 1e-6 || only->level != 1) return NULL;
  const KlTimelineSource *f = t->sources->pdata[only->source];
  if (f->kind != KL_ASSET_VIDEO || !f->path || !kl_media_probe(f->path, cancel, &i, NULL)) return NULL;
  gint64 frames = i.frames > 0 ? i.frames : llround(i.duration * i.fps_num / i.fps_den);
  bool same = i.fps_num == p->fps_num && i.fps_den == p->fps_den && i.width == p->width &&
              i.height == p->height && frames == p->frames && in_container(&i, f->path, p->container) &&
              kl_codec_parse(i.codec, &codec) && (s->codec == KL_CODEC_AUTO || s->codec == codec) &&
              i.has_audio == p->sound && !(s->no_provenance && (i.has_job || i.synthetic));
  return same ? f->path : NULL;
}
