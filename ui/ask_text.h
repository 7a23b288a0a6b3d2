/* Asks for a text in a small dialog: a project's name, a prompt. */
#pragma once

#include "ui/types.h"

/* Calls `done` in the end if the text is not empty and was confirmed; `inside` and `user` are kept alive
 * until then (user: an object or NULL). body may be NULL; button has a mnemonic ("_Rename"). */
void kl_ask_text(GtkWidget *inside, const char *heading, const char *body, const char *button,
                 const char *text, void (*done)(GtkWidget *inside, const char *text, gpointer user),
                 gpointer user);
