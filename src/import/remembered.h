/* The same few dozen keys of old files come again and again: what each means is remembered, a table a thread. */
#ifndef ACCEL_IMPORT_REMEMBERED_H
#define ACCEL_IMPORT_REMEMBERED_H

#include <stdbool.h>
#include <stddef.h>

enum { REMEMBERED_SLOTS = 256, REMEMBERED_BYTES = 40 };
typedef char remembered_keys[REMEMBERED_SLOTS][REMEMBERED_BYTES];

/* Where the key's meaning lies. *fresh: nowhere yet; the key has the slot from now on, and the caller puts its meaning there. REMEMBERED_SLOTS: an empty
 * or long key, which is not remembered. */
size_t remembered_slot(remembered_keys keys, const char *key, bool *fresh);

#endif
