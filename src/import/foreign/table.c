/* Tables of performance results, as CSV or Parquet, whose columns have the names of ours: performance_results and what it refers to. */
#include "import/foreign/foreign.h"

#include <string.h>

#include "import/performance.h"
#include "import/simulated.h"
#include "import/times.h"
#include "store/given.h"

static const char *const figure_columns[] = {"average_latency_ms",
                                             "median_latency_ms",
                                             "throughput_items_per_second",
                                             "tokens_per_second",
                                             "samples_ns",
                                             "memory_peak_mb",
                                             "status"};

static bool matches_csv(const char *bytes, size_t length) {
    for (size_t i = 0; i < sizeof figure_columns / sizeof *figure_columns; i++)
        if (foreign_columns(bytes, length, "model_name") && foreign_columns(bytes, length, figure_columns[i]))
            return true;
    return false;
}

static bool matches_parquet(const char *bytes, size_t length) {
    static const char mark[] = "PAR1"; /* at both ends */
    size_t n = sizeof mark - 1;
    return length > 2 * n && memcmp(bytes, mark, n) == 0;
}

static bool is_ours(yyjson_val *row) {
    bool any = false;
    for (size_t i = 0; i < sizeof figure_columns / sizeof *figure_columns; i++)
        any |= yyjson_obj_get(row, figure_columns[i]) != NULL;
    return any && yyjson_obj_get(row, "model_name") != NULL;
}

/* One row by the rules of `accel db add`; times as tables write them are read as well. */
static accel_status add(import_context *c, yyjson_val *object, size_t number, import_rows *rows,
                        accel_error *err) {
    given_defaults defaults = {.from_table = true,
                               .test_name = "table",
                               .started_at = c->started_at,
                               .seed = "table",
                               .number = number};
    store_batch b;
    ACCEL_TRY(given_read("performance", object, &defaults, c->arena, &b, err));
    record *r = import_add_record(rows);
    *r = b.records[0];
    if (!value_is_name(r->model_name))
        return error_set(err, ACCEL_BAD_FILE, "model_name is '%.40s', which names no model", r->model_name);
    yyjson_val *started_at = value_any(object, "started_at|timestamp");
    const char *utc = times_utc(c, started_at);
    if (started_at != NULL && utc == NULL)
        return error_set(err, ACCEL_BAD_FILE, "started_at is no time that can be read");
    r->started_at = utc != NULL ? utc : c->started_at;
    if (value_precision(r->precision_asked) != NULL)
        r->precision_asked = value_precision(r->precision_asked);
    if (value_precision(r->precision_ran) != NULL)
        r->precision_ran = value_precision(r->precision_ran);
    if (r->is_simulated < 0)
        r->is_simulated = 0;
    if (value_any(object, "record_id") != NULL)
        return ACCEL_OK;
    return performance_set_id(c, r, err);
}

static accel_status read_rows(import_context *c, import_rows *rows, accel_error *err) {
    size_t i, n;
    yyjson_val *object;
    yyjson_arr_foreach(c->root, i, n, object) {
        accel_status status = add(c, object, i, rows, err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "row %zu of %zu", i + 1, n);
    }
    if (n == 0)
        c->skip = "it holds no row";
    return ACCEL_OK;
}

static accel_status read_csv(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    ACCEL_TRY(foreign_table(c, TABLE_CSV, err));
    return read_rows(c, rows, err);
}

static accel_status read_parquet(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    ACCEL_TRY(foreign_table(c, TABLE_PARQUET, err));
    if (yyjson_arr_size(c->root) > 0 && !is_ours(yyjson_arr_get_first(c->root))) {
        c->skip = "its columns are not those of performance_results";
        return ACCEL_OK;
    }
    return read_rows(c, rows, err);
}

const import_text_shape shape_table_csv = {{"CSV table", "performance", NULL, read_csv}, matches_csv};
const import_text_shape shape_table_parquet = {{"Parquet table", "performance", NULL, read_parquet},
                                               matches_parquet};
