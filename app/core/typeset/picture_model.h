/* The provider of pictures that needs nothing else: each prompt is rendered by itself through a text-to-video
 * model (the built-in one, or any of the catalogue), as the box is shaped. */
#pragma once

#include "app/core/job_spec.h"
#include "app/core/typeset/pictures.h"

typedef struct KlPictureModel KlPictureModel;

/* asked: model, device, threads, steps, guidance ... as for any job; copied. word (may be NULL) is told of
 * words that the model does not know. */
KlPictureModel *kl_picture_model_new(const KlJobSpec *asked, void (*word)(void *user, const char *word),
                                     void *user);
void kl_picture_model_free(KlPictureModel *m);
KlPictureProvider kl_picture_model(KlPictureModel *m);
