/* The templates, the style sheet and the icons that are built into the program, under /org/kinoloom/Studio.
 */
#pragma once

/* Makes them known to GIO; called once, before the first widget. */
void kl_ui_resources_register(void);
