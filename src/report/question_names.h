/* What an answer's rows are called: its identity columns, as far as they tell rows apart. Private to report/. */
#ifndef ACCEL_REPORT_QUESTION_NAMES_H
#define ACCEL_REPORT_QUESTION_NAMES_H

#include "store/questions.h"

typedef enum name_column {
    NAME_MODEL,
    NAME_WEIGHTS,
    NAME_PLATFORM,
    NAME_ENGINE,
    NAME_DEVICE,
    NAME_VERSION,
    NAME_PRECISION,
    NAME_BATCH,
    NAME_SEQUENCE,
    NAME_SHAPES,
    NAME_THREADS,
    NAME_MODE,
    NAME_SCENARIO,
    NAME_PROVENANCE,
    NAME_COUNT
} name_column;
#define NAME_BIT(column) (1U << (column))
/* Where it ran. */
#define NAMES_OF_RUNNERS                                                                                     \
    (NAME_BIT(NAME_PLATFORM) | NAME_BIT(NAME_ENGINE) | NAME_BIT(NAME_DEVICE) | NAME_BIT(NAME_VERSION))
#define NAMES_OF_ALL (NAME_BIT(NAME_COUNT) - 1)

typedef struct answer_names {
    const store_result *answer;
    size_t columns[NAME_COUNT]; /* SIZE_MAX: the answer has no such column */
    unsigned varying;           /* columns with more than one value */
} answer_names;

void answer_names_of(const store_result *answer, answer_names *out);
const store_cell *answer_cell_of(const store_result *answer, size_t row,
                                 size_t column); /* of SIZE_MAX a NULL cell */

/* "bert, batch 8, 2 threads": the row's values of these columns, those that are not NULL. */
void append_names(const answer_names *n, size_t row, unsigned columns, str_buf *out);

#endif
