/* Any bytes are imported, skipped or rejected; what is imported is valid, is of provenance imported, names what it is about, and holds no figure
 * that is 0, and reading it again gives the same rows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "import/file.h"
#include "import/value.h"

static void check_records(const file_reading *f) {
    for (size_t i = 0; i < f->rows.record_count; i++) {
        const record *r = &f->rows.record_rows[i];
        if (!value_is_name(r->model_name) || r->platform == NULL || strcmp(r->provenance, "imported") != 0)
            abort();
        if (r->latency_mean_ms <= 0 || r->throughput_items_per_s <= 0 || r->peak_rss_bytes == 0)
            abort();
        if (r->is_simulated > 0 && r->simulation_reason == NULL)
            abort();
    }
}

static void check_same(const file_reading *f, const file_reading *again) {
    if (f->outcome != again->outcome || strcmp(f->message, again->message) != 0 ||
        import_rows_count(&f->rows) != import_rows_count(&again->rows))
        abort();
    for (size_t i = 0; i < f->rows.record_count && f->outcome == IMPORT_IMPORTED; i++)
        if (strcmp(f->rows.record_rows[i].record_id, again->rows.record_rows[i].record_id) != 0)
            abort();
}

static void check_outcome(const file_reading *f) {
    store_batch b = file_reading_batch(f);
    if (f->outcome != IMPORT_IMPORTED) {
        if (f->message[0] == '\0')
            abort(); /* a reason, always */
        return;
    }
    if (store_batch_validate(&b, NULL) != ACCEL_OK || import_rows_count(&f->rows) == 0)
        abort();
    check_records(f);
}

static bool prepare(file_reading *f) {
    static store_preparer *preparer;
    if (preparer == NULL && (preparer = store_preparer_create()) == NULL)
        return false;
    return file_reading_prepare(f, preparer, NULL) == ACCEL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    file_reading first = {0}, second = {0};
    bool ok = file_reading_of_bytes("folder_20250301_101112/x_results.json", (const char *)data, size,
                                    1700000000000000, &first, NULL) == ACCEL_OK;
    ok = file_reading_of_bytes("folder_20250301_101112/x_results.json", (const char *)data, size,
                               1700000000000000, &second, NULL) == ACCEL_OK &&
         ok;
    if (ok && prepare(&first) && prepare(&second)) {
        check_outcome(&first);
        check_same(&first, &second);
    }
    file_reading_free(&second);
    import_stated stated = {.model = "stated", .hardware = "cpu"};
    if (file_reading_of_stated_bytes("results.csv", (const char *)data, size, 1700000000000000, stated,
                                     &second, NULL) == ACCEL_OK &&
        prepare(&second))
        check_outcome(&second);
    file_reading_free(&first);
    file_reading_free(&second);
    return 0;
}
