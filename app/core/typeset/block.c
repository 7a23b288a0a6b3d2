#include "app/core/typeset/block.h"

#include <math.h>

#define LABEL 0.34       /* of a number's label, to its value, */
#define LABEL_LEAST 1.65 /* but not less than this, to the smallest running text, */
#define LABEL_MOST 2.1   /* nor more */
#define AIR 0.18         /* above a number, whose figures are the heaviest on the page */
#define INDENT 1.25      /* of a list, ems */
#define ENTRY_GAP 0.55   /* between entries, ems */
#define BAR 0.14         /* width of a quote's bar, ems */
#define BAR_INDENT 0.85  /* from the edge to the words */
#define AUTHOR 0.6
#define AUTHOR_GAP 0.62

typedef struct {
  const KlBlock *b;
  KlGroup *g; /* NULL: only measured */
  const KlInks *inks;
  double x, y;
  KlBlockSize size;
  bool least;
} Setting;

static void need(Setting *s, double width) {
  s->size.min_width = MAX(s->size.min_width, width);
}

static KlTextStyle style(const Setting *s, KlVoice part, const char *text, double px) {
  KlTextStyle t = kl_fonts_style(s->b->fonts, part, text, px);
  t.align = s->b->align == KL_ALIGN_CENTRE ? KL_TEXT_CENTRE
            : s->b->align == KL_ALIGN_END  ? KL_TEXT_END
                                           : KL_TEXT_START;
  t.direction = s->b->item->rtl ? KL_DIRECTION_RTL : KL_DIRECTION_LTR;
  return t;
}

/* One text `left` from the block's left edge; its height. */
static double put(Setting *s, const KlTextStyle *t, const char *text, double left, double y, double width,
                  guint32 colour, const char *role, int *lines) {
  KlText *set = s->b->reflow ? kl_text_fit(t, text, width, 0, NULL) : kl_text_new(t, text, width);
  if (!set) set = kl_text_new(t, text, width);
  double h = kl_text_box_height(set);
  if (!kl_text_fits(set, width, 0) || (t->max_lines && (int)kl_text_lines(set) > t->max_lines))
    s->size.fits = false;
  if (lines) *lines += (int)kl_text_lines(set);
  if (s->least) need(s, (s->b->width - width) + kl_text_word_width(t, text));
  if (s->g) {
    KlShape *shape = kl_scene_text(s->g, set, s->x + left, s->y + y, width, colour);
    shape->role = role;
  } else {
    kl_text_free(set);
  }
  return h;
}

static void plain(Setting *s, KlVoice part, const char *role) {
  KlTextStyle t = style(s, part, s->b->item->text, s->b->px);
  s->size.height =
      put(s, &t, s->b->item->text, 0, 0, s->b->width, s->g ? s->inks->ink : 0, role, &s->size.lines);
}

static void number(Setting *s) {
  const KlBriefItem *it = s->b->item;
  double px = s->b->px, y = AIR * px;
  KlTextStyle t = style(s, KL_VOICE_VALUE, it->text, px);
  t.max_lines = 1;
  y += put(s, &t, it->text, 0, y, s->b->width, s->g ? s->inks->ink : 0, "P", &s->size.lines);
  if (s->least) need(s, kl_text_natural_width(&t, it->text));
  if (it->label && *it->label) {
    double label = MIN(CLAMP(px * LABEL, s->b->least * LABEL_LEAST, s->b->least * LABEL_MOST), px);
    if (s->b->least <= 0) label = px * LABEL;
    t = style(s, KL_VOICE_LABEL, it->label, label);
    y += 0.15 * label;
    y += put(s, &t, it->label, 0, y, s->b->width, s->g ? s->inks->text : 0, "P", NULL);
  }
  s->size.height = y;
}

static void list(Setting *s) {
  const KlBriefItem *it = s->b->item;
  double px = s->b->px, y = 0, indent = INDENT * px;
  int n = (int)g_strv_length(it->list);
  if (it->ordered) {
    g_autofree char *last = g_strdup_printf("%d", n);
    KlTextStyle t = kl_fonts_style(s->b->fonts, KL_VOICE_STRONG, last, px);
    indent = MAX(indent, kl_text_natural_width(&t, last) + 0.7 * px);
  }
  for (int i = 0; i < n; i++) {
    KlTextStyle t = style(s, KL_VOICE_BODY, it->list[i], px);
    t.align = KL_TEXT_START;
    if (i) y += ENTRY_GAP * px;
    double h = put(s, &t, it->list[i], it->rtl ? 0 : indent, y, s->b->width - indent, s->g ? s->inks->ink : 0,
                   "LI", &s->size.lines);
    if (s->g) {
      double base =
          y +
          kl_text_line(((KlShape *)g_ptr_array_index(s->g->shapes, s->g->shapes->len - 1))->text, 0).baseline;
      double edge = it->rtl ? s->b->width : 0;
      if (it->ordered) {
        g_autofree char *mark = g_strdup_printf("%d", i + 1);
        KlTextStyle m = kl_fonts_style(s->b->fonts, KL_VOICE_STRONG, mark, px);
        m.align = it->rtl ? KL_TEXT_END : KL_TEXT_START;
        m.weight = 700;
        KlText *set = kl_text_new(&m, mark, indent);
        kl_scene_text(s->g, set, s->x + (it->rtl ? s->b->width - indent : 0),
                      s->y + base - kl_text_line(set, 0).baseline, indent, s->inks->accent);
      } else {
        double r = 0.15 * px, cx = it->rtl ? edge - r - 0.1 * px : r + 0.1 * px;
        kl_scene_circle(s->g, s->x + cx, s->y + base - 0.35 * px, r, s->inks->accent);
      }
    }
    y += h;
  }
  s->size.height = y;
}

static void quote(Setting *s) {
  const KlBriefItem *it = s->b->item;
  double px = s->b->px, y = 0;
  bool centred = s->b->align == KL_ALIGN_CENTRE;
  double indent = centred ? 0 : BAR_INDENT * px, left = it->rtl ? 0 : indent;
  KlTextStyle t = style(s, KL_VOICE_QUOTE, it->text, px);
  if (centred) y = 0.95 * px; /* under a short rule */
  y += put(s, &t, it->text, left, y, s->b->width - indent, s->g ? s->inks->ink : 0, "BlockQuote",
           &s->size.lines);
  if (it->label && *it->label) {
    g_autofree char *author = g_strconcat("— ", it->label, NULL);
    t = style(s, KL_VOICE_LABEL, author, px * AUTHOR);
    y += (AUTHOR_GAP - 0.2) * px;
    y += put(s, &t, author, left, y, s->b->width - indent, s->g ? s->inks->muted : 0, "P", NULL);
  }
  if (s->g && centred)
    kl_scene_rect(s->g, (KlBox){s->x + s->b->width / 2 - 1.1 * px, s->y, 2.2 * px, BAR * px}, BAR * px / 2,
                  s->inks->accent, 1);
  else if (s->g)
    kl_scene_rect(s->g, (KlBox){s->x + (it->rtl ? s->b->width - BAR * px : 0), s->y, BAR * px, y},
                  BAR * px / 2, s->inks->accent, 1);
  s->size.height = y;
}

static void compose(Setting *s) {
  s->size.fits = true;
  switch (s->b->item->type) {
  case KL_EL_TITLE:
    plain(s, KL_VOICE_TITLE, "H1");
    break;
  case KL_EL_SUBTITLE:
    plain(s, KL_VOICE_SUBTITLE, "P");
    break;
  case KL_EL_HEADING:
    plain(s, KL_VOICE_HEADING, "H2");
    break;
  case KL_EL_NUMBER:
    number(s);
    break;
  case KL_EL_LIST:
    list(s);
    break;
  case KL_EL_QUOTE:
    quote(s);
    break;
  default:
    plain(s, KL_VOICE_BODY, "P");
    break;
  }
}

KlBlockSize kl_block_size(const KlBlock *b, bool least) {
  Setting s = {.b = b, .least = least};
  compose(&s);
  return s.size;
}

void kl_block_draw(const KlBlock *b, KlGroup *g, double x, double y, const KlInks *inks) {
  Setting s = {.b = b, .g = g, .x = x, .y = y, .inks = inks};
  compose(&s);
}

bool kl_block_fit(KlBlock *b, double least_px, double height, double *needed) {
  double high = b->px, low = MIN(least_px, b->px);
  KlBlockSize size = kl_block_size(b, false);
  if (size.fits && size.height <= height + 0.01) return true;
  b->px = low;
  size = kl_block_size(b, false);
  if (!size.fits || size.height > height + 0.01) {
    b->reflow = true;
    size = kl_block_size(b, false);
    *needed = size.height;
    return size.fits && size.height <= height + 0.01;
  }
  for (int i = 0; i < 10 && high - low > 0.1; i++) {
    b->px = (low + high) / 2;
    size = kl_block_size(b, false);
    if (size.fits && size.height <= height + 0.01)
      low = b->px;
    else
      high = b->px;
  }
  b->px = low;
  return true;
}

/* ---- for the layout engine ---- */

#define EM 100.0 /* px at which it measures what is in proportion */
#define STEPS 16 /* widths an em that are told apart */

typedef struct {
  const KlBriefItem *item;
  int width; /* in 1/STEPS em; of a number in quarters of a pixel */
  int px4;   /* size of a number in quarters of a pixel; the others are in proportion: 0 */
} Key;

struct KlBlockMeasure {
  KlFonts *fonts;
  double least;
  GHashTable *known; /* Key -> KlBlockSize, in px at EM */
};

static guint key_hash(gconstpointer p) {
  const Key *k = p;
  return g_direct_hash(k->item) * 31 + (guint)k->width * 2654435761u + (guint)k->px4;
}

static gboolean key_equal(gconstpointer a, gconstpointer b) {
  const Key *x = a, *y = b;
  return x->item == y->item && x->width == y->width && x->px4 == y->px4;
}

KlBlockMeasure *kl_block_measure_new(const KlBrief *b) {
  KlBlockMeasure *m = g_new0(KlBlockMeasure, 1);
  m->fonts = kl_fonts_new(b, NULL);
  m->least = kl_layout_least_px(b, KL_EL_BODY);
  m->known = g_hash_table_new_full(key_hash, key_equal, g_free, g_free);
  return m;
}

void kl_block_measure_free(KlBlockMeasure *m) {
  if (!m) return;
  kl_fonts_free(m->fonts);
  g_hash_table_unref(m->known);
  g_free(m);
}

static const KlBlockSize *known(KlBlockMeasure *m, Key key, double width, double px, bool least) {
  KlBlockSize *s = g_hash_table_lookup(m->known, &key);
  if (s) return s;
  KlBlock b = {.fonts = m->fonts, .item = key.item, .width = width, .px = px, .least = m->least};
  s = g_new(KlBlockSize, 1);
  *s = kl_block_size(&b, least);
  g_hash_table_insert(m->known, g_memdup2(&key, sizeof key), s);
  return s;
}

static void measure(void *user, const KlBrief *b, const KlBriefItem *item, double width, double px,
                    KlMeasured *out) {
  KlBlockMeasure *m = user;
  bool number = item->type == KL_EL_NUMBER;
  int steps = (int)CLAMP(floor(number ? width * 4 : width / px * STEPS), 1, 1e6),
      px4 = number ? (int)ceil(px * 4) : 0;
  double at = number ? px4 / 4.0 : EM, k = number ? 1 : px / EM;
  /* the widest word is the same at every width */
  const KlBlockSize *widest = known(m, (Key){item, -1, px4}, 1000 * at, at, true);
  double least = widest->min_width;
  const KlBlockSize *s =
      known(m, (Key){item, steps, px4}, number ? steps / 4.0 : steps * EM / STEPS, at, false);
  *out = (KlMeasured){.height = s->height * k, .min_width = least * k, .lines = s->lines};
}

KlMeasure kl_block_measure(KlBlockMeasure *m) {
  return (KlMeasure){measure, m};
}
