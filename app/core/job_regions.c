/* Regions of a job as text: "x,y,width,height[,guidance]: prompt", fractions of the picture. */
#include "app/core/job_spec.h"

#include <math.h>
#include <string.h>

enum { MOST_REGIONS = 64 };

static void region_clear(void *p) {
  g_free(((KlJobRegion *)p)->text);
}

GArray *kl_job_regions_new(void) {
  GArray *a = g_array_new(FALSE, TRUE, sizeof(KlJobRegion));
  g_array_set_clear_func(a, region_clear);
  return a;
}

void kl_job_regions_copy(GArray *to, const GArray *from) {
  g_array_set_size(to, 0);
  for (guint i = 0; i < from->len; i++) {
    KlJobRegion r = g_array_index(from, KlJobRegion, i);
    r.text = g_strdup(r.text);
    g_array_append_val(to, r);
  }
}

bool kl_job_regions_add(GArray *regions, const KlJobRegion *r, GError **error) {
  const double edge = 1 + 1e-6;
  if (regions->len == MOST_REGIONS)
    return kl_gfail(error, KL_ERROR_USAGE, "more than %d regions", MOST_REGIONS);
  if (!(r->x >= 0 && r->y >= 0 && r->width > 0 && r->height > 0 && r->x + r->width <= edge &&
        r->y + r->height <= edge))
    return kl_gfail(error, KL_ERROR_USAGE, "a region must lie inside the picture: x,y,width,height, 0 to 1");
  if (!isfinite(r->guidance) || r->guidance < 0 || r->guidance > 100)
    return kl_gfail(error, KL_ERROR_USAGE, "guidance of a region is 0 to 100");
  if (!r->text || !*r->text || !g_utf8_validate(r->text, -1, NULL))
    return kl_gfail(error, KL_ERROR_USAGE, "a region needs a prompt, in valid UTF-8");
  KlJobRegion own = *r;
  own.text = g_strdup(r->text);
  g_array_append_val(regions, own);
  return true;
}

bool kl_job_regions_parse(GArray *regions, const char *text, GError **error) {
  double v[5] = {0};
  const char *p = text;
  int n = 0;
  for (char *end; n < 5; n++, p = end + 1) {
    v[n] = g_ascii_strtod(p, &end);
    if (end == p) break;
    if (*end == ':' && n >= 3) {
      g_autofree char *prompt = g_strstrip(g_strdup(end + 1));
      return kl_job_regions_add(regions, &(KlJobRegion){v[0], v[1], v[2], v[3], prompt, v[4]}, error);
    }
    if (*end != ',') break;
  }
  return kl_gfail(error, KL_ERROR_USAGE,
                  "a region is x,y,width,height[,guidance]: prompt, like \"0,0,0.5,1: a bee\"");
}

char *kl_job_regions_text(const GArray *regions) {
  GString *s = g_string_new(NULL);
  for (guint i = 0; i < regions->len; i++) {
    const KlJobRegion *r = &g_array_index(regions, KlJobRegion, i);
    const double v[] = {r->x, r->y, r->width, r->height, r->guidance};
    if (i) g_string_append(s, " | ");
    for (int k = 0; k < 5; k++) {
      char number[G_ASCII_DTOSTR_BUF_SIZE];
      g_string_append_printf(s, "%s%s", k ? "," : "", g_ascii_formatd(number, sizeof number, "%.10g", v[k]));
    }
    g_string_append_printf(s, ": %s", r->text);
  }
  return g_string_free(s, FALSE);
}
