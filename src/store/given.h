/* A result as somebody states it: a JSON object whose members have the names of the database's columns. What `accel db add`, the public API
 * and tables in files (CSV, Parquet) are read by.
 *
 * A performance result also takes the members of a record (docs/record.md), nested or as latency_ms.p90. Numbers and flags may be texts, the
 * empty text is absent. What nobody knows is kept in the kind's JSON column. Ids of a database (result_id, model_id, …) mean nothing
 * elsewhere and are passed over. */
#ifndef ACCEL_STORE_GIVEN_H
#define ACCEL_STORE_GIVEN_H

#include "base/arena.h"
#include "base/json.h"
#include "store/rows.h"

typedef struct given_defaults {
    const char *provenance; /* of what states none; NULL: "imported", since nobody here saw it measured */
    bool
        from_table; /* a file: its rows are imported, those that it says were not measured flagged so; NaN, which tables write for it, is absent */
    const char *test_name;  /* of the run; never NULL */
    const char *started_at; /* of a run that states none; never NULL */
    const char *seed;       /* tells this source from others: run and record ids follow from it; never NULL */
    size_t number;          /* of the object in its source */
} given_defaults;

/* "performance|compatibility|integration|web|optimization" */
extern const char given_result_types[];

/* One object as a batch of its own, in a: one row, its run and its children. Objects of one source with the same run members share their run's
 * uuid. ACCEL_BAD_FILE: a member has a wrong type, or what every such result needs is missing; ACCEL_INVALID_ARGUMENT: no such
 * result_type. Rows are not validated: store_batch_validate. */
accel_status given_read(const char *result_type, yyjson_val *object, const given_defaults *defaults, arena *a,
                        store_batch *out, accel_error *err);

/* Mean, median, extremes, deviation, interval and percentiles of r's samples, where they are not stated. ACCEL_BAD_FILE: a stated mean is
 * more than 1 % off the samples' (a wrong unit, or samples of something else). */
accel_status record_summarize_samples(record *r, accel_error *err);

/* A UUID (version 8) that follows from a text. */
accel_status uuid_from_text(arena *a, const char *text, const char **out, accel_error *err);

#endif
