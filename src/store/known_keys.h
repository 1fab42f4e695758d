/* Ids and keys that a table has, as bytes: what is there already is known without asking the database. Private to the store. */
#ifndef ACCEL_STORE_KNOWN_KEYS_H
#define ACCEL_STORE_KNOWN_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { KNOWN_KEY_WORDS = 4 };
typedef struct known_key {
    uint64_t words[KNOWN_KEY_WORDS];
} known_key;

/* Zero-initialise it ({0}). */
typedef struct known_keys {
    known_key *entries; /* a power of two of places, at most half of them taken; zero: free */
    size_t count, capacity;
} known_keys;

/* A UUID or a SHA-256 in hexadecimal digits; false: the text is neither. */
bool known_key_of(const char *text, known_key *out);
bool known_keys_have(const known_keys *k, const known_key *key);
accel_status known_keys_add(known_keys *k, const known_key *key,
                            accel_error *err); /* one that is not there */
void known_keys_free(known_keys *k);           /* leaves it zero */

#endif
