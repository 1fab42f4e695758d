/* Where and Clip: three inputs. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- Where ------------------------------------------------------------------------------------------------------ */

static accel_status where_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_BOOL));
    ACCEL_TRY(require_all_same(c, 1, TYPES_ANY));
    shape out;
    ACCEL_TRY(broadcast_inputs(c, 0, &out));
    put_output(c, 0, input_type(c, 1) ? input_type(c, 1) : input_type(c, 2), &out);
    return ACCEL_OK;
}

static accel_status where_eval(op_context *c) {
    const uint8_t *condition = c->inputs[0].data;
    const uint8_t *yes = movable_input(c, 1), *no = movable_input(c, 2);
    uint8_t *out = movable_output(c, 0), *to = out;
    if (!yes || !no || !out)
        return ACCEL_OUT_OF_MEMORY;
    int64_t bytes = (int64_t)movable_bytes(input_type(c, 1));
    const shape *shapes[3] = {input_shape(c, 0), input_shape(c, 1), input_shape(c, 2)};
    walk w;
    for (walk_broadcast(&w, &c->outputs[0].type.shape, 3, shapes); walk_next(&w);) {
        for (int64_t i = 0; i < w.row; i++, to += bytes) {
            bool take = condition[w.at[0] + i * w.step[0]] != 0;
            const uint8_t *from =
                take ? yes + (w.at[1] + i * w.step[1]) * bytes : no + (w.at[2] + i * w.step[2]) * bytes;
            memcpy(to, from, (size_t)bytes);
        }
    }
    movable_finish(c, 0, out);
    return ACCEL_OK;
}

/* ---- Clip ------------------------------------------------------------------------------------------------------- */

static accel_status clip_infer(op_context *c) {
    ACCEL_TRY(require_all_same(c, 0, TYPES_NUMBER));
    ACCEL_TRY(require_one_element(c, 1));
    ACCEL_TRY(require_one_element(c, 2));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    return ACCEL_OK;
}

/* min is applied first: where min > max the result is max. */
static accel_status clip_eval(op_context *c) {
    dtype t = input_type(c, 0);
    const void *in = c->inputs[0].data;
    int64_t count = output_elements(c, 0);
    if (dtype_is_float(t)) {
        double low = input_f64_at(c, 1, 0, -INFINITY), high = input_f64_at(c, 2, 0, INFINITY);
        for (int64_t i = 0; i < count; i++) {
            double x = dtype_get_f64(t, in, (size_t)i);
            x = x < low ? low : x;
            dtype_set_f64(t, c->output_data[0], (size_t)i, x > high ? high : x);
        }
        return ACCEL_OK;
    }
    /* uint64 is compared with its top bit flipped, which keeps the order among signed numbers. */
    uint64_t flip = t == DTYPE_U64 ? (uint64_t)1 << 63 : 0;
    int64_t low = (int64_t)((uint64_t)input_i64_at(c, 1, 0, 0) ^ flip),
            high = (int64_t)((uint64_t)input_i64_at(c, 2, 0, 0) ^ flip);
    if (!op_has_input(c, 1))
        low = INT64_MIN;
    if (!op_has_input(c, 2))
        high = INT64_MAX;
    for (int64_t i = 0; i < count; i++) {
        int64_t x = (int64_t)((uint64_t)dtype_get_i64(t, in, (size_t)i) ^ flip);
        x = x < low ? low : x;
        x = x > high ? high : x;
        dtype_set_i64(t, c->output_data[0], (size_t)i, (int64_t)((uint64_t)x ^ flip));
    }
    return ACCEL_OK;
}

static const op_def select_ops[] = {
    {"", "Where", 3, 3, 1, 1, OP_ELEMENTWISE, NULL, 0, where_infer, NULL, where_eval},
    {"", "Clip", 1, 3, 1, 1, OP_ELEMENTWISE | OP_IN_PLACE, NULL, 0, clip_infer, NULL, clip_eval},
};
OPS_FAMILY(select, select_ops);
