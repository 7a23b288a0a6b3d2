#include "media/audio_encode.h"

#include "engine/base/mem.h"

#include <string.h>

struct KlAudioEncode {
  AVCodecContext *codec;
  AVFrame *frame;
  AVPacket *packet;
  float *samples; /* [frame_size, channels] as the source gives them */
  KlSoundSource source;
  const KlCancel *cancel;
  int to;          /* index in the muxer */
  int64_t next_in; /* sample that the source is asked for next */
  int64_t shift;   /* added to times */
  bool have;       /* packet holds one that was not yet passed on */
};

static bool fail_av(const KlAudioEncode *a, const char *what, int r, KlErr *err) {
  if (r == AVERROR(ENOMEM)) return kl_fail_oom(err);
  char text[AV_ERROR_MAX_STRING_SIZE] = "";
  av_strerror(r, text, sizeof text);
  return kl_fail(err, KL_ERR_UNSUPPORTED, "the %s encoder %s: %s", a->codec->codec->name, what, text);
}

bool kl_audio_encode_open(const KlSoundSource *source, KlContainer container, const KlCancel *cancel,
                          KlAudioEncode **out, KlErr *err) {
  *out = NULL;
  bool mp4 = container == KL_CONTAINER_MP4, ok = false;
  const AVCodec *codec = avcodec_find_encoder_by_name(mp4 ? "aac" : "libopus");
  if (!codec)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "this FFmpeg cannot encode %s, the sound of %s files",
                   mp4 ? "AAC" : "Opus", kl_container_name(container));
  KlAudioEncode *a = kl_calloc(1, sizeof *a);
  if (!a) return kl_fail_oom(err);
  a->source = *source;
  a->cancel = cancel;
  a->frame = av_frame_alloc();
  a->packet = av_packet_alloc();
  AVCodecContext *c = a->codec = avcodec_alloc_context3(codec);
  if (!a->frame || !a->packet || !c) {
    kl_fail_oom(err);
    goto out;
  }
  c->sample_rate = source->rate;
  c->sample_fmt = mp4 ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_FLT;
  av_channel_layout_default(&c->ch_layout, source->channels);
  c->bit_rate = (int64_t)(mp4 ? 96000 : 80000) * source->channels;
  c->time_base = (AVRational){1, source->rate};
  c->thread_count = 1;
  c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
  int r = avcodec_open2(c, codec, NULL);
  if (r < 0) {
    fail_av(a, "does not start with these settings", r, err);
    goto out;
  }
  /* times in both containers count the padding; FFmpeg 5's Matroska muxer leaves that to its caller */
  a->shift = mp4 || LIBAVFORMAT_VERSION_MAJOR < 60 ? c->initial_padding : 0;
  a->samples = kl_alloc((size_t)c->frame_size * (size_t)source->channels, sizeof *a->samples);
  ok = a->samples || kl_fail_oom(err);
out:
  if (ok)
    *out = a;
  else
    kl_audio_encode_free(&a);
  return ok;
}

void kl_audio_encode_free(KlAudioEncode **pa) {
  KlAudioEncode *a = *pa;
  if (!a) return;
  avcodec_free_context(&a->codec);
  av_frame_free(&a->frame);
  av_packet_free(&a->packet);
  kl_free(&a->samples);
  kl_free(pa);
}

bool kl_audio_encode_stream(KlAudioEncode *a, AVFormatContext *mux, KlErr *err) {
  AVStream *s = avformat_new_stream(mux, NULL);
  if (!s || avcodec_parameters_from_context(s->codecpar, a->codec) < 0) return kl_fail_oom(err);
  s->time_base = a->codec->time_base;
  a->to = s->index;
  return true;
}

int kl_audio_encode_padding(const KlAudioEncode *a) {
  return a->codec->initial_padding;
}

static bool feed(KlAudioEncode *a, KlErr *err) {
  AVFrame *f = a->frame;
  int n = a->codec->frame_size, channels = a->source.channels;
  if (!a->source.read(a->source.user, a->next_in, a->samples, (size_t)n, err)) return false;
  av_frame_unref(f);
  f->format = a->codec->sample_fmt;
  f->sample_rate = a->source.rate;
  f->nb_samples = n;
  f->pts = a->next_in;
  if (av_channel_layout_copy(&f->ch_layout, &a->codec->ch_layout) < 0 || av_frame_get_buffer(f, 0) < 0)
    return kl_fail_oom(err);
  for (int c = 0; c < channels; c++) /* planar, or one plane for all */
    for (int i = 0; i < n; i++) {
      bool planar = f->format == AV_SAMPLE_FMT_FLTP;
      ((float *)(void *)f->data[planar ? c : 0])[planar ? i : i * channels + c] =
          a->samples[i * channels + c];
    }
  a->next_in += n;
  int r = avcodec_send_frame(a->codec, f);
  return r >= 0 || fail_av(a, "refuses samples", r, err);
}

bool kl_audio_encode_until(KlAudioEncode *a, AVFormatContext *mux, int64_t until, AVRational base, int *r,
                           KlErr *err) {
  *r = 0;
  for (;;) {
    if (kl_cancelled(a->cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    while (!a->have) {
      int k = avcodec_receive_packet(a->codec, a->packet);
      a->have = k >= 0;
      if (k == AVERROR(EAGAIN) && !feed(a, err)) return false;
      if (k < 0 && k != AVERROR(EAGAIN)) return fail_av(a, "failed", k, err);
    }
    if (av_compare_ts(a->packet->pts, a->codec->time_base, until, base) >= 0) return true;
    a->have = false;
    if (mux) {
      a->packet->stream_index = a->to;
      a->packet->pts += a->shift;
      a->packet->dts = a->packet->pts;
      av_packet_rescale_ts(a->packet, a->codec->time_base, mux->streams[a->to]->time_base);
      *r = av_write_frame(mux, a->packet);
    }
    av_packet_unref(a->packet);
    if (*r < 0) return true;
  }
}
