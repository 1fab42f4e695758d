/* Files of other people's tools: what their readers share, and the list of them. One file a tool; what each becomes is in docs/import-foreign.md. */
#ifndef ACCEL_IMPORT_FOREIGN_FOREIGN_H
#define ACCEL_IMPORT_FOREIGN_FOREIGN_H

#include "import/value.h"
#include "measure/record.h"
#include "store/table_file.h"

extern const import_shape shape_google_benchmark, shape_hyperfine, shape_llama_bench, shape_optimum_benchmark,
    shape_optimum_report, shape_chrome_trace;
extern const import_text_shape shape_llama_bench_csv, shape_llama_bench_lines, shape_perf_test, shape_mlperf,
    shape_table_csv, shape_table_parquet;

/* Where a file names no model or platform, what the user states (--model, --hardware), which is kept in the record. false: neither is there, and
 * a note says so. */
bool foreign_about(import_context *c, record *r);
/* Completes a record of figures: status ok, start, statistics of its samples, what nobody read (a JSON object or NULL), its id. ACCEL_BAD_FILE: its mean
 * contradicts its samples. */
accel_status foreign_finish(import_context *c, record *r, const char *rest, accel_error *err);

/* An array of times in units of ns_per_unit as the record's samples. Where one is no time above 0, all are left out, with a note. */
accel_status foreign_samples(import_context *c, yyjson_val *list, double ns_per_unit, record *r,
                             accel_error *err);
/* ns of a time; RECORD_NONE when it is absent or no time. */
int64_t foreign_ns(double value, double ns_per_unit);

/* JSON of an object without the member `without`. */
const char *foreign_without(import_context *c, yyjson_val *object, const char *without);

/* The file's table, or JSON text made of it, as the context's document, in which the run's start is looked for. */
accel_status foreign_table(import_context *c, table_format format, accel_error *err);
accel_status foreign_document(import_context *c, const str_buf *json, accel_error *err);
/* Whether the first line has all of these words, separated by '|', each as a whole column name. */
bool foreign_columns(const char *bytes, size_t length, const char *names);

#endif
