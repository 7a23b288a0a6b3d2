/* The settings of a job besides its words and inputs: model, size, length, rate, seed, and the advanced ones.
 * What is left open is the model's, and shown greyed. */
#pragma once

#include "app/core/model_catalogue.h"
#include "ui/types.h"

#define KL_TYPE_JOB_FIELDS (kl_job_fields_widget_get_type())
G_DECLARE_FINAL_TYPE(KlJobFields, kl_job_fields_widget, KL, JOB_FIELDS, GtkBox)

/* Signals: "changed"; "model" (another model is chosen, or the list has been read). */

/* The chosen model; NULL: none is there (yet). Borrowed until the next "model". */
const KlModel *kl_job_fields_model(KlJobFields *self);
/* A picture has no length and no rate. */
void kl_job_fields_set_still(KlJobFields *self, bool still);
/* Puts what is set into a job that has none of it. False: something typed is no value. The seed is put in
 * only where it is locked. */
bool kl_job_fields_fill(KlJobFields *self, KlJobSpec *job);
/* Shows a job's settings; what it leaves open becomes open. A seed is locked. */
void kl_job_fields_load(KlJobFields *self, const KlJobSpec *job);
/* The seed for the next render: the locked one, or a fresh one that is then shown. A new string. */
char *kl_job_fields_take_seed(KlJobFields *self);
