#include "text/trie.h"

static void put(text_trie *t, text_trie_edge edge) {
    size_t i = (edge.key * 0x9E3779B1u >> 7) & t->edge_mask;
    while (t->edges[i].key != 0) {
        i = (i + 1) & t->edge_mask;
    }
    t->edges[i] = edge;
}

/* Room for one more node and its edge, with the table at most half full. */
static bool grow(text_trie *t) {
    size_t slots = t->edges ? t->edge_mask + 1 : 0;
    void *values = t->values;
    if (!mem_grow(&values, &t->node_capacity, t->node_count + 2, sizeof(uint32_t))) {
        return false;
    }
    t->values = values;
    if ((t->node_count + 1) * 2 <= slots) {
        return true;
    }
    text_trie old = *t;
    size_t wanted = slots > 0 ? slots * 2 : 64;
    t->edges = mem_calloc(wanted, sizeof(text_trie_edge));
    if (!t->edges) {
        t->edges = old.edges;
        return false;
    }
    t->edge_mask = wanted - 1;
    for (size_t i = 0; i < slots; i++) {
        if (old.edges[i].key != 0) {
            put(t, old.edges[i]);
        }
    }
    mem_free(old.edges);
    return true;
}

bool text_trie_add(text_trie *t, text_span key, uint32_t value) {
    if (t->node_count == 0) {
        if (!grow(t)) {
            return false;
        }
        t->values[0] = t->values[TEXT_TRIE_ROOT] = 0;
        t->node_count = 2; /* node 0 is none */
    }
    uint32_t node = TEXT_TRIE_ROOT;
    for (size_t i = 0; i < key.length; i++) {
        uint32_t next = text_trie_step(t, node, key.bytes[i]);
        if (next == 0) {
            if (t->node_count >= TEXT_TRIE_NODES || !grow(t)) {
                return false;
            }
            next = (uint32_t)t->node_count++;
            t->values[next] = 0;
            put(t, (text_trie_edge){node << 8 | (unsigned char)key.bytes[i], next});
        }
        node = next;
    }
    t->values[node] = value + 1;
    if (key.length > 0) {
        t->starts[(unsigned char)key.bytes[0]] = true;
    }
    return true;
}

void text_trie_free(text_trie *t) {
    mem_free(t->edges);
    mem_free(t->values);
    *t = (text_trie){0};
}

size_t text_trie_longest(const text_trie *t, uint32_t node, text_span text, uint32_t *value) {
    size_t length = 0;
    for (size_t i = 0; i < text.length && t->node_count > 0; i++) {
        node = text_trie_step(t, node, text.bytes[i]);
        if (node == 0) {
            break;
        }
        if (t->values[node] > 0) {
            *value = t->values[node] - 1;
            length = i + 1;
        }
    }
    return length;
}
