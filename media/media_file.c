/* A foreign file, opened so that FFmpeg can read it and nothing else. */
#include "media/decode_internal.h"
#include "media/encode_internal.h"

#include "engine/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IO_BUFFER 65536

int kl_open_plain(const char *path, struct stat *st, KlErr *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* never wait for the other end of a named pipe */
  if (fd < 0 || fstat(fd, st) < 0)
    kl_fail(err, KL_ERR_IO, "cannot read %s: %s", path, strerror(errno));
  else if (!S_ISREG(st->st_mode))
    kl_fail(err, KL_ERR_IO, "cannot read %s: %s", path,
            S_ISDIR(st->st_mode) ? "it is a folder" : "not a plain file");
  else
    return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static int on_read(void *user, uint8_t *data, int n) {
  KlAvFile *f = user;
  if (kl_cancelled(f->cancel)) return AVERROR_EXIT;
  ssize_t k;
  do k = read(f->fd, data, (size_t)n);
  while (k < 0 && errno == EINTR);
  return k > 0 ? (int)k : k == 0 ? AVERROR_EOF : AVERROR(errno);
}

static int64_t on_seek(void *user, int64_t offset, int whence) {
  KlAvFile *f = user;
  struct stat st;
  if (whence & AVSEEK_SIZE) return fstat(f->fd, &st) < 0 ? AVERROR(errno) : st.st_size;
  int64_t at = lseek(f->fd, offset, whence & ~AVSEEK_FORCE);
  return at < 0 ? AVERROR(errno) : at;
}

static int on_interrupt(void *user) {
  return kl_cancelled(((KlAvFile *)user)->cancel);
}

/* Playlists and the like may name other files and addresses: never opened. */
static int refuse(AVFormatContext *fmt, AVIOContext **io, const char *url, int flags,
                  AVDictionary **options) {
  return AVERROR(EPERM);
}

/* What the file is, by its first bytes alone; NULL with r set if FFmpeg does not know it. Lists of other
 * files are not media, and text is no picture. */
static const AVInputFormat *recognise(KlAvFile *f, int *r) {
  static const char *const never[] = {"hls", "dash",       "concat", "imf",   "sdp",
                                      "rtp", "ffmetadata", "tty",    "image2"};
  const AVInputFormat *format = NULL;
  *r = av_probe_input_buffer2(f->io, &format, "", NULL, 0, 0);
  if (*r < 0) return NULL;
  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (!strncmp(format->name, never[i], strlen(never[i]))) {
      *r = AVERROR_INVALIDDATA;
      return NULL;
    }
  return format;
}

static bool check_streams(const AVFormatContext *fmt, KlErr *err) {
  for (unsigned i = 0; i < fmt->nb_streams; i++) {
    const AVCodecParameters *p = fmt->streams[i]->codecpar;
    if (p->codec_type != AVMEDIA_TYPE_VIDEO) continue;
    if (p->width > KL_MEDIA_MAX_EDGE || p->height > KL_MEDIA_MAX_EDGE ||
        (int64_t)p->width * p->height > KL_MEDIA_MAX_PIXELS)
      return kl_fail(err, KL_ERR_FORMAT,
                     "a picture of %d x %d pixels is too large (%d an edge, %d million in all)", p->width,
                     p->height, KL_MEDIA_MAX_EDGE, KL_MEDIA_MAX_PIXELS / 1000000);
  }
  return true;
}

bool kl_av_file_open(KlAvFile *f, const char *path, const KlCancel *cancel, KlErr *err) {
  kl_av_init();
  *f = (KlAvFile){.fd = -1, .cancel = cancel};
  bool ok = false;
  struct stat st;
  if (kl_cancelled(cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
  if ((f->fd = kl_open_plain(path, &st, err)) < 0) goto out;
  unsigned char *buffer = av_malloc(IO_BUFFER);
  if (buffer) f->io = avio_alloc_context(buffer, IO_BUFFER, 0, f, on_read, NULL, on_seek);
  if (!f->io) av_free(buffer);
  f->fmt = avformat_alloc_context();
  if (!f->io || !f->fmt) {
    kl_fail_oom(err);
    goto out;
  }
  f->fmt->pb = f->io;
  f->fmt->flags |= AVFMT_FLAG_CUSTOM_IO;
  f->fmt->interrupt_callback = (AVIOInterruptCB){on_interrupt, f};
  f->fmt->io_open = refuse;
  int r;
  const AVInputFormat *format = recognise(f, &r);
  if (format) r = avformat_open_input(&f->fmt, "", format, NULL);
  if (r >= 0) {
    if (!check_streams(f->fmt, err)) goto out;
    r = avformat_find_stream_info(f->fmt, NULL);
  }
  if (kl_cancelled(cancel)) {
    kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    goto out;
  }
  if (r < 0) {
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(r, text, sizeof text);
    if (r == AVERROR(ENOMEM))
      kl_fail_oom(err);
    else
      kl_fail(err, r == AVERROR(EIO) ? KL_ERR_IO : KL_ERR_FORMAT,
              "%s: no picture, video or sound that we can read (%s)", path,
              st.st_size ? text : "the file is empty");
    goto out;
  }
  ok = check_streams(f->fmt, err);
out:
  if (!ok) kl_av_file_close(f);
  return ok;
}

void kl_av_file_close(KlAvFile *f) {
  avformat_close_input(&f->fmt);
  if (f->io) av_freep(&f->io->buffer);
  avio_context_free(&f->io);
  if (f->fd >= 0) close(f->fd);
  f->fd = -1;
}
