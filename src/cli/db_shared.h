/* What the commands on a database share. */
#ifndef ACCEL_CLI_DB_SHARED_H
#define ACCEL_CLI_DB_SHARED_H

#include "cli/command.h"
#include "store/maintain.h"

/* Prints the sentence; a database that is not there is something asked for that is absent: exit code 3. */
int db_fail(const accel_error *err);
/* --folder, else FILE.backups; NULL after a sentence. */
const char *db_backup_folder(const command_line *line, const char *path);
/* --keep and --older-than as rules; false after a sentence. */
bool db_retention(const command_line *line, store_retention *out);
/* A column of bytes: a number for programs, "12.3 MB" for people. */
void db_bytes_cell(struct table *t, uint64_t bytes);
/* Prints a table of one kind and destroys it. */
int db_print(struct table *t, const command_line *line);
/* What a rewriting did: sizes before and after. */
int db_print_sizes(const command_line *line, const char *path, const store_sizes *sizes);

#define DB_OPTION_FOLDER                                                                                     \
    {.name = "folder",                                                                                       \
     .kind = OPTION_TEXT,                                                                                    \
     .value_name = "FOLDER",                                                                                 \
     .is_file = true,                                                                                        \
     .help = "where the backups are",                                                                        \
     .fallback = "FILE.backups"}
#define DB_OPTION_KEEP                                                                                       \
    {.name = "keep",                                                                                         \
     .kind = OPTION_INTEGER,                                                                                 \
     .value_name = "N",                                                                                      \
     .help = "the newest N backups stay",                                                                    \
     .low = 0,                                                                                               \
     .high = 1e6}

#endif
