/* The file of tunings: which variants of kernels were found to be fast on which adapter. It lies in the user's cache and is not trusted.
 *   {"accel_tuning": 1, "adapters": [{"adapter": words, "tuning": text of webgpu/tuning.h, "at": "2026-11-30T16:20:00Z"}]} */
#ifndef ACCEL_ENGINES_TUNING_FILE_H
#define ACCEL_ENGINES_TUNING_FILE_H

#include "base/error.h"
#include "base/str.h"
#include "engines/engine.h"

/* What is fast in one precision may not be in another: the words of an adapter name all but fp32. */
void tuning_append_precision(str_buf *adapter, precision p);

/* The tuning of this adapter; nothing is appended where there is none. ACCEL_BAD_FILE: the file, or what it says of the adapter, is not what accel
 * writes; then it is as if there were none. path NULL: there is none. */
accel_status tuning_file_find(const char *path, const char *adapter, str_buf *tuning, accel_error *err);
/* All of the file, for whoever can tell a user; engines run in children and take what is sound without a word. */
accel_status tuning_file_check(const char *path, accel_error *err);
/* Adds what was found; choices of other classes and of other adapters stay. A bad file is replaced. */
accel_status tuning_file_store(const char *path, const char *adapter, const char *tuning, accel_error *err);

#endif
