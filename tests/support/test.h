/* What every cmocka program includes, in the order that cmocka wants. */
#ifndef ACCEL_TESTS_SUPPORT_TEST_H
#define ACCEL_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

/* The call succeeds; otherwise its sentence is the failure's message. `err` must be in scope. */
#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        if ((call) != ACCEL_OK) {                                                                            \
            fail_msg("%s: %s", #call, err.message);                                                          \
        }                                                                                                    \
    } while (0)

/* The sentence in `err` contains text. */
#define assert_says(text)                                                                                    \
    do {                                                                                                     \
        const char *says_ = (text);                                                                          \
        if (!strstr(err.message, says_)) {                                                                   \
            fail_msg("\"%s\" does not say \"%s\"", err.message, says_);                                      \
        }                                                                                                    \
    } while (0)

#endif
