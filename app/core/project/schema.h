/* The kind of file that a project is. */
#pragma once

#include "app/core/db.h"

extern const KlSchema kl_project_schema;
