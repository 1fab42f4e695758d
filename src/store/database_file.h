/* What making, opening and rewriting a database file share. Private to the store. */
#ifndef ACCEL_STORE_DATABASE_FILE_H
#define ACCEL_STORE_DATABASE_FILE_H

#include "store/database.h"

/* How files are laid out. Blocks of 64 KiB: a column's last block is rewritten whole, so that 40 small results make 3 MB (with DuckDB's 256 KiB
 * 11 MB), and below 64 KiB DuckDB's integer compression does nothing: samples take 8 bytes instead of 3. Compression of DuckDB 1.5: 1.2's
 * leaves doubles in such blocks as they are. */
#define DATABASE_BLOCK_SIZE      "65536"
#define DATABASE_STORAGE_VERSION "v1.5.0"
#define DATABASE_ATTACH_OPTIONS                                                                              \
    "BLOCK_SIZE " DATABASE_BLOCK_SIZE ", STORAGE_VERSION '" DATABASE_STORAGE_VERSION "'"

/* The folder of path, locked: nobody else makes or rewrites a database in it meanwhile, and a killed process leaves no lock. On a
 * file system that cannot lock folders it is merely open. */
accel_status database_lock_folder(const char *path, int *descriptor, accel_error *err);
void database_remove_leftovers(const char *temporary); /* the file and its log */

/* A DuckDB without a file, for attaching some; path is for its sentences. */
accel_status database_open_memory(const char *path, database *out, accel_error *err);
/* Opens, writes the log into the file, closes. */
accel_status database_checkpoint(const char *path, accel_error *err);
void database_close_handles(database *db);

/* After a log was replayed: no sequence of our tables gives a number that is there. */
accel_status database_catch_up_sequences(database *db, accel_error *err);

/* Waits for one of DuckDB's locks of the file itself, while the process has no database open and claimed the right to (database_claim).
 * exclusive: as a writer; else as a reader, and then no log lies beside the file. Closing *descriptor, or any other of that file, ends it. */
accel_status database_lock_file(const char *path, bool exclusive, double patience_s, int *descriptor,
                                accel_error *err);
/* After another file got the name of a locked one: until those who had opened the old one by its name have found it locked. */
void database_let_openers_pass(void);

/* Reads every value of every table of an attached catalog; DuckDB compares the checksum of each block that it reads. rows: in all tables.
 * ACCEL_BAD_FILE, naming the table, when one is damaged. */
accel_status database_read_all(database *db, const char *catalog, int64_t *rows, accel_error *err);
accel_status database_attach(database *db, const char *path, const char *name, const char *options,
                             accel_error *err);

#endif
