/* The ready questions as single statements, which define what they answer; and the parts of which other statements about them consist. Private to
 * the store. */
#ifndef ACCEL_STORE_QUESTION_SQL_H
#define ACCEL_STORE_QUESTION_SQL_H

#include "store/query.h"
#include "store/questions.h"

enum { QUESTION_MOST_PARAMETERS = 256 };

/* A statement that is being written ({0}), and what its ? stand for. */
typedef struct question_sql {
    str_buf text;
    const char *parameters[QUESTION_MOST_PARAMETERS];
    size_t count;
    bool too_many;
} question_sql;

void question_sql_parameter(question_sql *w, const char *text);

/* A condition, and conditions that begin with AND. column: SQL of ours; second may be NULL; alias: of a table that has both columns. */
void question_sql_name(question_sql *w, const char *column, const char *name);
void question_sql_fits(question_sql *w, const question_names *names, const char *first, const char *second);
void question_sql_fits_provenance(question_sql *w, const char *alias, unsigned set);
void question_sql_fits_since(question_sql *w, const question *q, const char *column);

/* Columns that both kinds of statement take from a table. Times leave them as microseconds. */
#define QUESTION_SQL_MODEL "m.model_name AS model, m.source AS weights, m.model_family AS family"
#define QUESTION_SQL_SERIES                                                                                                                         \
    "i.engine_version, i.precision, i.batch_size AS batch, i.sequence_length AS sequence, CAST(i.shapes AS VARCHAR) AS shapes, i.threads, i.mode, " \
    "i.scenario"
#define QUESTION_SQL_PROVENANCE_OF(alias)                                                                    \
    "CASE WHEN " alias ".is_simulated THEN 'simulated' ELSE " alias ".provenance END AS provenance"
#define QUESTION_SQL_BEGAN(alias) "epoch_us(" alias ".started_at) AS started_at"

/* ", … AS …" of f, a result: what QUESTION_LATEST shows of the metrics; the value of one with its interval. */
void question_sql_figures(question_sql *w, const question *q);
void question_sql_value(question_sql *w, const question *q);
/* What QUESTION_LATEST is ordered by, SQL over f. */
const char *question_sql_first(const question *q);
/* Conditions on f: it has the value that is asked for. */
void question_sql_has_value(question_sql *w, const question *q);

/* The whole question but its order and, of comparisons, the comparing: question_answer.c does that. */
void question_sql_write(question_sql *w, const question *q, unsigned set);

/* Runs what was written, into an answer that query_begin made. part: read_rows.h. */
accel_status question_sql_run(store_reader *r, question_sql *w, const read_part *part, store_result *out,
                              accel_error *err);

#endif
