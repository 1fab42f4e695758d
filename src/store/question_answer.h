/* From a question to its answer. Private to the store. */
#ifndef ACCEL_STORE_QUESTION_ANSWER_H
#define ACCEL_STORE_QUESTION_ANSWER_H

#include "store/query.h"
#include "store/questions.h"

/* Questions about so many series are answered by single tables (question_join.h). What that saves is the planning, a few milliseconds, which more series
 * do not notice; and to find out that there are more takes a few as well. */
enum { QUESTION_MOST_SERIES = 5000 };

/* set: of provenances. Of more than most_series series (0: always) DuckDB makes the join (question_sql.h); the answer is the same. */
accel_status question_answer(store_reader *r, const question *q, unsigned set, size_t most_series,
                             store_result **out, accel_error *err);

#endif
