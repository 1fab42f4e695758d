/* The questions that most people ask, as parameterised SQL over the series and their newest results: what `accel query` and the REST API
 * answer without SQL. Names that users give are bound, never written into SQL. */
#ifndef ACCEL_STORE_QUESTIONS_H
#define ACCEL_STORE_QUESTIONS_H

#include "store/store.h"

typedef enum question_kind {
    QUESTION_LATEST, /* a row a series: its newest ok result */
    QUESTION_COMPARE_HARDWARE, /* what runs the same work best: rows of one model at one precision, batch, … have one "comparison" number */
    QUESTION_COMPARE_MODELS, /* which model runs best on the same: rows of one platform, engine, batch, … have one "comparison" number */
    QUESTION_TREND,        /* a row a result: the series over their runs; needs a model */
    QUESTION_COMPATIBILITY /* a row a model and platform: does it run there */
} question_kind;

typedef enum question_metric {
    METRIC_LATENCY,
    METRIC_THROUGHPUT,
    METRIC_MEMORY,
    METRIC_NONE
} question_metric;

/* Sets of provenances. A result that is flagged simulated counts as that, whatever its provenance says. */
enum { PROVENANCE_MEASURED = 1, PROVENANCE_PREDICTED = 2, PROVENANCE_IMPORTED = 4, PROVENANCE_SIMULATED = 8 };

typedef struct question_names {
    const char *const *names; /* any of them fits; case does not count, * stands for any text */
    size_t count;             /* 0: all */
} question_names;

typedef struct question {
    question_kind kind;
    question_names models, families;
    question_names hardware; /* platforms (cpu, cuda, …) or devices by name */
    question_metric metric;  /* NONE: latency; of QUESTION_LATEST all of them, newest first */
    const char *
        since; /* only results of runs that started then or later: "2026-01-31" or "2026-01-31T10:00:00Z"; NULL: all */
    size_t limit; /* rows; of comparisons their numbers, of trends the newest points of each series; 0: all */
    unsigned provenances; /* a set of PROVENANCE_…; 0: measured only */
} question;

/* What a result's value is: column "value", with "low" and "high" around it where an interval is known. */
const char *question_metric_unit(question_metric m); /* "ms", "items/s", "MB" */
const char *question_metric_name(question_metric m); /* "mean latency", … */
bool question_metric_less_is_better(question_metric m);
bool question_metric_from_name(const char *name, question_metric *out); /* latency, throughput, memory */
bool question_provenance_from_name(const char *name, unsigned *out);    /* measured, … */

/* Answers in long form; columns by kind:
 *   latest         model weights family platform engine device engine_version precision batch sequence shapes threads mode scenario, latency_ms ci95_ms throughput
 *                  tokens_per_s memory_mb (one metric: only its own), n verified provenance started_at
 *   comparisons    comparison, the same names up to scenario, value low high best ratio n verified provenance started_at; ratio is value / best of the comparison
 *   trend          series, the same names, started_at value low high n provenance git_commit result_id
 *   compatibility  model weights family platform, devices compatible_devices (newest state of each device), tests passed_tests, score error_type error_message
 *                  provenance last_tested
 * remark (may be NULL) receives a sentence when the answer is empty though results of other provenances fit, or since nothing fits.
 * ACCEL_NOT_FOUND: a model, family or hardware of that name is not in the database; err suggests the nearest. ACCEL_INVALID_ARGUMENT: the question
 * contradicts itself. */
accel_status store_ask(store_reader *r, const question *q, store_result **out, str_buf *remark,
                       accel_error *err);

#endif
