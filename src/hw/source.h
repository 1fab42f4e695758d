/* Where probes read: this machine, a folder that holds another one's files (as HWLOC_FSROOT does), or a capture made by
 * `accel detect --gather`. Everything read is remembered, so any run can be written as a capture. A capture is untrusted. */
#ifndef ACCEL_HW_SOURCE_H
#define ACCEL_HW_SOURCE_H

#include "hw/hw.h"

enum {
    HW_FILE_BYTES = 256 * 1024, /* of a file are read */
    HW_FOLDER_NAMES = 4096,     /* of a folder */
    HW_ANSWER_BYTES = 1 << 20,  /* a child may say */
    HW_CAPTURE_BYTES = 64 << 20,
    HW_CAPTURE_ENTRIES = 1 << 17
};

/* root: a folder that stands for / (links inside it never lead out of it), or one with CPUID dumps as hwloc-gather-cpuid writes them; NULL:
 * this machine. */
accel_status hw_source_open(const char *root, hw_source **out, accel_error *err);
accel_status hw_source_open_capture(const char *path, hw_source **out, accel_error *err);
/* The same from memory; the bytes are copied. */
accel_status hw_source_parse_capture(const char *json, size_t length, hw_source **out, accel_error *err);
void hw_source_close(hw_source *s); /* accepts NULL */

typedef enum hw_source_kind {
    HW_SOURCE_LIVE,
    HW_SOURCE_ROOT,
    HW_SOURCE_CPUID,
    HW_SOURCE_CAPTURE
} hw_source_kind;
hw_source_kind hw_source_kind_of(const hw_source *s);
const char *hw_source_root(const hw_source *s); /* of a root or cpuid folder; else NULL */

/* Writes what was read so far: files, links, folders, variables, what hwloc, CPUID and vendor libraries answered. Host and user names,
 * serial numbers, UUIDs, MAC addresses and long identifiers are replaced, the same one by the same everywhere. */
accel_status hw_source_save(const hw_source *s, const char *path, accel_error *err);

/* All results live as long as the source. A source is used by one thread at a time. */

/* A file's text, without blanks and newlines at its end. NULL: absent, unreadable, no regular file, empty or not text. Of a file longer than
 * HW_FILE_BYTES, the whole lines that fit. */
const char *hw_read(hw_source *s, const char *path);
/* Only the lines that contain `word`: for files whose other lines are nobody's business. One word a path. */
const char *hw_read_lines(hw_source *s, const char *path, const char *word);
/* The number that a file begins with, decimal or 0x hexadecimal; HW_UNKNOWN. */
int64_t hw_read_number(hw_source *s, const char *path);
/* Names in a folder, sorted, without "." and ".."; NULL-terminated; NULL when it is absent. */
const char *const *hw_list(hw_source *s, const char *folder);
/* The last name of a symbolic link's target ("nvidia" of …/driver); NULL. */
const char *hw_link(hw_source *s, const char *path);
bool hw_exists(hw_source *s, const char *path);
/* A variable of the environment; NULL. Only those that probes name are ever read or captured. */
const char *hw_variable_value(hw_source *s, const char *name);

/* What something other than a file said (hwloc, CPUID, a large table, a vendor's library), under a name of the probe's choice: remembered
 * by the probe on a machine, given back from a capture. NULL: nothing under that name. */
const char *hw_answer(const hw_source *s, const char *name);
accel_status hw_answer_remember(hw_source *s, const char *name, const char *text, accel_error *err);

/* What a probe's libraries say to the questions that the options want, each asked in a child process of its own within options->timeout_s: devices and evidence are appended to r. A child
 * that crashes, hangs, prints or forks becomes a line of evidence and is ended with all it started. From a capture: what was said then; from a
 * folder: nothing, since libraries are the living machine's. */
accel_status hw_ask(hw_source *s, const hw_probe *probe, const hw_options *options, hw_report *r,
                    accel_error *err);

/* The child's side: the hidden entry of a program, `program __hw QUESTION`. probes NULL: the table. Returns the exit code. */
#define HW_CHILD_ARGUMENT "__hw"
int hw_child_main(const hw_probe *const *probes, size_t count, const char *name);

#endif
