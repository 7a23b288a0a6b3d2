/* Frames of a picture or video, one by one. */
#include "media/decode_internal.h"
#include "media/encode_internal.h"

#include "engine/base/mem.h"

#include <math.h>
#include <string.h>

#define TIME_EPS 1e-6 /* seconds */
#define FAR 4.0       /* seconds to decode through before an index is worth a pass over the file */

struct KlDecoder {
  KlAvFile file;
  AVCodecContext *codec;
  AVStream *stream;
  AVPacket *packet;
  AVFrame *ahead[2]; /* decoded, not yet given out */
  int waiting;
  bool draining, scanned;
  int64_t next_index, start; /* start: first time stamp, in the stream's time base */
  bool have_start;
  double last_time; /* for frames without a time stamp */
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
  d->draining = false;
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

static double time_of(KlDecoder *d, const AVFrame *frame) {
  int64_t pts = frame->best_effort_timestamp;
  if (pts == AV_NOPTS_VALUE) return d->last_time + 1 / rate_of(d);
  if (!d->have_start) {
    d->start = pts;
    d->have_start = true;
  }
  return (double)(pts - d->start) * av_q2d(d->stream->time_base);
}

bool kl_decoder_open(const char *path, const KlCancel *cancel, KlDecoder **out, KlErr *err) {
  *out = NULL;
  KlDecoder *d = kl_calloc(1, sizeof *d);
  if (!d) return kl_fail_oom(err);
  bool ok = false, end = false;
  d->file.fd = -1;
  d->cancel = cancel;
  d->path = kl_strdup(path);
  d->packet = av_packet_alloc();
  for (int i = 0; i < 2; i++) d->ahead[i] = av_frame_alloc();
  if (!d->path || !d->packet || !d->ahead[0] || !d->ahead[1]) {
    kl_fail_oom(err);
    goto out;
  }
  if (!open_input(d, err) || !read_frame(d, d->ahead[0], &end, err)) goto out;
  if (end) {
    kl_fail(err, KL_ERR_FORMAT, "%s: damaged, not one frame can be decoded", path);
    goto out;
  }
  d->waiting = 1;
  const AVFrame *f = d->ahead[0];
  kl_info_from_headers(d->file.fmt, d->stream->index, &d->info);
  AVRational sar =
      d->stream->sample_aspect_ratio.num ? d->stream->sample_aspect_ratio : f->sample_aspect_ratio;
  d->rgb.turn = kl_turn_of(d->stream, f);
  kl_display_size(f->width, f->height, sar, d->rgb.turn, &d->info.width, &d->info.height);
  d->info.rotation = kl_turn_degrees(d->rgb.turn);
  d->rgb.width = d->info.width;
  d->rgb.height = d->info.height;
  d->last_time = -1 / rate_of(d);
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

bool kl_decoder_next(KlDecoder *d, KlFrame *frame, KlErr *err) {
  *frame = (KlFrame){0};
  bool end = false;
  AVFrame *f = d->ahead[0];
  if (!d->waiting) {
    if (!read_frame(d, f, &end, err)) return false;
    if (end) return true;
    d->waiting = 1;
  }
  double time = time_of(d, f);
  if (!kl_to_rgb(&d->rgb, f, err)) return kl_fail_prefix(err, "%s", d->path);
  av_frame_unref(f);
  d->ahead[0] = d->ahead[1];
  d->ahead[1] = f;
  d->waiting--;
  if (d->next_index < 0) d->next_index = llround(time * rate_of(d));
  d->last_time = time;
  *frame = (KlFrame){.rgb = kl_to_rgb_result(&d->rgb), .index = d->next_index++, .time = time};
  return true;
}

static void drop_ahead(KlDecoder *d) {
  for (int i = 0; i < 2; i++) av_frame_unref(d->ahead[i]);
  d->waiting = 0;
}

static bool from_the_start(KlDecoder *d, KlErr *err) {
  drop_ahead(d);
  close_input(d);
  d->last_time = -1 / rate_of(d);
  return open_input(d, err);
}

/* Reads on until the frame at `seconds` is in ahead[0], with the one after it in ahead[1]. */
static bool read_to(KlDecoder *d, double seconds, KlErr *err) {
  bool end = false;
  if (d->waiting && d->last_time > seconds + TIME_EPS) return true; /* before the first frame: that one */
  for (;;) {
    AVFrame *f = d->ahead[d->waiting];
    if (!read_frame(d, f, &end, err)) return false;
    if (end) return true;
    double time = time_of(d, f);
    d->last_time = time;
    if (time > seconds + TIME_EPS) {
      d->waiting++;
      return true;
    }
    if (d->waiting == 1) { /* a later one that is still in time */
      AVFrame *old = d->ahead[0];
      d->ahead[0] = f;
      d->ahead[1] = old;
      av_frame_unref(old);
    }
    d->waiting = 1;
  }
}

/* Jumps to the key frame at or before `seconds` as far as the demuxer knows them, then reads on. *late: it
 * landed behind, or nowhere. *landed: time of the first frame that came. */
static bool jump(KlDecoder *d, double seconds, bool *late, double *landed, KlErr *err) {
  double ticks = seconds / av_q2d(d->stream->time_base);
  bool end = false;
  *late = true;
  *landed = 0;
  if (!d->have_start || ticks > 1e18) return true;
  int64_t to = d->start + (int64_t)ticks;
  if (av_seek_frame(d->file.fmt, d->stream->index, to, AVSEEK_FLAG_BACKWARD) < 0) return true;
  avcodec_flush_buffers(d->codec);
  drop_ahead(d);
  d->draining = false;
  if (!read_frame(d, d->ahead[0], &end, err)) return false;
  if (end) return true; /* the index lied */
  d->waiting = 1;
  d->last_time = *landed = time_of(d, d->ahead[0]);
  *late = *landed > seconds + TIME_EPS;
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

bool kl_decoder_seek(KlDecoder *d, double seconds, KlErr *err) {
  bool late;
  double landed;
  if (!(seconds > 0)) seconds = 0;
  if (!d->have_start && d->waiting) time_of(d, d->ahead[0]); /* fixes the start */
  if (!jump(d, seconds, &late, &landed, err)) return false;
  if (!late && !d->scanned && seconds - landed > FAR)
    if (!scan(d, err) || !jump(d, seconds, &late, &landed, err)) return false;
  if (late && !from_the_start(d, err)) return false;
  if (!read_to(d, seconds, err)) return false;
  d->next_index = -1;
  return true;
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
