#include "media/png.h"

#include "engine/base/mem.h"
#include "media/bounds.h"
#include "media/encode_internal.h"
#include "media/provenance_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (KL_JOB_MAX + 4096) /* bytes of one text chunk that are read */

/* What the callbacks see. libpng leaves by longjmp: all state that must be released lives here, not in
 * locals. */
typedef struct {
  png_structp png;
  png_infop info;
  KlSink sink;         /* writing */
  const uint8_t *data; /* reading from memory */
  size_t n, at;
  png_bytep *rows;
  KlErr *err;
  bool starved;    /* an allocation failed */
  bool oversize;   /* one was refused */
  KlErrCode blame; /* code of an error that libpng itself finds */
} Png;

static void *png_alloc(png_structp png, png_alloc_size_t n) {
  Png *p = png_get_mem_ptr(png);
  /* libpng takes the word of a text chunk for its length; rows are far smaller than the limit */
  void *block = p->data && n > TEXT_MAX + 1024 ? NULL : kl_alloc(n, 1);
  if (!block) {
    p->oversize = p->data && n > TEXT_MAX + 1024;
    p->starved = !p->oversize;
  }
  return block;
}

static void png_release(png_structp png, void *p) {
  kl_free(&p);
}

static void on_error(png_structp png, const char *text) {
  Png *p = png_get_error_ptr(png);
  if (p->starved) /* whatever libpng calls it */
    kl_fail_oom(p->err);
  else if (p->oversize)
    kl_fail(p->err, p->blame, "damaged PNG: a text over %u MiB", KL_JOB_MAX >> 20);
  else
    kl_fail(p->err, p->blame, "%s: %s", p->blame == KL_ERR_FORMAT ? "damaged PNG" : "PNG", text);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, const char *text) {}

static void on_write(png_structp png, png_bytep data, size_t n) {
  Png *p = png_get_io_ptr(png);
  if (!p->sink.write(p->sink.user, data, n, p->err)) png_longjmp(png, 1);
}

static void on_flush(png_structp png) {}

static void add_text(Png *p, const char *key, const char *text) {
  if (!text || !*text) return;
  png_text t = {.compression = PNG_ITXT_COMPRESSION_NONE,
                .key = (char *)key,
                .text = (char *)text,
                .lang = (char *)"",
                .lang_key = (char *)""};
  png_set_text(p->png, p->info, &t, 1);
}

/* The part between setjmp and the end; locals that change do not outlive a longjmp. */
static bool write_guarded(Png *p, const uint8_t *pixels, size_t stride, int width, int height, int channels,
                          const KlMediaTags *tags, const char *xmp) {
  if (setjmp(png_jmpbuf(p->png))) return false;
  png_set_write_fn(p->png, p, on_write, on_flush);
  png_set_user_limits(p->png, KL_MEDIA_MAX_EDGE, KL_MEDIA_MAX_EDGE);
  png_set_IHDR(p->png, p->info, (png_uint_32)width, (png_uint_32)height, 8,
               channels == 4 ? PNG_COLOR_TYPE_RGB_ALPHA : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (tags) {
    png_set_sRGB(p->png, p->info, PNG_sRGB_INTENT_PERCEPTUAL);
    add_text(p, "Title", tags->title);
    add_text(p, "Comment", tags->comment);
    add_text(p, "Software", "Kinoloom " KL_VERSION);
    add_text(p, "kinoloom:job", tags->job_json);
    add_text(p, "XML:com.adobe.xmp", xmp);
  }
  png_write_info(p->png, p->info);
  for (int y = 0; y < height; y++) png_write_row(p->png, pixels + (size_t)y * stride);
  png_write_end(p->png, NULL);
  return true;
}

bool kl_png_write_rows(KlSink sink, const uint8_t *pixels, size_t stride, int width, int height, int channels,
                       const KlMediaTags *tags, KlErr *err) {
  bool ok = false;
  KlErr local = KL_ERR_INIT;
  Png p = {.sink = sink, .err = &local, .blame = KL_ERR_INVALID};
  char *xmp = tags && tags->synthetic ? kl_xmp_packet(tags) : NULL;
  if (tags && tags->synthetic && !xmp) {
    kl_fail_oom(err);
    goto out;
  }
  p.png =
      png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &p, on_error, on_warning, &p, png_alloc, png_release);
  if (p.png) p.info = png_create_info_struct(p.png);
  if (!p.info) {
    kl_fail_oom(err);
    goto out;
  }
  ok = write_guarded(&p, pixels, stride, width, height, channels, tags, xmp);
  if (!ok && err && !err->code) *err = local;
out:
  png_destroy_write_struct(&p.png, &p.info);
  kl_free(&xmp);
  return ok;
}

static bool check_size(int64_t width, int64_t height, KlErrCode code, KlErr *err) {
  if (width >= 1 && height >= 1 && width <= KL_MEDIA_MAX_EDGE && height <= KL_MEDIA_MAX_EDGE &&
      width * height <= KL_MEDIA_MAX_PIXELS)
    return true;
  return kl_fail(err, code,
                 "a picture of %lld x %lld pixels is out of bounds (%d an edge, %d million in all)",
                 (long long)width, (long long)height, KL_MEDIA_MAX_EDGE, KL_MEDIA_MAX_PIXELS / 1000000);
}

bool kl_png_write(KlSink sink, const uint8_t *pixels, int width, int height, int channels,
                  const KlMediaTags *tags, KlErr *err) {
  if (channels != 3 && channels != 4) return kl_fail(err, KL_ERR_INVALID, "a PNG has 3 or 4 channels here");
  if (!check_size(width, height, KL_ERR_INVALID, err)) return false;
  return kl_png_write_rows(sink, pixels, (size_t)width * (size_t)channels, width, height, channels, tags,
                           err);
}

bool kl_png_write_file(const char *path, const uint8_t *pixels, int width, int height, int channels,
                       const KlMediaTags *tags, KlErr *err) {
  bool ok = false;
  KlFileSink *file = NULL;
  size_t n = strlen(path) + sizeof ".part";
  char *part = kl_alloc(n, 1);
  if (!part) return kl_fail_oom(err);
  snprintf(part, n, "%s.part", path);
  if (!kl_file_sink_open(part, 0, &file, err)) goto out;
  ok = kl_png_write(kl_file_sink(file), pixels, width, height, channels, tags, err) &&
       kl_file_sink_sync(file, err);
  ok = kl_file_sink_close(&file, ok ? err : NULL) && ok;
  if (ok && rename(part, path) < 0)
    ok = kl_fail(err, KL_ERR_IO, "cannot write %s: %s", path, strerror(errno));
  if (!ok)
    unlink(part);
  else
    kl_sync_folder(path);
out:
  kl_free(&part);
  return ok;
}

static void on_read(png_structp png, png_bytep out, size_t n) {
  Png *p = png_get_io_ptr(png);
  if (n > p->n - p->at) png_error(png, "the file ends early");
  memcpy(out, p->data + p->at, n);
  p->at += n;
}

/* Keeps the job and the marker of the text chunks read so far; false: out of memory (never a longjmp). */
static bool take_text(Png *p, KlPng *out) {
  png_textp text = NULL;
  int n = png_get_text(p->png, p->info, &text, NULL);
  for (int i = 0; i < n; i++) {
    size_t length = text[i].text_length > text[i].itxt_length ? text[i].text_length : text[i].itxt_length;
    if (!strcmp(text[i].key, "XML:com.adobe.xmp") && strstr(text[i].text, KL_DIGITAL_SOURCE_TYPE))
      out->synthetic = true;
    if (strcmp(text[i].key, "kinoloom:job") != 0 || out->job_json || !kl_job_text_ok(text[i].text, length))
      continue;
    out->job_json = kl_strdup(text[i].text);
    if (!out->job_json) return false;
  }
  return true;
}

/* pixels: false stops before the picture (the job only). */
static bool read_guarded(Png *p, bool pixels, KlPng *out) {
  if (setjmp(png_jmpbuf(p->png))) return false;
  png_set_read_fn(p->png, p, on_read);
  png_set_user_limits(p->png, KL_MEDIA_MAX_EDGE, KL_MEDIA_MAX_EDGE);
  png_set_chunk_malloc_max(p->png, TEXT_MAX);
  png_set_chunk_cache_max(p->png, 64);
  png_read_info(p->png, p->info);
  out->width = (int)png_get_image_width(p->png, p->info);
  out->height = (int)png_get_image_height(p->png, p->info);
  if (!check_size(out->width, out->height, KL_ERR_FORMAT, p->err)) return false;
  if (!take_text(p, out)) return kl_fail_oom(p->err);
  if (!pixels) return true;
  png_set_expand(p->png);
  png_set_scale_16(p->png);
  png_set_gray_to_rgb(p->png);
  png_set_interlace_handling(p->png);
  png_read_update_info(p->png, p->info);
  out->channels = png_get_channels(p->png, p->info);
  size_t row = (size_t)out->width * (size_t)out->channels;
  if ((out->channels != 3 && out->channels != 4) || png_get_rowbytes(p->png, p->info) != row)
    png_error(p->png, "unknown layout");
  out->pixels = kl_alloc((size_t)out->height, row);
  p->rows = kl_alloc((size_t)out->height, sizeof *p->rows);
  if (!out->pixels || !p->rows) return kl_fail_oom(p->err);
  for (int y = 0; y < out->height; y++) p->rows[y] = out->pixels + (size_t)y * row;
  png_read_image(p->png, p->rows);
  png_read_end(p->png, p->info);
  if (!out->job_json && !take_text(p, out)) return kl_fail_oom(p->err);
  return true;
}

bool kl_png_read_part(const void *data, size_t n, bool pixels, KlPng *out, KlErr *err) {
  bool ok = false;
  KlErr local = KL_ERR_INIT;
  *out = (KlPng){0};
  Png p = {.data = data, .n = n, .err = &local, .blame = KL_ERR_FORMAT};
  if (n < 8 || png_sig_cmp(data, 0, 8)) return kl_fail(err, KL_ERR_FORMAT, "not a PNG file");
  p.png =
      png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &p, on_error, on_warning, &p, png_alloc, png_release);
  if (p.png) p.info = png_create_info_struct(p.png);
  if (!p.info) {
    kl_fail_oom(err);
    goto out;
  }
  ok = read_guarded(&p, pixels, out);
  if (!ok && err && !err->code) *err = local;
out:
  png_destroy_read_struct(&p.png, &p.info, NULL);
  kl_free(&p.rows);
  if (!ok) kl_png_free(out);
  return ok;
}

bool kl_png_read_memory(const void *data, size_t n, KlPng *out, KlErr *err) {
  return kl_png_read_part(data, n, true, out, err);
}

bool kl_png_read(const char *path, KlPng *out, KlErr *err) {
  KlBytes file = {0};
  *out = (KlPng){0};
  bool ok = kl_read_head(path, SIZE_MAX, &file, err) && kl_png_read_part(file.data, file.n, true, out, err);
  if (!ok) kl_fail_prefix(err, "%s", path);
  kl_bytes_free(&file);
  return ok;
}

void kl_png_free(KlPng *png) {
  kl_free(&png->pixels);
  kl_free(&png->job_json);
}
