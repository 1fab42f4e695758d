/* Texts that were seen, each with a value: keys of rows that a batch brought. Private to the store. */
#ifndef ACCEL_STORE_KEY_SET_H
#define ACCEL_STORE_KEY_SET_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct key_entry {
    const char *text, *value;
} key_entry;

/* Zero-initialise it ({0}). */
typedef struct key_set {
    arena *texts;
    key_entry *entries; /* a power of two of places, at most half of them taken */
    size_t count, capacity;
} key_set;

/* The value of a text; NULL: it is not there. */
const char *key_set_find(const key_set *s, const char *text);
/* Adds a text that is not there; both are copied. *out (may be NULL): the value's copy. */
accel_status key_set_add(key_set *s, const char *text, const char *value, const char **out, accel_error *err);
void key_set_free(key_set *s); /* leaves it zero */

#endif
