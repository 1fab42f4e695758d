/* A trie over bytes, for finding the tokens that a text starts with. Nodes are numbers, edges lie in one hash table:
 * a step is one look-up, whatever the file's tokens are like. */
#ifndef ACCEL_TEXT_TRIE_H
#define ACCEL_TEXT_TRIE_H

#include "text/span.h"

enum {
    TEXT_TRIE_ROOT = 1,
    TEXT_TRIE_NODES = 1 << 24,
    TEXT_TRIE_KEY_BYTES = 4096, /* a longer key would make searching quadratic */
};

typedef struct text_trie_edge {
    uint32_t key; /* node << 8 | byte; 0 is free */
    uint32_t node;
} text_trie_edge;

/* Zero is an empty one. */
typedef struct text_trie {
    text_trie_edge *edges;
    size_t edge_mask;
    uint32_t *values; /* value + 1 by node, 0 for none */
    size_t node_count, node_capacity;
    bool starts[256]; /* the bytes with which a key begins */
} text_trie;

/* A key that is there already gets the new value. The key must not be longer than TEXT_TRIE_KEY_BYTES. False when memory ends. */
bool text_trie_add(text_trie *t, text_span key, uint32_t value);
void text_trie_free(text_trie *t); /* leaves it zero */

/* The node after `byte`, 0 when no key goes on like that. */
static inline uint32_t text_trie_step(const text_trie *t, uint32_t node, char byte) {
    uint32_t key = node << 8 | (unsigned char)byte;
    for (size_t i = (key * 0x9E3779B1u >> 7) & t->edge_mask;; i = (i + 1) & t->edge_mask) {
        if (t->edges[i].key == key) {
            return t->edges[i].node;
        }
        if (t->edges[i].key == 0) {
            return 0;
        }
    }
}

/* The longest key that text starts with: its length (0: none, or the trie is empty) and value. */
size_t text_trie_longest(const text_trie *t, uint32_t node, text_span text, uint32_t *value);

#endif
