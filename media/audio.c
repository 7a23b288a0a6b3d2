/* The resampler's phase must not depend on where reading began: after a seek it starts on a multiple of the
 * smallest number of input samples that is a whole number of output samples (147 for 160 from 44100 to
 * 48000), some time before the wanted one, which lets codec and filter settle as well. */
#include "media/audio.h"
#include "media/decode_internal.h"
#include "media/encode_internal.h"

#include "engine/base/mem.h"

#include <libavutil/mathematics.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE                                                                                               \
  0.5                /* seconds decoded before the wanted sample: MP3's reservoir, Opus's memory, the filter \
                      */
#define SILENCE 4096 /* samples of silence that are fed at once */
#define NO_PLACE INT64_MIN

struct KlSound {
  KlAvFile file;
  AVCodecContext *codec;
  AVStream *stream;
  AVPacket *packet;
  AVFrame *frame; /* decoded, not yet fed to the resampler, if have_frame */
  bool have_frame, draining, flushed;
  int64_t origin;      /* time 0, in the stream's time base */
  int64_t drop_before; /* packets that end before are not decoded, same base; NO_PLACE: none */
  int64_t grid;        /* where a decoded frame ends, for clocks coarser than samples; NO_PLACE: not known */
  int64_t next_in;     /* input samples: place of the next one to feed; counted from time 0 */
  int64_t decoded_to;  /* where the last decoded frame ended; NO_PLACE: after a seek */
  int in_rate, rate, channels, longest; /* longest: samples of a decoded frame */
  struct SwrContext *swr;
  AVChannelLayout layout; /* that swr was made for */
  enum AVSampleFormat format;
  int swr_channels;
  float *fifo; /* [fifo_n, swr_channels], converted, not yet read */
  size_t fifo_cap, fifo_at, fifo_n;
  int64_t skip; /* converted samples to drop before the wanted one */
  char *path;
};

static bool open_input(KlSound *s, const KlCancel *cancel, KlErr *err) {
  if (!kl_av_file_open(&s->file, s->path, cancel, err)) return false;
  AVFormatContext *fmt = s->file.fmt;
  const AVCodec *codec = NULL;
  int sound = av_find_best_stream(fmt, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0);
  int video = av_find_best_stream(fmt, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
  if (sound == AVERROR_DECODER_NOT_FOUND)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: this FFmpeg cannot decode its sound", s->path);
  if (sound < 0) return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: no sound in it", s->path);
  s->stream = fmt->streams[sound];
  if (video >= 0 && !(fmt->streams[video]->disposition & AV_DISPOSITION_ATTACHED_PIC)) {
    const AVStream *zero = fmt->streams[video];
    s->origin = zero->start_time == AV_NOPTS_VALUE
                    ? 0
                    : av_rescale_q(zero->start_time, zero->time_base, s->stream->time_base);
  }
  for (unsigned i = 0; i < fmt->nb_streams; i++)
    if ((int)i != sound) fmt->streams[i]->discard = AVDISCARD_ALL;
  s->codec = avcodec_alloc_context3(codec);
  if (!s->codec || avcodec_parameters_to_context(s->codec, s->stream->codecpar) < 0) return kl_fail_oom(err);
  s->codec->pkt_timebase = s->stream->time_base;
  int r = avcodec_open2(s->codec, codec, NULL);
  if (r == AVERROR(ENOMEM)) return kl_fail_oom(err);
  if (r < 0)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s: this kind of %s cannot be decoded", s->path, codec->name);
  s->draining = s->have_frame = false;
  s->drop_before = s->decoded_to = NO_PLACE;
  return true;
}

/* Decodes the next frame into s->frame; at the end have_frame stays false. Damage is skipped. */
static bool decode(KlSound *s, KlErr *err) {
  const KlCancel *cancel = s->file.cancel;
  while (!s->have_frame) {
    if (kl_cancelled(cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    int r = avcodec_receive_frame(s->codec, s->frame);
    if (r >= 0) {
      s->have_frame = s->frame->nb_samples > 0;
      continue;
    }
    if (r == AVERROR(ENOMEM)) return kl_fail_oom(err);
    if (r == AVERROR_EOF) return true;
    if (r != AVERROR(EAGAIN)) continue; /* a damaged frame; the decoder goes on */
    if (s->draining) return true;
    r = av_read_frame(s->file.fmt, s->packet);
    if (kl_cancelled(cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    if (r >= 0) {
      const AVPacket *p = s->packet;
      if (p->stream_index == s->stream->index &&
          (s->drop_before == NO_PLACE || p->pts == AV_NOPTS_VALUE || p->pts >= s->drop_before))
        avcodec_send_packet(s->codec, p);
      av_packet_unref(s->packet);
    } else if (r != AVERROR(EAGAIN)) { /* end or damage: what is inside still comes out */
      avcodec_send_packet(s->codec, NULL);
      s->draining = true;
    }
  }
  return true;
}

/* Where the decoded frame begins, in input samples. Clocks of milliseconds do not say exactly; frames of one
 * size then lie on a grid. */
static int64_t place(KlSound *s) {
  const AVFrame *f = s->frame;
  int64_t pts = f->best_effort_timestamp, n = f->nb_samples;
  AVRational tick = s->stream->time_base, sample = {1, s->in_rate};
  if (pts == AV_NOPTS_VALUE) return s->decoded_to == NO_PLACE ? 0 : s->decoded_to;
  int64_t at = av_rescale_q(pts - s->origin, tick, sample);
  int64_t slack = (int64_t)(av_q2d(tick) * s->in_rate) + 1;
  if (s->decoded_to != NO_PLACE && llabs(at - s->decoded_to) <= slack + s->in_rate / 500)
    return s->decoded_to;
  int64_t size = s->codec->frame_size > 0 ? s->codec->frame_size : s->longest;
  if (s->grid != NO_PLACE && slack > 1 && size > 0) {
    int64_t end = at + n - s->grid;
    int64_t snapped = s->grid + (end + (end < 0 ? -size : size) / 2) / size * size - n;
    if (llabs(snapped - at) <= slack) at = snapped;
  }
  return at;
}

static bool make_swr(KlSound *s, const AVFrame *f, KlErr *err) {
  AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO, stereo = AV_CHANNEL_LAYOUT_STEREO, from = {0};
  bool ok = false;
  if (f->ch_layout.nb_channels < 1 || f->ch_layout.nb_channels > 64)
    return kl_fail(err, KL_ERR_FORMAT, "%s: sound with %d channels", s->path, f->ch_layout.nb_channels);
  if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
    av_channel_layout_default(&from, f->ch_layout.nb_channels);
  else if (av_channel_layout_copy(&from, &f->ch_layout) < 0)
    return kl_fail_oom(err);
  s->swr_channels = from.nb_channels == 1 ? 1 : s->channels;
  swr_free(&s->swr);
  int r = swr_alloc_set_opts2(&s->swr, s->swr_channels == 1 ? &mono : &stereo, AV_SAMPLE_FMT_FLT, s->rate,
                              &from, f->format, s->in_rate, 0, NULL);
  if (r >= 0) {
    av_opt_set_double(s->swr, "rematrix_maxval", 1, 0);
    r = swr_init(s->swr);
  }
  if (r < 0) {
    r == AVERROR(ENOMEM)
        ? kl_fail_oom(err)
        : kl_fail(err, KL_ERR_UNSUPPORTED, "%s: this kind of sound cannot be converted", s->path);
    goto out;
  }
  av_channel_layout_uninit(&s->layout);
  if (av_channel_layout_copy(&s->layout, &f->ch_layout) < 0) {
    kl_fail_oom(err);
    goto out;
  }
  s->format = f->format;
  ok = true;
out:
  av_channel_layout_uninit(&from);
  return ok;
}

/* Feeds n samples (data NULL and n 0: the filter's rest) and keeps what comes out. */
static bool feed(KlSound *s, const uint8_t **data, int n, KlErr *err) {
  int room = swr_get_out_samples(s->swr, n);
  size_t width = (size_t)s->swr_channels * sizeof(float);
  if (room < 0) return kl_fail_oom(err);
  if (s->fifo_at) {
    memmove(s->fifo, (char *)s->fifo + s->fifo_at * width, s->fifo_n * width);
    s->fifo_at = 0;
  }
  if (!kl_grow(&s->fifo, &s->fifo_cap, (s->fifo_n + (size_t)room + 1) * (size_t)s->channels, sizeof(float)))
    return kl_fail_oom(err);
  uint8_t *to = (uint8_t *)s->fifo + s->fifo_n * width;
  int r = swr_convert(s->swr, &to, room, data, n);
  if (r < 0) return kl_fail_oom(err);
  s->fifo_n += (size_t)r;
  size_t drop = (int64_t)s->fifo_n < s->skip ? s->fifo_n : (size_t)s->skip;
  s->fifo_at = drop;
  s->fifo_n -= drop;
  s->skip -= (int64_t)drop;
  return true;
}

/* Silence up to `n` input samples, in the frame's own format. */
static bool feed_silence(KlSound *s, int64_t n, KlErr *err) {
  uint8_t *data[64] = {NULL};
  int k = (int)(n < SILENCE ? n : SILENCE), channels = s->layout.nb_channels;
  if (av_samples_alloc(data, NULL, channels, k, s->format, 0) < 0) return kl_fail_oom(err);
  av_samples_set_silence(data, 0, k, channels, s->format);
  bool ok = feed(s, (const uint8_t **)data, k, err);
  av_freep(&data[0]);
  s->next_in += k;
  return ok;
}

/* Decodes a frame and finds its place; at the end there is none. */
static bool next_frame(KlSound *s, KlErr *err) {
  if (!decode(s, err)) return false;
  if (!s->have_frame) return true;
  const AVFrame *f = s->frame;
  if (f->sample_rate != s->in_rate) return kl_fail(err, KL_ERR_FORMAT, "%s: its sound changes pace", s->path);
  if ((!s->swr || f->format != s->format || av_channel_layout_compare(&f->ch_layout, &s->layout)) &&
      !make_swr(s, f, err))
    return false;
  s->decoded_to = place(s) + f->nb_samples;
  if (f->nb_samples > s->longest) s->longest = f->nb_samples;
  return true;
}

/* Gets more samples into the fifo, or sets flushed. */
static bool pump(KlSound *s, KlErr *err) {
  if (!s->have_frame && !next_frame(s, err)) return false;
  if (!s->have_frame) {
    s->flushed = true;
    return !s->swr || feed(s, NULL, 0, err);
  }
  AVFrame *f = s->frame;
  int64_t at = s->decoded_to - f->nb_samples, late = s->next_in - at;
  if (late < 0) return feed_silence(s, -late, err);
  s->have_frame = false;
  if (late >= f->nb_samples) return true;
  const uint8_t *data[64];
  bool planar = av_sample_fmt_is_planar(f->format);
  int planes = planar ? f->ch_layout.nb_channels : 1;
  size_t step = (size_t)av_get_bytes_per_sample(f->format) * (size_t)(planar ? 1 : f->ch_layout.nb_channels);
  for (int i = 0; i < planes; i++) data[i] = f->extended_data[i] + (size_t)late * step;
  s->next_in = s->decoded_to;
  return feed(s, data, f->nb_samples - (int)late, err);
}

static void rest(KlSound *s) {
  s->fifo_at = s->fifo_n = 0;
  s->flushed = false;
  swr_free(&s->swr);
}

static void close_input(KlSound *s) {
  avcodec_free_context(&s->codec);
  kl_av_file_close(&s->file);
}

bool kl_sound_open(const char *path, int rate, int channels, const KlCancel *cancel, KlSound **out,
                   KlErr *err) {
  *out = NULL;
  if (rate < 8000 || rate > 192000 || channels < 1 || channels > 2)
    return kl_fail(err, KL_ERR_INVALID,
                   "sound is read with 1 or 2 channels of 8000 to 192000 samples a second");
  KlSound *s = kl_calloc(1, sizeof *s);
  if (!s) return kl_fail_oom(err);
  bool ok = false;
  s->file.fd = -1;
  s->rate = rate;
  s->channels = channels;
  s->grid = s->origin = NO_PLACE;
  s->path = kl_strdup(path);
  s->packet = av_packet_alloc();
  s->frame = av_frame_alloc();
  if (!s->path || !s->packet || !s->frame) {
    kl_fail_oom(err);
    goto out;
  }
  if (!open_input(s, cancel, err) || !decode(s, err)) goto out;
  if (!s->have_frame || s->frame->sample_rate < 1000 || s->frame->sample_rate > 768000) {
    kl_fail(err, KL_ERR_FORMAT, "%s: damaged, its sound cannot be decoded", path);
    goto out;
  }
  s->in_rate = s->frame->sample_rate;
  if (s->origin == NO_PLACE) /* no video: the first sample that is to be heard */
    s->origin = s->frame->best_effort_timestamp == AV_NOPTS_VALUE ? 0 : s->frame->best_effort_timestamp;
  if (!make_swr(s, s->frame, err)) goto out;
  s->grid = s->decoded_to = place(s) + s->frame->nb_samples;
  ok = true;
out:
  if (ok)
    *out = s;
  else
    kl_sound_free(&s);
  return ok;
}

int64_t kl_sound_length(const KlSound *s) {
  AVRational sample = {1, s->rate};
  if (s->stream->duration != AV_NOPTS_VALUE && s->stream->duration > 0)
    return av_rescale_q(s->stream->duration, s->stream->time_base, sample);
  if (s->file.fmt->duration != AV_NOPTS_VALUE && s->file.fmt->duration > 0)
    return av_rescale_q(s->file.fmt->duration, AV_TIME_BASE_Q, sample);
  return -1;
}

/* Opens the file again, to read from its start. */
static bool from_the_start(KlSound *s, KlErr *err) {
  const KlCancel *cancel = s->file.cancel;
  close_input(s);
  return open_input(s, cancel, err);
}

bool kl_sound_seek(KlSound *s, int64_t at, KlErr *err) {
  int64_t g = av_gcd(s->in_rate, s->rate), in_block = s->in_rate / g, out_block = s->rate / g;
  if (at < 0) at = 0;
  if (at > INT64_C(1) << 40) return kl_fail(err, KL_ERR_INVALID, "no sound is that long");
  int64_t block = (at - (int64_t)(SETTLE * s->rate)) / out_block;
  if (block < 0) block = 0;
  rest(s);
  s->next_in = block * in_block;
  s->skip = at - block * out_block;
  s->decoded_to = NO_PLACE;
  s->have_frame = false;
  AVRational sample = {1, s->in_rate};
  int64_t to =
      s->origin + av_rescale_q(s->next_in - (int64_t)(SETTLE * s->in_rate), sample, s->stream->time_base);
  if (block == 0 || s->next_in < (int64_t)(SETTLE * s->in_rate) ||
      av_seek_frame(s->file.fmt, s->stream->index, to, AVSEEK_FLAG_BACKWARD) < 0)
    return from_the_start(s, err);
  avcodec_flush_buffers(s->codec);
  s->draining = false;
  s->drop_before = to;
  if (!next_frame(s, err)) return false;
  if (s->have_frame && s->decoded_to - s->frame->nb_samples <= s->next_in) return true;
  /* landed too late, or nowhere: packets are read from the start, and decoded from where they matter */
  if (!from_the_start(s, err)) return false;
  s->drop_before = to;
  return true;
}

bool kl_sound_read(KlSound *s, float *out, size_t n, size_t *got, KlErr *err) {
  *got = 0;
  while (*got < n) {
    while (!s->fifo_n && !s->flushed)
      if (!pump(s, err)) return false;
    if (!s->fifo_n) break;
    size_t k = n - *got < s->fifo_n ? n - *got : s->fifo_n;
    const float *from = s->fifo + s->fifo_at * (size_t)s->swr_channels;
    float *to = out + *got * (size_t)s->channels;
    for (size_t i = 0; i < k; i++)
      for (int c = 0; c < s->channels; c++)
        to[i * (size_t)s->channels + (size_t)c] =
            from[i * (size_t)s->swr_channels + (size_t)(s->swr_channels > 1 ? c : 0)];
    s->fifo_at += k;
    s->fifo_n -= k;
    *got += k;
  }
  memset(out + *got * (size_t)s->channels, 0, (n - *got) * (size_t)s->channels * sizeof *out);
  return true;
}

void kl_sound_free(KlSound **ps) {
  KlSound *s = *ps;
  if (!s) return;
  close_input(s);
  swr_free(&s->swr);
  av_channel_layout_uninit(&s->layout);
  av_packet_free(&s->packet);
  av_frame_free(&s->frame);
  kl_free(&s->fifo);
  kl_free(&s->path);
  kl_free(ps);
}
