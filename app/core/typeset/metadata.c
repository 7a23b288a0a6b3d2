#define _GNU_SOURCE
#include "app/core/typeset/metadata.h"

#include "engine/base/mem.h"
#include "media/provenance.h"

#include <string.h>

#define OPEN "<kl:job>"
#define CLOSE "</kl:job>"
#define MOST ((gsize)256 << 20) /* bytes of a document that are looked through */

char *kl_document_xmp(const KlMediaTags *tags, bool wrapped) {
  char *packet = kl_xmp_packet(tags);
  const char *end = packet ? strstr(packet, "</rdf:RDF>") : NULL;
  GString *s = g_string_new(NULL);
  if (end) {
    g_string_append_len(s, packet, end - packet);
    if (tags->job_json) {
      g_autofree char *job = g_markup_escape_text(tags->job_json, -1);
      g_string_append_printf(s,
                             " <rdf:Description rdf:about=\"\" xmlns:kl=\"urn:kinoloom\">" OPEN "%s" CLOSE
                             "</rdf:Description>\n ",
                             job);
    }
    g_string_append(s, end);
  }
  kl_free(&packet);
  if (!wrapped) {
    char *from = strstr(s->str, "<x:xmpmeta"), *to = strstr(s->str, "<?xpacket end");
    if (from && to) {
      char *bare = g_strndup(from, (gsize)(to - from));
      g_string_free(s, TRUE);
      return bare;
    }
  }
  return g_string_free(s, FALSE);
}

/* The five entities of XML, as we write them, and numbers. */
static char *unescaped(const char *text, gsize n) {
  static const char *const names[][2] = {{"&amp;", "&"},   {"&lt;", "<"},   {"&gt;", ">"},
                                         {"&quot;", "\""}, {"&apos;", "'"}, {"&#39;", "'"}};
  GString *s = g_string_sized_new(n);
  for (gsize i = 0; i < n;) {
    gsize k = 0;
    while (k < G_N_ELEMENTS(names) && strncmp(text + i, names[k][0], strlen(names[k][0]))) k++;
    if (text[i] == '&' && k < G_N_ELEMENTS(names)) {
      g_string_append(s, names[k][1]);
      i += strlen(names[k][0]);
    } else if (!strncmp(text + i, "&#x", 3)) {
      char *end;
      gunichar c = (gunichar)g_ascii_strtoull(text + i + 3, &end, 16);
      if (*end == ';' && g_unichar_validate(c)) g_string_append_unichar(s, c);
      i = (gsize)(end - text) + (*end == ';');
    } else {
      g_string_append_c(s, text[i++]);
    }
  }
  return g_string_free(s, FALSE);
}

char *kl_document_job(const char *path, GError **error) {
  g_autoptr(GMappedFile) map = g_mapped_file_new(path, FALSE, NULL);
  const char *data = map ? g_mapped_file_get_contents(map) : NULL;
  gsize n = map ? g_mapped_file_get_length(map) : 0;
  bool document = n > 5 && n < MOST &&
                  (!memcmp(data, "%PDF-", 5) || !memcmp(data, "<?xml", 5) || !memcmp(data, "<svg", 4));
  if (document) {
    const char *from = memmem(data, n, OPEN, strlen(OPEN)); /* a PDF has zeros in it */
    if (!from) return NULL;
    from += strlen(OPEN);
    const char *to = memmem(from, n - (gsize)(from - data), CLOSE, strlen(CLOSE));
    if (!to || to - from > (gssize)KL_JOB_MAX * 6) return NULL;
    g_autofree char *copy = g_strndup(from, (gsize)(to - from));
    char *job = unescaped(copy, strlen(copy));
    if (g_utf8_validate(job, -1, NULL)) return job;
    g_free(job);
    return NULL;
  }
  KlErr err = KL_ERR_INIT;
  char *json = NULL, *own;
  if (!kl_media_read_job(path, &json, NULL, &err)) {
    kl_gerr_input(error, &err);
    return NULL;
  }
  own = g_strdup(json);
  kl_free(&json);
  return own;
}
