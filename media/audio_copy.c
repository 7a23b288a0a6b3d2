#include "media/audio_copy.h"
#include "media/encode_internal.h"

#include "engine/base/mem.h"

struct KlAudioCopy {
  KlAvFile file;
  AVStream *from;
  int to;           /* index in the muxer */
  int64_t origin;   /* time 0, in the stream's time base */
  AVPacket *packet; /* read, not yet passed on */
  bool have, end;
};

bool kl_audio_copy_open(const char *path, const KlCancel *cancel, KlAudioCopy **out, KlErr *err) {
  *out = NULL;
  KlAudioCopy *a = kl_calloc(1, sizeof *a);
  if (!a) return kl_fail_oom(err);
  bool ok = false;
  a->file.fd = -1;
  a->packet = av_packet_alloc();
  if (!a->packet) {
    kl_fail_oom(err);
    goto out;
  }
  if (!kl_av_file_open(&a->file, path, cancel, err)) goto out;
  AVFormatContext *fmt = a->file.fmt;
  int sound = av_find_best_stream(fmt, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
  int video = av_find_best_stream(fmt, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
  if (sound < 0) {
    kl_fail(err, KL_ERR_UNSUPPORTED, "%s: no sound in it", path);
    goto out;
  }
  a->from = fmt->streams[sound];
  const AVStream *zero = a->from;
  if (video >= 0 && !(fmt->streams[video]->disposition & AV_DISPOSITION_ATTACHED_PIC))
    zero = fmt->streams[video];
  if (zero->start_time != AV_NOPTS_VALUE)
    a->origin = av_rescale_q(zero->start_time, zero->time_base, a->from->time_base);
  for (unsigned i = 0; i < fmt->nb_streams; i++)
    if ((int)i != sound) fmt->streams[i]->discard = AVDISCARD_ALL;
  ok = true;
out:
  if (ok)
    *out = a;
  else
    kl_audio_copy_free(&a);
  return ok;
}

void kl_audio_copy_free(KlAudioCopy **pa) {
  KlAudioCopy *a = *pa;
  if (!a) return;
  av_packet_free(&a->packet);
  kl_av_file_close(&a->file);
  kl_free(pa);
}

bool kl_audio_copy_stream(KlAudioCopy *a, AVFormatContext *mux, const char *container, KlErr *err) {
  const AVCodecParameters *p = a->from->codecpar;
  /* AAC without its header up front (from an MPEG transport stream) would need the first packet before ours
   */
  if (avformat_query_codec(mux->oformat, p->codec_id, FF_COMPLIANCE_NORMAL) != 1 ||
      (p->codec_id == AV_CODEC_ID_AAC && p->extradata_size == 0))
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s files cannot hold %s sound unaltered; mkv files can",
                   container, avcodec_get_name(p->codec_id));
  AVStream *s = avformat_new_stream(mux, NULL);
  if (!s || avcodec_parameters_copy(s->codecpar, p) < 0) return kl_fail_oom(err);
  s->codecpar->codec_tag = 0;
  s->time_base = (AVRational){1, p->sample_rate > 0 ? p->sample_rate : 48000};
  a->to = s->index;
  return true;
}

bool kl_audio_copy_until(KlAudioCopy *a, AVFormatContext *mux, int64_t until, AVRational base, int *r,
                         KlErr *err) {
  *r = 0;
  while (!a->end) {
    if (kl_cancelled(a->file.cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    if (!a->have) {
      if (av_read_frame(a->file.fmt, a->packet) < 0) {
        a->end = true;
        break;
      }
      a->have = a->packet->stream_index == a->from->index && a->packet->pts != AV_NOPTS_VALUE;
      if (!a->have) {
        av_packet_unref(a->packet);
        continue;
      }
      a->packet->pts -= a->origin;
      a->packet->dts = a->packet->pts; /* sound is never reordered */
      a->packet->pos = -1;
    }
    if (av_compare_ts(a->packet->pts, a->from->time_base, until, base) >= 0) break;
    a->have = false;
    if (mux && a->packet->pts >= 0) {
      a->packet->stream_index = a->to;
      av_packet_rescale_ts(a->packet, a->from->time_base, mux->streams[a->to]->time_base);
      *r = av_write_frame(mux, a->packet);
    }
    av_packet_unref(a->packet);
    if (*r < 0) break;
  }
  return true;
}
