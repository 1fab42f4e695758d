/* One old test result: how it ended, how long it took, what it printed. */
#ifndef ACCEL_IMPORT_INTEGRATION_H
#define ACCEL_IMPORT_INTEGRATION_H

#include "import/status.h"

typedef struct test_about {
    const char *module, *test_class, *name, *model, *family, *hardware;
    const char *simulated; /* evidence from around it */
} test_about;

/* Adds a row of a test that the object describes, and one of each of its assertions. Its own members name what `about` leaves open. Without a
 * status it is left out with a note. ACCEL_BAD_FILE: it passed and failed at once. */
accel_status integration_add(import_context *c, const test_about *about, yyjson_val *object,
                             import_rows *rows, accel_error *err);
/* A row of which only the outcome is known. */
store_integration *integration_add_plain(import_context *c, const test_about *about, old_status status,
                                         const char *error, import_rows *rows);

/* Seconds of elapsed_time, execution_time, duration and the like; NAN. */
double integration_seconds(value_reader *r);
/* "test_hf_bert" of "skills\\test_hf_bert.py"; the text itself when it is no file's name. */
const char *integration_stem(import_context *c, const char *file);

#endif
