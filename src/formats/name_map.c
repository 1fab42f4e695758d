#include "formats/name_map.h"

#include "base/hash.h"

/* The place of a name, or the free place where it would go. There is always one: the table is at most 3/4
 * full. */
static name_entry *find_place(const name_map *m, byte_span name) {
    size_t mask = m->capacity - 1;
    size_t at = (size_t)hash_bytes(name.length ? (const void *)name.bytes : "", name.length, 0) & mask;
    while (m->entries[at].used && !span_equal(m->entries[at].name, name))
        at = (at + 1) & mask;
    return &m->entries[at];
}

int32_t name_map_get(const name_map *m, byte_span name) {
    if (m->capacity == 0)
        return NAME_ABSENT;
    const name_entry *e = find_place(m, name);
    return e->used ? e->number : NAME_ABSENT;
}

static bool grow(name_map *m) {
    name_map larger = {
        .memory = m->memory, .capacity = m->capacity ? m->capacity * 2 : 16, .count = m->count};
    larger.entries = ARENA_ARRAY(m->memory, name_entry, larger.capacity);
    if (!larger.entries)
        return false;
    for (size_t i = 0; i < m->capacity; i++)
        if (m->entries[i].used)
            *find_place(&larger, m->entries[i].name) = m->entries[i];
    *m = larger;
    return true;
}

bool name_map_put(name_map *m, byte_span name, int32_t number) {
    if (m->count >= m->capacity / 4 * 3 && !grow(m))
        return false;
    name_entry *e = find_place(m, name);
    m->count += !e->used;
    *e = (name_entry){.name = name, .number = number, .used = true};
    return true;
}
