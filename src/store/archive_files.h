/* The Parquet files of an archive, and the views through which their rows are read. Private to the store.
 *
 * FILE.archive/year=2025/month=03/NAME.parquet hold rows of performance_results with all columns. A file belongs to the archive when
 * the table archive_files lists it; others are what a killed process left. Files never change. */
#ifndef ACCEL_STORE_ARCHIVE_FILES_H
#define ACCEL_STORE_ARCHIVE_FILES_H

#include "store/database.h"

#define ARCHIVE_VIEW      "all_performance_results"
#define ARCHIVE_VIEW_LIVE "SELECT * FROM performance_results"

void archive_folder(const char *database_path, str_buf *out);

/* What archive_files lists, in order; names below the folder, in a. schema: "" or a prefix as "old.". */
accel_status archive_list(database *db, const char *schema, arena *a, const char ***names, size_t *count,
                          accel_error *err);

/* What all_performance_results shows, as a query in brackets that needs no view, in a. names: as archive_list gives them. */
const char *archive_results_sql(const char *database_path, const char *const *names, size_t count, arena *a);

/* Before all_performance_results is read through a database that is written: names in it begin at the database's folder. */
accel_status archive_prepare(database *db, accel_error *err);

/* all_performance_results of the current schema, for the files that are listed: they are named from the database's own folder, so that
 * database and archive can be moved together. */
accel_status archive_make_view(database *db, accel_error *err);

/* For a database that is only read: temporary views over the files where they lie, and access to exactly those. From then on nothing else of
 * the file system can be reached, unless files. A database without an archive gets no views. */
accel_status archive_confine(database *db, bool files, accel_error *err);
bool archive_is_there(const char *database_path);

/* Inside a transaction that takes staged results over: those whose record is archived are there already. */
accel_status archive_drop_staged(database *db, const char *staged_table, accel_error *err);

#endif
