/* A brief: what an infographic, slide or poster is to say, before anybody decides where. Read from JSON
 * (resources/schema/brief.schema.json) or from Markdown; written as canonical JSON. The content is a flat
 * list of items in reading order; each belongs to a section or to the whole. All text is valid UTF-8 without
 * control characters (they are shown as their Unicode pictures, U+2400...), never markup: "<b>" is three
 * characters. Lengths are canvas pixels. A KlBrief belongs to one thread at a time; errors are KL_ERROR_INPUT
 * with one line. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define KL_BRIEF_VERSION 1
#define KL_BRIEF_MAX (4u << 20)  /* bytes of a brief file */
#define KL_BRIEF_ITEMS_MAX 200   /* items of one brief */
#define KL_CHART_CELLS_MAX 20000 /* values of one chart */
#define KL_CANVAS_LEAST 64       /* px, each side */
#define KL_CANVAS_MOST 16384     /* px, each side */

/* What an item or an element of a layout is. */
typedef enum {
  KL_EL_TITLE,
  KL_EL_SUBTITLE,
  KL_EL_HEADING,
  KL_EL_BODY,
  KL_EL_NUMBER, /* a big number with its label */
  KL_EL_LIST,
  KL_EL_QUOTE,
  KL_EL_CHART,
  KL_EL_PICTURE,
  KL_EL_ICON,
  KL_EL_PANEL,      /* a filled area behind others; shows no item */
  KL_EL_BACKGROUND, /* the whole canvas; shows the item "background" where the brief has one */
  KL_ELEMENT_TYPES
} KlElementType;

/* "title" ... "background". */
const char *kl_element_name(KlElementType type);
/* The type of that name, or -1. */
int kl_element_type(const char *name);
/* Whether it is set in type (title ... quote). A chart has words too, but it can be drawn at any size. */
bool kl_element_is_text(KlElementType type);

/* A rectangle in canvas pixels; origin at the top left, y downwards. */
typedef struct {
  double x, y, w, h;
} KlBox;

/* ---- what an item holds ---- */
typedef enum {
  KL_CHART_AUTO, /* never in a loaded brief: reading decides */
  KL_CHART_BAR,
  KL_CHART_LINE,
  KL_CHART_AREA,
  KL_CHART_PIE,
  KL_CHART_TIMELINE
} KlChartKind;
const char *kl_chart_kind_name(KlChartKind kind);

typedef struct {
  KlChartKind kind;
  char *title, *unit; /* NULL: none */
  guint rows, series; /* both >= 1; a timeline has series = 0 and `texts` */
  char **labels;      /* [rows], the first column; NULL-terminated */
  char **names;       /* [series], the heads of the other columns; NULL-terminated; "" where there is none */
  double *values;     /* [rows][series]; NaN: missing. At least one is finite */
  char **texts;       /* [rows], timeline only: what happened; else NULL */
} KlChart;

typedef struct {
  char *id;           /* unique: "title", "s2.heading", "intro.number2" ... */
  KlElementType type; /* title ... icon, or background */
  int section;        /* index into sections, -1: belongs to the whole */
  bool rtl;           /* its own text runs right to left (by its first strong letter, else the brief) */
  char *text;   /* title ... body, quote: the words, paragraphs apart by "\n"; number: the value ("42 %");
                   picture, background: the prompt; icon: the name; list: NULL. Never NULL for other text */
  char *label;  /* number: what it counts; quote: who said it; picture: caption; else NULL */
  char *alt;    /* for those who cannot see it: chart, picture, icon; NULL: nothing was given */
  char **list;  /* list: its entries, NULL-terminated, at least one; else NULL */
  bool ordered; /* list: numbered */
  char *image;  /* picture, background: absolute path of a given picture (for a picture with a prompt as well:
                   the subject to be shown), bytes as the system has them; NULL: none */
  int image_w, image_h; /* its size in px; 0: no image */
  KlChart *chart;       /* chart only */
} KlBriefItem;

typedef struct {
  char *id;           /* "s1" or as given */
  guint first, count; /* its items: items[first] ... */
} KlBriefSection;

/* ---- constraints ---- */
/* a KIND b, where b may be "canvas". Position (boxes do not meet in that direction): left, right, above (JSON
 * "top"), below (JSON "bottom"); against the canvas: the centre of a lies in that third. centre: the centre
 * of a lies inside b (the two may then overlap); against the canvas: in its middle third, both ways. Size by
 * area, as in LayoutGAN++: smaller: area a <= 0.9 area b; larger: the reverse; equal: neither. */
typedef enum {
  KL_REL_LEFT,
  KL_REL_RIGHT,
  KL_REL_TOP,
  KL_REL_BOTTOM,
  KL_REL_CENTRE,
  KL_REL_SMALLER,
  KL_REL_LARGER,
  KL_REL_EQUAL,
  KL_RELATIONS
} KlRelationKind;
const char *kl_relation_name(KlRelationKind kind); /* "left" ... "equal" */
int kl_relation_kind(const char *name);            /* -1: no such relation; "center" is taken too */

typedef struct {
  KlRelationKind kind;
  char *a, *b; /* ids of items (or of panels of a layout); b may be "canvas" */
} KlRelation;

typedef struct {
  char *id;
  KlBox box; /* exactly this */
} KlFixed;

/* A layout given with the brief. Boxes may be incomplete: NaN where not given. */
typedef enum { KL_GIVEN_NONE, KL_GIVEN_COMPLETE, KL_GIVEN_REFINE } KlGivenUse;

/* ---- the whole ---- */
typedef enum { KL_DENSITY_AIRY, KL_DENSITY_NORMAL, KL_DENSITY_DENSE } KlDensity;
typedef enum { KL_DIR_AUTO, KL_DIR_LTR, KL_DIR_RTL } KlDirection;

/* Colour roles of a palette: what layouts refer to and typesetting resolves. */
typedef enum {
  KL_COLOUR_NONE = -1,
  KL_COLOUR_BACKGROUND, /* of the canvas */
  KL_COLOUR_PANEL,      /* areas set off from the background */
  KL_COLOUR_TEXT,
  KL_COLOUR_MUTED, /* labels, axes */
  KL_COLOUR_ACCENT,
  KL_COLOUR_ACCENT2,
  KL_COLOURS
} KlColour;
const char *kl_colour_name(KlColour role); /* "none", "background" ... "accent2" */
int kl_colour_role(const char *name);      /* -2: no such role */

typedef struct {
  guint32 rgb[KL_COLOURS]; /* 0xRRGGBB */
} KlPalette;

typedef struct {
  const char *name;
  int width, height;
  const char *title; /* for people */
} KlCanvasPreset;
/* infographic, slide, square, story, a4; ended by a NULL name. */
const KlCanvasPreset *kl_canvas_presets(void);

typedef struct {
  int width, height;  /* px, KL_CANVAS_LEAST ... KL_CANVAS_MOST */
  char *preset;       /* its name, NULL: a size of its own */
  char *palette_name; /* one of kl_palette_names, NULL: own colours */
  KlPalette palette;
  char *font_heading, *font_body; /* family names, NULL: the program's own choice */
  KlDensity density;
  char *language;        /* BCP 47, NULL: not said */
  KlDirection direction; /* resolved: LTR or RTL, never AUTO */
  GPtrArray *items;  /* KlBriefItem *, reading order: title, subtitle, then the sections; "background" last */
  GArray *sections;  /* KlBriefSection */
  GArray *relations; /* KlRelation */
  GArray *fixed;     /* KlFixed */
  KlGivenUse given_use;
  GArray *given;    /* KlFixed with NaN where not given; for ids of items */
  GPtrArray *notes; /* char *: what was odd but could be dealt with, one line each, for people */
} KlBrief;

/* NULL-terminated names of built-in palettes; the first is the default. */
const char *const *kl_palette_names(void);
/* false: no palette of that name. */
bool kl_palette_named(const char *name, KlPalette *out);

/* Reads a file: JSON where the first character is "{", else Markdown. Names in it are relative to its folder;
 * "-" reads standard input (names are then relative to the working folder). */
KlBrief *kl_brief_load(const char *path, GError **error);
/* The same from memory; `where` names it in errors, `folder` resolves file names (NULL: files are refused).
 */
KlBrief *kl_brief_parse_json(const char *json, gsize n, const char *where, const char *folder,
                             GError **error);
KlBrief *kl_brief_parse_markdown(const char *text, gsize n, const char *where, const char *folder,
                                 GError **error);
/* Canonical JSON, indented, with a last newline; parsing it gives the same brief. Chart data stand inline. */
char *kl_brief_serialise(const KlBrief *b);
void kl_brief_free(KlBrief *b);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlBrief, kl_brief_free)

/* Another canvas: a preset's name or "WxH". KL_ERROR_USAGE. Fixed and given boxes scale along. */
bool kl_brief_set_canvas(KlBrief *b, const char *text, GError **error);
/* The item, or NULL. Borrowed. */
const KlBriefItem *kl_brief_item(const KlBrief *b, const char *id);
/* The JSON schema, static. */
const char *kl_brief_schema(void);
