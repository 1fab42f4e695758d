/* How a test or a case ended, as old files say it. */
#ifndef ACCEL_IMPORT_STATUS_H
#define ACCEL_IMPORT_STATUS_H

#include "import/value.h"
#include "measure/record.h"

/* What a status text or a flag means; STATUS_NONE when it is not there or means nothing known. */
typedef enum old_status {
    STATUS_NONE,
    STATUS_PASS,
    STATUS_FAIL,
    STATUS_ERROR,
    STATUS_SKIP,
    STATUS_TIMEOUT,
    STATUS_UNSUPPORTED,
    STATUS_ABSENT
} old_status;

old_status status_of_text(
    const char *text); /* "completed", "Success (REAL)", "Failed …", "Error: …", "CUDA not available" */
/* Of an object: status, else success, passed, return_code or exit_code. */
old_status status_of(yyjson_val *object);
const char *status_for_integration(old_status s); /* pass, fail, error, skip; NULL for none */
/* For a record; an error text can say more than the status does ("CUDA out of memory"). */
case_status status_for_record(old_status s, const char *error);
/* error, error_message, message of a failure, or of {error: {message}}. */
const char *status_error_text(const import_context *c, yyjson_val *object);

#endif
