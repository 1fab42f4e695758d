/* Where probes read: this machine, a folder that holds another one's files (as HWLOC_FSROOT does), or a capture made by
 * `accel detect --gather`. Everything read is remembered, so any run can be written as a capture. A capture is untrusted. */
#ifndef ACCEL_HW_SOURCE_H
#define ACCEL_HW_SOURCE_H

#include "hw/hw.h"

enum { HW_FILE_BYTES = 256 * 1024, HW_FOLDER_NAMES = 4096, HW_CAPTURE_BYTES = 64 << 20 };

/* root: a folder that stands for /; NULL: this machine. */
accel_status hw_source_open(const char *root, hw_source **out, accel_error *err);
accel_status hw_source_open_capture(const char *path, hw_source **out, accel_error *err);
void hw_source_close(hw_source *s); /* accepts NULL */
bool hw_source_is_live(const hw_source *s);
const char *hw_source_root(const hw_source *s); /* NULL: / */

/* Writes what was read so far: files, links, folders, variables, answers of vendor libraries, hwloc's topology. Host and user names,
 * serial numbers, UUIDs and MAC addresses are replaced. */
accel_status hw_source_save(const hw_source *s, const char *path, accel_error *err);

/* All results live as long as the source. NULL: absent, unreadable, longer than HW_FILE_BYTES or not text. Trailing blanks and newlines
 * are cut. */
const char *hw_read(hw_source *s, const char *path);
/* The first number of a file, decimal or 0x hexadecimal; HW_UNKNOWN. */
int64_t hw_read_number(hw_source *s, const char *path);
/* Names in a folder, sorted, without "." and ".."; NULL-terminated; NULL when it is absent. */
const char *const *hw_list(hw_source *s, const char *folder);
/* The last name of a symbolic link's target ("nvidia" of …/driver); NULL. */
const char *hw_link(hw_source *s, const char *path);
bool hw_exists(hw_source *s, const char *path);
/* A variable of the environment; NULL. Only those that probes name are ever read or captured. */
const char *hw_variable_value(hw_source *s, const char *name);

/* What a probe's `ask` says in a child process of its own, within timeout_s: its devices and evidence are appended to r. A child that crashes, hangs, prints
 * or forks becomes a line of evidence and is ended with all it started. From a capture: what was said then. */
accel_status hw_ask(hw_source *s, const hw_probe *probe, double timeout_s, hw_report *r, accel_error *err);

#endif
