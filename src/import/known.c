#include "import/known.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

static size_t place_of(const known_file *table, size_t capacity, const char *hash) {
    size_t i = hash_text(hash) & (capacity - 1);
    while (table[i].hash != NULL && !str_equal(table[i].hash, hash))
        i = (i + 1) & (capacity - 1);
    return i;
}

const known_file *known_find(const known_files *k, const char *hash) {
    if (k->capacity == 0)
        return NULL;
    const known_file *at = &k->table[place_of(k->table, k->capacity, hash)];
    return at->hash != NULL ? at : NULL;
}

static accel_status grow(known_files *k, accel_error *err) {
    size_t capacity = k->capacity > 0 ? 2 * k->capacity : 1024;
    known_file *bigger = mem_calloc(capacity, sizeof *bigger);
    if (bigger == NULL)
        return error_no_memory(err, "the files that are known", capacity * sizeof *bigger);
    for (size_t i = 0; i < k->capacity; i++)
        if (k->table[i].hash != NULL)
            bigger[place_of(bigger, capacity, k->table[i].hash)] = k->table[i];
    mem_free(k->table);
    k->table = bigger;
    k->capacity = capacity;
    return ACCEL_OK;
}

accel_status known_add(known_files *k, known_file file, accel_error *err) {
    if (2 * (k->count + 1) > k->capacity)
        ACCEL_TRY(grow(k, err));
    known_file *at = &k->table[place_of(k->table, k->capacity, file.hash)];
    k->count += at->hash == NULL;
    *at = file;
    return ACCEL_OK;
}

void known_free(known_files *k) {
    mem_free(k->table);
    *k = (known_files){0};
}
