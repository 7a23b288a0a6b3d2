/* A language model as a proposer of layouts: off unless asked for. It is reached by HTTP in the manner of
 * OpenAI's chat completions, as local servers speak it; told of the task in LayoutPrompter's serialisation
 * (Lin et al. 2023: exemplars as HTML, then the labels of the new one); and what it answers is untrusted
 * text, from which boxes are read and nothing else. Only addresses of this machine, unless the user allows
 * more. Redirects and proxies are not followed. */
#pragma once

#include "app/core/layout/layout.h"

#define KL_ASK_MOST (4u << 20) /* bytes of an answer */

struct KlLayoutModel {
  const char *address; /* "http://127.0.0.1:8080/v1", https too; "/chat/completions" is added */
  const char *name;    /* of the model, NULL: the server's own choice */
  bool anywhere;       /* not only this machine */
  int timeout_s;       /* 0: 120 */
};

/* Whether the address is one and, unless `anywhere`, of this machine: KL_ERROR_USAGE. Looks names up,
 * connects nowhere. */
bool kl_ask_check(const KlLayoutModel *m, GError **error);

/* What it is asked: canvas, up to four exemplars, the labels of the brief's items. */
char *kl_ask_prompt(const KlBrief *b);
/* Boxes in an answer as KlFixed (ids borrowed from the brief): elements like <div class="title" style="index:
 * 0; left: 9px; top: 9px; width: 9px; height: 9px">, by index or, without one, by order. Clamped to the
 * canvas; what names nothing of the brief, or comes twice, is left out. Never NULL. */
GArray *kl_ask_boxes(const KlBrief *b, const char *answer, gsize n);
/* The texts of a chat completion; NULL if it is none. Free with g_strfreev. */
char **kl_ask_choices(const char *json, gsize n);
/* The body of an HTTP/1.1 answer, newly allocated, *len its length; KL_ERROR_IO for what is not "200 OK". */
char *kl_ask_body(const char *raw, gsize n, gsize *len, GError **error);

/* Asks for `want` answers and returns their texts. KL_ERROR_IO: not reachable, or no such answer;
 * KL_ERROR_CANCELLED. */
char **kl_ask(const KlLayoutModel *m, const KlBrief *b, int want, guint64 seed, const KlCancel *cancel,
              GError **error);
