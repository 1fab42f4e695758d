#include "store/key_set.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

enum { LEAST_PLACES = 256 };

/* The place of a text, or the free one where it belongs. */
static key_entry *place_of(key_entry *entries, size_t capacity, const char *text) {
    size_t i = hash_text(text) & (capacity - 1);
    while (entries[i].text != NULL && !str_equal(entries[i].text, text))
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

const char *key_set_find(const key_set *s, const char *text) {
    return s->capacity > 0 ? place_of(s->entries, s->capacity, text)->value : NULL;
}

static accel_status make_room(key_set *s, accel_error *err) {
    size_t capacity = s->capacity > 0 ? 2 * s->capacity : LEAST_PLACES;
    if (2 * (s->count + 1) <= s->capacity)
        return ACCEL_OK;
    key_entry *bigger = mem_calloc(capacity, sizeof *bigger);
    if (bigger == NULL)
        return error_no_memory(err, "keys of a batch", capacity * sizeof *bigger);
    for (size_t i = 0; i < s->capacity; i++)
        if (s->entries[i].text != NULL)
            *place_of(bigger, capacity, s->entries[i].text) = s->entries[i];
    mem_free(s->entries);
    s->entries = bigger;
    s->capacity = capacity;
    return ACCEL_OK;
}

accel_status key_set_add(key_set *s, const char *text, const char *value, const char **out,
                         accel_error *err) {
    ACCEL_TRY(make_room(s, err));
    if (s->texts == NULL)
        s->texts = arena_create();
    key_entry e = {0};
    if (s->texts != NULL)
        e = (key_entry){arena_strdup(s->texts, text), arena_strdup(s->texts, value)};
    if (e.text == NULL || e.value == NULL)
        return error_no_memory(err, "keys of a batch", 0);
    *place_of(s->entries, s->capacity, text) = e;
    s->count++;
    if (out != NULL)
        *out = e.value;
    return ACCEL_OK;
}

void key_set_free(key_set *s) {
    mem_free(s->entries);
    arena_destroy(s->texts);
    *s = (key_set){0};
}
