/* What every widget knows: GTK, libadwaita and the project that it shows. */
#pragma once

#include "app/core/project/project.h"

#include <adwaita.h>
