/* The words between the harness and its children: frames on a stream socket. Private to measure/. */
#ifndef ACCEL_MEASURE_WIRE_H
#define ACCEL_MEASURE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* Descriptors of a child; 0, 1 and 2 are /dev/null and a pipe for its last words. */
enum { WIRE_SOCKET = 3, WIRE_OUTPUTS = 4 };

typedef enum wire_kind {
    /* to the child */
    WIRE_JOB = 1, /* JSON, job.h */
    WIRE_BLOCK,   /* wire_block: sample for a while */
    WIRE_SERVER,  /* wire_server: one trial of the server scenario */
    WIRE_FINISH,  /* write outputs, say what was used */
    WIRE_START,   /* after it: wire_start, any number of times */
    WIRE_PROFILE, /* at the end: run a session that profiles */
    /* to the parent */
    WIRE_PHASE,    /* text: what begins now, for sentences and the status line */
    WIRE_READY,    /* JSON: loaded and run once */
    WIRE_SAMPLES,  /* wire_samples, then that many int64_t */
    WIRE_FINISHED, /* JSON */
    WIRE_STARTED,  /* JSON, starts.c */
    WIRE_PROFILED, /* JSON, profile.c */
    WIRE_FAILED    /* JSON: status, sentence */
} wire_kind;

enum { WIRE_MOST_SAMPLES = 1 << 20, WIRE_MOST_BYTES = WIRE_MOST_SAMPLES * 8 + 4096 };

typedef struct wire_header {
    uint32_t kind, length;
} wire_header;

typedef struct wire_block {
    uint64_t duration_ns;
    uint64_t least_runs, most_runs;
    uint64_t
        lead_in_ns; /* unmeasured runs before, for about this long: caches and threads come back after a pause */
} wire_block;

typedef struct wire_server {
    double rate_per_s;
    uint64_t duration_ns, seed;
} wire_server;

typedef struct wire_start {
    uint32_t feature, on; /* engines/start.h */
} wire_start;

typedef struct wire_samples {
    uint64_t count, lead_in_runs;
    uint64_t elapsed_ns, cpu_ns; /* of the measured runs */
    uint64_t remote_cpu_ns;      /* of cpu_ns: what processes other than the child used (a browser's) */
    double energy_j;             /* NAN where nothing counts it */
} wire_samples;

/* Both repeat after signals; ACCEL_IO when the other side is gone. */
accel_status wire_write(int descriptor, wire_kind kind, const void *bytes, size_t length, accel_error *err);
accel_status wire_write_text(int descriptor, wire_kind kind, const char *text, accel_error *err);
/* Header, then two parts as one frame. */
accel_status wire_write_two(int descriptor, wire_kind kind, const void *first, size_t first_length,
                            const void *second, size_t second_length, accel_error *err);
/* Blocking: for the child. The body replaces what is in `body`. ACCEL_NOT_FOUND at the end of the stream. */
accel_status wire_read(int descriptor, wire_kind *kind, str_buf *body, accel_error *err);

#endif
