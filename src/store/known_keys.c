#include "store/known_keys.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { LEAST_PLACES = 1024, SHA256_DIGITS = 64, UUID_DIGITS = 32, WORD_DIGITS = 16 };

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool known_key_of(const char *text, known_key *out) {
    size_t digits = 0;
    *out = (known_key){0};
    for (; *text != '\0'; text++) {
        int digit = digit_of(*text);
        if (*text == '-')
            continue;
        if (digit < 0 || digits == SHA256_DIGITS)
            return false;
        uint64_t *word = &out->words[digits++ / WORD_DIGITS];
        *word = *word << 4 | (uint64_t)digit;
    }
    if (digits == UUID_DIGITS)
        out->words[KNOWN_KEY_WORDS - 1] = 1; /* so that none is zero */
    return digits == UUID_DIGITS || digits == SHA256_DIGITS;
}

static bool is_free(const known_key *k) {
    return (k->words[0] | k->words[1] | k->words[2] | k->words[3]) == 0;
}

/* The place of a key, or the free one where it belongs. */
static known_key *place_of(known_key *entries, size_t capacity, const known_key *key) {
    size_t i = hash_bytes(key, sizeof *key, 0) & (capacity - 1);
    while (!is_free(&entries[i]) && memcmp(&entries[i], key, sizeof *key) != 0)
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

bool known_keys_have(const known_keys *k, const known_key *key) {
    return k->capacity > 0 && !is_free(place_of(k->entries, k->capacity, key));
}

static accel_status make_room(known_keys *k, accel_error *err) {
    size_t capacity = k->capacity > 0 ? 2 * k->capacity : LEAST_PLACES;
    if (2 * (k->count + 1) <= k->capacity)
        return ACCEL_OK;
    known_key *bigger = mem_calloc(capacity, sizeof *bigger);
    if (bigger == NULL)
        return error_no_memory(err, "keys of a table", capacity * sizeof *bigger);
    for (size_t i = 0; i < k->capacity; i++)
        if (!is_free(&k->entries[i]))
            *place_of(bigger, capacity, &k->entries[i]) = k->entries[i];
    mem_free(k->entries);
    k->entries = bigger;
    k->capacity = capacity;
    return ACCEL_OK;
}

accel_status known_keys_add(known_keys *k, const known_key *key, accel_error *err) {
    ACCEL_TRY(make_room(k, err));
    *place_of(k->entries, k->capacity, key) = *key;
    k->count++;
    return ACCEL_OK;
}

void known_keys_free(known_keys *k) {
    mem_free(k->entries);
    *k = (known_keys){0};
}
