/* Shared by the canvas and its input. */
#pragma once

#include "ui/timeline_canvas.h"
#include "ui/timeline_clip.h"

#define KL_RULER 26  /* pixels */
#define KL_HEADS 128 /* width of the tracks' heads */
#define KL_VIDEO_LANE 64
#define KL_AUDIO_LANE 48
#define KL_LANE_GAP 4

typedef struct {
  KlTrack *track;
  GtkWidget *head;
  GtkWidget *mute;
  GtkWidget *name;
  int y, height; /* from the first lane's top, not scrolled */
} KlLane;

typedef enum {
  KL_DRAG_NONE,
  KL_DRAG_SEEK,
  KL_DRAG_MOVE,
  KL_DRAG_IN,
  KL_DRAG_OUT,
  KL_DRAG_FADE,
  KL_DRAG_BOX
} KlDragKind;

struct _KlTimelineCanvas {
  GtkWidget parent;
  KlProject *project;
  GtkAdjustment *adjustment[2];
  guint policy[2];      /* GtkScrollablePolicy */
  GPtrArray *lanes;     /* KlLane */
  GPtrArray *clips;     /* KlClipView */
  GHashTable *selected; /* ids */
  double scale;         /* pixels a second */
  gint64 position;
  bool snap;
  /* a drag */
  KlDragKind drag;
  KlClipView *grabbed;
  double begin_x, begin_y, now_x, now_y;
  gint64 grab_frame, guide; /* guide: frame that it snapped to, -1: none */
  bool moved;
  GtkWidget *drop; /* DnD: where a drop would go */
  gint64 drop_frame;
  KlLane *drop_lane;
};

double kl_canvas_rate(KlTimelineCanvas *self);
double kl_canvas_x(KlTimelineCanvas *self, double frame);
double kl_canvas_frame(KlTimelineCanvas *self, double x);
KlLane *kl_canvas_lane_at(KlTimelineCanvas *self, double y);
KlLane *kl_canvas_lane_of(KlTimelineCanvas *self, KlTrack *t);
bool kl_canvas_is_selected(KlTimelineCanvas *self, KlClip *c);
void kl_canvas_select_only(KlTimelineCanvas *self, KlClip *c, bool add);
void kl_canvas_say(KlTimelineCanvas *self, GError *e); /* takes it */
void kl_canvas_seek(KlTimelineCanvas *self, gint64 frame);
/* Gestures, scrolling, drops. */
void kl_canvas_add_input(KlTimelineCanvas *self);
