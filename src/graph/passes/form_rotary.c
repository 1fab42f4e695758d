/* RotaryEmbedding under ONNX Runtime's older name, or as plain arithmetic. */
#include "graph/passes/form.h"

static value_id slice(editor *e, value_id x, int64_t start, int64_t end, int64_t step) {
    return FORM_VALUE(e, "Slice", x, build_i64s(&e->b, 1, &start), build_i64s(&e->b, 1, &end),
                      build_i64s(&e->b, 1, (int64_t[]){-1}), build_i64s(&e->b, 1, &step));
}

static value_id join_last(editor *e, value_id a, value_id b) {
    return form_value(e, false, "Concat", 2, (value_id[]){a, b}, 1, &BUILD_INT("axis", -1));
}

static value_id unsqueeze(editor *e, value_id x, int64_t axis) {
    return FORM_VALUE(e, "Unsqueeze", x, build_i64s(&e->b, 1, &axis));
}

/* [batch, 1, sequence, rotated/2] from a table by position, or as given. */
static value_id angles(editor *e, value_id cache, value_id positions) {
    if (positions != VALUE_NONE) {
        cache = form_value(e, false, "Gather", 2, (value_id[]){cache, positions}, 1, &BUILD_INT("axis", 0));
    }
    return unsqueeze(e, cache, 1);
}

/* Every other number: (x1, x2) turned by the angle, (cos·x1 - sin·x2, sin·x1 + cos·x2). */
static value_id rotate_pairs(editor *e, value_id x, int64_t size, value_id cos, value_id sin) {
    value_id x1 = slice(e, x, 0, size, 2), x2 = slice(e, x, 1, size, 2);
    value_id real = FORM_VALUE(e, "Sub", FORM_VALUE(e, "Mul", cos, x1), FORM_VALUE(e, "Mul", sin, x2));
    value_id imaginary = FORM_VALUE(e, "Add", FORM_VALUE(e, "Mul", sin, x1), FORM_VALUE(e, "Mul", cos, x2));
    value_id pairs = join_last(e, unsqueeze(e, real, -1), unsqueeze(e, imaginary, -1));
    return FORM_VALUE(e, "Reshape", pairs, build_i64s(&e->b, 4, (int64_t[]){0, 0, 0, size}));
}

/* The halves, as the transformers package spells it: x · (cos, cos) + (-x2, x1) · (sin, sin). OpenVINO's RoPE fusion knows this. */
static value_id rotate_halves(editor *e, value_id x, int64_t size, value_id cos, value_id sin) {
    value_id x1 = slice(e, x, 0, size / 2, 1), x2 = slice(e, x, size / 2, size, 1);
    value_id across = join_last(e, FORM_VALUE(e, "Neg", x2), x1);
    return FORM_VALUE(e, "Add", FORM_VALUE(e, "Mul", x, join_last(e, cos, cos)),
                      FORM_VALUE(e, "Mul", across, join_last(e, sin, sin)));
}

accel_status form_rotary_split(editor *e, graph_node *n, accel_error *err) {
    value_id x = n->inputs[0], y = n->outputs[0], positions = input_or_none(n, 3);
    int rank = shape_of(e->g, x)->rank;
    int64_t heads = node_attr_int(n, "num_heads", 0);
    int64_t width = rank == 3 || rank == 4 ? shape_of(e->g, x)->dims[rank - 1] : DIM_UNKNOWN;
    if (width < 1 || (rank == 3 && (heads < 1 || width % heads != 0))) {
        return form_refuse(e, n, "the head size is not known", err);
    }
    int64_t size = rank == 3 ? width / heads : width;
    int64_t rotated = node_attr_int(n, "rotary_embedding_dim", 0);
    rotated = rotated > 0 && rotated < size ? rotated : size;
    bool interleaved = node_attr_int(n, "interleaved", 0) != 0;
    value_id cos = angles(e, n->inputs[1], positions), sin = angles(e, n->inputs[2], positions);
    static const int64_t swap[4] = {0, 2, 1, 3};
    if (rank == 3) {
        value_id apart = FORM_VALUE(e, "Reshape", x, build_i64s(&e->b, 4, (int64_t[]){0, 0, heads, size}));
        x = form_value(e, false, "Transpose", 1, &apart, 1, &BUILD_INTS("perm", 4, swap));
    }
    value_id part = rotated < size ? slice(e, x, 0, rotated, 1) : x;
    value_id turned =
        interleaved ? rotate_pairs(e, part, rotated, cos, sin) : rotate_halves(e, part, rotated, cos, sin);
    retire(n);
    if (rotated < size) {
        turned = join_last(e, turned, slice(e, x, rotated, size, 1));
    }
    if (rank == 4) {
        FORM_INTO(e, y, "Identity", turned);
        return ACCEL_OK;
    }
    value_id together = form_value(e, false, "Transpose", 1, &turned, 1, &BUILD_INTS("perm", 4, swap));
    FORM_INTO(e, y, "Reshape", together, build_i64s(&e->b, 3, (int64_t[]){0, 0, width}));
    return ACCEL_OK;
}

/* The contributed operator turns by tables of positions. Angles that are given for each token are such a table, of batch · sequence
 * positions that come in order. Its kernel has a head of [sequence, size] in one vector loop. */
accel_status form_rotary_fused(editor *e, graph_node *n, accel_error *err) {
    (void)err;
    value_id x = n->inputs[0], y = n->outputs[0], cos = n->inputs[1], sin = n->inputs[2],
             positions = input_or_none(n, 3);
    /* copies: new values move the table that shapes lie in */
    const shape s = *shape_of(e->g, x), angle = *shape_of(e->g, cos);
    int64_t heads = node_attr_int(n, "num_heads", 0), rotated = node_attr_int(n, "rotary_embedding_dim", 0),
            interleaved = node_attr_int(n, "interleaved", 0);
    bool per_token = positions == VALUE_NONE;
    if (s.rank != 3 || heads < 1 || s.dims[2] < 1 || s.dims[2] % heads != 0 ||
        (per_token && (angle.rank != 3 || angle.dims[2] < 1 || s.dims[0] < 1 || s.dims[1] < 1 ||
                       angle.dims[0] != s.dims[0]))) {
        return ACCEL_OK;
    }
    if (per_token) {
        int64_t tokens[2] = {s.dims[0], s.dims[1]}, table[2] = {-1, angle.dims[2]};
        value_id order = FORM_VALUE(e, "Range", build_i64(&e->b, 0), build_i64(&e->b, tokens[0] * tokens[1]),
                                    build_i64(&e->b, 1));
        positions = FORM_VALUE(e, "Reshape", order, build_i64s(&e->b, 2, tokens));
        cos = FORM_VALUE(e, "Reshape", cos, build_i64s(&e->b, 2, table));
        sin = FORM_VALUE(e, "Reshape", sin, build_i64s(&e->b, 2, table));
    }
    bool part = rotated > 0 && rotated < s.dims[2] / heads;
    retire(n);
    form_into(e, true, "RotaryEmbedding", 4, (value_id[]){x, positions, cos, sin}, 3,
              (build_attr[]){BUILD_INT("interleaved", interleaved), BUILD_INT("num_heads", heads),
                             BUILD_INT("rotary_embedding_dim", part ? rotated : 0)},
              y);
    return ACCEL_OK;
}
