/* What an output says about itself: who made it, from which job, and that it is synthetic. The same struct
 * goes into every container; where it lands is written in media/README.md. */
#pragma once

#include <stdbool.h>

/* IPTC digital source type for pictures made by a trained model, the marker that platforms look for. */
#define KL_DIGITAL_SOURCE_TYPE "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

typedef struct {
  const char *title;    /* UTF-8, NULL: none */
  const char *comment;  /* UTF-8, for people (model, seed, ...), NULL: none */
  const char *job_json; /* UTF-8 JSON, the whole job; NULL: not stored. At most KL_JOB_MAX bytes */
  bool synthetic;       /* write the IPTC marker */
} KlMediaTags;

#define KL_JOB_MAX (4u << 20) /* bytes of job JSON that are written, and that are believed when read */
