/* Rewriting a database into a new file: how complex migrations are done, and how a file is made small again. Private to the store.
 *
 * The new file is built aside, compared with the old one table by table, made durable and renamed over it while the old one is locked
 * against writers; killed at any moment, the old file or the new one is there, whole. */
#ifndef ACCEL_STORE_REWRITE_H
#define ACCEL_STORE_REWRITE_H

#include "store/database.h"

/* Brings the file, of schema `version`, to ours. Tables, views and columns that users added come along. The caller has no database open
 * but is the one in this process that may. ACCEL_BUSY when another process has it. */
accel_status database_rewrite(const char *path, int version, accel_error *err);

/* Derived rows made anew from performance_results; inside a transaction. schema: "" or a prefix as "fresh.". */
accel_status rebuild_latest(database *db, const char *schema, accel_error *err);

#endif
