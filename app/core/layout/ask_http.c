/* One POST over HTTP/1.1. */
#include "app/core/gerr.h"
#include "app/core/layout/ask.h"

#include <gio/gio.h>
#include <jansson.h>
#include <string.h>

typedef struct {
  char *host, *path;
  guint16 port;
  bool tls;
} Address;

static void address_clear(Address *a) {
  g_clear_pointer(&a->host, g_free);
  g_clear_pointer(&a->path, g_free);
}

static bool parse(const char *text, Address *out, GError **error) {
  g_autoptr(GUri) u = g_uri_parse(text, G_URI_FLAGS_NONE, NULL);
  const char *scheme = u ? g_uri_get_scheme(u) : "", *host = u ? g_uri_get_host(u) : NULL,
             *path = u ? g_uri_get_path(u) : "";
  out->tls = !strcmp(scheme, "https");
  if (!u || (!out->tls && strcmp(scheme, "http")) || !host || !*host || g_uri_get_userinfo(u) ||
      g_uri_get_query(u) || g_uri_get_fragment(u) || strpbrk(path, " \r\n"))
    return kl_gfail(error, KL_ERROR_USAGE, "'%.100s' is not an address like http://127.0.0.1:8080/v1", text);
  int port = g_uri_get_port(u);
  gsize n = strlen(path);
  out->port = (guint16)(port > 0 ? port : out->tls ? 443 : 80);
  out->host = g_strdup(host);
  out->path = g_strdup_printf("%.*s/chat/completions", (int)(n && path[n - 1] == '/' ? n - 1 : n), path);
  return true;
}

/* Every address that the name stands for, or none. */
static GList *resolve(const Address *a, bool anywhere, GCancellable *c, GError **error) {
  g_autoptr(GError) e = NULL;
  g_autoptr(GInetAddress) literal = g_inet_address_new_from_string(a->host);
  GList *all = literal ? g_list_append(NULL, g_object_ref(literal))
                       : g_resolver_lookup_by_name(g_resolver_get_default(), a->host, c, &e);
  if (!all) {
    kl_gfail(error, KL_ERROR_IO, "cannot find %s: %s", a->host, e ? e->message : "no address");
    return NULL;
  }
  for (GList *l = all; l && !anywhere; l = l->next)
    if (!g_inet_address_get_is_loopback(l->data)) {
      kl_gfail(error, KL_ERROR_USAGE,
               "%s is not this machine: briefs are sent elsewhere only with --allow-remote", a->host);
      g_list_free_full(all, g_object_unref);
      return NULL;
    }
  return all;
}

bool kl_ask_check(const KlLayoutModel *m, GError **error) {
  Address a = {0};
  bool ok = parse(m->address, &a, error);
  GList *all = ok && !m->anywhere ? resolve(&a, false, NULL, error) : NULL;
  ok = ok && (m->anywhere || all);
  g_list_free_full(all, g_object_unref);
  address_clear(&a);
  return ok;
}

/* ---- an HTTP answer ---- */

static char *unchunk(const char *p, const char *end, gsize *len, GError **error) {
  GString *out = g_string_new(NULL);
  for (;;) {
    const char *line = memchr(p, '\n', (gsize)(end - p));
    char *stop;
    char size[20] = "";
    if (!line) break;
    memcpy(size, p, MIN((gsize)(line - p), sizeof size - 1));
    guint64 n = g_ascii_strtoull(size, &stop, 16);
    if (stop == size || n > (guint64)(end - line - 1)) break;
    if (!n) {
      *len = out->len;
      return g_string_free(out, FALSE);
    }
    g_string_append_len(out, line + 1, (gssize)n);
    p = line + 1 + n;
    while (p < end && (*p == '\r' || *p == '\n')) p++;
  }
  g_string_free(out, TRUE);
  kl_gfail(error, KL_ERROR_IO, "the language model's answer is cut short");
  return NULL;
}

char *kl_ask_body(const char *raw, gsize n, gsize *len, GError **error) {
  const char *head = g_strstr_len(raw, (gssize)n, "\r\n\r\n");
  if (!head || n < 12 || memcmp(raw, "HTTP/1.", 7)) {
    kl_gfail(error, KL_ERROR_IO, "what answered there does not speak HTTP");
    return NULL;
  }
  g_autofree char *fields = g_strndup(raw, (gsize)(head - raw));
  g_autofree char *shown = g_utf8_make_valid(fields, (gssize)strcspn(fields, "\r\n"));
  const char *body = head + 4, *end = raw + n;
  if (strncmp(fields + 8, " 200", 4)) {
    kl_gfail(error, KL_ERROR_IO, "the language model answers \"%.80s\"", shown);
    return NULL;
  }
  g_autofree char *low = g_ascii_strdown(fields, -1);
  const char *chunked = strstr(low, "\r\ntransfer-encoding:"), *length = strstr(low, "\r\ncontent-length:");
  if (chunked && strstr(chunked, "chunked")) return unchunk(body, end, len, error);
  guint64 said = length ? g_ascii_strtoull(length + 17, NULL, 10) : (guint64)(end - body);
  if (said > (guint64)(end - body)) {
    kl_gfail(error, KL_ERROR_IO, "the language model's answer is cut short");
    return NULL;
  }
  *len = (gsize)said;
  char *out = g_malloc(*len + 1);
  memcpy(out, body, *len);
  out[*len] = 0;
  return out;
}

/* ---- the request, in a thread of its own: this one looks at the cancel token ---- */

typedef struct {
  const Address *a;
  bool anywhere;
  int timeout_s;
  const char *body;
  GCancellable *cancel;
  GMutex lock;
  GCond done_cond;
  bool done;
  GByteArray *answer;
  GError *error;
} Request;

static bool exchange(Request *r, GError **error) {
  GList *all = resolve(r->a, r->anywhere, r->cancel, error);
  if (!all) return false;
  g_autoptr(GSocketClient) client = g_socket_client_new();
  g_autoptr(GSocketConnection) con = NULL;
  g_socket_client_set_enable_proxy(client, FALSE);
  g_socket_client_set_timeout(client, (guint)r->timeout_s);
  g_socket_client_set_tls(client, r->a->tls);
  for (GList *l = all; l && !con;
       l = l->next) { /* the addresses that were looked at, not those of a second look-up */
    g_autoptr(GSocketAddress) to = g_inet_socket_address_new(l->data, r->a->port);
    g_autoptr(GSocketConnectable) named =
        r->a->tls ? G_SOCKET_CONNECTABLE(g_network_address_new(r->a->host, r->a->port)) : NULL;
    g_clear_error(error);
    con = g_socket_client_connect(client, named ? named : G_SOCKET_CONNECTABLE(to), r->cancel, error);
  }
  g_list_free_full(all, g_object_unref);
  if (!con) return false;
  bool v6 = strchr(r->a->host, ':') != NULL;
  g_autofree char *head = g_strdup_printf(
      "POST %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
      "Content-Length: %zu\r\nConnection: close\r\n\r\n",
      r->a->path, v6 ? "[" : "", r->a->host, v6 ? "]" : "", r->a->port, strlen(r->body));
  GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(con));
  GInputStream *in = g_io_stream_get_input_stream(G_IO_STREAM(con));
  if (!g_output_stream_write_all(out, head, strlen(head), NULL, r->cancel, error) ||
      !g_output_stream_write_all(out, r->body, strlen(r->body), NULL, r->cancel, error))
    return false;
  for (;;) {
    guint8 buf[16384];
    gssize got = g_input_stream_read(in, buf, sizeof buf, r->cancel, error);
    if (got < 0) return false;
    if (!got) return true;
    g_byte_array_append(r->answer, buf, (guint)got);
    if (r->answer->len > KL_ASK_MOST) return kl_gfail(error, KL_ERROR_IO, "the answer is longer than 4 MiB");
  }
}

static gpointer run(gpointer p) {
  Request *r = p;
  exchange(r, &r->error);
  g_mutex_lock(&r->lock);
  r->done = true;
  g_cond_signal(&r->done_cond);
  g_mutex_unlock(&r->lock);
  return NULL;
}

static bool post(Request *r, const KlCancel *cancel, GError **error) {
  r->answer = g_byte_array_new();
  r->cancel = g_cancellable_new();
  g_mutex_init(&r->lock);
  g_cond_init(&r->done_cond);
  GThread *thread = g_thread_new("ask", run, r);
  gint64 end = g_get_monotonic_time() + r->timeout_s * G_TIME_SPAN_SECOND;
  g_mutex_lock(&r->lock);
  while (!r->done) {
    g_cond_wait_until(&r->done_cond, &r->lock, g_get_monotonic_time() + 50 * G_TIME_SPAN_MILLISECOND);
    if ((cancel && kl_cancelled(cancel)) || g_get_monotonic_time() > end) g_cancellable_cancel(r->cancel);
  }
  g_mutex_unlock(&r->lock);
  g_thread_join(thread);
  bool ok = !r->error;
  if (cancel && kl_cancelled(cancel))
    ok = kl_gfail(error, KL_ERROR_CANCELLED, "interrupted");
  else if (r->error && r->error->domain == KL_ERROR)
    g_propagate_error(error, g_steal_pointer(&r->error));
  else if (r->error)
    kl_gfail(error, KL_ERROR_IO, "%s:%u: %s", r->a->host, r->a->port,
             g_error_matches(r->error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? "no answer in time"
                                                                         : r->error->message);
  g_clear_error(&r->error);
  g_object_unref(r->cancel);
  g_mutex_clear(&r->lock);
  g_cond_clear(&r->done_cond);
  return ok;
}

char **kl_ask(const KlLayoutModel *m, const KlBrief *b, int want, guint64 seed, const KlCancel *cancel,
              GError **error) {
  Address a = {0};
  if (!parse(m->address, &a, error)) {
    address_clear(&a);
    return NULL;
  }
  g_autofree char *prompt = kl_ask_prompt(b);
  json_t *o = json_pack("{s:[{s:s, s:s}], s:i, s:f, s:I, s:i, s:b}", "messages", "role", "user", "content",
                        prompt, "n", want, "temperature", 0.7, "seed", (json_int_t)(seed & 0x7fffffff),
                        "max_tokens", 4096, "stream", 0);
  if (m->name) json_object_set_new(o, "model", json_string(m->name));
  char *body = json_dumps(o, JSON_COMPACT), **texts = NULL;
  Request r = {
      .a = &a, .anywhere = m->anywhere, .timeout_s = m->timeout_s ? m->timeout_s : 120, .body = body};
  if (post(&r, cancel, error)) {
    gsize len;
    g_autofree char *json = kl_ask_body((const char *)r.answer->data, r.answer->len, &len, error);
    texts = json ? kl_ask_choices(json, len) : NULL;
    if (json && !texts) kl_gfail(error, KL_ERROR_IO, "the language model's answer is not a chat completion");
  }
  g_byte_array_unref(r.answer);
  free(body);
  json_decref(o);
  address_clear(&a);
  return texts;
}
