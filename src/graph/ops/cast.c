/* Conversions between element types. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

enum { CAST_BLOCK = 512 };

typedef enum round_mode { ROUND_UP, ROUND_DOWN, ROUND_NEAREST } round_mode;

/* ---- float8, where the attributes change the rule ---------------------------------------------------------------- */

/* The smallest magnitude that overflows, by Cast's table: the first that rounds to beyond the largest finite value. */
static bool float8_overflows(dtype t, double x) {
    x = fabs(x);
    switch (t) {
    case DTYPE_F8E4M3FN:
        return x > 464; /* halfway from 448 to 480, and 448 is even */
    case DTYPE_F8E4M3FNUZ:
        return x >= 248;
    case DTYPE_F8E5M2:
    case DTYPE_F8E5M2FNUZ:
        return x >= 61440;
    default:
        return false;
    }
}

/* saturate = 0: overflow is NaN, or infinity where the type has one. */
static void set_unsaturated(dtype t, void *data, int64_t i, double x) {
    if (!float8_overflows(t, x))
        dtype_set_f64(t, data, (size_t)i, x);
    else if (t == DTYPE_F8E5M2)
        ((uint8_t *)data)[i] = x < 0 ? 0xFC : 0x7C;
    else
        dtype_set_f64(t, data, (size_t)i, NAN);
}

/* float8_e8m0: a power of two, 2^(byte - 127); byte 255 is NaN. There is no zero and no sign. */
static uint8_t to_e8m0(double x, bool saturate, round_mode mode) {
    enum { E8M0_MAX = 254, E8M0_NAN = 255 };
    if (isnan(x))
        return E8M0_NAN;
    x = fabs(x);
    if (isinf(x))
        return saturate ? E8M0_MAX : E8M0_NAN;
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
    if (mode == ROUND_UP && mantissa != 0)
        exponent++;
    if (mode == ROUND_NEAREST && mantissa >= (uint64_t)1 << 51)
        exponent++;
    if (exponent > 127)
        return saturate ? E8M0_MAX : E8M0_NAN;
    if (exponent < -127)
        return saturate ? 0 : E8M0_NAN;
    return (uint8_t)(exponent + 127);
}

/* ---- Cast, CastLike ---------------------------------------------------------------------------------------------- */

static const op_attr_def cast_attrs[] = {{"to", ATTR_INT, true, NULL},
                                         {"saturate", ATTR_INT, false, "1"},
                                         {"round_mode", ATTR_STRING, false, "up"}};
static const op_attr_def cast_like_attrs[] = {{"saturate", ATTR_INT, false, "1"},
                                              {"round_mode", ATTR_STRING, false, "up"}};

static accel_status read_target(const op_context *c, dtype *out) {
    *out = dtype_from_onnx(op_attr_int(c, "to", 0));
    if (*out == DTYPE_UNDEFINED)
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute to is %lld, not an element type",
                       (long long)op_attr_int(c, "to", 0));
    return ACCEL_OK;
}

static accel_status infer_target(op_context *c, dtype target) {
    int mode;
    ACCEL_TRY(require_type(c, 0, TYPES_REAL));
    ACCEL_TRY(attr_choice(c, "round_mode", "up", "up down nearest", &mode));
    if (target != DTYPE_UNDEFINED && !(TYPES_REAL & TYPE_BIT(target)))
        return op_fail(c, ACCEL_UNSUPPORTED, "conversion to %s is not supported", dtype_name(target));
    put_output(c, 0, target, input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status cast_infer(op_context *c) {
    dtype target;
    ACCEL_TRY(read_target(c, &target));
    return infer_target(c, target);
}

static accel_status cast_like_infer(op_context *c) {
    return infer_target(c, input_type(c, 1));
}

static accel_status cast_eval(op_context *c) {
    dtype from = input_type(c, 0), to = c->outputs[0].type.type;
    const void *in = c->inputs[0].data;
    void *out = c->output_data[0];
    bool saturate = op_attr_int(c, "saturate", 1) != 0;
    int mode;
    ACCEL_TRY(attr_choice(c, "round_mode", "up", "up down nearest", &mode));
    bool plain = (saturate && to != DTYPE_F8E8M0) || !(TYPES_FLOAT8 & TYPE_BIT(to));
    bool integers = !dtype_is_float(from) && !dtype_is_float(to);
    int64_t count = output_elements(c, 0);
    for (int64_t first = 0; first < count; first += CAST_BLOCK) {
        int64_t n = count - first < CAST_BLOCK ? count - first : CAST_BLOCK;
        int64_t whole[CAST_BLOCK];
        double real[CAST_BLOCK];
        if (integers) {
            load_i64(from, in, first, 1, n, whole);
            store_i64(to, out, first, 1, n, whole);
            continue;
        }
        load_f64(from, in, first, 1, n, real);
        /* float4 has no NaN; onnx's own conversion gives -0 for it. */
        for (int64_t i = 0; i < n && to == DTYPE_F4E2M1; i++)
            real[i] = isnan(real[i]) ? -0.0 : real[i];
        if (plain)
            store_f64(to, out, first, 1, n, real);
        for (int64_t i = 0; i < n && !plain; i++) {
            if (to == DTYPE_F8E8M0)
                ((uint8_t *)out)[first + i] = to_e8m0(real[i], saturate, (round_mode)mode);
            else
                set_unsaturated(to, out, first + i, real[i]);
        }
    }
    return ACCEL_OK;
}

/* ---- BitCast ----------------------------------------------------------------------------------------------------- */

static const op_attr_def bit_cast_attrs[] = {{"to", ATTR_INT, true, NULL}};

static accel_status bit_cast_infer(op_context *c) {
    dtype target, from = input_type(c, 0);
    ACCEL_TRY(read_target(c, &target));
    ACCEL_TRY(require_type(c, 0, TYPES_ANY));
    if (target == DTYPE_STRING || (from != DTYPE_UNDEFINED && dtype_bits(from) != dtype_bits(target)))
        return op_fail(c, ACCEL_BAD_GRAPH, "%s cannot be read as %s: the widths differ", dtype_name(from),
                       dtype_name(target));
    put_output(c, 0, target, input_shape(c, 0));
    return ACCEL_OK;
}

static const op_def cast_ops[] = {
    {"", "Cast", 1, 1, 1, 1, OP_ELEMENTWISE, OPS_LIST(cast_attrs), cast_infer, NULL, cast_eval},
    {"", "CastLike", 2, 2, 1, 1, 0, OPS_LIST(cast_like_attrs), cast_like_infer, NULL, cast_eval},
    {"", "BitCast", 1, 1, 1, 1, OP_DATA_MOVEMENT | OP_VIEW, OPS_LIST(bit_cast_attrs), bit_cast_infer, NULL,
     eval_copy},
};
OPS_FAMILY(cast, cast_ops);
