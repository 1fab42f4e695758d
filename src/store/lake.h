/* A lake: Parquet files of many databases in one folder, FOLDER/TABLE/host=HASH/day=2026-11-23/NAME.parquet. Private to the store.
 *
 * Ids are a database's own, so in a lake rows are told apart by keys that are the same everywhere (natural keys, record ids, content keys),
 * and ids are made from them when the lake is read. A row is there once for each form that it had; reading takes the last. */
#ifndef ACCEL_STORE_LAKE_H
#define ACCEL_STORE_LAKE_H

#include "store/database.h"

typedef struct lake_table {
    const char *name;
    const char *key;  /* SQL over the row t and what `from` joins: what makes two rows the same */
    const char *from; /* the table as t, joined with what its keys need */
    const char *host; /* SQL: hash of the machine, where one is known */
    const char *day;  /* SQL: the time whose day is its partition */
    const char *time; /* SQL: of two forms of a row, the later one holds */
    const char *
        keys; /* "run_id=r.run_uuid model_id=m.natural_key": columns that refer to others, and their keys in the lake */
    const char *id; /* its own id, made from its key; NULL: it has none */
} lake_table;

extern const lake_table lake_tables[];
extern const size_t lake_table_count;

/* The table's rows in the form of the lake: its columns but ids, and lake_key, lake_hash, lake_time, the keys of what it refers to, host, day. */
void lake_append_select(const lake_table *t, str_buf *sql);
void lake_glob(const char *folder, const char *table, str_buf *out);
accel_status lake_has(const char *folder, const char *table, arena *a, bool *out, accel_error *err);

/* Whether the folder holds tables of a lake. */
bool lake_is_folder(const char *path);
/* Gives a database in memory the tables and views of the schema over a lake's files, and then access to nothing but them. */
accel_status lake_open(database *db, bool files, accel_error *err);

#endif
