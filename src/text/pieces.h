/* The pieces that a text is cut into on its way to the model. */
#ifndef ACCEL_TEXT_PIECES_H
#define ACCEL_TEXT_PIECES_H

#include "text/span.h"

typedef struct text_piece {
    size_t start, length; /* in the pieces' text */
    size_t origin;        /* its first bytes that came out of the text's first character (normalizer.h) */
    int64_t token;        /* an added token's id, or TEXT_NO_TOKEN: text for the model */
} text_piece;

/* Zero is none. */
typedef struct text_pieces {
    str_buf text;
    text_piece *items;
    size_t count, capacity;
    bool failed; /* memory ended */
} text_pieces;

static inline text_span text_piece_span(const text_pieces *p, const text_piece *piece) {
    return (text_span){str_text(&p->text) + piece->start, piece->length};
}

/* Appends a piece; an empty one without a token is passed over. */
static inline void text_pieces_add(text_pieces *p, text_piece piece) {
    void *items = p->items;
    if (piece.length == 0 && piece.token < 0) {
        return;
    }
    if (p->count == p->capacity) {
        if (p->failed || !mem_grow(&items, &p->capacity, p->count + 1, sizeof piece)) {
            p->failed = true;
            return;
        }
        p->items = items;
    }
    p->items[p->count++] = piece;
}

static inline void text_pieces_renew(text_pieces *p) {
    text_renew(&p->text);
    p->count = 0;
    p->failed = false;
}

static inline void text_pieces_free(text_pieces *p) {
    str_free(&p->text);
    mem_free(p->items);
    *p = (text_pieces){0};
}

#endif
