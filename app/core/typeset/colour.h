/* Colours as 0xRRGGBB, sRGB: mixing, and contrast as WCAG 2.1 defines it. Pure functions. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define KL_CONTRAST_LEAST 4.5 /* of text to every pixel behind it */

/* t = 0: a, 1: b; mixed as the display's values. */
guint32 kl_rgb_mix(guint32 a, guint32 b, double t);
/* Relative luminance, 0..1. */
double kl_rgb_luminance(guint32 rgb);
/* 1..21. */
double kl_rgb_contrast(guint32 a, guint32 b);
/* The same of two luminances. */
double kl_luminance_contrast(double a, double b);
/* Like `rgb`, but lighter or darker until luminances in lowest..highest are all at least `least` away; false
 * if neither does (then *out is the better of black and white). */
bool kl_rgb_readable(guint32 rgb, double lowest, double highest, double least, guint32 *out);
