/* hardware_availability_log: what `accel detect --save` saw, and what it no longer saw. */
#include "store/database.h"
#include "store/store.h"

static const double default_patience_s = 2;

static accel_status insert_sighting(database *db, const char *machine_id, const char *detected_at,
                                    const store_sighting *seen, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db,
        "INSERT INTO hardware_availability_log (hardware_type, is_available, detection_method, detection_details, detected_at, machine_id, "
        "device) VALUES (?, ?, ?, ?, " UTC_PARAMETER ", ?, ?)",
        &s, err));
    statement_text(&s, seen->hardware_type);
    statement_bool(&s, seen->is_available);
    statement_text(&s, seen->method);
    statement_text(&s, seen->details);
    statement_text(&s, detected_at);
    statement_text(&s, machine_id);
    statement_text(&s, seen->device);
    return statement_run(&s, NULL, NULL, err);
}

/* Devices whose newest row is an older one that says "available". */
static accel_status insert_vanished(database *db, const char *machine_id, const char *detected_at,
                                    accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db,
        "INSERT INTO hardware_availability_log (hardware_type, is_available, detection_method, detection_details, detected_at, machine_id, "
        "device) SELECT hardware_type, false, detection_method, '{\"reason\": \"it was there at the detection before and was not found\"}', now, "
        "machine_id, device FROM (SELECT *, " UTC_PARAMETER
        " AS now FROM hardware_availability_log WHERE machine_id = ? AND NOT is_simulated "
        "QUALIFY row_number() OVER (PARTITION BY hardware_type, device ORDER BY detected_at DESC, id DESC) = 1) "
        "WHERE is_available AND detected_at < now",
        &s, err));
    statement_text(&s, detected_at);
    statement_text(&s, machine_id);
    return statement_run(&s, NULL, NULL, err);
}

static accel_status was_detected(database *db, const char *machine_id, bool *out, accel_error *err) {
    statement s;
    ACCEL_TRY(statement_prepare(
        db, "SELECT 1 FROM hardware_availability_log WHERE machine_id = ? AND NOT is_simulated LIMIT 1", &s,
        err));
    statement_text(&s, machine_id);
    return statement_run(&s, NULL, out, err);
}

static accel_status insert_all(database *db, const char *machine_id, const store_sighting *sightings,
                               size_t count, const char *detected_at, bool *is_first, accel_error *err) {
    bool before = false;
    ACCEL_TRY(was_detected(db, machine_id, &before, err));
    for (size_t i = 0; i < count; i++)
        ACCEL_TRY(insert_sighting(db, machine_id, detected_at, &sightings[i], err));
    if (is_first != NULL)
        *is_first = !before;
    return insert_vanished(db, machine_id, detected_at, err);
}

accel_status store_log_availability(const char *path, double patience_s, const char *machine_id,
                                    const store_sighting *sightings, size_t count,
                                    char detected_at[CLOCK_UTC_TEXT_BYTES], bool *is_first,
                                    accel_error *err) {
    database db;
    ACCEL_TRY(database_open(path, false, patience_s < 0 ? default_patience_s : patience_s, &db, err));
    (void)clock_utc_text(clock_utc_us(), detected_at);
    accel_status status = database_exec(&db, "BEGIN TRANSACTION", err);
    if (status == ACCEL_OK) {
        status = insert_all(&db, machine_id, sightings, count, detected_at, is_first, err);
        if (status == ACCEL_OK)
            status = database_exec(&db, "COMMIT", err);
        else
            (void)database_exec(&db, "ROLLBACK", NULL);
    }
    database_close(&db);
    return status;
}
