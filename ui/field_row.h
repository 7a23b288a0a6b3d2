/* A row for one field of a job: an entry or a choice. Left open it shows, greyed, what the model would take;
 * a button opens it again. What is typed is checked as the job itself checks it. */
#pragma once

#include "ui/types.h"

#define KL_TYPE_FIELD_ROW (kl_field_row_get_type())
G_DECLARE_FINAL_TYPE(KlFieldRow, kl_field_row, KL, FIELD_ROW, AdwActionRow)

/* Signal "changed": the value is another one, by whomever. key: of the job (job_spec.h), static. A key with
 * choices makes a drop-down of them. */
GtkWidget *kl_field_row_new(const char *key, const char *title);
/* Values to pick from beside an entry; NULL-terminated, static. */
void kl_field_row_set_suggestions(KlFieldRow *self, const char *const *values);
/* What an open field means, as kl_job_text writes it; NULL: nothing. */
void kl_field_row_set_default(KlFieldRow *self, const char *text);
/* NULL: open. Borrowed until the next change. What is not valid counts as open. */
const char *kl_field_row_value(KlFieldRow *self);
void kl_field_row_set_value(KlFieldRow *self, const char *text);
/* False while something is typed that is no value; its error is on the row. */
bool kl_field_row_valid(KlFieldRow *self);

/* A small flat button for the end of a row. */
GtkWidget *kl_row_button(const char *icon, const char *what);
/* A button with a menu of texts; chosen(user, text) when one is picked. texts: NULL-terminated, copied. */
GtkWidget *kl_row_menu(const char *what, const char *const *texts,
                       void (*chosen)(gpointer user, const char *text), gpointer user);
