/* Limits on what is believed of a foreign file and on what is written. */
#pragma once

#define KL_MEDIA_MAX_EDGE 16384       /* pixels an edge, in and out */
#define KL_MEDIA_MAX_PIXELS (1 << 26) /* width * height, in and out */
