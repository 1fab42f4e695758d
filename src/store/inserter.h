/* How a batch gets into the stages of an inserter: what insert.c (its transactions), insert_batch.c and insert_records.c share. Private to these. */
#ifndef ACCEL_STORE_INSERTER_H
#define ACCEL_STORE_INSERTER_H

#include "store/insert.h"
#include "store/insert_stages.h"
#include "store/key_set.h"
#include "store/known_rows.h"
#include "store/prepare.h"

struct inserter {
    database *db;
    stage stages[STAGE_COUNT];
    store_preparer *preparer; /* of batches that nobody prepared */
    arena *scratch;           /* of one such batch */
    key_set natural
        [STAGE_COUNT]; /* natural keys of models, hardware and series that are staged, or in the database */
    known_rows known[STAGE_COUNT];
    bool learns;         /* known rows: worth it for many batches only */
    size_t added;        /* rows staged since it was made */
    key_set ids;         /* of the records that are staged, where not all are known */
    bool begun;          /* a transaction */
    int64_t rows;        /* that it brought */
    int64_t before;      /* its first number of performance_results, which no row has; 0: none yet */
    accel_error failure; /* what ends it */
};

/* insert_batch.c. Every row of a prepared batch that is not known to be there. */
accel_status stage_batch(inserter *in, const store_batch *b, accel_error *err);
accel_status stage_row(inserter *in, stage_id id, const void *row, accel_error *err);
/* Whether a row is to be staged: not where it is known to be there, or to be staged already. */
accel_status inserter_wants(inserter *in, stage_id id, const char *text, bool *wanted, accel_error *err);
/* The same of models, hardware and series, by their natural keys. */
accel_status inserter_is_new(inserter *in, stage_id id, const char *key, bool *is_new, accel_error *err);

/* insert_records.c. */
accel_status stage_model(inserter *in, const record *r, const char *key, accel_error *err);
accel_status stage_hardware(inserter *in, const record *r, const char *key, accel_error *err);
/* A record with its model, hardware and series. */
accel_status stage_result(inserter *in, const char *run_uuid, const record *r, const store_prepared *p,
                          accel_error *err);

#endif
