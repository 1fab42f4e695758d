/* The public API over the benchmark database. */
#include "accel/accel.h"
#include "base/error.h"
#include "store/store.h"

accel_status accel_db_add(const char *database, const char *result_type, const char *json, size_t json_bytes,
                          size_t *added, accel_error *err) {
    if (result_type == NULL || json == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "accel_db_add needs a result type and JSON");
    return store_add_given(store_default_path(database), result_type, NULL, json, json_bytes, added, err);
}
