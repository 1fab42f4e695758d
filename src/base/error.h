/* Filling in accel_error. See accel/status.h for the convention. */
#ifndef ACCEL_BASE_ERROR_H
#define ACCEL_BASE_ERROR_H

#include <stdarg.h>

#include "accel/status.h"

#if defined(__GNUC__)
#define ACCEL_PRINTF(format_index, first_argument)                                                           \
    __attribute__((format(printf, format_index, first_argument)))
#else
#define ACCEL_PRINTF(format_index, first_argument)
#endif

/* Stores status and the formatted sentence in *err (when err is not NULL) and returns status, so that a
 * failing function ends in `return error_set(err, ACCEL_BAD_FILE, "…", …);`. */
accel_status error_set(accel_error *err, accel_status status, const char *format, ...) ACCEL_PRINTF(3, 4);
accel_status error_setv(accel_error *err, accel_status status, const char *format, va_list arguments);

/* Puts "<prefix>: " before the sentence that is already in *err (for a caller that knows the file or node) and
 * returns err->status. With err NULL returns fallback. */
accel_status error_prefix(accel_error *err, accel_status fallback, const char *format, ...)
    ACCEL_PRINTF(3, 4);

/* The sentence for a failed allocation of size_bytes for `what`. Returns ACCEL_OUT_OF_MEMORY. */
accel_status error_no_memory(accel_error *err, const char *what, unsigned long long size_bytes);

/* Returns from the calling function with the status of a failed call. */
#define ACCEL_TRY(call)                                                                                      \
    do {                                                                                                     \
        accel_status accel_try_status_ = (call);                                                             \
        if (accel_try_status_ != ACCEL_OK)                                                                   \
            return accel_try_status_;                                                                        \
    } while (0)

#endif
