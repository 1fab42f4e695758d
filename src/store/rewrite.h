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

/* natural_key's parts in SQL, and the key of an identity: of a row p (of results or of identities), its model m and its hardware h. */
#define KEY_PART(text) "coalesce(" text ", chr(1)) || chr(31)"
extern const char identity_key_sql[];

/* What latest_results is by definition. To be formatted with a schema (as below), the name of the results, and the schema. */
#define LATEST_SQL                                                                                                                                     \
    "SELECT p.identity_id, p.result_id, p.run_id, r.started_at, p.average_latency_ms, p.median_latency_ms, p.ci95_latency_ms, p.iterations, "          \
    "p.throughput_items_per_second, p.tokens_per_second, p.memory_peak_mb, p.verified, p.reference, p.relative_l2, p.simulation_reason, p.created_at " \
    "FROM %s%s p JOIN %stest_runs r USING (run_id) WHERE p.status = 'ok' "                                                                             \
    "QUALIFY row_number() OVER (PARTITION BY p.identity_id ORDER BY r.started_at DESC, p.result_id DESC) = 1"

/* Derived rows made anew from performance_results; inside a transaction. schema: "" or a prefix as "fresh.". */
accel_status rebuild_latest(database *db, const char *schema, accel_error *err);

#endif
