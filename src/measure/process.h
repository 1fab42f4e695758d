/* The parent's handle of a child. Private to measure/.
 *
 * A child is `program __case` in a process group of its own, with a socket, a pipe for its last words and an unnamed file for its outputs.
 * Whatever it does ends in a status and a sentence. */
#ifndef ACCEL_MEASURE_PROCESS_H
#define ACCEL_MEASURE_PROCESS_H

#include <sys/types.h>
#include <time.h>

#include "base/posix/owned_folder.h"
#include "measure/job.h"
#include "measure/wire.h"

enum { PROCESS_LAST_WORDS = 2048, PROCESS_PHASE_BYTES = 64 };

typedef struct process {
    pid_t pid; /* 0: ended and reaped */
    int socket, errors, outputs;
    clockid_t cpu_clock;
    owned_folder
        temporary; /* the child's TMPDIR, removed when it ends: what a runtime drops there does not stay */
    int64_t memory_limit_bytes;
    uint64_t oom_kills_before;
    char phase[PROCESS_PHASE_BYTES];
    char last_words[PROCESS_LAST_WORDS];
    size_t last_words_length;
} process;

typedef struct process_message {
    wire_kind kind;
    str_buf body;
} process_message;

/* Starts a child and tells it its job. memory_limit_bytes 0: 90 % of what is available now. */
accel_status process_start(const measure_host *host, const child_job *job, int64_t memory_limit_bytes,
                           process *out, accel_error *err);
accel_status process_send(process *p, wire_kind kind, const void *bytes, size_t length, accel_error *err);
/* The next message that is no phase (each phase begins the time limit anew and is handed to on_phase). Anything but CASE_OK ends the child; err says why in a
 * sentence. A WIRE_FAILED message becomes its status and sentence. */
typedef void (*process_phase)(void *context, const char *phase);
case_status process_receive(process *p, double timeout_s, measure_cancel cancel, process_phase on_phase,
                            void *context, process_message *out, accel_error *err);
/* Kills the group if it still runs, reaps, closes. Accepts a zero one and one that has ended. */
void process_end(process *p);
void process_message_free(process_message *m);

uint64_t process_cpu_ns(const process *p); /* user + system time so far; 0 when it is gone */

int64_t system_available_bytes(
    void); /* what is available, within the control groups' limits; RECORD_NONE where unknown */

#endif
