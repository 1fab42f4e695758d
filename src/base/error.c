#include "base/error.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

const char *accel_status_name(accel_status status) {
    switch (status) {
#define STATUS_CASE(symbol, number, name)                                                                    \
    case symbol:                                                                                             \
        return name;
        ACCEL_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown";
}

/* A sentence that was cut must not end in half a character. */
static void drop_half_character(char *text, size_t length) {
    size_t start = length;
    while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start > 0 && (unsigned char)text[start - 1] >= 0xC0) {
        start--;
        if (!str_utf8_valid(text + start, length - start)) {
            text[start] = '\0';
        }
    }
}

static void format_message(char *message, size_t size, const char *format, va_list arguments) {
    int length = str_formatv(message, size, format, arguments);
    if (length >= (int)size) {
        drop_half_character(message, size - 1);
    }
}

accel_status error_setv(accel_error *err, accel_status status, const char *format, va_list arguments) {
    if (!err) {
        return status;
    }
    /* Formatted aside first: an argument may be err->message itself. */
    char message[ACCEL_ERROR_MESSAGE_BYTES];
    format_message(message, sizeof message, format, arguments);
    memcpy(err->message, message, sizeof message);
    err->status = status;
    return status;
}

accel_status error_set(accel_error *err, accel_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error_setv(err, status, format, arguments);
    va_end(arguments);
    return status;
}

accel_status error_prefix(accel_error *err, accel_status fallback, const char *format, ...) {
    if (!err) {
        return fallback;
    }
    char prefix[ACCEL_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    format_message(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    return error_set(err, err->status, "%s: %s", prefix, err->message);
}

accel_status error_no_memory(accel_error *err, const char *what, unsigned long long size_bytes) {
    char size[32];
    return error_set(err, ACCEL_OUT_OF_MEMORY, "not enough memory for %s (%s)", what,
                     str_bytes(size, sizeof size, (double)size_bytes));
}
