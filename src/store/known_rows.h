/* What a table has of the ids or keys by which its rows are found again. Private to the store. */
#ifndef ACCEL_STORE_KNOWN_ROWS_H
#define ACCEL_STORE_KNOWN_ROWS_H

#include "store/insert_stages.h"
#include "store/known_keys.h"

/* Zero-initialise it ({0}). */
typedef struct known_rows {
    known_keys keys;
    bool complete; /* all that the table has and all that is staged; else DuckDB looks for each row */
} known_rows;

/* The column by which rows of a stage are found again; NULL: they are not, or another way. */
const char *known_rows_column(stage_id id);
/* Loads the keys of the stage's table, when they are few beside the `added` rows for which it is done. */
accel_status known_rows_learn(known_rows *k, database *db, stage_id id, size_t added, accel_error *err);
bool known_rows_trim(known_rows *k);   /* forgets them when they are too many to keep: false */
void known_rows_forget(known_rows *k); /* leaves it zero */

#endif
