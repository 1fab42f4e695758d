/* What follows from rows before they are staged. Private to the store. */
#ifndef ACCEL_STORE_PREPARE_H
#define ACCEL_STORE_PREPARE_H

#include "base/str.h"
#include "engines/engine.h"
#include "store/rows.h"

/* store_batch_prepare without the validation. */
accel_status prepare_batch(store_preparer *p, arena *a, store_batch *b, accel_error *err);

static inline bool record_is_ok(const record *r) {
    return str_equal(r->status, case_status_name(CASE_OK));
}
static inline const char *record_precision(const record *r) {
    return record_is_ok(r) && r->precision_ran != NULL ? r->precision_ran : r->precision_asked;
}
static inline bool record_is_simulated(const record *r) {
    return r->is_simulated > 0 || str_equal(r->provenance, "simulated");
}

#endif
