/* Where content may stand: the canvas, what fixed parts leave of it, the calm places of a background. */
#include "app/core/layout/rooms.h"

#include <math.h>
#include <string.h>

#define LINES_MOST 26 /* grid lines an axis: twelve fixed boxes */

static double area(KlBox b) {
  return b.w * b.h;
}

static bool meet(KlBox a, KlBox b) {
  return a.x < b.x + b.w - 0.01 && b.x < a.x + a.w - 0.01 && a.y < b.y + b.h - 0.01 && b.y < a.y + a.h - 0.01;
}

static KlBox grown(KlBox b, double by) {
  return (KlBox){b.x - by, b.y - by, b.w + 2 * by, b.h + 2 * by};
}

static double iou(KlBox a, KlBox b) {
  double w = MIN(a.x + a.w, b.x + b.w) - MAX(a.x, b.x), h = MIN(a.y + a.h, b.y + b.h) - MAX(a.y, b.y);
  return w > 0 && h > 0 ? w * h / (area(a) + area(b) - w * h) : 0;
}

GArray *kl_kept_boxes(const KlBrief *b) {
  GArray *all = g_array_new(FALSE, FALSE, sizeof(KlFixed));
  g_array_append_vals(all, b->fixed->data, b->fixed->len);
  for (guint i = 0; b->given_use == KL_GIVEN_COMPLETE && i < b->given->len; i++) {
    KlFixed f = g_array_index(b->given, KlFixed, i);
    bool fixed = false;
    for (guint k = 0; k < b->fixed->len && !fixed; k++)
      fixed = !strcmp(g_array_index(b->fixed, KlFixed, k).id, f.id);
    if (!fixed && !isnan(f.box.x + f.box.y + f.box.w + f.box.h)) g_array_append_val(all, f);
  }
  return all;
}

static void add_line(double *lines, int *n, double v, double low, double high) {
  if (*n < LINES_MOST && v > low + 1 && v < high - 1) lines[(*n)++] = v;
}

static int by_value(gconstpointer a, gconstpointer b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* Rectangles between lines that no obstacle meets, the largest first, none much like one before. */
static GArray *empty_boxes(KlBox in, const KlBox *obstacles, guint n, double gap) {
  double xs[LINES_MOST + 2] = {in.x, in.x + in.w}, ys[LINES_MOST + 2] = {in.y, in.y + in.h};
  int nx = 2, ny = 2;
  GArray *out = g_array_new(FALSE, FALSE, sizeof(KlBox));
  for (guint i = 0; i < n; i++) {
    add_line(xs, &nx, obstacles[i].x - gap, in.x, in.x + in.w);
    add_line(xs, &nx, obstacles[i].x + obstacles[i].w + gap, in.x, in.x + in.w);
    add_line(ys, &ny, obstacles[i].y - gap, in.y, in.y + in.h);
    add_line(ys, &ny, obstacles[i].y + obstacles[i].h + gap, in.y, in.y + in.h);
  }
  qsort(xs, (size_t)nx, sizeof *xs, by_value);
  qsort(ys, (size_t)ny, sizeof *ys, by_value);
  for (int pass = 0; pass < 5; pass++) {
    KlBox best = {0, 0, 0, 0};
    for (int a = 0; a < nx; a++)
      for (int c = 0; c < ny; c++)
        for (int e = a + 1; e < nx; e++)
          for (int f = c + 1; f < ny; f++) {
            KlBox box = {xs[a], ys[c], xs[e] - xs[a], ys[f] - ys[c]};
            bool free_of = area(box) > area(best) && box.w > 0.15 * in.w && box.h > 0.08 * in.h;
            for (guint i = 0; i < n && free_of; i++) free_of = !meet(box, grown(obstacles[i], gap));
            for (guint i = 0; i < out->len && free_of; i++)
              free_of = iou(box, g_array_index(out, KlBox, i)) < 0.6;
            if (free_of) best = box;
          }
    if (area(best) <= 0) break;
    g_array_append_val(out, best);
  }
  return out;
}

/* Calm rectangles of the map, large before calm before neither. */
static GArray *calm_boxes(KlBox in, const float *map, double width, double height) {
  enum { GRID = 12 };
  GArray *out = g_array_new(FALSE, FALSE, sizeof(KlBox));
  for (int pass = 0; pass < 3; pass++) {
    KlBox best = {0, 0, 0, 0};
    double most = 0;
    for (int a = 0; a < GRID; a++)
      for (int c = 0; c < GRID; c++)
        for (int e = a + 4; e <= GRID; e++)
          for (int f = c + 3; f <= GRID; f++) {
            KlBox box = {in.x + in.w * a / GRID, in.y + in.h * c / GRID, in.w * (e - a) / GRID,
                         in.h * (f - c) / GRID};
            KlBox share = {box.x / width, box.y / height, box.w / width, box.h / height};
            double mean = kl_saliency_mean(map, share),
                   value = sqrt(area(share)) * pow(MAX(1 - 1.6 * mean, 0), 3);
            bool new = value > most &&area(share) >= 0.15;
            for (guint i = 0; i < out->len && new; i++) new = iou(box, g_array_index(out, KlBox, i)) < 0.5;
            if (new) {
              most = value;
              best = box;
            }
          }
    if (most <= 0) break;
    g_array_append_val(out, best);
  }
  return out;
}

/* Content lines up with what is fixed close to the edges of its room. */
static void line_up(KlBox *room, const KlBox *fixed, guint n, double near) {
  for (guint i = 0; i < n; i++) {
    double right = room->x + room->w, end = fixed[i].x + fixed[i].w;
    if (fixed[i].x > room->x && fixed[i].x < room->x + near) {
      room->x = fixed[i].x;
      room->w = right - room->x;
    }
    if (end < right && end > right - near) room->w = end - room->x;
  }
}

static void room_clear(void *p) {
  KlPlaces *q = p;
  g_clear_pointer(&q->room[0].without, g_hash_table_unref);
  g_clear_pointer(&q->room[1].without, g_hash_table_unref);
}

static GHashTable *set_of(const KlBrief *b, const GArray *kept, int head_only, int body_only) {
  GHashTable *s = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < kept->len; i++) g_hash_table_add(s, g_array_index(kept, KlFixed, i).id);
  for (guint i = 0; i < b->items->len; i++) {
    const KlBriefItem *item = b->items->pdata[i];
    bool head = item->type == KL_EL_TITLE || item->type == KL_EL_SUBTITLE;
    if ((head_only && !head) || (body_only && head)) g_hash_table_add(s, item->id);
  }
  return s;
}

static void add_one(GArray *out, const KlBrief *b, const GArray *kept, KlBox box, bool whole, bool panel,
                    double cost) {
  KlPlaces p = {.n = 1, .cost = cost};
  p.room[0] = (KlRoom){box, whole, panel, set_of(b, kept, 0, 0)};
  g_array_append_val(out, p);
}

/* Title and subtitle in one, the rest in another that comes after it. */
static void add_two(GArray *out, const KlBrief *b, const GArray *kept, KlBox first, KlBox second,
                    bool panel) {
  KlPlaces p = {.n = 2, .cost = 0.1};
  p.room[0] = (KlRoom){first, false, panel, set_of(b, kept, 1, 0)};
  p.room[1] = (KlRoom){second, false, panel, set_of(b, kept, 0, 1)};
  g_array_append_val(out, p);
}

static bool after(const KlBrief *b, KlBox x, KlBox y) {
  if (y.y >= x.y + x.h - 1) return true;
  bool beside = b->direction == KL_DIR_RTL ? y.x + y.w <= x.x + 1 : y.x >= x.x + x.w - 1;
  return beside && y.y >= x.y - 1;
}

/* Plans work from left to right and are mirrored at the end where the brief runs the other way: so are rooms.
 */
static void mirror(const KlBrief *b, GArray *out) {
  for (guint i = 0; b->direction == KL_DIR_RTL && i < out->len; i++)
    for (int k = 0; k < 2; k++) {
      KlBox *box = &g_array_index(out, KlPlaces, i).room[k].frame;
      box->x = b->width - box->x - box->w;
    }
}

GArray *kl_places(const KlBrief *b, const KlCancel *cancel, GError **error) {
  KlBox frame = kl_canvas_frame(b), obstacles[12];
  g_autoptr(GArray) kept = kl_kept_boxes(b);
  GArray *out = g_array_new(FALSE, TRUE, sizeof(KlPlaces));
  const KlBriefItem *background = NULL;
  bool ground = false; /* something pictorial is behind everything */
  guint n = 0;
  g_array_set_clear_func(out, room_clear);
  for (guint i = 0; i < b->items->len; i++)
    if (((KlBriefItem *)b->items->pdata[i])->type == KL_EL_BACKGROUND) background = b->items->pdata[i];
  for (guint i = 0; i < kept->len; i++) {
    KlBox box = g_array_index(kept, KlFixed, i).box;
    if (area(box) > 0.85 * b->width * b->height)
      ground = true;
    else if (n < G_N_ELEMENTS(obstacles))
      obstacles[n++] = box;
  }
  ground |= background != NULL;
  if (background && background->image) {
    float map[KL_SALIENCY * KL_SALIENCY];
    if (!kl_saliency_file(background->image, (double)b->width / b->height, cancel, map, error)) {
      g_array_unref(out);
      return NULL;
    }
    g_autoptr(GArray) calm = calm_boxes(frame, map, b->width, b->height);
    for (guint i = 0; i < calm->len; i++) {
      KlBox box = g_array_index(calm, KlBox, i);
      KlBox share = {box.x / b->width, box.y / b->height, box.w / b->width, box.h / b->height};
      bool clear = true;
      for (guint k = 0; k < n; k++) clear &= !meet(box, obstacles[k]);
      if (clear) add_one(out, b, kept, box, false, kl_saliency_mean(map, share) > 0.08, 0.05 * i);
    }
  }
  if (!n) {
    double pad = ground ? 0.55 * frame.x : 0;
    add_one(out, b, kept, (KlBox){frame.x + pad, frame.y + pad, frame.w - 2 * pad, frame.h - 2 * pad},
            !ground, ground, out->len ? 0.4 : 0); /* over everything only for want of a calm place */
  } else {
    g_autoptr(GArray) boxes = empty_boxes(frame, obstacles, n, 0.5 * frame.x);
    for (guint i = 0; i < boxes->len; i++)
      line_up(&g_array_index(boxes, KlBox, i), obstacles, n, 0.04 * b->width);
    for (guint i = 0; i < boxes->len && i < 3; i++)
      add_one(out, b, kept, g_array_index(boxes, KlBox, i), false, ground,
              0.8 * (1 - area(g_array_index(boxes, KlBox, i)) / area(g_array_index(boxes, KlBox, 0))));
    for (guint i = 0; i < boxes->len; i++)
      for (guint k = 0; k < boxes->len; k++) {
        KlBox x = g_array_index(boxes, KlBox, i), y = g_array_index(boxes, KlBox, k);
        if (i != k && !meet(x, y) && after(b, x, y) && out->len < 8) add_two(out, b, kept, x, y, ground);
      }
  }
  mirror(b, out);
  return out;
}
