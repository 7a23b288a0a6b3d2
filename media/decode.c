/* Frames of a picture or video, one by one. */
#include "media/decode_internal.h"
#include "media/encode_internal.h"

#include "engine/base/mem.h"

#include <math.h>
#include <string.h>

#define TIME_EPS 1e-6 /* seconds */
#define FAR 4.0       /* seconds to decode through before an index is worth a pass over the file */
#define ONWARD 1.5    /* seconds to decode through before a jump is worth it */

struct KlDecoder {
  KlAvFile file;
  AVCodecContext *codec;
  AVStream *stream;
  AVPacket *packet;
  AVFrame *ahead[2]; /* decoded, not yet given out */
  double ahead_time[2];
  int waiting;
  bool draining, scanned, ended;
  bool whole;    /* a frame builds on all before it (GIF, APNG): only the start can be jumped to */
  KlFrame shown; /* the last that was given out; rgb NULL: none since the last seek */
  int64_t next_index, start; /* start: first time stamp, in the stream's time base */
  bool have_start;
  double last_time; /* of the frame that was read last, for frames without a time stamp */
  KlToRgb rgb;
  KlMediaInfo info;
  char *path;
  const KlCancel *cancel;
};

static double rate_of(const KlDecoder *d) {
  return d->info.fps_num ? (double)d->info.fps_num / d->info.fps_den : 25;
}

static void close_input(KlDecoder *d) {
  avcodec_free_context(&d->codec);
  kl_av_file_close(&d->file);
}

static bool open_input(KlDecoder *d, KlErr *err) {
  if (!kl_av_file_open(&d->file, d->path, d->cancel, err)) return false;
  const AVCodec *codec = NULL;
  int stream = av_find_best_stream(d->file.fmt, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  if (stream == AVERROR_DECODER_NOT_FOUND)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: this FFmpeg cannot decode its video", d->path);
  if (stream < 0) return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: no picture or video in it", d->path);
  d->stream = d->file.fmt->streams[stream];
  for (unsigned i = 0; i < d->file.fmt->nb_streams; i++)
    if ((int)i != stream) d->file.fmt->streams[i]->discard = AVDISCARD_ALL;
  d->codec = avcodec_alloc_context3(codec);
  if (!d->codec || avcodec_parameters_to_context(d->codec, d->stream->codecpar) < 0) return kl_fail_oom(err);
  d->codec->pkt_timebase = d->stream->time_base;
  d->codec->max_pixels = KL_MEDIA_MAX_PIXELS;
  d->codec->thread_count = 2;
  int r = avcodec_open2(d->codec, codec, NULL);
  if (r == AVERROR(ENOMEM)) return kl_fail_oom(err);
  if (r < 0)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: this kind of %s cannot be decoded", d->path, codec->name);
  d->draining = d->ended = false;
  d->whole = codec->id == AV_CODEC_ID_GIF || codec->id == AV_CODEC_ID_APNG;
  return true;
}

/* One decoded frame; *end at the end of the file. Damaged packets are skipped. */
static bool read_frame(KlDecoder *d, AVFrame *frame, bool *end, KlErr *err) {
  *end = false;
  for (;;) {
    if (kl_cancelled(d->cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    int r = avcodec_receive_frame(d->codec, frame);
    if (r >= 0) return true;
    if (r == AVERROR(ENOMEM)) return kl_fail_oom(err);
    if (r == AVERROR_EOF || d->draining) {
      *end = true;
      return true;
    }
    if (r != AVERROR(EAGAIN)) continue; /* a damaged frame; the decoder goes on */
    r = av_read_frame(d->file.fmt, d->packet);
    if (r >= 0) {
      if (d->packet->stream_index == d->stream->index) avcodec_send_packet(d->codec, d->packet);
      av_packet_unref(d->packet);
      continue;
    }
    if (kl_cancelled(d->cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    if (r == AVERROR(EAGAIN)) continue;
    avcodec_send_packet(d->codec, NULL); /* end or damage: what is inside still comes out */
    for (;;) {
      r = avcodec_receive_frame(d->codec, frame);
      if (r >= 0) return true;
      if (r == AVERROR_EOF || r == AVERROR(EAGAIN) || r == AVERROR(ENOMEM)) break;
    }
    d->draining = true;
    *end = true;
    return r != AVERROR(ENOMEM) || kl_fail_oom(err);
  }
}

/* The time of a frame that was just read. */
static double time_of(KlDecoder *d, const AVFrame *frame) {
  int64_t pts = frame->best_effort_timestamp;
  if (pts == AV_NOPTS_VALUE) return d->last_time += 1 / rate_of(d);
  if (!d->have_start) {
    d->start = pts;
    d->have_start = true;
  }
  return d->last_time = (double)(pts - d->start) * av_q2d(d->stream->time_base);
}

/* The next frame goes behind those that wait; at the end there is none, and d->ended. */
static bool read_ahead(KlDecoder *d, KlErr *err) {
  AVFrame *f = d->ahead[d->waiting];
  if (!read_frame(d, f, &d->ended, err)) return false;
  if (d->ended) return true;
  d->ahead_time[d->waiting++] = time_of(d, f);
  return true;
}

bool kl_decoder_open(const char *path, const KlCancel *cancel, KlDecoder **out, KlErr *err) {
  *out = NULL;
  KlDecoder *d = kl_calloc(1, sizeof *d);
  if (!d) return kl_fail_oom(err);
  bool ok = false;
  d->file.fd = -1;
  d->cancel = cancel;
  d->path = kl_strdup(path);
  d->packet = av_packet_alloc();
  for (int i = 0; i < 2; i++) d->ahead[i] = av_frame_alloc();
  if (!d->path || !d->packet || !d->ahead[0] || !d->ahead[1]) {
    kl_fail_oom(err);
    goto out;
  }
  if (!open_input(d, err)) goto out;
  kl_info_from_headers(d->file.fmt, d->stream->index, &d->info);
  d->last_time = -1 / rate_of(d);
  if (!read_ahead(d, err)) goto out;
  if (d->ended) {
    kl_fail(err, KL_ERR_FORMAT, "%s: damaged, or larger than %d million pixels: not one frame can be decoded",
            path, KL_MEDIA_MAX_PIXELS / 1000000);
    goto out;
  }
  const AVFrame *f = d->ahead[0];
  AVRational sar =
      d->stream->sample_aspect_ratio.num ? d->stream->sample_aspect_ratio : f->sample_aspect_ratio;
  d->rgb.turn = kl_turn_of(d->stream, f);
  kl_display_size(f->width, f->height, sar, d->rgb.turn, &d->info.width, &d->info.height);
  d->info.rotation = kl_turn_degrees(d->rgb.turn);
  d->rgb.width = d->info.width;
  d->rgb.height = d->info.height;
  ok = true;
out:
  if (ok)
    *out = d;
  else
    kl_decoder_free(&d);
  return ok;
}

const KlMediaInfo *kl_decoder_info(const KlDecoder *d) {
  return &d->info;
}

bool kl_decoder_set_size(KlDecoder *d, int width, int height, KlErr *err) {
  if (width < 1 || height < 1 || width > KL_MEDIA_MAX_EDGE || height > KL_MEDIA_MAX_EDGE ||
      (int64_t)width * height > KL_MEDIA_MAX_PIXELS)
    return kl_fail(err, KL_ERR_INVALID, "frames cannot be %d x %d pixels", width, height);
  if (width == d->rgb.width && height == d->rgb.height) return true;
  d->rgb.width = width;
  d->rgb.height = height;
  d->shown.rgb = NULL;
  return true;
}

bool kl_decoder_next(KlDecoder *d, KlFrame *frame, KlErr *err) {
  *frame = (KlFrame){0};
  if (!d->waiting && !d->ended && !read_ahead(d, err)) return false;
  if (!d->waiting) return true;
  AVFrame *f = d->ahead[0];
  double time = d->ahead_time[0];
  d->shown.rgb = NULL;
  if (!kl_to_rgb(&d->rgb, f, err)) return kl_fail_prefix(err, "%s", d->path);
  av_frame_unref(f);
  d->ahead[0] = d->ahead[1];
  d->ahead_time[0] = d->ahead_time[1];
  d->ahead[1] = f;
  d->waiting--;
  if (d->next_index < 0) d->next_index = llround(time * rate_of(d));
  d->shown = (KlFrame){.rgb = kl_to_rgb_result(&d->rgb), .index = d->next_index++, .time = time};
  *frame = d->shown;
  return true;
}

static void drop_ahead(KlDecoder *d) {
  for (int i = 0; i < 2; i++) av_frame_unref(d->ahead[i]);
  d->waiting = 0;
  d->ended = false;
}

static bool from_the_start(KlDecoder *d, KlErr *err) {
  drop_ahead(d);
  close_input(d);
  d->last_time = -1 / rate_of(d);
  return open_input(d, err);
}

/* Reads on until the frame at `seconds` is in ahead[0], with the one after it, if any, in ahead[1]. */
static bool read_to(KlDecoder *d, double seconds, KlErr *err) {
  while (d->waiting < 2 && !d->ended) {
    if (d->waiting && d->ahead_time[0] > seconds + TIME_EPS) return true; /* before the first: that one */
    if (!read_ahead(d, err)) return false;
    if (d->waiting == 2 && d->ahead_time[1] <= seconds + TIME_EPS) { /* a later one, still in time */
      AVFrame *old = d->ahead[0];
      d->ahead[0] = d->ahead[1];
      d->ahead_time[0] = d->ahead_time[1];
      d->ahead[1] = old;
      av_frame_unref(old);
      d->waiting = 1;
    }
  }
  return true;
}

/* Jumps to the key frame at or before `seconds` as far as the demuxer knows them, and reads the first frame
 * there. *landed: its time; infinite: nowhere. */
static bool jump(KlDecoder *d, double seconds, double *landed, KlErr *err) {
  double ticks = seconds / av_q2d(d->stream->time_base);
  *landed = INFINITY;
  if (!d->have_start || d->whole || ticks > 1e18) return true;
  int64_t to = d->start + (int64_t)ticks;
  if (av_seek_frame(d->file.fmt, d->stream->index, to, AVSEEK_FLAG_BACKWARD) < 0) return true;
  avcodec_flush_buffers(d->codec);
  drop_ahead(d);
  d->draining = false;
  if (!read_ahead(d, err)) return false;
  if (d->waiting) *landed = d->ahead_time[0]; /* else the index lied */
  return true;
}

/* Reads the file through once without decoding: fragmented MP4 and streamed WebM have no index, and FFmpeg
 * gathers one as packets pass. */
static bool scan(KlDecoder *d, KlErr *err) {
  d->scanned = true;
  while (av_read_frame(d->file.fmt, d->packet) >= 0) {
    av_packet_unref(d->packet);
    if (kl_cancelled(d->cancel)) break;
  }
  return !kl_cancelled(d->cancel) || kl_fail(err, KL_ERR_CANCELLED, "cancelled");
}

/* The same, but never behind `seconds`: where pictures are shown in another order than they are stored, the
 * key frame that a demuxer finds may come too late, and the one before it will do. */
static bool jump_before(KlDecoder *d, double seconds, double *landed, KlErr *err) {
  for (double back = 0, step = 0.25;; back += step, step *= 4) {
    if (!jump(d, seconds > back ? seconds - back : 0, landed, err)) return false;
    if (*landed <= seconds + TIME_EPS || *landed == INFINITY || back >= seconds) return true;
  }
}

bool kl_decoder_seek(KlDecoder *d, double seconds, KlErr *err) {
  double landed;
  if (!(seconds > 0)) seconds = 0;
  d->shown.rgb = NULL;
  d->next_index = -1;
  if (!jump_before(d, seconds, &landed, err)) return false;
  if (!d->scanned && !d->whole && seconds - landed > FAR)
    if (!scan(d, err) || !jump_before(d, seconds, &landed, err)) return false;
  if (landed > seconds + TIME_EPS && !from_the_start(d, err)) return false;
  return read_to(d, seconds, err);
}

bool kl_decoder_seek_frame(KlDecoder *d, int64_t frame, KlErr *err) {
  return kl_decoder_seek(d, ((double)frame + 0.5) / rate_of(d), err);
}

bool kl_decoder_at(KlDecoder *d, double seconds, KlFrame *frame, KlErr *err) {
  if (!(seconds > 0)) seconds = 0;
  bool onward = d->shown.rgb && seconds >= d->shown.time - TIME_EPS;
  if (onward) {
    if (!d->waiting && !d->ended && !read_ahead(d, err)) return false;
    if (!d->waiting || d->ahead_time[0] > seconds + TIME_EPS) {
      *frame = d->shown;
      return true;
    }
    onward = d->whole || seconds - d->ahead_time[0] < ONWARD;
  }
  d->next_index = -1;
  if (!(onward ? read_to(d, seconds, err) : kl_decoder_seek(d, seconds, err))) return false;
  return kl_decoder_next(d, frame, err);
}

bool kl_decoder_at_frame(KlDecoder *d, int64_t n, KlFrame *frame, KlErr *err) {
  return kl_decoder_at(d, ((double)n + 0.5) / rate_of(d), frame, err);
}

void kl_decoder_free(KlDecoder **pd) {
  KlDecoder *d = *pd;
  if (!d) return;
  close_input(d);
  av_packet_free(&d->packet);
  for (int i = 0; i < 2; i++) av_frame_free(&d->ahead[i]);
  kl_to_rgb_free(&d->rgb);
  kl_free(&d->path);
  kl_free(pd);
}
