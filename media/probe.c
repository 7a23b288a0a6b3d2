/* What a file is, from its headers. */
#include "media/decode_internal.h"
#include "media/provenance_internal.h"

#include "engine/base/mem.h"

#include <libavutil/pixdesc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void copy_name(char *to, size_t size, const char *name) {
  snprintf(to, size, "%.*s", name ? (int)strcspn(name, ",") : 0, name ? name : "");
}

/* Containers with millisecond clocks give 29.97 as 19001/634 or the like: the standard rate within 0.02 % is
 * it. */
static AVRational exact_rate(AVRational r) {
  static const AVRational known[] = {{24000, 1001}, {24, 1},        {25, 1}, {30000, 1001}, {30, 1},
                                     {48, 1},       {50, 1},        {60, 1}, {12, 1},       {15, 1},
                                     {60000, 1001}, {120, 1},       {10, 1}, {16, 1},       {100, 1},
                                     {20, 1},       {120000, 1001}, {8, 1}};
  if (r.num <= 0 || r.den <= 0) return (AVRational){0, 1};
  av_reduce(&r.num, &r.den, r.num, r.den, INT32_MAX);
  if (r.den == 1 || r.den == 1001) return r;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (fabs(av_q2d(r) / av_q2d(known[i]) - 1) < 2e-4) return known[i];
  return r;
}

static bool is_still(const AVFormatContext *fmt, const AVStream *s) {
  const char *name = fmt->iformat->name;
  size_t n = strlen(name);
  return s->disposition & AV_DISPOSITION_ATTACHED_PIC || (n > 5 && !strcmp(name + n - 5, "_pipe")) ||
         !strcmp(name, "image2");
}

void kl_info_from_headers(const AVFormatContext *fmt, int stream, KlMediaInfo *info) {
  *info = (KlMediaInfo){.fps_den = 1, .frames = -1, .duration = -1};
  /* FFmpeg has one reader for QuickTime and MP4; the brand tells them apart. */
  const AVDictionaryEntry *brand = av_dict_get(fmt->metadata, "major_brand", NULL, 0);
  bool mp4 = !strncmp(fmt->iformat->name, "mov,", 4) && brand && strncmp(brand->value, "qt", 2);
  copy_name(info->container, sizeof info->container, mp4 ? "mp4" : fmt->iformat->name);
  if (fmt->duration != AV_NOPTS_VALUE && fmt->duration >= 0)
    info->duration = (double)fmt->duration / AV_TIME_BASE;
  int audio = av_find_best_stream((AVFormatContext *)fmt, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
  if (audio >= 0) {
    const AVCodecParameters *p = fmt->streams[audio]->codecpar;
    info->has_audio = true;
    copy_name(info->audio_codec, sizeof info->audio_codec, avcodec_get_name(p->codec_id));
    info->sample_rate = p->sample_rate;
    info->channels = p->ch_layout.nb_channels;
  }
  if (stream < 0) return;
  AVStream *s = fmt->streams[stream];
  const AVCodecParameters *p = s->codecpar;
  info->has_video = true;
  copy_name(info->codec, sizeof info->codec, avcodec_get_name(p->codec_id));
  KlTurn turn = kl_turn_of(s, NULL);
  kl_display_size(p->width, p->height,
                  s->sample_aspect_ratio.num ? s->sample_aspect_ratio : p->sample_aspect_ratio, turn,
                  &info->width, &info->height);
  info->rotation = kl_turn_degrees(turn);
  info->still = is_still(fmt, s);
  if (info->still) {
    info->frames = 1;
    if (!info->has_audio) info->duration = 0; /* else it is a picture on a song */
  } else {
    AVRational rate = exact_rate(av_guess_frame_rate((AVFormatContext *)fmt, s, NULL));
    info->fps_num = rate.num;
    info->fps_den = rate.den;
    if (s->nb_frames > 0) info->frames = s->nb_frames;
    if (s->duration != AV_NOPTS_VALUE && s->duration > 0)
      info->duration = (double)s->duration * av_q2d(s->time_base);
  }
  const char *pixel = av_get_pix_fmt_name(p->format);
  copy_name(info->pixel_format, sizeof info->pixel_format, pixel ? pixel : "unknown");
  copy_name(info->primaries, sizeof info->primaries, av_color_primaries_name(p->color_primaries));
  copy_name(info->transfer, sizeof info->transfer, av_color_transfer_name(p->color_trc));
  copy_name(info->matrix, sizeof info->matrix, av_color_space_name(p->color_space));
  copy_name(info->range, sizeof info->range, av_color_range_name(p->color_range));
}

bool kl_media_probe(const char *path, const KlCancel *cancel, KlMediaInfo *info, KlErr *err) {
  KlAvFile f;
  KlDecoder *d = NULL;
  char *json = NULL;
  *info = (KlMediaInfo){0};
  if (!kl_av_file_open(&f, path, cancel, err)) return false;
  bool ok = false;
  int stream = av_find_best_stream(f.fmt, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
  kl_info_from_headers(f.fmt, stream, info);
  if (!info->has_video && !info->has_audio) {
    kl_fail(err, KL_ERR_FORMAT, "%s: no picture, video or sound in it", path);
    goto out;
  }
  if (info->still) { /* only the decoded picture knows its Exif orientation */
    if (!kl_decoder_open(path, cancel, &d, err)) goto out;
    *info = *kl_decoder_info(d);
  }
  ok = kl_media_read_job(path, &json, &info->synthetic, err);
  info->has_job = json != NULL;
out:
  kl_free(&json);
  kl_decoder_free(&d);
  kl_av_file_close(&f);
  return ok;
}
