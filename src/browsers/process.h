/* One program started beside this one, what it writes kept, everything that it started ended with it, also when this process is killed (supervisor.h).
 * Private to browsers/. */
#ifndef ACCEL_BROWSERS_PROCESS_H
#define ACCEL_BROWSERS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/posix/owned_folder.h"
#include "base/str.h"

typedef struct browser_process browser_process;

typedef struct browser_process_options {
    const char *const *arguments; /* the program's path first; NULL at the end */
    /* What its environment has besides or instead of ours: "NAME=value", or "NAME" for none. NULL at the end, or NULL. */
    const char *const *variables;
    const char *mark;           /* of its process tree (tree.h); unlike every other one's */
    const owned_folder *folder; /* where it writes, removed behind it when this process dies; NULL: nowhere */
    int given[2];               /* become its descriptors 3 and 4; -1: none. They stay the caller's */
    int orphan_signal;          /* what it gets first when this process dies: SIGKILL, or SIGTERM */
} browser_process_options;

/* ACCEL_NOT_FOUND and ACCEL_IO name the program that cannot be run. */
accel_status browser_process_start(const browser_process_options *options, browser_process **out,
                                   accel_error *err);
pid_t browser_process_pid(const browser_process *p);
/* Whether it has ended, within timeout_s (0: now). `how` (may be NULL) receives "ended with exit code 1" or "was ended by SIGKILL". */
bool browser_process_ended(browser_process *p, double timeout_s, str_buf *how);
/* Whether it was ended by a signal. */
bool browser_process_crashed(browser_process *p);
/* Appends what it wrote to stdout and stderr, the last 64 KiB. */
void browser_process_words(browser_process *p, str_buf *out);
/* All its processes: CPU time so far and memory now, as tree_usage. */
void browser_process_usage(const browser_process *p, uint64_t *cpu_ns, uint64_t *rss_bytes);
/* Whether one of its processes has this name; *last keeps which (0: not known yet), so that looking again is cheap. */
bool browser_process_has(const browser_process *p, const char *name, pid_t *last);
/* Ends all its processes (SIGTERM, and SIGKILL for what lives after grace_s) and frees p; accepts NULL. */
void browser_process_end(browser_process *p, double grace_s);

#endif
