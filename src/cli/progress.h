/* What a running benchmark says on stderr: a status line on a terminal, a line a case elsewhere. */
#ifndef ACCEL_CLI_PROGRESS_H
#define ACCEL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "measure/measure.h"

typedef struct progress {
    bool quiet, terminal;
    size_t index, count; /* of the case named last */
    bool dirty;          /* the status line holds text */
} progress;

void progress_start(progress *p, bool quiet);
void progress_case(progress *p, const bench_case *c, size_t index, size_t count);
void progress_text(progress *p, const bench_case *c, const char *text);
void progress_record(progress *p, const bench_case *c, const record *r);
/* A bar: done of count things, for work that is no case. */
void progress_count(progress *p, const char *what, size_t done, size_t count, uint64_t bytes);
void progress_end(progress *p); /* clears the status line */

#endif
