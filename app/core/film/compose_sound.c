/* The sound of a timeline: every sample is a function of its place alone, so it does not matter in what
 * pieces it is asked for. */
#include "app/core/film/compose_internal.h"

#include <math.h>
#include <string.h>

#define RAMP 0.003 /* seconds at a cut */
#define LOUD 0.891 /* -1 dB: above it the limit bends */

static gint64 sample_of(const KlCompose *c, gint64 frame) {
  const KlTimeline *t = c->timeline;
  return kl_scale(frame, (gint64)t->fps_den * c->how.rate, t->fps_num);
}

static bool sounds(const KlCompose *c, const KlTimelineClip *clip) {
  const KlTimelineSource *s = c->timeline->sources->pdata[clip->source];
  return s->has_audio && clip->level > 0;
}

bool kl_compose_has_sound(const KlCompose *c) {
  for (guint i = 0; i < c->timeline->tracks->len; i++) {
    const KlTimelineTrack *k = c->timeline->tracks->pdata[i];
    for (guint j = 0; !k->muted && j < k->clips->len; j++)
      if (sounds(c, &g_array_index(k->clips, KlTimelineClip, j))) return true;
  }
  return false;
}

static KlVoice *voice_for(KlCompose *c, const KlTimelineClip *clip, gint64 at, KlErr *err) {
  const KlTimelineSource *s = c->timeline->sources->pdata[clip->source];
  KlVoice *found = NULL, *oldest = &c->voices[0];
  for (int i = 0; i < KL_COMPOSE_OPEN; i++) {
    KlVoice *v = &c->voices[i];
    if (v->clip == clip || (!found && v->clip && v->clip->source == clip->source && v->next == at)) found = v;
    if (v->used < oldest->used) oldest = v;
  }
  if (!found) {
    found = oldest;
    kl_sound_free(&found->sound);
    *found = (KlVoice){0};
    if (!kl_sound_open(s->path, c->how.rate, 2, c->how.cancel, &found->sound, err)) return NULL;
  }
  found->clip = clip;
  found->used = ++c->clock;
  if (found->next != at && !kl_sound_seek(found->sound, at, err)) {
    kl_sound_free(&found->sound);
    *found = (KlVoice){0};
    return NULL;
  }
  found->next = at;
  return found;
}

/* How loud a clip is over time: straight level, changed at its two ends. Samples of the timeline. */
typedef struct {
  gint64 from, to;      /* where it is heard */
  double level, before; /* before: level of the piece that it continues */
  gint64 rise, fall;    /* length of the change at the beginning and the end, 0: none */
  gint64 fall_at;
  bool fade_in, fade_out; /* a crossfade: equal power; else a ramp at a cut */
} Envelope;

/* b goes on where a stops, in the same file. */
static bool one_piece(const KlCompose *c, const KlTimelineClip *a, const KlTimelineClip *b) {
  const KlTimeline *t = c->timeline;
  double end = a->in + (double)a->length * t->fps_den / t->fps_num;
  return a->source == b->source && a->start + a->length == b->start && b->fade == 0 &&
         fabs(end - b->in) * c->how.rate < 1.5;
}

static Envelope envelope(const KlCompose *c, const KlTimelineTrack *k, guint i) {
  const KlTimelineClip *clip = &g_array_index(k->clips, KlTimelineClip, i);
  const KlTimelineClip *prev = i > 0 ? clip - 1 : NULL, *next = i + 1 < k->clips->len ? clip + 1 : NULL;
  gint64 ramp = (gint64)(RAMP * c->how.rate);
  Envelope e = {.from = sample_of(c, clip->start),
                .to = sample_of(c, clip->start + clip->length),
                .level = clip->level,
                .fade_in = clip->fade > 0};
  if (next && next->start < clip->start + clip->length) { /* crossed, or cut short */
    e.fade_out = next->fade > 0;
    e.fall_at = sample_of(c, next->start);
    e.fall = sample_of(c, next->start + next->fade) - e.fall_at;
    e.to = MIN(e.to, e.fall_at + e.fall);
  }
  bool goes_on = next && one_piece(c, clip, next), came = prev && one_piece(c, prev, clip);
  e.before = came ? prev->level : 0;
  e.rise = e.fade_in                     ? sample_of(c, clip->start + clip->fade) - e.from
           : came && e.before == e.level ? 0
                                         : ramp;
  if (!e.fade_out && !goes_on) {
    e.fall = MIN(ramp, e.to - e.from);
    e.fall_at = e.to - e.fall;
  }
  return e;
}

static float level_at(const Envelope *e, gint64 k) {
  double g = e->level;
  if (k < e->from + e->rise) {
    double x = ((double)(k - e->from) + 0.5) / (double)e->rise;
    g = e->fade_in ? g * sin(G_PI_2 * x) : e->before + (g - e->before) * (0.5 - 0.5 * cos(G_PI * x));
  }
  if (e->fall && k >= e->fall_at) {
    double x = MIN(1, ((double)(k - e->fall_at) + 0.5) / (double)e->fall);
    g *= e->fade_out ? cos(G_PI_2 * x) : 0.5 + 0.5 * cos(G_PI * x);
  }
  return (float)g;
}

static bool add_clip(KlCompose *c, const KlTimelineTrack *k, guint i, gint64 first, float *out, gsize n,
                     KlErr *err) {
  const KlTimelineClip *clip = &g_array_index(k->clips, KlTimelineClip, i);
  const KlTimelineSource *s = c->timeline->sources->pdata[clip->source];
  Envelope e = envelope(c, k, i);
  gint64 from = MAX(first, e.from), to = MIN(first + (gint64)n, e.to);
  bool *mute = &c->mute[clip->source];
  KlErr bad = KL_ERR_INIT;
  gsize got;
  if (from >= to || !sounds(c, clip) || *mute) return true;
  if (!s->path) {
    *mute = true;
    kl_compose_tell(c, clip->source, NULL);
    return true;
  }
  gint64 at = from - e.from + llround(clip->in * c->how.rate);
  KlVoice *v = voice_for(c, clip, at, &bad);
  if (!v || !kl_sound_read(v->sound, c->part, (gsize)(to - from), &got, &bad)) {
    if (kl_compose_fatal(&bad)) {
      *err = bad;
      return false;
    }
    *mute = true;
    kl_compose_tell(c, clip->source, &bad);
    return true;
  }
  v->next = at + (to - from);
  float *mix = out + 2 * (from - first);
  for (gint64 j = from; j < to; j++) {
    float g = level_at(&e, j);
    for (int ch = 0; ch < 2; ch++) mix[2 * (j - from) + ch] += g * c->part[2 * (j - from) + ch];
  }
  return true;
}

bool kl_compose_samples(KlCompose *c, gint64 first, float *out, gsize n, GError **error) {
  KlErr err = KL_ERR_INIT;
  memset(out, 0, 2 * n * sizeof *out);
  if (c->part_cap < n) {
    c->part_cap = n;
    c->part = g_renew(float, c->part, 2 * n);
  }
  for (guint i = 0; i < c->timeline->tracks->len; i++) {
    const KlTimelineTrack *k = c->timeline->tracks->pdata[i];
    for (guint j = 0; !k->muted && j < k->clips->len; j++)
      if (!add_clip(c, k, j, first, out, n, &err)) return kl_gerr(error, &err);
  }
  for (gsize i = 0; i < 2 * n; i++) {
    float x = fabsf(out[i]);
    if (x > LOUD) out[i] = copysignf((float)(LOUD + (1 - LOUD) * tanh((x - LOUD) / (1 - LOUD))), out[i]);
  }
  return true;
}
