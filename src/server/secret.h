/* What must not be guessed or read by others: random tokens, and files for this user alone. */
#ifndef ACCEL_SERVER_SECRET_H
#define ACCEL_SERVER_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { TOKEN_BYTES = 33 }; /* 128 random bits as 32 digits, and a NUL */

accel_status secret_token(char out[TOKEN_BYTES], accel_error *err);
/* Takes as long for a wrong text as for the right one. given may be NULL. */
bool secret_equal(const char *given, const char *token);

/* Makes the file, whole or not at all, with mode 0600, and its folders where they are missing. */
accel_status secret_write(const char *path, const void *bytes, size_t length, accel_error *err);

#endif
