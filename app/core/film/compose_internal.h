/* Inside the composer: what pictures and sound share. Private to app/core/film. */
#pragma once

#include "app/core/film/compose.h"
#include "media/audio.h"

#define KL_COMPOSE_OPEN 6 /* decoders of each kind that stay open */

/* A decoder and the clip that it is at; all zero is free. */
typedef struct {
  const KlTimelineClip *clip;
  KlDecoder *decoder;
  guint8 *picture;         /* [height, width, 3]: frame with borders, when they differ; else NULL */
  gint64 shown;            /* index of the frame in `picture` */
  int x, y, width, height; /* the scaled frame inside the picture; x, y < 0: cut */
  guint64 used;
} KlReel;

typedef struct {
  const KlTimelineClip *clip;
  KlSound *sound;
  gint64 next; /* sample that a read gives */
  guint64 used;
} KlVoice;

struct KlCompose {
  KlTimeline *timeline;
  KlComposeSetup how; /* zeros filled in */
  KlReel reels[KL_COMPOSE_OPEN];
  KlVoice voices[KL_COMPOSE_OPEN];
  guint64 clock;       /* counts uses */
  guint64 at_frame;    /* clock when the frame at work began: what it uses is not closed */
  bool *broken, *mute; /* per source: its pictures, its sound cannot be read */
  bool *told;          /* per source: said so */
  guint8 *stripes;     /* the placeholder, made at first need */
  float *part;         /* samples of one clip */
  gsize part_cap;
};

/* a * b / c to the nearest, in 128 bits. */
gint64 kl_scale(gint64 a, gint64 b, gint64 c);
/* Tells once that a source gives nothing; err NULL: its file is missing. */
void kl_compose_tell(KlCompose *c, guint source, const KlErr *err);
/* Errors that are not the file's fault. */
bool kl_compose_fatal(const KlErr *err);
