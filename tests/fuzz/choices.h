/* What the fuzz targets of operators share: a stream of bytes read as choices, and types, shapes, contents and attributes chosen
 * by it. */
#ifndef ACCEL_TESTS_FUZZ_CHOICES_H
#define ACCEL_TESTS_FUZZ_CHOICES_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/op.h"

enum { MOST_INPUTS = 8, MOST_ELEMENTS = 512, MOST_LIST = 5, LARGEST_TENSOR = 1 << 20 };

typedef struct choices {
    const uint8_t *at, *end;
} choices;

static inline unsigned choose(choices *c, unsigned count) {
    return c->at < c->end ? *c->at++ % count : 0;
}

#define PICK(c, list) (list)[choose((c), (unsigned)(sizeof(list) / sizeof((list)[0])))]

static inline dtype choose_type(choices *c) {
    static const dtype likely[] = {DTYPE_F32,  DTYPE_F32, DTYPE_I64, DTYPE_F16,
                                   DTYPE_BOOL, DTYPE_U8,  DTYPE_I32};
    unsigned n = choose(c, DTYPE_COUNT + 16);
    dtype t = n < DTYPE_COUNT ? (dtype)n : PICK(c, likely);
    return dtype_bits(t) == 0 ? DTYPE_F32 : t;
}

static inline shape choose_shape(choices *c, const shape *like) {
    static const int ranks[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 8};
    static const int64_t dims[] = {1, 2, 3, 4, 5, 0, 8};
    unsigned how = choose(c, 4);
    if (how == 0)
        return *like;
    if (how == 1)
        return (shape){.rank = 1, .dims = {like->rank}}; /* a list of one number an axis */
    shape s = {.rank = PICK(c, ranks)};
    int64_t elements;
    for (int i = 0; i < s.rank; i++)
        s.dims[i] = i > 3 ? 1 : PICK(c, dims);
    return shape_elements(&s, &elements) && elements <= MOST_ELEMENTS ? s : *like;
}

static inline void fill(choices *c, tensor *t) {
    static const double reals[] = {0, 1, -1, 0.5, 2, 3, -2, 100, -0.0, 1e-30, 1e30, INFINITY, -INFINITY, NAN};
    static const int64_t integers[] = {0, 1, 2, 3, -1, -2, 4, 5, 255, 1 << 20, INT64_MAX, INT64_MIN};
    bool small = choose(c, 4) != 0; /* mostly numbers that are valid as indices, axes and sizes */
    int64_t elements;
    shape_elements(&t->shape, &elements);
    for (int64_t i = 0; i < elements; i++) {
        if (dtype_is_float(t->type) || t->type == DTYPE_C64 || t->type == DTYPE_C128)
            dtype_set_f64(t->type, t->data, (size_t)i, small ? (double)choose(c, 8) - 2 : PICK(c, reals));
        else
            dtype_set_i64(t->type, t->data, (size_t)i, small ? (int64_t)choose(c, 5) : PICK(c, integers));
    }
}

static inline int64_t choose_integer(choices *c) {
    static const int64_t extreme[] = {INT64_MIN, INT64_MAX, 1 << 30, -1, 31, 63, 64};
    return choose(c, 16) == 0 ? PICK(c, extreme) : (int64_t)choose(c, 8) - 2;
}

static inline const char *choose_word(choices *c, const op_attr_def *def) {
    static const char *const words[] = {"",           "none",          "SAME_UPPER",
                                        "SAME_LOWER", "VALID",         "reflect",
                                        "edge",       "wrap",          "add",
                                        "mul",        "max",           "min",
                                        "sum",        "linear",        "cubic",
                                        "nearest",    "border",        "reflection",
                                        "reverse",    "tanh",          "LEFT",
                                        "RIGHT",      "CRD",           "bidirectional",
                                        "floor",      "ceil",          "circular",
                                        "asymmetric", "align_corners", "tf_crop_and_resize",
                                        "not_larger", "gated",         "delta",
                                        "silu",       "ij,jk->ik",     "ii->i",
                                        "...ij->...", "bij,bjk",       "output_half_pixel",
                                        "Relu",       "\xff"};
    return def->fallback && choose(c, 3) == 0 ? def->fallback : PICK(c, words);
}

/* False: leave the attribute out. */
static inline bool choose_attr(choices *c, graph *g, const op_attr_def *def, graph_attr *out) {
    *out = (graph_attr){.name = def->name, .kind = def->kind};
    if (!def->required && choose(c, 2) == 0)
        return false;
    out->count = choose(c, MOST_LIST);
    int64_t *ints = ARENA_ARRAY(g->arena, int64_t, MOST_LIST);
    double *floats = ARENA_ARRAY(g->arena, double, MOST_LIST);
    const char **strings = ARENA_ARRAY(g->arena, const char *, MOST_LIST);
    if (!ints || !floats || !strings)
        return false;
    for (size_t i = 0; i < out->count; i++) {
        ints[i] = choose_integer(c);
        floats[i] = (double)choose_integer(c) / 2;
        strings[i] = choose_word(c, def);
    }
    out->ints = ints;
    out->floats = floats;
    out->strings = strings;
    out->i = choose_integer(c);
    out->f = (double)choose_integer(c) / 2;
    out->s = choose_word(c, def);
    out->s_length = strlen(out->s);
    if (def->kind == ATTR_TENSOR) {
        const shape one = {.rank = 0};
        out->tensor = (tensor){.type = choose_type(c),
                               .shape = choose_shape(c, &one),
                               .data = arena_alloc(g->arena, 16 * MOST_ELEMENTS)};
        if (!out->tensor.data || tensor_size_bytes(out->tensor.type, &out->tensor.shape, "value",
                                                   &out->tensor.size_bytes, NULL) != ACCEL_OK)
            return false;
        fill(c, &out->tensor);
    }
    return def->kind != ATTR_GRAPH && def->kind != ATTR_OTHER;
}

#endif
