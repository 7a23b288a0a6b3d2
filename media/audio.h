/* Sound of a file as samples: any format that the system's FFmpeg reads, at the rate and number of channels
 * that are wanted, from any sample on.
 *
 * Samples are 32-bit floats, -1..1 (louder ones are not cut), channels interleaved: [n, channels]. Time 0 is
 * where the file's video begins (or its sound, without video), so that sound and picture of a file stay
 * together. Sample k is the same however it was reached, as far as the codec allows: PCM and FLAC
 * to the bit, the others inaudibly close. Mono is played on both
 * sides at full level, more than two channels are mixed down by FFmpeg's matrix. Files are as untrusted as in
 * decode.h. One thread at a time. */
#pragma once

#include "engine/base/cancel.h"
#include "engine/base/err.h"

#include <stddef.h>
#include <stdint.h>

typedef struct KlSound KlSound;

/* rate: 8000..192000 samples a second; channels: 1 or 2. The cancel token must outlive the sound. Errors as
 * kl_media_probe; UNSUPPORTED when there is no sound in the file; INVALID. */
bool kl_sound_open(const char *path, int rate, int channels, const KlCancel *cancel, KlSound **out,
                   KlErr *err);

/* How long it is by the file's word, in samples at the wanted rate; -1: it does not say. */
int64_t kl_sound_length(const KlSound *s);

/* Makes kl_sound_read begin with sample `at` (>= 0). */
bool kl_sound_seek(KlSound *s, int64_t at, KlErr *err);

/* The next n samples a channel into out [n, channels]; *got are of the file, the rest (behind its end) is
 * zero. Damaged packets are silence. */
bool kl_sound_read(KlSound *s, float *out, size_t n, size_t *got, KlErr *err);

void kl_sound_free(KlSound **s);
