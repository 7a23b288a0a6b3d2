/* What a person prefers (org.kinoloom.Studio.gschema.xml), found where it is installed or, for a program that
 * is not, where it was built. Main thread. */
#pragma once

#include "app/core/job_spec.h"

#include <gio/gio.h>

/* The one object; borrowed. A schema that is nowhere is our own mistake. */
GSettings *kl_settings(void);
/* Fills what the job leaves open and the preferences decide: device, threads, memory, provenance. */
void kl_settings_fill_job(KlJobSpec *job);
/* Folder of the key, or NULL where none was chosen. A new string. */
char *kl_settings_folder(const char *key);
