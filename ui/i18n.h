/* _(), N_(), C_() and ngettext() for the text domain "kinoloom", which the program sets as its default. */
#pragma once

#include <glib/gi18n.h>
