/* A fuzz target: one call parses `size` bytes as a file of its kind and does with the result what the program
 * would. Any outcome is right except a crash, a sanitizer's report, a leak, or memory out of proportion.
 * Returns 0. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
