#include "app/core/film/compose_internal.h"
#include "media/bounds.h"

#include <math.h>
#include <string.h>

__extension__ typedef __int128 Wide;

gint64 kl_scale(gint64 a, gint64 b, gint64 c) {
  Wide p = (Wide)a * b;
  return (gint64)((p + (p < 0 ? -c / 2 : c / 2)) / c);
}

KlCompose *kl_compose_new(KlTimeline *t, const KlComposeSetup *how) {
  KlCompose *c = g_new0(KlCompose, 1);
  c->timeline = kl_timeline_ref(t);
  c->how = *how;
  if (!c->how.width || !c->how.height) {
    c->how.width = t->width;
    c->how.height = t->height;
  }
  if (!c->how.fps_num) {
    c->how.fps_num = t->fps_num;
    c->how.fps_den = t->fps_den;
  }
  if (!c->how.rate) c->how.rate = 48000;
  c->broken = g_new0(bool, t->sources->len + 1);
  c->mute = g_new0(bool, t->sources->len + 1);
  c->told = g_new0(bool, t->sources->len + 1);
  return c;
}

static void reel_clear(KlReel *r) {
  kl_decoder_free(&r->decoder);
  g_free(r->picture);
  *r = (KlReel){0};
}

void kl_compose_free(KlCompose *c) {
  if (!c) return;
  for (int i = 0; i < KL_COMPOSE_OPEN; i++) {
    reel_clear(&c->reels[i]);
    kl_sound_free(&c->voices[i].sound);
  }
  kl_timeline_unref(c->timeline);
  g_free(c->broken);
  g_free(c->mute);
  g_free(c->told);
  g_free(c->stripes);
  g_free(c->part);
  g_free(c);
}

void kl_compose_size(const KlCompose *c, int *width, int *height) {
  *width = c->how.width;
  *height = c->how.height;
}

void kl_compose_rate(const KlCompose *c, int *fps_num, int *fps_den) {
  *fps_num = c->how.fps_num;
  *fps_den = c->how.fps_den;
}

/* Ticks: one second is fps_num of the timeline times fps_num of the frames asked for, so that both kinds of
 * frame are whole numbers of them. */
static gint64 second(const KlCompose *c) {
  return (gint64)c->timeline->fps_num * c->how.fps_num;
}

static gint64 ticks_of(const KlCompose *c, gint64 timeline_frame) {
  return timeline_frame * c->timeline->fps_den * c->how.fps_num;
}

gint64 kl_compose_frames(const KlCompose *c) {
  gint64 frame = (gint64)c->how.fps_den * c->timeline->fps_num; /* ticks */
  return (ticks_of(c, c->timeline->length) + frame - 1) / frame;
}

gint64 kl_compose_length(const KlCompose *c) {
  const KlTimeline *t = c->timeline;
  return kl_scale(t->length, (gint64)t->fps_den * c->how.rate, t->fps_num);
}

void kl_compose_tell(KlCompose *c, guint source, const KlErr *err) {
  const KlTimelineSource *s = c->timeline->sources->pdata[source];
  if (c->told[source]) return;
  c->told[source] = true;
  g_autofree char *text =
      err ? g_strdup_printf("%s cannot be played: %s", s->name, err->msg)
          : g_strdup_printf("the file of %s is missing; stripes stand in for it", s->name);
  if (c->how.note) c->how.note(c->how.user, text);
}

bool kl_compose_fatal(const KlErr *err) {
  return err->code == KL_ERR_CANCELLED || err->code == KL_ERR_OOM;
}

/* ---- pictures ---- */

static const guint8 *stripes(KlCompose *c) {
  int w = c->how.width, h = c->how.height, wide = MAX(8, MIN(w, h) / 10);
  if (c->stripes) return c->stripes;
  guint8 *p = c->stripes = g_malloc((gsize)w * (gsize)h * 3);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, p += 3) memset(p, (x + y) / wide % 2 ? 58 : 42, 3);
  return c->stripes;
}

/* Where a source of that size lies in the frame. */
static void fit(const KlCompose *c, int sw, int sh, KlReel *r) {
  double x = (double)c->how.width / sw, y = (double)c->how.height / sh;
  double scale = c->how.fit == KL_FIT_COVER ? fmax(x, y) : fmin(x, y);
  r->width = (int)CLAMP(floor(sw * scale + 0.5), 1, KL_MEDIA_MAX_EDGE);
  r->height = (int)CLAMP(floor(sh * scale + 0.5), 1, KL_MEDIA_MAX_EDGE);
  r->x = (c->how.width - r->width) / 2;
  r->y = (c->how.height - r->height) / 2;
}

/* A decoder for the clip: its own, or of the same file and at rest (the two halves of a split), or a new one.
 */
static KlReel *reel_for(KlCompose *c, const KlTimelineClip *clip, KlErr *err) {
  KlReel *found = NULL, *same = NULL, *oldest = &c->reels[0];
  const KlTimelineSource *s = c->timeline->sources->pdata[clip->source];
  for (int i = 0; i < KL_COMPOSE_OPEN; i++) {
    KlReel *r = &c->reels[i];
    if (r->clip == clip) found = r;
    if (r->clip && r->clip->source == clip->source && r->used <= c->at_frame) same = r;
    if (r->used < oldest->used) oldest = r;
  }
  if (!found) found = same;
  if (!found) {
    found = oldest;
    reel_clear(found);
    if (!kl_decoder_open(s->path, c->how.cancel, &found->decoder, err)) return NULL;
    const KlMediaInfo *info = kl_decoder_info(found->decoder);
    fit(c, info->width, info->height, found);
    found->shown = -1;
    if (!kl_decoder_set_size(found->decoder, found->width, found->height, err)) return NULL;
  }
  found->clip = clip;
  found->used = ++c->clock;
  return found;
}

/* The frame with its borders, or what is left of it when it is cut. */
static const guint8 *framed(KlCompose *c, KlReel *r, const KlFrame *f) {
  int w = c->how.width, h = c->how.height;
  if (r->width == w && r->height == h) return f->rgb;
  if (!r->picture) r->picture = g_malloc0((gsize)w * (gsize)h * 3);
  if (r->shown == f->index) return r->picture;
  int left = MAX(r->x, 0), top = MAX(r->y, 0), wide = MIN(r->x + r->width, w) - left,
      high = MIN(r->y + r->height, h) - top;
  for (int y = 0; y < high; y++)
    memcpy(r->picture + ((gsize)(top + y) * (gsize)w + (gsize)left) * 3,
           f->rgb + ((gsize)(top + y - r->y) * (gsize)r->width + (gsize)(left - r->x)) * 3, (gsize)wide * 3);
  r->shown = f->index;
  return r->picture;
}

/* The clip's picture at `at` ticks into it; borrowed until the next call. NULL: an error that ends the work.
 */
static const guint8 *picture_of(KlCompose *c, const KlTimelineClip *clip, gint64 at, KlErr *err) {
  const KlTimelineSource *s = c->timeline->sources->pdata[clip->source];
  bool *broken = &c->broken[clip->source];
  KlErr e = KL_ERR_INIT;
  KlFrame f = {0};
  if (!s->path) {
    *broken = true;
    kl_compose_tell(c, clip->source, NULL);
  }
  if (*broken) return stripes(c);
  KlReel *r = reel_for(c, clip, &e);
  if (r) {
    const KlMediaInfo *info = kl_decoder_info(r->decoder);
    bool ok;
    if (info->still) {
      ok = kl_decoder_at(r->decoder, 0, &f, &e);
    } else if (info->fps_num >
               0) { /* the source's frames since the clip began, whole and rest, and its `in` */
      Wide n = (Wide)at * info->fps_num, d = (Wide)second(c) * info->fps_den;
      double more = (double)(n % d) / (double)d + clip->in * info->fps_num / info->fps_den;
      ok = kl_decoder_at_frame(r->decoder, (gint64)(n / d) + (gint64)floor(more + 1e-3), &f, &e);
    } else {
      ok = kl_decoder_at(r->decoder, (double)at / (double)second(c) + clip->in + 1e-4, &f, &e);
    }
    if (ok && f.rgb) return framed(c, r, &f);
  }
  if (kl_compose_fatal(&e)) {
    *err = e;
    return NULL;
  }
  *broken = true;
  kl_compose_tell(c, clip->source, &e);
  return stripes(c);
}

#define LINEAR_BITS 12 /* of the table back from linear light; finer than 8-bit steps but in the darkest */

/* sRGB to linear light and back (IEC 61966-2-1). */
static const struct Tables {
  guint16 to[256];
  guint8 back[(1 << 16) >> (16 - LINEAR_BITS)];
  guint8 dark[1 << 8]; /* of the first 1/256, where a step of 8 bits is less than one of LINEAR_BITS */
} * tables(void) {
  static struct Tables t;
  static gsize ready;
  if (g_once_init_enter(&ready)) {
    for (int i = 0; i < 256; i++) {
      double v = i / 255.0;
      t.to[i] = (guint16)(65535 * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4)) + 0.5);
    }
    for (int k = 0; k < 2; k++)
      for (int i = 0; i < (k ? 256 : 1 << LINEAR_BITS); i++) {
        double v = k ? i / 65535.0 : (i + 0.5) / (1 << LINEAR_BITS);
        v = v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
        (k ? t.dark : t.back)[i] = (guint8)(255 * v + 0.5);
      }
    g_once_init_leave(&ready, 1);
  }
  return &t;
}

static void blend(guint8 *under, const guint8 *over, gsize n, double weight) {
  const struct Tables *t = tables();
  guint32 k = (guint32)(weight * 65536 + 0.5);
  for (gsize i = 0; i < n; i++) {
    guint32 v = (guint32)(((guint64)t->to[over[i]] * k + (guint64)t->to[under[i]] * (65536 - k)) >> 16);
    under[i] = v < 256 ? t->dark[v] : t->back[v >> (16 - LINEAR_BITS)];
  }
}

/* Paints what is seen at `now` of tracks from `track` down, on that one only clips before `before`. */
static bool paint(KlCompose *c, guint track, guint before, gint64 now, guint8 *rgb, KlErr *err) {
  const KlTimeline *t = c->timeline;
  gsize n = (gsize)c->how.width * (gsize)c->how.height * 3;
  for (; track < t->tracks->len; track++, before = G_MAXUINT) {
    const KlTimelineTrack *k = t->tracks->pdata[track];
    if (k->kind != KL_TRACK_VIDEO || k->muted) continue;
    for (guint i = MIN(before, k->clips->len); i-- > 0;) {
      const KlTimelineClip *clip = &g_array_index(k->clips, KlTimelineClip, i);
      const KlTimelineSource *s = t->sources->pdata[clip->source];
      gint64 at = now - ticks_of(c, clip->start);
      if (at < 0 || at >= ticks_of(c, clip->length) || s->kind == KL_ASSET_AUDIO) continue;
      double weight = clip->fade > 0 ? ((double)at / (double)ticks_of(c, 1) + 0.5) / (double)clip->fade : 1;
      if (weight < 1 && !paint(c, track, i, now, rgb, err)) return false;
      const guint8 *picture = picture_of(c, clip, at, err);
      if (!picture) return false;
      if (weight < 1)
        blend(rgb, picture, n, weight);
      else
        memcpy(rgb, picture, n);
      return true;
    }
  }
  memset(rgb, 0, n);
  return true;
}

bool kl_compose_frame(KlCompose *c, gint64 n, guint8 *rgb, GError **error) {
  KlErr err = KL_ERR_INIT;
  c->at_frame = c->clock;
  return paint(c, 0, G_MAXUINT, n * c->how.fps_den * c->timeline->fps_num, rgb, &err) || kl_gerr(error, &err);
}
