/* Metrics and provenances: their words, and the SQL behind them. Private to the store. */
#ifndef ACCEL_STORE_QUESTION_WORDS_H
#define ACCEL_STORE_QUESTION_WORDS_H

#include "store/questions.h"

/* SQL over f: a row of latest_results or performance_results. */
typedef struct metric_words {
    const char *name, *title, *unit;
    const char *value, *low, *high;
    const char *key;          /* the less, the better */
    const char *columns;      /* what QUESTION_LATEST shows of it, a result's part of a SELECT */
    const char *column_names; /* of these, between spaces */
    bool less_is_better;
} metric_words;

extern const metric_words question_metrics[METRIC_NONE];
const metric_words *question_metric_of(question_metric m); /* NONE: latency */

typedef struct provenance_words {
    const char *name;
    unsigned bit;
} provenance_words;

enum { PROVENANCE_COUNT = 4 };
extern const provenance_words question_provenances[PROVENANCE_COUNT];

#endif
