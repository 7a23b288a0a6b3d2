#include "app/core/play/player.h"

#include "app/core/play/sound_out.h"

#include <math.h>

/* What the threads share. The worker keeps it alive after the player is gone, so that nobody waits for it. */
typedef struct {
  GMutex lock;
  GCond wake;
  KlCancel cancel; /* of the source at hand */

  /* main -> worker */
  bool quit;
  KlPlayOpen open; /* not NULL: replace the source */
  gpointer data;
  GDestroyNotify data_free;
  bool unload;
  gint64 want; /* the frame to stand on while it does not play */
  bool playing, loop;
  double speed, volume;
  gint64 first, last; /* the range; last < 0: to the end */

  /* the clock: frame `from` was due at `since`; `clock` counts how often it was set */
  gint64 from, since;
  guint clock;

  /* worker -> main */
  bool posted, opened, ended;
  GBytes *shot; /* newest frame that was not delivered yet */
  gint64 shot_index;
  char *failure;
  KlPlayInfo info;
  guint load; /* counts loads: results of an older one are dropped */

  KlPlayer *player; /* main thread only, borrowed; NULL: gone */
} Core;

struct _KlPlayer {
  GObject parent;
  Core *core;
  char *path;         /* of the file at hand, NULL: another source */
  bool started, open; /* the thread runs; "opened" was emitted */
  KlPlayInfo info;
  gint64 position;
};

G_DEFINE_FINAL_TYPE(KlPlayer, kl_player, G_TYPE_OBJECT)

enum { PROP_PLAYING = 1 };
enum { OPENED, FRAME, ENDED, FAILED, SIGNALS };
static guint signals[SIGNALS];

static void core_clear(gpointer data) {
  Core *c = data;
  if (c->open && c->data_free) c->data_free(c->data);
  g_clear_pointer(&c->shot, g_bytes_unref);
  g_free(c->failure);
  g_mutex_clear(&c->lock);
  g_cond_clear(&c->wake);
}

static void core_unref(gpointer c) {
  g_atomic_rc_box_release_full(c, core_clear);
}

/* ---- results, on the main context ---- */

static gboolean deliver(gpointer data) {
  Core *c = data;
  g_mutex_lock(&c->lock);
  bool opened = c->opened, ended = c->ended;
  GBytes *shot = g_steal_pointer(&c->shot);
  gint64 index = c->shot_index;
  char *failure = g_steal_pointer(&c->failure);
  KlPlayInfo info = c->info;
  c->posted = c->opened = c->ended = false;
  g_mutex_unlock(&c->lock);
  if (c->player) {
    g_autoptr(KlPlayer) p = g_object_ref(c->player);
    p->info = info;
    if (opened) {
      p->open = true;
      g_signal_emit(p, signals[OPENED], 0);
    }
    if (shot) {
      p->position = index;
      g_signal_emit(p, signals[FRAME], 0, index, shot);
    }
    if (ended) {
      g_object_notify(G_OBJECT(p), "playing");
      g_signal_emit(p, signals[ENDED], 0);
    }
    if (failure) {
      p->open = false;
      g_object_notify(G_OBJECT(p), "playing");
      g_signal_emit(p, signals[FAILED], 0, failure);
    }
  }
  g_clear_pointer(&shot, g_bytes_unref);
  g_free(failure);
  return G_SOURCE_REMOVE;
}

/* With the lock held. */
static void post(Core *c) {
  if (c->posted) return;
  c->posted = true;
  GSource *source = g_idle_source_new(); /* not g_main_context_invoke, which may call it here and now */
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(source, deliver, g_atomic_rc_box_acquire(c), core_unref);
  g_source_attach(source, NULL);
  g_source_unref(source);
}

/* ---- the worker ---- */

static double rate_of(const KlPlayInfo *i) {
  return i->fps_num > 0 ? (double)i->fps_num / i->fps_den : 0;
}

static gint64 last_of(const Core *c, const KlPlayInfo *i) {
  return c->last < 0 ? i->frames - 1 : MIN(c->last, i->frames - 1);
}

static void set_clock(Core *c, gint64 frame) {
  c->from = frame;
  c->since = g_get_monotonic_time();
  c->clock++;
}

/* The frame that is due after `heard` seconds of sound, or by the clock (heard < 0); past the range it wraps
 * or ends. *next: when the one after it is due. */
static gint64 due(Core *c, const KlPlayInfo *i, double heard, gint64 *next, bool *end) {
  double rate = rate_of(i) * fabs(c->speed);
  gint64 now = g_get_monotonic_time(), first = MIN(c->first, i->frames - 1), last = last_of(c, i);
  double elapsed = heard >= 0 ? heard : (double)(now - c->since) * 1e-6;
  gint64 gone = (gint64)floor(elapsed * rate + 1e-6);
  gint64 frame = c->speed < 0 ? c->from - gone : c->from + gone;
  *end = false;
  *next = now + (gint64)(((double)(gone + 1) / rate - elapsed) * 1e6);
  if (frame >= first && frame <= last) return frame;
  *end = !c->loop;
  if (*end) return c->speed < 0 ? first : last;
  frame = c->speed < 0 ? last : first;
  set_clock(c, frame);
  *next = now + (gint64)(1e6 / rate);
  return frame;
}

/* With the lock held; takes the request. */
static KlPlaySource *open_source(Core *c, KlPlaySource *old, KlSoundOut **sound) {
  KlPlayOpen open = c->open;
  gpointer data = c->data;
  GDestroyNotify data_free = c->data_free;
  guint load = c->load;
  c->open = NULL;
  c->cancel.fired = false;
  g_mutex_unlock(&c->lock);
  g_autoptr(GError) error = NULL;
  kl_sound_out_free(sound);
  kl_play_source_free(&old);
  KlPlaySource *s = open(data, &c->cancel, &error);
  if (data_free) data_free(data);
  if (s && s->sound) *sound = kl_sound_out_new(s);
  g_mutex_lock(&c->lock);
  if (load != c->load) return s; /* another one was asked for meanwhile */
  if (s) {
    c->info = s->info;
    c->opened = true;
  } else {
    c->playing = false;
    g_free(c->failure);
    c->failure = g_strdup(error ? error->message : "");
  }
  post(c);
  return s;
}

/* With the lock held: sound follows the clock. Seconds heard since it was set; < 0: nothing is to be heard.
 */
static double follow(Core *c, const KlPlayInfo *i, KlSoundOut *sound, guint *clock) {
  if (!sound) return -1;
  kl_sound_out_set_volume(sound, c->volume);
  if (!c->playing || c->speed != 1) {
    kl_sound_out_stop(sound);
    *clock = c->clock - 1;
    return -1;
  }
  if (*clock != c->clock) {
    *clock = c->clock;
    kl_sound_out_start(sound, c->from * KL_PLAY_SAMPLE_RATE * i->fps_den / i->fps_num);
  }
  return kl_sound_out_position(sound);
}

static gpointer work(gpointer data) {
  Core *c = data;
  KlPlaySource *source = NULL;
  KlSoundOut *sound = NULL;
  gint64 shown = -1;
  guint clock = 0;
  g_mutex_lock(&c->lock);
  while (!c->quit) {
    if (c->open) {
      source = open_source(c, source, &sound);
      shown = -1;
      continue;
    }
    if (c->unload) {
      c->unload = false;
      g_mutex_unlock(&c->lock);
      kl_sound_out_free(&sound);
      kl_play_source_free(&source);
      g_mutex_lock(&c->lock);
      continue;
    }
    if (!source) {
      g_cond_wait(&c->wake, &c->lock);
      continue;
    }
    if (source->info.fps_num <= 0) c->playing = false; /* a still */
    double heard = follow(c, &source->info, sound, &clock);
    gint64 next = 0, frame = CLAMP(c->want, 0, source->info.frames - 1);
    bool end = false;
    if (c->playing) frame = due(c, &source->info, heard, &next, &end);
    if (end) {
      c->playing = false;
      c->want = frame;
      c->ended = true;
      post(c);
      continue;
    }
    if (frame == shown) {
      if (c->playing)
        g_cond_wait_until(&c->wake, &c->lock, MAX(next, g_get_monotonic_time() + 1000));
      else
        g_cond_wait(&c->wake, &c->lock);
      continue;
    }
    guint load = c->load;
    g_mutex_unlock(&c->lock);
    g_autoptr(GError) error = NULL;
    GBytes *rgb = source->frame(source, frame, &error);
    g_mutex_lock(&c->lock);
    shown = frame;
    c->info.frames = source->info.frames;
    if (load == c->load && rgb) {
      g_clear_pointer(&c->shot, g_bytes_unref);
      c->shot = g_bytes_ref(rgb);
      c->shot_index = MIN(frame, source->info.frames - 1);
      post(c);
    } else if (load == c->load && error && !g_error_matches(error, KL_ERROR, KL_ERROR_CANCELLED)) {
      c->playing = false;
      g_free(c->failure);
      c->failure = g_strdup(error->message);
      post(c);
    }
    if (rgb) g_bytes_unref(rgb);
  }
  g_mutex_unlock(&c->lock);
  kl_sound_out_free(&sound);
  kl_play_source_free(&source);
  core_unref(c);
  return NULL;
}

/* ---- the object, on the main thread ---- */

static void begin_load(KlPlayer *p, KlPlayOpen open, gpointer data, GDestroyNotify data_free, gint64 at,
                       bool playing) {
  Core *c = p->core;
  g_mutex_lock(&c->lock);
  if (c->open && c->data_free) c->data_free(c->data);
  c->open = open;
  c->data = data;
  c->data_free = data_free;
  c->load++;
  kl_cancel(&c->cancel);
  c->unload = false;
  c->want = MAX(at, 0);
  c->playing = playing;
  set_clock(c, c->want);
  c->opened = c->ended = false;
  g_clear_pointer(&c->shot, g_bytes_unref);
  g_clear_pointer(&c->failure, g_free);
  g_cond_broadcast(&c->wake);
  g_mutex_unlock(&c->lock);
  if (!p->started) g_thread_unref(g_thread_new("kl-player", work, g_atomic_rc_box_acquire(c)));
  p->started = true;
}

void kl_player_load(KlPlayer *p, KlPlayOpen open, gpointer data, GDestroyNotify data_free, gint64 at) {
  bool played = kl_player_playing(p);
  g_clear_pointer(&p->path, g_free);
  p->open = false;
  p->position = MAX(at, 0);
  begin_load(p, open, data, data_free, at, false);
  kl_player_set_range(p, 0, -1);
  if (played) g_object_notify(G_OBJECT(p), "playing");
}

static KlPlaySource *open_file(gpointer data, const KlCancel *cancel, GError **error) {
  return kl_play_source_file(data, cancel, error);
}

void kl_player_load_file(KlPlayer *p, const char *path, gint64 at) {
  char *copy = g_strdup(path); /* path may be p->path */
  kl_player_load(p, open_file, g_strdup(copy), g_free, at);
  p->path = copy;
}

void kl_player_reload(KlPlayer *p) {
  if (p->path) begin_load(p, open_file, g_strdup(p->path), g_free, p->position, kl_player_playing(p));
}

void kl_player_unload(KlPlayer *p) {
  Core *c = p->core;
  bool played = kl_player_playing(p);
  g_mutex_lock(&c->lock);
  if (c->open && c->data_free) c->data_free(c->data);
  c->open = NULL;
  c->load++;
  c->unload = true;
  c->playing = c->opened = c->ended = false;
  kl_cancel(&c->cancel);
  g_clear_pointer(&c->shot, g_bytes_unref);
  g_cond_broadcast(&c->wake);
  g_mutex_unlock(&c->lock);
  p->open = false;
  g_clear_pointer(&p->path, g_free);
  if (played) g_object_notify(G_OBJECT(p), "playing");
}

const KlPlayInfo *kl_player_info(KlPlayer *p) {
  return p->open ? &p->info : NULL;
}

gint64 kl_player_position(KlPlayer *p) {
  return p->position;
}

bool kl_player_playing(KlPlayer *p) {
  g_mutex_lock(&p->core->lock);
  bool playing = p->core->playing;
  g_mutex_unlock(&p->core->lock);
  return playing;
}

void kl_player_seek(KlPlayer *p, gint64 frame) {
  Core *c = p->core;
  g_mutex_lock(&c->lock);
  c->want = MAX(frame, 0);
  if (p->open) c->want = MIN(c->want, p->info.frames - 1);
  p->position = c->want;
  set_clock(c, c->want);
  g_clear_pointer(&c->shot, g_bytes_unref);
  g_cond_broadcast(&c->wake);
  g_mutex_unlock(&c->lock);
}

void kl_player_play(KlPlayer *p) {
  Core *c = p->core;
  g_mutex_lock(&c->lock);
  gint64 first = c->first, last = last_of(c, &p->info), at = p->position;
  bool changed = !c->playing && p->open && p->info.fps_num > 0;
  if (changed) {
    if (c->speed > 0 && (at >= last || at < first)) at = first;
    if (c->speed < 0 && (at <= first || at > last)) at = last;
    c->want = at;
    set_clock(c, at);
    c->playing = true;
    g_cond_broadcast(&c->wake);
  }
  g_mutex_unlock(&c->lock);
  if (changed) g_object_notify(G_OBJECT(p), "playing");
}

void kl_player_pause(KlPlayer *p) {
  Core *c = p->core;
  g_mutex_lock(&c->lock);
  bool changed = c->playing;
  c->playing = false;
  c->want = p->position;
  g_clear_pointer(&c->shot, g_bytes_unref);
  g_cond_broadcast(&c->wake);
  g_mutex_unlock(&c->lock);
  if (changed) g_object_notify(G_OBJECT(p), "playing");
}

void kl_player_set_speed(KlPlayer *p, double speed) {
  Core *c = p->core;
  g_mutex_lock(&c->lock);
  if (c->speed != speed) {
    c->speed = speed;
    set_clock(c, p->position);
    g_cond_broadcast(&c->wake);
  }
  g_mutex_unlock(&c->lock);
}

double kl_player_speed(KlPlayer *p) {
  g_mutex_lock(&p->core->lock);
  double speed = p->core->speed;
  g_mutex_unlock(&p->core->lock);
  return speed;
}

void kl_player_set_loop(KlPlayer *p, bool loop) {
  g_mutex_lock(&p->core->lock);
  p->core->loop = loop;
  g_mutex_unlock(&p->core->lock);
}

void kl_player_set_range(KlPlayer *p, gint64 first, gint64 last) {
  g_mutex_lock(&p->core->lock);
  p->core->first = MAX(first, 0);
  p->core->last = last;
  g_cond_broadcast(&p->core->wake);
  g_mutex_unlock(&p->core->lock);
}

void kl_player_set_volume(KlPlayer *p, double volume) {
  g_mutex_lock(&p->core->lock);
  p->core->volume = volume;
  g_cond_broadcast(&p->core->wake);
  g_mutex_unlock(&p->core->lock);
}

static void kl_player_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec) {
  if (id == PROP_PLAYING)
    g_value_set_boolean(value, kl_player_playing(KL_PLAYER(object)));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void kl_player_finalize(GObject *object) {
  KlPlayer *p = KL_PLAYER(object);
  Core *c = p->core;
  g_mutex_lock(&c->lock);
  c->quit = true;
  c->player = NULL;
  kl_cancel(&c->cancel);
  g_cond_broadcast(&c->wake);
  g_mutex_unlock(&c->lock);
  core_unref(c);
  g_free(p->path);
  G_OBJECT_CLASS(kl_player_parent_class)->finalize(object);
}

static void kl_player_class_init(KlPlayerClass *klass) {
  GObjectClass *object = G_OBJECT_CLASS(klass);
  object->get_property = kl_player_get_property;
  object->finalize = kl_player_finalize;
  g_object_class_install_property(
      object, PROP_PLAYING,
      g_param_spec_boolean("playing", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
  GType type = G_TYPE_FROM_CLASS(klass);
  signals[OPENED] = g_signal_new("opened", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FRAME] = g_signal_new("frame", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                                G_TYPE_INT64, G_TYPE_BYTES);
  signals[ENDED] = g_signal_new("ended", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FAILED] =
      g_signal_new("failed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
}

static void kl_player_init(KlPlayer *p) {
  p->core = g_atomic_rc_box_new0(Core);
  *p->core = (Core){.speed = 1, .volume = 1, .last = -1, .player = p};
  g_mutex_init(&p->core->lock);
  g_cond_init(&p->core->wake);
}

KlPlayer *kl_player_new(void) {
  return g_object_new(KL_TYPE_PLAYER, NULL);
}
