/* A display that nobody sees, for browsers that cannot do without one: Xvfb. Private to browsers/. */
#ifndef ACCEL_BROWSERS_DISPLAY_H
#define ACCEL_BROWSERS_DISPLAY_H

#include "browsers/process.h"

enum { DISPLAY_NAME_BYTES = 32 };

/* ACCEL_ABSENT, with the package, where there is no Xvfb. */
accel_status display_ready(accel_error *err);
/* Starts one on a number that is free; mark and folder as browser_process_options has them. name: ":1". browser_process_end the result. */
accel_status display_start(const char *mark, const owned_folder *folder, browser_process **out,
                           char name[DISPLAY_NAME_BYTES], accel_error *err);

#endif
