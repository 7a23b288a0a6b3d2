/* Watches how long the main loop does not come round: with KINOLOOM_STALLS=FILE in the environment, every
 * stretch between two polls that took longer than 20 ms is written to FILE as a line "milliseconds
 * seconds-since-start". Time that the thread was ready to run but another one had the processor is not
 * counted (Linux schedstat), so that a busy machine does not look like a slow program; waiting for disks and
 * locks is. Main thread only. */
#pragma once

/* Does nothing without the variable. Call once, before the main loop. */
void kl_stalls_watch(void);
