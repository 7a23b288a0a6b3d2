/* MP4, WebM and Matroska through FFmpeg. Every chunk has an encoder and a muxer of its own. The muxer writes
 * its header each time; chunk 0's is kept (MP4: completed by kl_mp4_header_complete), the others' are
 * dropped. No trailer is written: it would index, and so depend on, the whole file. B-frames are off, so that
 * decoding times are frame numbers and fragments join without a gap. */
#include "media/encode_internal.h"

#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "media/audio_copy.h"
#include "media/audio_encode.h"
#include "media/convert.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define IO_BUFFER 65536

typedef struct {
  AVCodecContext *codec;
  AVFormatContext *mux;
  AVFrame *frame;
  AVPacket *packet;
  KlAudioCopy *copied; /* sound of a file, or */
  KlAudioEncode *made; /* of the caller; both NULL: silent */
  KlBytes header;
  KlBytes extradata; /* of encoders that give it with their first packet only (libaom) */
  enum { TO_HEADER, TO_NOWHERE, TO_SINK } where;
  KlErr io; /* of the sink, met inside FFmpeg */
} AvWriter;

static void av_line(void *avcl, int level, const char *fmt, va_list ap) {
  if (level > AV_LOG_WARNING) return;
  char line[512];
  int prefix = 1;
  av_log_format_line2(avcl, level, fmt, ap, line, sizeof line, &prefix);
  line[strcspn(line, "\r\n")] = 0;
  kl_log(KL_LOG_DEBUG, "ffmpeg: %s", line);
}

static void av_once(void) {
  av_log_set_callback(av_line);
}

void kl_av_init(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, av_once);
}

static bool fail_av(KlEncoder *e, const char *what, int r, KlErr *err) {
  AvWriter *w = e->impl;
  if (w && w->io.code) {
    if (err && !err->code) *err = w->io;
    return false;
  }
  if (r == AVERROR(ENOMEM)) return kl_fail_oom(err);
  char text[AV_ERROR_MAX_STRING_SIZE] = "";
  av_strerror(r, text, sizeof text);
  return kl_fail(err, KL_ERR_UNSUPPORTED, "the %s encoder %s: %s", e->encoder_name, what, text);
}

/* Settings that make the bytes a function of the frames: threads fixed, no dependence on the processor. */
static void codec_options(const KlEncoder *e, AVCodecContext *c, AVDictionary **o) {
  int crf = e->spec.crf;
  char number[16];
  c->thread_count = e->spec.threads;
  switch (e->codec) {
  case KL_CODEC_H264:
    snprintf(number, sizeof number, "%d", crf < 0 ? 18 : crf);
    av_dict_set(o, "crf", number, 0);
    av_dict_set(o, "preset", "medium", 0);
    av_dict_set(o, "x264-params", "cpu-independent=1", 0);
    if (!strcmp(e->encoder_name, "libopenh264")) {
      av_dict_free(o);
      c->bit_rate = (int64_t)c->width * c->height * 4;
    }
    break;
  case KL_CODEC_VP9:
    snprintf(number, sizeof number, "%d", crf < 0 ? 24 : crf);
    av_dict_set(o, "crf", number, 0);
    av_dict_set(o, "b", "0", 0);
    av_dict_set(o, "deadline", "good", 0);
    av_dict_set(o, "cpu-used", "5", 0);
    av_dict_set(o, "row-mt", "0", 0);
    av_dict_set(o, "tile-columns", "2", 0);
    av_dict_set(o, "lag-in-frames", "0", 0); /* a frame a call: cancel is heard soon */
    break;
  case KL_CODEC_AV1:
    snprintf(number, sizeof number, "%d", crf < 0 ? 26 : crf);
    av_dict_set(o, "crf", number, 0);
    if (!strcmp(e->encoder_name, "libaom-av1")) {
      av_dict_set(o, "b", "0", 0);
      av_dict_set(o, "usage", "realtime", 0); /* good quality takes 300 ms a frame of 832 x 480 */
      av_dict_set(o, "cpu-used", "7", 0);
      av_dict_set(o, "lag-in-frames", "0", 0);
      av_dict_set(o, "row-mt", "0", 0);
    } else {
      av_dict_set(o, "preset", "8", 0);
    }
    break;
  default: /* MPEG-4 */
    c->flags |= AV_CODEC_FLAG_QSCALE;
    c->global_quality = FF_QP2LAMBDA * (crf <= 0 ? (crf < 0 ? 3 : 1) : crf);
    break;
  }
}

static bool open_codec(KlEncoder *e, KlErr *err) {
  AvWriter *w = e->impl;
  AVDictionary *options = NULL;
  bool ok = false;
  const AVCodec *codec = avcodec_find_encoder_by_name(e->encoder_name);
  AVCodecContext *c = w->codec = avcodec_alloc_context3(codec);
  if (!c) return kl_fail_oom(err);
  c->width = e->stored_width;
  c->height = e->stored_height;
  c->pix_fmt = AV_PIX_FMT_YUV420P;
  c->time_base = (AVRational){e->spec.fps_den, e->spec.fps_num};
  c->framerate = (AVRational){e->spec.fps_num, e->spec.fps_den};
  c->sample_aspect_ratio = (AVRational){1, 1};
  c->color_range = AVCOL_RANGE_MPEG;
  c->color_primaries = AVCOL_PRI_BT709;
  c->color_trc = AVCOL_TRC_BT709;
  c->colorspace = AVCOL_SPC_BT709;
  c->chroma_sample_location = AVCHROMA_LOC_LEFT;
  c->max_b_frames = 0;
  c->gop_size = 250;
  c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
  codec_options(e, c, &options);
  int r = avcodec_open2(c, codec, &options);
  if (r < 0) {
    fail_av(e, "does not start with these settings", r, err);
    goto out;
  }
  ok = true;
out:
  av_dict_free(&options);
  return ok;
}

/* FFmpeg's output callback. Its prototype takes a plain pointer up to FFmpeg 6. */
static int write_packet(void *user, uint8_t *data, int n) {
  KlEncoder *e = user;
  AvWriter *w = e->impl;
  bool ok = true;
  if (w->where == TO_HEADER) ok = kl_bytes_add(&w->header, data, (size_t)n, &w->io);
  if (w->where == TO_SINK) ok = kl_emit(e, data, (size_t)n, &w->io);
  return ok ? n : AVERROR_EXTERNAL;
}

static void close_chunk(KlEncoder *e) {
  AvWriter *w = e->impl;
  if (w->mux) {
    w->where = TO_NOWHERE; /* what the muxer still holds is no part of the file */
    AVIOContext *io = w->mux->pb;
    avformat_free_context(w->mux);
    w->mux = NULL;
    if (io) {
      av_freep(&io->buffer);
      avio_context_free(&io);
    }
  }
  avcodec_free_context(&w->codec);
  kl_bytes_free(&w->header);
}

static void set_tag(KlEncoder *e, const char *key, const char *value) {
  AvWriter *w = e->impl;
  if (value && *value) av_dict_set(&w->mux->metadata, key, value, 0);
}

static const char *muxer_name(const KlEncoder *e) {
  return e->spec.container == KL_CONTAINER_MP4    ? "mp4"
         : e->spec.container == KL_CONTAINER_WEBM ? "webm"
                                                  : "matroska";
}

static bool add_sound(KlEncoder *e, KlErr *err) {
  AvWriter *w = e->impl;
  if (w->copied) return kl_audio_copy_stream(w->copied, w->mux, kl_container_name(e->spec.container), err);
  return !w->made || kl_audio_encode_stream(w->made, w->mux, err);
}

/* The sound up to the beginning of frame `until`; mux NULL: it is in the file already. */
static bool sound_until(AvWriter *w, AVFormatContext *mux, int64_t until, int *r, KlErr *err) {
  *r = 0;
  if (w->copied) return kl_audio_copy_until(w->copied, mux, until, w->codec->time_base, r, err);
  return !w->made || kl_audio_encode_until(w->made, mux, until, w->codec->time_base, r, err);
}

static bool open_muxer(KlEncoder *e, KlErr *err) {
  AvWriter *w = e->impl;
  AVDictionary *options = NULL;
  bool ok = false, mp4 = e->spec.container == KL_CONTAINER_MP4;
  int r = avformat_alloc_output_context2(&w->mux, NULL, muxer_name(e), NULL);
  if (r < 0) return fail_av(e, "has no container", r, err);
  AVStream *stream = avformat_new_stream(w->mux, NULL);
  unsigned char *buffer = av_malloc(IO_BUFFER);
  if (stream && buffer) w->mux->pb = avio_alloc_context(buffer, IO_BUFFER, 1, e, NULL, write_packet, NULL);
  if (!w->mux->pb) {
    av_free(buffer);
    kl_fail_oom(err);
    goto out;
  }
  w->mux->pb->seekable = 0;
  w->mux->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_BITEXACT;
  w->mux->avoid_negative_ts = AVFMT_AVOID_NEG_TS_MAKE_NON_NEGATIVE;
  stream->time_base = w->codec->time_base;
  stream->avg_frame_rate = stream->r_frame_rate = w->codec->framerate;
  stream->sample_aspect_ratio = w->codec->sample_aspect_ratio;
  r = avcodec_parameters_from_context(stream->codecpar, w->codec);
  if (r < 0) {
    fail_av(e, "gives no parameters", r, err);
    goto out;
  }
  if (!stream->codecpar->extradata_size && w->extradata.n) {
    stream->codecpar->extradata = av_mallocz(w->extradata.n + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!stream->codecpar->extradata) {
      kl_fail_oom(err);
      goto out;
    }
    memcpy(stream->codecpar->extradata, w->extradata.data, w->extradata.n);
    stream->codecpar->extradata_size = (int)w->extradata.n;
  }
  if (!add_sound(e, err)) goto out;
  if (mp4) {
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)e->chunk + 1);
    av_dict_set(&options, "movflags", "empty_moov+default_base_moof+frag_custom+frag_discont+write_colr", 0);
    av_dict_set(&options, "fragment_index", number, 0);
    av_dict_set(&options, "use_editlist", "0", 0);
  } else {
    set_tag(e, "title", e->spec.tags.title);
    set_tag(e, "COMMENT", e->spec.tags.comment);
    set_tag(e, "KINOLOOM_JOB", e->spec.tags.job_json);
    set_tag(e, "DIGITALSOURCETYPE", e->spec.tags.synthetic ? KL_DIGITAL_SOURCE_TYPE : NULL);
    if (e->spec.total_frames)
      w->mux->duration = av_rescale_q(e->spec.total_frames, w->codec->time_base, AV_TIME_BASE_Q);
  }
  w->where = e->chunk == 0 ? TO_HEADER : TO_NOWHERE;
  r = avformat_write_header(w->mux, &options);
  avio_flush(w->mux->pb);
  if (r < 0 || w->io.code) {
    fail_av(e, "does not fit the container", r, err);
    goto out;
  }
  if (e->chunk == 0) {
    int padding = w->made ? kl_audio_encode_padding(w->made) : 0;
    if (mp4 && !kl_mp4_header_complete(&w->header, &e->spec, padding, err)) goto out;
    if (!kl_emit(e, w->header.data, w->header.n, err)) goto out;
    kl_bytes_free(&w->header);
  }
  w->where = TO_SINK;
  ok = true;
out:
  av_dict_free(&options);
  return ok;
}

static bool av_begin(KlEncoder *e, int64_t chunk, int64_t first, KlErr *err) {
  AvWriter *w = e->impl;
  int r;
  if (!open_codec(e, err) || !open_muxer(e, err)) return false;
  /* after a resume: what earlier chunks hold. Read from the start, not sought: the time stamps stay the same
   */
  return first == 0 || sound_until(w, NULL, first, &r, err);
}

/* A new picture: encoders keep references to the earlier ones. */
static bool fresh_frame(KlEncoder *e, int64_t index, KlErr *err) {
  AVFrame *f = ((AvWriter *)e->impl)->frame;
  av_frame_unref(f);
  f->format = AV_PIX_FMT_YUV420P;
  f->width = e->stored_width;
  f->height = e->stored_height;
  f->color_range = AVCOL_RANGE_MPEG;
  f->color_primaries = AVCOL_PRI_BT709;
  f->color_trc = AVCOL_TRC_BT709;
  f->colorspace = AVCOL_SPC_BT709;
  f->chroma_location = AVCHROMA_LOC_LEFT;
  f->sample_aspect_ratio = (AVRational){1, 1};
  f->pts = index;
  return av_frame_get_buffer(f, 0) >= 0 || kl_fail_oom(err);
}

/* The sequence header, from a grey picture that is thrown away: the container's header needs it beforehand.
 */
static bool learn_extradata(KlEncoder *e, KlErr *err) {
  AvWriter *w = e->impl;
  if (!fresh_frame(e, 0, err)) return false;
  for (int i = 0; i < 3; i++)
    memset(w->frame->data[i], 128, (size_t)w->frame->linesize[i] * (size_t)(e->stored_height >> (i > 0)));
  int r = avcodec_send_frame(w->codec, w->frame);
  if (r >= 0) r = avcodec_send_frame(w->codec, NULL);
  while (r >= 0) {
    r = avcodec_receive_packet(w->codec, w->packet);
    if (r < 0) break;
    size_t n = 0;
    const uint8_t *data = av_packet_get_side_data(w->packet, AV_PKT_DATA_NEW_EXTRADATA, &n);
    bool ok = !data || w->extradata.n || kl_bytes_add(&w->extradata, data, n, err);
    av_packet_unref(w->packet);
    if (!ok) return false;
  }
  return r == AVERROR_EOF || fail_av(e, "does not start with these settings", r, err);
}

static bool av_open(KlEncoder *e, KlErr *err) {
  e->stored_width = (e->spec.width + 1) & ~1;
  e->stored_height = (e->spec.height + 1) & ~1;
  AvWriter *w = e->impl = kl_calloc(1, sizeof *w);
  if (!w) return kl_fail_oom(err);
  w->frame = av_frame_alloc();
  w->packet = av_packet_alloc();
  if (!w->frame || !w->packet) return kl_fail_oom(err);
  if (e->spec.audio_from && !kl_audio_copy_open(e->spec.audio_from, e->cancel, &w->copied, err)) return false;
  if (e->spec.sound.channels &&
      !kl_audio_encode_open(&e->spec.sound, e->spec.container, e->cancel, &w->made, err))
    return false;
  /* to see whether it would: a clear error before hours of work */
  bool ok = open_codec(e, err) &&
            (e->codec != KL_CODEC_AV1 || w->codec->extradata_size > 0 || learn_extradata(e, err));
  if (ok && w->copied) { /* and whether the container takes the sound */
    w->mux = avformat_alloc_context();
    if (w->mux) w->mux->oformat = av_guess_format(muxer_name(e), NULL, NULL);
    ok = w->mux ? add_sound(e, err) : kl_fail_oom(err);
  }
  close_chunk(e);
  return ok;
}

/* Moves finished packets from the encoder to the muxer. */
static bool drain(KlEncoder *e, KlErr *err) {
  AvWriter *w = e->impl;
  for (;;) {
    if (kl_cancelled(e->cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    int r = avcodec_receive_packet(w->codec, w->packet);
    if (r == AVERROR(EAGAIN) || r == AVERROR_EOF) return true;
    if (r < 0) return fail_av(e, "failed", r, err);
    if (!w->packet->duration) w->packet->duration = 1;
    /* the sound of this frame's time, so that chunks split it where they split the picture; before the frame,
     * as Matroska's muxer holds back a packet of sound until the next of any kind */
    if (!sound_until(w, w->mux, w->packet->pts + 1, &r, err)) return false;
    if (r >= 0) {
      av_packet_rescale_ts(w->packet, w->codec->time_base, w->mux->streams[0]->time_base);
      w->packet->stream_index = 0;
      r = av_write_frame(w->mux, w->packet);
    }
    av_packet_unref(w->packet);
    if (r < 0 || w->io.code) return fail_av(e, "gave a frame that the container refuses", r, err);
  }
}

static bool av_frame(KlEncoder *e, const uint8_t *rgb, int64_t index, KlErr *err) {
  AvWriter *w = e->impl;
  AVFrame *f = w->frame;
  if (!fresh_frame(e, index, err)) return false;
  kl_rgb_to_yuv420(rgb, e->spec.width, e->spec.height, f->data[0], f->linesize[0], f->data[1], f->data[2],
                   f->linesize[1]);
  int r = avcodec_send_frame(w->codec, f);
  if (r < 0) return fail_av(e, "refuses a frame", r, err);
  return drain(e, err);
}

static bool av_end(KlEncoder *e, KlErr *err) {
  AvWriter *w = e->impl;
  int r = avcodec_send_frame(w->codec, NULL);
  if (r < 0 && r != AVERROR_EOF) return fail_av(e, "cannot end", r, err);
  if (!drain(e, err)) return false;
  r = av_write_frame(w->mux, NULL);
  if (r >= 0) {
    avio_flush(w->mux->pb);
    r = w->mux->pb->error;
  }
  if (r < 0 || w->io.code) return fail_av(e, "cannot end", r, err);
  close_chunk(e);
  return true;
}

static bool av_finish(KlEncoder *e, KlErr *err) {
  return true;
}

static void av_free_writer(KlEncoder *e) {
  AvWriter *w = e->impl;
  if (!w) return;
  close_chunk(e);
  av_frame_free(&w->frame);
  av_packet_free(&w->packet);
  kl_audio_copy_free(&w->copied);
  kl_audio_encode_free(&w->made);
  kl_bytes_free(&w->extradata);
  kl_free(&e->impl);
}

const KlWriter kl_writer_av = {av_open, av_begin, av_frame, av_end, av_finish, av_free_writer};
