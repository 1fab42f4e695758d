/* Which rows a report is about: the filters of a command, put before its questions in one place. */
#ifndef ACCEL_REPORT_SCOPE_H
#define ACCEL_REPORT_SCOPE_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

typedef struct report_scope {
    const char *const *models, *const *platforms, *const *engines; /* none: all */
    size_t model_count, platform_count, engine_count;
    const char *since;              /* 2026-11-23 or 2026-11-23T02:11:00Z; NULL: ever */
    const char *const *provenances; /* measured, predicted, imported, simulated; none: measured */
    size_t provenance_count;
} report_scope;

/* ACCEL_INVALID_ARGUMENT with a sentence where since is no date or a provenance is none. */
accel_status report_scope_check(const report_scope *s, accel_error *err);

/* Appends "WITH …" that defines the sources of a report's questions; each is followed by SELECT, or by ", name AS (…)".
 *
 * results (every case), latest (newest ok result of each series), compatibility, tests, web, optimizations, regressions, detections,
 * events: rows of the public tables with what they refer to joined in. All that have a model have model_name, model_source and `model`, the
 * name with its generated weights said; all have started_at and provenance, which for what is no measurement, whatever its source, says
 * so: "imported (simulated)". results and latest have `setting`, what of a case is neither model nor runner, model_setting, which
 * begins with the generated weights, and `runner`.
 * Each holds the rows of the asked provenances; all_NAME holds those of every provenance. Filters that a source has no column for do not
 * hold there; the engine of web rows is their browser. */
void report_scope_sources(const report_scope *s, str_buf *sql);

#endif
