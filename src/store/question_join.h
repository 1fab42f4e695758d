/* Ready questions by way of single tables, joined here: DuckDB plans a statement of four tables for longer than it takes to read them. Private to
 * the store. */
#ifndef ACCEL_STORE_QUESTION_JOIN_H
#define ACCEL_STORE_QUESTION_JOIN_H

#include "store/query.h"
#include "store/questions.h"

/* What question_sql_write's statement gives, numbers without texts, in an answer that query_begin made; in the order of the question, but comparisons
 * in none. *fits: false where more models, devices or series fit than most_rows; nothing is in out then. */
accel_status question_join(store_reader *r, const question *q, unsigned set, size_t most_rows,
                           store_result *out, bool *fits, accel_error *err);

#endif
