#include "app/core/play/sound_out.h"

#include <pulse/simple.h>

#define BLOCK 960        /* samples a write: 20 ms */
#define BUFFER_SECONDS 8 /* of the server's buffer: 1/8 s, so that a stop is heard at once */

struct KlSoundOut {
  KlPlaySource *source;
  GThread *thread;
  GMutex lock;
  GCond wake;
  bool quit, playing, silent; /* silent: no server */
  gint64 first;               /* where it was started */
  guint run;                  /* counts starts */
  double volume;
  double heard; /* seconds, measured at `at` (monotonic); at 0: not yet */
  gint64 at;
};

static pa_simple *connect_server(void) {
  pa_sample_spec spec = {.format = PA_SAMPLE_FLOAT32NE, .rate = KL_PLAY_SAMPLE_RATE, .channels = 2};
  guint32 buffer = KL_PLAY_SAMPLE_RATE / BUFFER_SECONDS * 2 * (guint32)sizeof(float);
  pa_buffer_attr attr = {(guint32)-1, buffer, (guint32)-1, (guint32)-1, (guint32)-1};
  return pa_simple_new(NULL, "Kinoloom", PA_STREAM_PLAYBACK, NULL, "preview", &spec, NULL, &attr, NULL);
}

static gpointer work(gpointer data) {
  KlSoundOut *o = data;
  pa_simple *server = NULL;
  float block[BLOCK * 2];
  gint64 written = 0;
  guint run = 0;
  g_mutex_lock(&o->lock);
  while (!o->quit && !o->silent) {
    if (!o->playing) {
      if (server) {
        g_mutex_unlock(&o->lock);
        pa_simple_flush(server, NULL);
        g_mutex_lock(&o->lock);
      }
      while (!o->quit && !o->playing) g_cond_wait(&o->wake, &o->lock);
      continue;
    }
    bool fresh = run != o->run;
    gint64 first = o->first;
    float volume = (float)o->volume;
    run = o->run;
    g_mutex_unlock(&o->lock);
    if (fresh) {
      if (server) pa_simple_flush(server, NULL);
      written = 0;
    }
    if (!server) server = connect_server();
    bool good = server;
    pa_usec_t latency = 0;
    if (good) {
      o->source->sound(o->source, first + written, BLOCK, block);
      for (int i = 0; i < BLOCK * 2; i++) block[i] *= volume;
      good = pa_simple_write(server, block, sizeof block, NULL) == 0;
      written += BLOCK;
      latency = pa_simple_get_latency(server, NULL);
    }
    g_mutex_lock(&o->lock);
    if (!good) o->silent = true;
    if (run == o->run) {
      o->heard = MAX(0, (double)written / KL_PLAY_SAMPLE_RATE - (double)latency * 1e-6);
      o->at = g_get_monotonic_time();
    }
  }
  g_mutex_unlock(&o->lock);
  if (server) pa_simple_free(server);
  return NULL;
}

KlSoundOut *kl_sound_out_new(KlPlaySource *source) {
  KlSoundOut *o = g_new0(KlSoundOut, 1);
  o->source = source;
  o->volume = 1;
  g_mutex_init(&o->lock);
  g_cond_init(&o->wake);
  return o;
}

void kl_sound_out_start(KlSoundOut *o, gint64 sample) {
  g_mutex_lock(&o->lock);
  o->first = sample;
  o->run++;
  o->heard = 0;
  o->at = 0;
  o->playing = true;
  if (!o->thread) o->thread = g_thread_new("kl-sound", work, o);
  g_cond_broadcast(&o->wake);
  g_mutex_unlock(&o->lock);
}

void kl_sound_out_stop(KlSoundOut *o) {
  g_mutex_lock(&o->lock);
  o->playing = false;
  g_mutex_unlock(&o->lock);
}

void kl_sound_out_set_volume(KlSoundOut *o, double volume) {
  g_mutex_lock(&o->lock);
  o->volume = CLAMP(volume, 0, 1);
  g_mutex_unlock(&o->lock);
}

double kl_sound_out_position(KlSoundOut *o) {
  g_mutex_lock(&o->lock);
  double s = o->silent ? -1 : o->at ? o->heard + (double)(g_get_monotonic_time() - o->at) * 1e-6 : 0;
  g_mutex_unlock(&o->lock);
  return s;
}

void kl_sound_out_free(KlSoundOut **out) {
  KlSoundOut *o = *out;
  *out = NULL;
  if (!o) return;
  g_mutex_lock(&o->lock);
  o->quit = true;
  g_cond_broadcast(&o->wake);
  g_mutex_unlock(&o->lock);
  if (o->thread) g_thread_join(o->thread);
  g_mutex_clear(&o->lock);
  g_cond_clear(&o->wake);
  g_free(o);
}
