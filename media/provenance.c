#define _GNU_SOURCE /* memmem */
/* The job and the marker, read back. */
#include "media/provenance.h"

#include "engine/base/mem.h"
#include "media/decode_internal.h"
#include "media/provenance_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_MAX (2u * KL_JOB_MAX + (1u << 20)) /* bytes in which PNG and GIF must have their tags */
#define FILE_MAX (INT64_C(1) << 30)

/* Strict UTF-8: no overlong forms, surrogates or values over U+10FFFF. */
static bool utf8_ok(const uint8_t *s, size_t n) {
  for (size_t i = 0; i < n;) {
    uint8_t c = s[i];
    int more = c < 0x80                ? 0
               : c >= 0xC2 && c < 0xE0 ? 1
               : c >= 0xE0 && c < 0xF0 ? 2
               : c >= 0xF0 && c < 0xF5 ? 3
                                       : -1;
    if (more < 0 || c == 0 || n - i <= (size_t)more) return false;
    for (int k = 1; k <= more; k++)
      if ((s[i + (size_t)k] & 0xC0) != 0x80) return false;
    if ((c == 0xE0 && s[i + 1] < 0xA0) || (c == 0xED && s[i + 1] > 0x9F) || (c == 0xF0 && s[i + 1] < 0x90) ||
        (c == 0xF4 && s[i + 1] > 0x8F))
      return false;
    i += (size_t)more + 1;
  }
  return true;
}

bool kl_job_text_ok(const char *text, size_t n) {
  return n > 0 && n <= KL_JOB_MAX && utf8_ok((const uint8_t *)text, n);
}

bool kl_read_head(const char *path, size_t most, KlBytes *out, KlErr *err) {
  bool ok = false;
  struct stat st;
  int fd = kl_open_plain(path, &st, err);
  if (fd < 0) return false;
  if (st.st_size > FILE_MAX && most > FILE_MAX) {
    kl_fail(err, KL_ERR_FORMAT, "the file is too large");
    goto out;
  }
  size_t want = (size_t)st.st_size < most ? (size_t)st.st_size : most;
  if (!kl_grow(&out->data, &out->cap, want ? want : 1, 1)) {
    kl_fail_oom(err);
    goto out;
  }
  for (out->n = 0; out->n < want;) {
    ssize_t k = read(fd, out->data + out->n, want - out->n);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) {
      kl_fail(err, KL_ERR_IO, "cannot read %s: %s", path, strerror(errno));
      goto out;
    }
    if (k == 0) break;
    out->n += (size_t)k;
  }
  ok = true;
out:
  close(fd);
  return ok;
}

/* Sub-blocks at *at, joined; *at moves behind them. False only when out of memory; a cut end ends the data.
 */
static bool join_blocks(const uint8_t *data, size_t n, size_t *at, KlBytes *out, KlErr *err) {
  out->n = 0;
  while (*at < n) {
    size_t k = data[(*at)++];
    if (k == 0) break;
    if (k > n - *at) k = n - *at;
    if (!kl_bytes_add(out, data + *at, k, err)) return false;
    *at += k;
  }
  return true;
}

bool kl_gif_read_tags(const uint8_t *data, size_t n, char **json, bool *synthetic, KlErr *err) {
  KlBytes text = {0};
  bool ok = false;
  if (n < 13) {
    kl_fail(err, KL_ERR_FORMAT, "damaged GIF");
    goto out;
  }
  size_t at = 13 + (data[10] & 0x80 ? (size_t)3 << ((data[10] & 7) + 1) : 0);
  while (at + 2 < n && data[at] == 0x21) {
    bool app = data[at + 1] == 0xFF && data[at + 2] == 11 && n - at >= 14;
    bool job = app && !memcmp(data + at + 3, "KINOLOOMJOB", 11),
         xmp = app && !memcmp(data + at + 3, "XMP DataXMP", 11);
    at += app ? 14 : 2;
    if (!join_blocks(data, n, &at, &text, err)) goto out;
    /* XMP is not in sub-blocks: joined as if it were, it lacks a byte here and there, so look at it in place
     */
    if (xmp && memmem(data, at < n ? at : n, KL_DIGITAL_SOURCE_TYPE, strlen(KL_DIGITAL_SOURCE_TYPE)))
      *synthetic = true;
    if (!job || *json || !kl_job_text_ok((const char *)text.data, text.n)) continue;
    if (!kl_bytes_add(&text, "", 1, err)) goto out;
    *json = (char *)text.data;
    text = (KlBytes){0};
  }
  ok = true;
out:
  kl_bytes_free(&text);
  return ok;
}

bool kl_tags_from_dict(const AVDictionary *dict, char **json, bool *synthetic, KlErr *err) {
  static const char *const keys[] = {"kinoloom:job", "KINOLOOM_JOB"};
  for (int i = 0; i < 2 && !*json; i++) {
    const AVDictionaryEntry *e = av_dict_get(dict, keys[i], NULL, 0);
    if (!e || !kl_job_text_ok(e->value, strlen(e->value))) continue;
    *json = kl_strdup(e->value);
    if (!*json) return kl_fail_oom(err);
  }
  const AVDictionaryEntry *e = av_dict_get(dict, "DigitalSourceType", NULL, 0);
  if (e && !strcmp(e->value, KL_DIGITAL_SOURCE_TYPE)) *synthetic = true;
  return true;
}

bool kl_media_read_job(const char *path, char **json, bool *synthetic, KlErr *err) {
  KlBytes head = {0};
  KlPng png = {0};
  KlAvFile f = {.fd = -1};
  bool ok = false, marked = false;
  *json = NULL;
  if (!kl_read_head(path, 16, &head, err)) goto out;
  bool is_png = head.n >= 8 && !memcmp(head.data, "\x89PNG\r\n\x1A\n", 8);
  bool is_gif = head.n >= 6 && (!memcmp(head.data, "GIF89a", 6) || !memcmp(head.data, "GIF87a", 6));
  if ((is_png || is_gif) && !kl_read_head(path, HEAD_MAX, &head, err)) goto out;
  if (is_png) {
    if (!kl_png_read_part(head.data, head.n, false, &png, err)) {
      kl_fail_prefix(err, "%s", path);
      goto out;
    }
    *json = png.job_json;
    png.job_json = NULL;
    marked = png.synthetic;
  } else if (is_gif) {
    if (!kl_gif_read_tags(head.data, head.n, json, &marked, err)) {
      kl_fail_prefix(err, "%s", path);
      goto out;
    }
  } else {
    if (!kl_av_file_open(&f, path, NULL, err) || !kl_tags_from_dict(f.fmt->metadata, json, &marked, err))
      goto out;
  }
  ok = true;
out:
  if (synthetic) *synthetic = ok && marked;
  kl_av_file_close(&f);
  kl_png_free(&png);
  kl_bytes_free(&head);
  if (!ok) kl_free(json);
  return ok;
}
