/* A stated performance result as a record. Private to the store. */
#ifndef ACCEL_STORE_GIVEN_RECORD_H
#define ACCEL_STORE_GIVEN_RECORD_H

#include "store/given.h"

/* Names that no row keeps: ids, keys and times of the database it was in. */
bool given_is_internal(const char *name);

accel_status given_record(yyjson_val *object, const given_defaults *defaults, arena *a, record *out,
                          accel_error *err);

#endif
