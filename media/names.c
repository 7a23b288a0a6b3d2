/* Names of containers and codecs, and which go together. */
#include "media/encode_internal.h"

#include <libavcodec/avcodec.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const struct {
  KlContainer id;
  const char *name;
  KlCodec codecs[5]; /* best first, ended by KL_CODEC_AUTO */
} containers[] = {
    {KL_CONTAINER_MP4, "mp4", {KL_CODEC_H264, KL_CODEC_VP9, KL_CODEC_AV1, KL_CODEC_MPEG4}},
    {KL_CONTAINER_WEBM, "webm", {KL_CODEC_VP9, KL_CODEC_AV1}},
    {KL_CONTAINER_MKV, "mkv", {KL_CODEC_H264, KL_CODEC_VP9, KL_CODEC_AV1, KL_CODEC_MPEG4}},
    {KL_CONTAINER_GIF, "gif", {KL_CODEC_GIF}},
    {KL_CONTAINER_APNG, "apng", {KL_CODEC_PNG}},
    {KL_CONTAINER_PNG, "png", {KL_CODEC_PNG}},
    {KL_CONTAINER_PNG_SEQUENCE, "png-sequence", {KL_CODEC_PNG}},
};

static const struct {
  KlCodec id;
  const char *name, *label;
  const char *encoders[3]; /* FFmpeg's names, best first; none: our own code */
} codecs[] = {
    {KL_CODEC_AUTO, "auto", "auto", {NULL}},
    {KL_CODEC_H264, "h264", "H.264", {"libx264", "libopenh264"}},
    {KL_CODEC_VP9, "vp9", "VP9", {"libvpx-vp9"}},
    {KL_CODEC_AV1, "av1", "AV1", {"libaom-av1", "libsvtav1"}},
    {KL_CODEC_MPEG4, "mpeg4", "MPEG-4", {"mpeg4"}},
    {KL_CODEC_GIF, "gif", "GIF", {NULL}},
    {KL_CODEC_PNG, "png", "PNG", {NULL}},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool ends_with(const char *s, const char *tail) {
  size_t n = strlen(s), m = strlen(tail);
  return n > m && !strcasecmp(s + n - m, tail);
}

/* The number of %d / %05d fields; -1 when another % is there. */
static int pattern_fields(const char *s) {
  int fields = 0;
  for (; *s; s++) {
    if (*s != '%') continue;
    s++;
    if (*s == '%') continue;
    while (*s >= '0' && *s <= '9') s++;
    if (*s != 'd') return -1;
    fields++;
  }
  return fields;
}

KlContainer kl_container_from_path(const char *path) {
  static const struct {
    const char *tail;
    KlContainer id;
  } tails[] = {{".mp4", KL_CONTAINER_MP4}, {".m4v", KL_CONTAINER_MP4}, {".webm", KL_CONTAINER_WEBM},
               {".mkv", KL_CONTAINER_MKV}, {".gif", KL_CONTAINER_GIF}, {".apng", KL_CONTAINER_APNG},
               {".png", KL_CONTAINER_PNG}};
  if (!path || !*path || !strcmp(path, "-")) return KL_CONTAINER_NONE;
  struct stat st;
  if (path[strlen(path) - 1] == '/' || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
    return KL_CONTAINER_PNG_SEQUENCE;
  for (size_t i = 0; i < COUNT(tails); i++)
    if (ends_with(path, tails[i].tail))
      return tails[i].id == KL_CONTAINER_PNG && pattern_fields(path) == 1 ? KL_CONTAINER_PNG_SEQUENCE
                                                                          : tails[i].id;
  return KL_CONTAINER_NONE;
}

const char *kl_container_name(KlContainer c) {
  for (size_t i = 0; i < COUNT(containers); i++)
    if (containers[i].id == c) return containers[i].name;
  return "none";
}

bool kl_container_parse(const char *name, KlContainer *out) {
  for (size_t i = 0; name && i < COUNT(containers); i++)
    if (!strcasecmp(containers[i].name, name)) {
      *out = containers[i].id;
      return true;
    }
  return false;
}

const char *kl_codec_name(KlCodec c) {
  for (size_t i = 0; i < COUNT(codecs); i++)
    if (codecs[i].id == c) return codecs[i].name;
  return "none";
}

bool kl_codec_parse(const char *name, KlCodec *out) {
  for (size_t i = 0; name && i < COUNT(codecs); i++)
    if (!strcasecmp(codecs[i].name, name) || !strcasecmp(codecs[i].label, name)) {
      *out = codecs[i].id;
      return true;
    }
  return false;
}

const char *kl_codec_encoder(KlCodec c) {
  for (size_t i = 0; i < COUNT(codecs); i++)
    for (size_t k = 0; codecs[i].id == c && k < COUNT(codecs[i].encoders) && codecs[i].encoders[k]; k++)
      if (avcodec_find_encoder_by_name(codecs[i].encoders[k])) return codecs[i].encoders[k];
  return NULL;
}

bool kl_codec_available(KlCodec c) {
  if (c == KL_CODEC_AUTO || c == KL_CODEC_GIF || c == KL_CODEC_PNG) return true;
  return kl_codec_encoder(c) != NULL;
}

size_t kl_media_codecs(KlCodec *out, size_t n) {
  static const KlCodec video[] = {KL_CODEC_H264, KL_CODEC_VP9, KL_CODEC_AV1, KL_CODEC_MPEG4};
  size_t found = 0;
  for (size_t i = 0; i < COUNT(video) && found < n; i++)
    if (kl_codec_available(video[i])) out[found++] = video[i];
  return found;
}

static const char *label(KlCodec c) {
  for (size_t i = 0; i < COUNT(codecs); i++)
    if (codecs[i].id == c) return codecs[i].label;
  return "?";
}

bool kl_codec_resolve(KlContainer container, KlCodec codec, KlCodec *out, KlErr *err) {
  char would_do[96] = "";
  const KlCodec *list = NULL;
  for (size_t i = 0; i < COUNT(containers); i++)
    if (containers[i].id == container) list = containers[i].codecs;
  if (!list) return kl_fail(err, KL_ERR_INVALID, "no output format given");
  bool belongs = codec == KL_CODEC_AUTO;
  for (size_t i = 0; i < COUNT(containers[0].codecs) && list[i] != KL_CODEC_AUTO; i++) {
    if (list[i] == codec) belongs = true;
    if (!kl_codec_available(list[i])) continue;
    if (codec == KL_CODEC_AUTO || codec == list[i]) {
      *out = list[i];
      return true;
    }
    size_t n = strlen(would_do);
    snprintf(would_do + n, sizeof would_do - n, "%s%s", n ? ", " : "", label(list[i]));
  }
  const char *what = kl_container_name(container);
  if (codec == KL_CODEC_AUTO)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "this FFmpeg has no video encoder for %s files", what);
  if (!belongs)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "%s files cannot hold %s; possible here: %s", what, label(codec),
                   *would_do ? would_do : "nothing");
  return kl_fail(err, KL_ERR_UNSUPPORTED, "this FFmpeg cannot encode %s; possible in %s files here: %s",
                 label(codec), what, *would_do ? would_do : "nothing");
}

bool kl_pattern_expand(const char *pattern, int64_t number, char *out, size_t size) {
  struct stat st;
  size_t n = 0, len = strlen(pattern);
  if (!len) return false;
  if (pattern[len - 1] == '/' || (stat(pattern, &st) == 0 && S_ISDIR(st.st_mode)))
    return (size_t)snprintf(out, size, "%s%s%05lld.png", pattern, pattern[len - 1] == '/' ? "" : "/",
                            (long long)number) < size;
  if (pattern_fields(pattern) != 1) return false;
  for (const char *p = pattern; *p; p++) {
    if (n + 1 >= size) return false;
    if (*p != '%' || p[1] == '%') {
      out[n++] = *p;
      p += *p == '%';
      continue;
    }
    int width = 0;
    bool zero = p[1] == '0';
    for (p++; *p != 'd'; p++) width = width < 100 ? width * 10 + (*p - '0') : width;
    if (width > 20) width = 20;
    int k = zero ? snprintf(out + n, size - n, "%0*lld", width, (long long)number)
                 : snprintf(out + n, size - n, "%*lld", width, (long long)number);
    if (k < 0 || (size_t)k >= size - n) return false;
    n += (size_t)k;
  }
  out[n] = 0;
  return true;
}
