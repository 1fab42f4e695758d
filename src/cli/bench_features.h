/* accel bench --web-features: starts of a model in pages with and without features; their rows in the database, their lines. */
#ifndef ACCEL_CLI_BENCH_FEATURES_H
#define ACCEL_CLI_BENCH_FEATURES_H

#include "cli/command.h"
#include "measure/measure.h"

typedef struct kept_feature {
    size_t record; /* index of its record */
    case_feature feature;
} kept_feature;

typedef struct kept_features {
    kept_feature *items;
    size_t count, capacity;
} kept_features;

/* --web-features and --pairs into the settings; nothing where they are not given. */
accel_status bench_features_read(const command_line *line, bench_settings *out, accel_error *err);
/* Copies into `a`. */
accel_status bench_features_keep(kept_features *k, size_t index, const case_feature *f, arena *a,
                                 accel_error *err);
/* Rows of web_platform_optimizations and its two tables, all or none. */
accel_status bench_features_store(const kept_features *k, const record *records, const char *path, arena *a,
                                  accel_error *err);
/* A line each: means, ratio, verdict; or why there are none. */
void bench_features_print(const kept_features *k, const record *records, str_buf *out);
/* [{…}] of those of one record. */
void bench_features_json(const kept_features *k, size_t index, str_buf *out);
bool bench_features_failed(const kept_features *k); /* one that has no runs */
void bench_features_free(kept_features *k);

#endif
