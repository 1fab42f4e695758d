/* Random operators, and Dropout. Drawn as numpy's RandomState draws (Mersenne Twister, 53-bit doubles), because that is what
 * ONNX's own reference and its test data use: with a seed, the numbers are the same. */
#include <math.h>
#include <string.h>

#include "graph/ops/kit.h"

/* ---- MT19937 (Matsumoto & Nishimura 1998) ---------------------------------------------------------------------------- */

enum { TWISTER_SIZE = 624, TWISTER_MIDDLE = 397 };

typedef struct twister {
    uint32_t state[TWISTER_SIZE];
    int at;
    bool has_normal;
    double normal;
} twister;

static void twister_seed(twister *t, uint32_t seed) {
    t->state[0] = seed;
    for (uint32_t i = 1; i < TWISTER_SIZE; i++)
        t->state[i] = 1812433253u * (t->state[i - 1] ^ (t->state[i - 1] >> 30)) + i;
    t->at = TWISTER_SIZE;
    t->has_normal = false;
}

static void twister_refill(twister *t) {
    for (int i = 0; i < TWISTER_SIZE; i++) {
        uint32_t y = (t->state[i] & 0x80000000u) | (t->state[(i + 1) % TWISTER_SIZE] & 0x7fffffffu);
        t->state[i] = t->state[(i + TWISTER_MIDDLE) % TWISTER_SIZE] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    t->at = 0;
}

static uint32_t twister_next(twister *t) {
    if (t->at == TWISTER_SIZE)
        twister_refill(t);
    uint32_t y = t->state[t->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

/* [0, 1) with 53 bits. */
static double twister_uniform(twister *t) {
    uint32_t high = twister_next(t) >> 5, low = twister_next(t) >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
}

/* Marsaglia's polar method, in numpy's order. */
static double twister_normal(twister *t) {
    double x, y, square;
    if (t->has_normal) {
        t->has_normal = false;
        return t->normal;
    }
    do {
        x = 2 * twister_uniform(t) - 1;
        y = 2 * twister_uniform(t) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    double factor = sqrt(-2 * log(square) / square);
    t->normal = factor * x;
    t->has_normal = true;
    return factor * y;
}

/* The seed attribute is a float in most operators and an int in Dropout. Without one the node's name seeds, so that a run
 * can be repeated. */
static void seed_from_node(const op_context *c, twister *t) {
    const graph_attr *a = op_attr(c, "seed");
    uint32_t seed = 0;
    if (a && a->kind == ATTR_INT)
        seed = (uint32_t)a->i;
    if (a && a->kind == ATTR_FLOAT && fabs(a->f) < 9e18)
        seed = (uint32_t)(int64_t)a->f;
    for (const char *s = c->node->name; !a && *s; s++)
        seed = seed * 31 + (uint8_t)*s;
    twister_seed(t, seed);
}

/* ---- Dropout ---------------------------------------------------------------------------------------------------------- */

static const op_attr_def dropout_attrs[] = {{"seed", ATTR_INT, false, "from the node's name"}};

static accel_status dropout_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT | TYPES_FLOAT8));
    ACCEL_TRY(require_type(c, 1, TYPES_FLOAT | TYPES_FLOAT8));
    ACCEL_TRY(require_type(c, 2, TYPES_BOOL));
    ACCEL_TRY(require_one_element(c, 1));
    ACCEL_TRY(require_one_element(c, 2));
    put_output(c, 0, input_type(c, 0), input_shape(c, 0));
    put_output(c, 1, DTYPE_BOOL, input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status dropout_eval(op_context *c) {
    double ratio = input_f64_at(c, 1, 0, 0.5);
    bool training = input_f64_at(c, 2, 0, 0) != 0;
    int64_t count = output_elements(c, 0);
    uint8_t *mask = has_output(c, 1) ? c->output_data[1] : NULL;
    if (!training || ratio == 0) {
        if (mask && count > 0)
            memset(mask, 1, (size_t)count);
        return eval_copy(c);
    }
    if (!(ratio > 0 && ratio < 1))
        return op_fail(c, ACCEL_BAD_GRAPH, "a ratio of %g", ratio);
    twister t;
    seed_from_node(c, &t);
    for (int64_t i = 0; i < count; i++) {
        bool keep = twister_uniform(&t) >= ratio;
        double value = keep ? input_f64_at(c, 0, i, 0) / (1 - ratio) : 0;
        store_f64(input_type(c, 0), c->output_data[0], i, 1, 1, &value);
        if (mask)
            mask[i] = keep;
    }
    return ACCEL_OK;
}

/* ---- RandomUniform, RandomNormal and their Like forms -------------------------------------------------------------------- */

#define RANDOM_ATTRS                                                                                         \
    {"dtype", ATTR_INT, false, "float32, or the input's"}, {"seed", ATTR_FLOAT, false, "from the node's name"}

static const op_attr_def uniform_attrs[] = {RANDOM_ATTRS,
                                            {"high", ATTR_FLOAT, false, "1.0"},
                                            {"low", ATTR_FLOAT, false, "0.0"},
                                            {"shape", ATTR_INTS, true, NULL}};
static const op_attr_def normal_attrs[] = {RANDOM_ATTRS,
                                           {"mean", ATTR_FLOAT, false, "0.0"},
                                           {"scale", ATTR_FLOAT, false, "1.0"},
                                           {"shape", ATTR_INTS, true, NULL}};
static const op_attr_def uniform_like_attrs[] = {
    RANDOM_ATTRS, {"high", ATTR_FLOAT, false, "1.0"}, {"low", ATTR_FLOAT, false, "0.0"}};
static const op_attr_def normal_like_attrs[] = {
    RANDOM_ATTRS, {"mean", ATTR_FLOAT, false, "0.0"}, {"scale", ATTR_FLOAT, false, "1.0"}};

static accel_status random_infer(op_context *c) {
    shape out;
    dtype type = DTYPE_F32;
    const graph_attr *dims = op_attr(c, "shape");
    if (c->op->min_inputs > 0) {
        ACCEL_TRY(require_type(c, 0, TYPES_ANY));
        out = *input_shape(c, 0);
        type = input_type(c, 0);
    } else {
        if (!dims)
            return op_fail(c, ACCEL_BAD_GRAPH, "attribute shape is missing");
        ACCEL_TRY(shape_from_ints(c, dims->ints, dims->count, &out));
    }
    if (op_attr(c, "dtype"))
        type = dtype_from_onnx(op_attr_int(c, "dtype", 0));
    if ((type != DTYPE_UNDEFINED || op_attr(c, "dtype")) && !(TYPES_FLOAT & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "random numbers in %s", dtype_name(type));
    put_output(c, 0, type, &out);
    return ACCEL_OK;
}

static accel_status uniform_eval(op_context *c) {
    double low = op_attr_float(c, "low", 0), high = op_attr_float(c, "high", 1);
    twister t;
    seed_from_node(c, &t);
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double value = low + (high - low) * twister_uniform(&t);
        store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

static accel_status normal_eval(op_context *c) {
    double mean = op_attr_float(c, "mean", 0), scale = op_attr_float(c, "scale", 1);
    twister t;
    seed_from_node(c, &t);
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double value = mean + scale * twister_normal(&t);
        store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

/* ---- Bernoulli, Multinomial ------------------------------------------------------------------------------------------------ */

static const op_attr_def bernoulli_attrs[] = {{"dtype", ATTR_INT, false, "the input's"},
                                              {"seed", ATTR_FLOAT, false, "from the node's name"}};
static const op_attr_def multinomial_attrs[] = {{"dtype", ATTR_INT, false, "6 (int32)"},
                                                {"sample_size", ATTR_INT, false, "1"},
                                                {"seed", ATTR_FLOAT, false, "from the node's name"}};

static accel_status bernoulli_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    dtype type = op_attr(c, "dtype") ? dtype_from_onnx(op_attr_int(c, "dtype", 0)) : input_type(c, 0);
    if ((type != DTYPE_UNDEFINED || op_attr(c, "dtype")) && !((TYPES_NUMBER | TYPES_BOOL) & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "attribute dtype is %lld", (long long)op_attr_int(c, "dtype", 0));
    put_output(c, 0, type, input_shape(c, 0));
    return ACCEL_OK;
}

static accel_status bernoulli_eval(op_context *c) {
    twister t;
    seed_from_node(c, &t);
    for (int64_t i = 0; i < output_elements(c, 0); i++) {
        double value = twister_uniform(&t) < input_f64_at(c, 0, i, 0);
        store_f64(c->outputs[0].type.type, c->output_data[0], i, 1, 1, &value);
    }
    return ACCEL_OK;
}

static accel_status multinomial_infer(op_context *c) {
    ACCEL_TRY(require_type(c, 0, TYPES_FLOAT));
    ACCEL_TRY(require_rank(c, 0, 2, 2));
    int64_t samples = op_attr_int(c, "sample_size", 1);
    dtype type = dtype_from_onnx(op_attr_int(c, "dtype", DTYPE_I32));
    if (samples < 0 || !(TYPES_INDEX & TYPE_BIT(type)))
        return op_fail(c, ACCEL_BAD_GRAPH, "sample_size or dtype is out of range");
    shape out = {.rank = 2, .dims = {input_dim(c, 0, 0), samples}};
    put_output(c, 0, type, &out);
    return ACCEL_OK;
}

/* The inputs are unnormalised log probabilities. */
static accel_status multinomial_eval(op_context *c) {
    int64_t rows = input_dim(c, 0, 0), classes = input_dim(c, 0, 1),
            samples = c->outputs[0].type.shape.dims[1];
    const double *x = op_input_f64(c, 0);
    double *sums = SCRATCH(c, double, classes);
    twister t;
    if (!x || !sums)
        return ACCEL_OUT_OF_MEMORY;
    if (classes == 0 && rows * samples > 0)
        return op_fail(c, ACCEL_BAD_GRAPH, "there are no classes to draw from");
    seed_from_node(c, &t);
    for (int64_t row = 0; row < rows; row++) {
        double top = -INFINITY, sum = 0;
        for (int64_t k = 0; k < classes; k++)
            top = fmax(top, x[row * classes + k]);
        for (int64_t k = 0; k < classes; k++)
            sums[k] = sum += exp(x[row * classes + k] - top);
        for (int64_t i = 0; i < samples; i++) {
            double at = twister_uniform(&t) * sum;
            int64_t k = 0;
            while (k < classes - 1 && sums[k] <= at)
                k++;
            store_i64(c->outputs[0].type.type, c->output_data[0], row * samples + i, 1, 1, &k);
        }
    }
    return ACCEL_OK;
}

static const op_def random_ops[] = {
    {"", "Dropout", 1, 3, 1, 2, OP_RANDOM, OPS_LIST(dropout_attrs), dropout_infer, NULL, dropout_eval},
    {"", "RandomUniform", 0, 0, 1, 1, OP_RANDOM, OPS_LIST(uniform_attrs), random_infer, NULL, uniform_eval},
    {"", "RandomNormal", 0, 0, 1, 1, OP_RANDOM, OPS_LIST(normal_attrs), random_infer, NULL, normal_eval},
    {"", "RandomUniformLike", 1, 1, 1, 1, OP_RANDOM, OPS_LIST(uniform_like_attrs), random_infer, NULL,
     uniform_eval},
    {"", "RandomNormalLike", 1, 1, 1, 1, OP_RANDOM, OPS_LIST(normal_like_attrs), random_infer, NULL,
     normal_eval},
    {"", "Bernoulli", 1, 1, 1, 1, OP_RANDOM, OPS_LIST(bernoulli_attrs), bernoulli_infer, NULL,
     bernoulli_eval},
    {"", "Multinomial", 1, 1, 1, 1, OP_RANDOM, OPS_LIST(multinomial_attrs), multinomial_infer, NULL,
     multinomial_eval},
};
OPS_FAMILY(random, random_ops);
