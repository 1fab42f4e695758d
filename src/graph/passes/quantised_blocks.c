/* Weights of 4 bits, one scale a block along the depth of a product: com.microsoft MatMulNBits reads them packed. */
#include "graph/passes/quantised.h"

#include <string.h>

enum { LEAST_BLOCK = 16 }; /* of MatMulNBits, whose blocks are powers of two */

/* DequantizeLinear(w [k, n], scales [blocks, n], zeros?, axis 0, block_size). */
typedef struct blocks {
    const graph_node *dequantise;
    int64_t k, n, block, count; /* count: blocks of one column */
    tensor w, scales, zeros;    /* zeros.data is NULL when there are none */
    bool owned[3];
} blocks;

static bool read_shape(const graph *g, const graph_node *n, blocks *b) {
    const shape *w = shape_of(g, n->inputs[0]), *s = shape_of(g, n->inputs[1]);
    dtype t = g->values[n->inputs[0]].type.type;
    value_id zero = input_or_none(n, 2);
    b->dequantise = n;
    b->block = node_attr_int(n, "block_size", 0);
    if ((t != DTYPE_U4 && t != DTYPE_I4) || g->values[n->inputs[1]].type.type != DTYPE_F32 ||
        g->values[n->outputs[0]].type.type != DTYPE_F32 || !is_initializer(g, n->inputs[0]) ||
        !is_initializer(g, n->inputs[1]) || (zero != VALUE_NONE && !is_initializer(g, zero)) ||
        w->rank != 2 || s->rank != 2 || !shape_is_static(w) || !shape_is_static(s)) {
        return false;
    }
    int64_t axis = node_attr_int(n, "axis", 1);
    b->k = w->dims[0];
    b->n = w->dims[1];
    b->count = s->dims[0];
    return (axis == 0 || axis == -2) && b->block >= LEAST_BLOCK && (b->block & (b->block - 1)) == 0 &&
           b->n > 0 && b->k > 0 && s->dims[1] == b->n && b->count == (b->k + b->block - 1) / b->block;
}

static bool open_blocks(editor *e, blocks *b) {
    const graph_node *n = b->dequantise;
    tensor *const parts[] = {&b->w, &b->scales, &b->zeros};
    for (size_t i = 0; i < 3; i++) {
        if (input_or_none(n, i) != VALUE_NONE &&
            graph_value_contents(e->g, n->inputs[i], parts[i], &b->owned[i], &e->b.error) != ACCEL_OK) {
            return false;
        }
    }
    return true;
}

static void close_blocks(blocks *b) {
    tensor *const parts[] = {&b->w, &b->scales, &b->zeros};
    for (size_t i = 0; i < 3; i++) {
        if (b->owned[i]) {
            tensor_free(parts[i]);
        }
    }
}

/* As an unsigned field: signed ones are counted from -8. */
static uint8_t field_of(const tensor *t, int64_t i) {
    int64_t v = dtype_get_i64(t->type, t->data, (size_t)i);
    return (uint8_t)(t->type == DTYPE_I4 ? v + 8 : v);
}

/* Columns become rows of packed blocks, low half first; the scales [n][blocks]; zero points packed likewise (8 stands for none). */
static void pack(const blocks *b, uint8_t *weights, float *scales, uint8_t *zeros) {
    const int64_t bytes = b->block / 2, zero_bytes = (b->count + 1) / 2;
    for (int64_t column = 0; column < b->n; column++) {
        for (int64_t k = 0; k < b->k; k++) {
            uint8_t f = field_of(&b->w, k * b->n + column);
            weights[(column * b->count) * bytes + k / 2] |= (uint8_t)(k % 2 == 0 ? f : f << 4);
        }
        for (int64_t i = 0; i < b->count; i++) {
            uint8_t f = b->zeros.data != NULL   ? field_of(&b->zeros, i * b->n + column)
                        : b->w.type == DTYPE_I4 ? 8
                                                : 0;
            scales[column * b->count + i] = ((const float *)b->scales.data)[i * b->n + column];
            zeros[column * zero_bytes + i / 2] |= (uint8_t)(i % 2 == 0 ? f : f << 4);
        }
    }
}

static value_id add_packed(editor *e, dtype type, const shape *s, tensor *t) {
    value_id v = VALUE_NONE;
    accel_error *err = &e->b.error;
    if (graph_add_value(e->g, NULL, VALUE_INITIALIZER, (value_type){.type = type, .shape = *s}, &v, err) !=
        ACCEL_OK) {
        tensor_free(t);
        return VALUE_NONE;
    }
    return own_contents(e->g, v, t, err) == ACCEL_OK ? v : VALUE_NONE;
}

static bool write_packed(editor *e, const blocks *b, value_id out[3]) {
    const shape shapes[3] = {{.rank = 3, .dims = {b->n, b->count, b->block / 2}},
                             {.rank = 1, .dims = {b->n * b->count}},
                             {.rank = 1, .dims = {b->n * ((b->count + 1) / 2)}}};
    static const dtype types[3] = {DTYPE_U8, DTYPE_F32, DTYPE_U8};
    tensor t[3] = {{0}};
    for (size_t i = 0; i < 3; i++) {
        if (tensor_create(types[i], &shapes[i], &t[i], &e->b.error) != ACCEL_OK) {
            for (size_t k = 0; k < i; k++) {
                tensor_free(&t[k]);
            }
            return false;
        }
        memset(t[i].data, 0, t[i].size_bytes);
    }
    pack(b, t[0].data, t[1].data, t[2].data);
    for (size_t i = 0; i < 3; i++) {
        out[i] = add_packed(e, types[i], &shapes[i], &t[i]);
    }
    return e->b.error.status == ACCEL_OK;
}

bool block_product(editor *e, graph_node *n) {
    blocks b = {0};
    value_id packed[3];
    graph_node *source = node_is(n, "MatMul") ? producer_of(e->g, n->inputs[1]) : NULL;
    if (source == NULL || !is_dequantise(source) || !used_once(e, n->inputs[1]) ||
        e->g->values[n->inputs[0]].type.type != DTYPE_F32 || !read_shape(e->g, source, &b)) {
        return false;
    }
    bool written = open_blocks(e, &b) && write_packed(e, &b, packed);
    close_blocks(&b);
    if (!written) {
        return false;
    }
    const graph_attr attrs[] = {{.name = "K", .kind = ATTR_INT, .i = b.k},
                                {.name = "N", .kind = ATTR_INT, .i = b.n},
                                {.name = "bits", .kind = ATTR_INT, .i = 4},
                                {.name = "block_size", .kind = ATTR_INT, .i = b.block}};
    for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++) {
        (void)node_set_attr(e->g, n, &attrs[i], &e->b.error);
    }
    become(e, n, "com.microsoft", "MatMulNBits", 4,
           (value_id[]){n->inputs[0], packed[0], packed[1], packed[2]});
    return true;
}
