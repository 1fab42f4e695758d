/* Where commands keep what they remember from one call to the next. */
#ifndef ACCEL_CLI_CACHE_FOLDER_H
#define ACCEL_CLI_CACHE_FOLDER_H

#include "base/arena.h"

/* $XDG_CACHE_HOME/accel, else ~/.cache/accel. NULL: nothing is remembered. */
const char *cache_folder(arena *a);
/* A file in it; NULL like the folder. */
const char *cache_file(arena *a, const char *name);

#define CACHE_ENGINES  "probes.json"   /* what engines answered */
#define CACHE_HARDWARE "hardware.json" /* what vendors' libraries answered */
#define CACHE_TUNING   "tuning.json"   /* which variants of kernels are fast on which adapter */

#endif
