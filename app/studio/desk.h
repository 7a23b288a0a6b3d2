/* What the program does on the desktop besides its windows: light or dark as preferred, no suspend while a
 * render runs, a notification when one has ended and nobody looks; and where imported models go. */
#pragma once

#include "app/core/queue.h"

#include <adwaita.h>

/* Once, at start-up. Both must live as long as the program. Notifications activate "app.open-path" (string).
 */
void kl_desk_attach(GtkApplication *app, KlQueue *queue);
