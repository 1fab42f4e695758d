#include "text/vocab.h"

#include "base/hash.h"

bool text_vocab_start(text_vocab *v, arena *memory, size_t capacity, size_t id_count) {
    size_t slots = 16;
    while (slots < capacity * 2) {
        slots *= 2;
    }
    *v = (text_vocab){.entries = ARENA_ARRAY(memory, text_vocab_entry, capacity),
                      .capacity = capacity,
                      .slots = ARENA_ARRAY(memory, uint32_t, slots),
                      .slot_mask = slots - 1,
                      .by_id = ARENA_ARRAY(memory, uint32_t, id_count),
                      .id_count = id_count};
    return v->entries && v->slots && v->by_id;
}

/* The slot that holds the token, or the free one where it belongs. */
static uint32_t *find(const text_vocab *v, text_span token, uint32_t hash) {
    for (size_t i = hash & v->slot_mask;; i = (i + 1) & v->slot_mask) {
        uint32_t at = v->slots[i];
        if (at == 0 ||
            (v->entries[at - 1].hash == hash && text_span_equal(v->entries[at - 1].token, token))) {
            return &v->slots[i];
        }
    }
}

void text_vocab_add(text_vocab *v, text_span token, uint32_t id) {
    uint32_t hash = (uint32_t)hash_bytes(token.bytes, token.length, 0);
    uint32_t *slot = find(v, token, hash);
    if (*slot == 0) {
        v->entries[v->count++] = (text_vocab_entry){token, id, hash};
        *slot = (uint32_t)v->count;
    }
    v->entries[*slot - 1].id = id;
    v->by_id[id] = *slot;
}

int64_t text_vocab_id(const text_vocab *v, text_span token) {
    if (v->count == 0) {
        return TEXT_NO_TOKEN;
    }
    uint32_t at = *find(v, token, (uint32_t)hash_bytes(token.bytes, token.length, 0));
    return at > 0 ? (int64_t)v->entries[at - 1].id : TEXT_NO_TOKEN;
}

const text_vocab_entry *text_vocab_at(const text_vocab *v, uint32_t id) {
    return id < v->id_count && v->by_id[id] > 0 ? &v->entries[v->by_id[id] - 1] : NULL;
}
