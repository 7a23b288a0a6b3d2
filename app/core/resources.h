/* Text that is built into the program (resources/core.gresource.xml). Thread-safe. */
#pragma once

/* The resource below /org/kinoloom/core, zero-terminated, static; a missing one is our own mistake. */
const char *kl_resource_text(const char *path);
