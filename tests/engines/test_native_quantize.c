/* To and from 8 bits, and what is computed on 8-bit values beside products, against the reference: bit for bit. */
#include <math.h>
#include <stdio.h>

#include "engines/native_check.h"
#include "graph/internal.h"

#define MS "com.microsoft"
static void finish(builder *b, value_id out, const char *name) {
    build_output(b, "out", out);
    native_check(finish_graph(b), 0, false, name);
}

static value_id input(builder *b, const char *name, dtype type, int rank, const int64_t *dims) {
    return build_input(b, name, type, rank, dims, NULL);
}

static value_id contents(builder *b, dtype type, int rank, const int64_t *dims, const void *bytes) {
    accel_error err = {0};
    value_id id = VALUE_NONE;
    shape s = shape_make(rank, dims);
    check_ok(graph_add_constant(b->graph, "", type, &s, bytes, &id, &err), &err);
    return id;
}

/* Seeded scales in [0.005, 0.015), or bytes over their whole range. */
static value_id constant(builder *b, dtype type, int rank, const int64_t *dims) {
    shape s = shape_make(rank, dims);
    tensor t;
    accel_error err = {0};
    int64_t n = 0;
    check_ok(tensor_create(type, &s, &t, &err), &err);
    fill_input(&t, 77 + b->graph->value_count);
    shape_elements(&s, &n);
    for (int64_t i = 0; type == DTYPE_F32 && i < n; i++) {
        ((float *)t.data)[i] = 0.01f + 0.005f * ((float *)t.data)[i];
    }
    value_id id = contents(b, type, rank, dims, t.data);
    tensor_free(&t);
    return id;
}

static value_id scale(builder *b, float x) {
    return contents(b, DTYPE_F32, 0, NULL, &x);
}

static value_id zero(builder *b, dtype type, int x) {
    uint8_t byte = (uint8_t)x;
    return contents(b, type, 0, NULL, &byte);
}

static value_id node(builder *b, const char *domain, const char *op, size_t count, const value_id *inputs,
                     size_t attr_count, const build_attr *attrs) {
    value_id out = VALUE_NONE;
    build_any(b, &(build_node){.domain = domain,
                               .op_type = op,
                               .input_count = count,
                               .inputs = inputs,
                               .attr_count = attr_count,
                               .attrs = attrs,
                               .output_count = 1,
                               .outputs = &out});
    return out;
}
#define COUNT(...)                                                                                           \
    (sizeof((value_id[]){__VA_ARGS__}) / sizeof(value_id)), (value_id[]) {                                   \
        __VA_ARGS__                                                                                          \
    }
#define PLAIN(b, domain, op, ...) node((b), (domain), (op), COUNT(__VA_ARGS__), 0, NULL)

static const dtype bytes[] = {DTYPE_U8, DTYPE_I8};

/* ---- QuantizeLinear, DequantizeLinear --------------------------------------------------------------------------------- */

typedef struct grain_case {
    const char *name;
    int rank;
    int64_t dims[4];
    int scale_rank;
    int64_t scale_dims[4];
    int64_t axis, block;
    bool zeros;
} grain_case;
static const grain_case grains[] = {
    {"one scale", 2, {37, 13}, 0, {0}, 1, 0, true},
    {"one scale, no zero point", 1, {5}, 0, {0}, 1, 0, false},
    {"one scale, many elements", 3, {8, 100, 100}, 1, {1}, 0, 0, true},
    {"a scalar", 0, {0}, 0, {0}, 1, 0, true},
    {"no elements", 2, {0, 13}, 0, {0}, 1, 0, true},
    {"a scale a channel", 4, {2, 5, 7, 9}, 1, {5}, 1, 0, true},
    {"a scale a channel, many", 4, {2, 40, 33, 31}, 1, {40}, -3, 0, true},
    {"a scale a row", 2, {6, 50}, 1, {6}, 0, 0, true},
    {"a scale a column", 2, {70, 35}, 1, {35}, 1, 0, true},
    {"a scale a column, no zero points", 2, {7, 100}, 1, {100}, -1, 0, false},
    {"blocks of columns", 2, {4, 50}, 2, {4, 4}, 1, 16, true},
    {"blocks of rows", 2, {50, 19}, 2, {4, 19}, 0, 16, true},
    {"blocks in the middle", 3, {3, 20, 17}, 3, {3, 5, 17}, 1, 4, true},
    {"blocks that the shapes tell", 2, {6, 40}, 2, {6, 5}, 1, 0, true},
    {"no rows of blocks", 2, {0, 32}, 2, {0, 2}, 1, 16, true},
};

static void convert_case(const grain_case *k, dtype type, bool back) {
    builder b = start();
    char name[96];
    snprintf(name, sizeof name, "%s, %s, %s", k->name, dtype_name(type), back ? "back" : "there");
    value_id x = input(&b, "x", back ? type : DTYPE_F32, k->rank, k->dims);
    value_id in[] = {x, constant(&b, DTYPE_F32, k->scale_rank, k->scale_dims),
                     k->zeros ? constant(&b, type, k->scale_rank, k->scale_dims) : VALUE_NONE};
    build_attr attrs[] = {BUILD_INT("axis", k->axis), BUILD_INT("block_size", k->block),
                          BUILD_INT("output_dtype", type == DTYPE_U8 ? 2 : 3)};
    finish(&b, node(&b, "", back ? "DequantizeLinear" : "QuantizeLinear", 3, in, back ? 2 : 3, attrs), name);
}

static void every_granularity_there_and_back(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof grains / sizeof grains[0]; i++) {
        for (size_t t = 0; t < 2; t++) {
            convert_case(&grains[i], bytes[t], false);
            if (t == 0 || grains[i].zeros) { /* without a zero point the input alone tells the type */
                convert_case(&grains[i], bytes[t], true);
            }
        }
    }
}

/* An input that is not constant and holds what a constant does: x is in [-1, 1), tiny beside its 2^30 share of nothing. */
static value_id with_specials(builder *b, int64_t count, const float *values) {
    value_id x = input(b, "x", DTYPE_F32, 1, &count);
    value_id nothing = PLAIN(b, "", "Mul", x, scale(b, 0));
    return PLAIN(b, "", "Add", nothing, contents(b, DTYPE_F32, 1, &count, values));
}

static void ties_limits_and_what_is_no_number(void **state) {
    (void)state;
    static const float values[] = {0.5f,   1.5f,    2.5f,   -0.5f, -1.5f, 126.5f,   127.5f,
                                   128.5f, 254.5f,  255.5f, 1e9f,  -1e9f, INFINITY, -INFINITY,
                                   NAN,    -128.5f, -129.f, 0,     -0.f};
    for (size_t t = 0; t < 2; t++) {
        for (int z = 0; z < 2; z++) {
            builder b = start();
            value_id x = with_specials(&b, sizeof values / sizeof values[0], values);
            finish(&b, PLAIN(&b, "", "QuantizeLinear", x, scale(&b, 1), zero(&b, bytes[t], z * 7)),
                   "specials");
        }
    }
}

static void images_keep_their_layout(void **state) {
    (void)state;
    for (int each = 0; each < 2; each++) {
        builder b = start();
        const int64_t channels = 5;
        value_id x = input(&b, "x", DTYPE_F32, DIMS(2, channels, 9, 9));
        value_id weights = constant(&b, DTYPE_F32, DIMS(channels, channels, 3, 3));
        value_id y = PLAIN(&b, "", "Conv", x, weights); /* channels-last */
        value_id s = each ? constant(&b, DTYPE_F32, 1, &channels) : scale(&b, 0.004f);
        value_id z = each ? constant(&b, DTYPE_U8, 1, &channels) : zero(&b, DTYPE_U8, 3);
        value_id q = PLAIN(&b, "", "QuantizeLinear", y, s, z);
        value_id kernel = PLAIN(&b, "", "DequantizeLinear", q, s, z);
        accel_error err = {0};
        graph *g = NULL;
        build_output(&b, "out", kernel);
        check_ok(builder_finish(&b, &g, &err), &err);
        native_check(g, 2e-3, false, "an image"); /* sums differ in their last bits: single steps */
    }
}

/* ---- DynamicQuantizeLinear ---------------------------------------------------------------------------------------------- */

static void dynamic_case(builder *b, value_id x, const char *name) {
    value_id out[3] = {VALUE_NONE, VALUE_NONE, VALUE_NONE};
    accel_error err = {0};
    graph *g = NULL;
    build_op_n(b, "DynamicQuantizeLinear", 1, &x, 0, NULL, 3, out);
    build_output(b, "y", out[0]);
    build_output(b, "scale", out[1]);
    build_output(b, "zero", out[2]);
    check_ok(builder_finish(b, &g, &err), &err);
    native_check(g, 0, false, name);
}

static void a_range_found_while_running(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 7, 16, 1000, 100003, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        builder b = start();
        dynamic_case(&b, input(&b, "x", DTYPE_F32, 1, &sizes[i]), "seeded");
    }
    static const float lists[][6] = {{0, 0, 0, 0, 0, 0},          {1, 2, 3, 4, 5, 6},
                                     {-1, -2, -3, -4, -5, -6},    {NAN, 1, -1, 0.5f, 0.25f, 0},
                                     {INFINITY, 1, -1, 0, 0, 0},  {-INFINITY, 1, -1, 0, 0, 0},
                                     {1e-40f, 2e-40f, 0, 0, 0, 0}};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        builder b = start();
        dynamic_case(&b, with_specials(&b, 6, lists[i]), "given");
    }
}

/* ---- QLinearAdd, QLinearMul ---------------------------------------------------------------------------------------------- */

typedef struct two_case {
    const char *name;
    int a_rank, b_rank;
    int64_t a[4], b[4];
    float scales[3];
    int zeros[3];
} two_case;
static const two_case twos[] = {
    {"one shape", 2, 2, {33, 17}, {33, 17}, {0.02f, 0.03f, 0.05f}, {3, 100, 50}},
    {"many elements", 3, 3, {7, 100, 100}, {7, 100, 100}, {0.0213f, 0.0171f, 0.0301f}, {111, 0, 13}},
    {"ties everywhere", 2, 2, {64, 64}, {64, 64}, {0.5f, 0.5f, 1}, {0, 0, 0}},
    {"ties of thirds", 2, 2, {64, 64}, {64, 64}, {0.1f, 0.3f, 0.2f}, {5, 9, 0}},
    {"a row", 2, 1, {21, 35}, {35}, {0.02f, 0.03f, 0.05f}, {3, 100, 50}},
    {"a column", 2, 2, {21, 35}, {21, 1}, {0.02f, 0.03f, 0.05f}, {3, 100, 50}},
    {"a row to the left", 1, 2, {35}, {21, 35}, {0.02f, 0.03f, 0.05f}, {3, 100, 50}},
    {"a single element", 1, 3, {1}, {3, 4, 5}, {0.02f, 0.03f, 0.05f}, {3, 100, 50}},
    {"scalars", 0, 0, {0}, {0}, {0.02f, 0.03f, 0.05f}, {3, 100, 50}},
    {"no elements", 2, 2, {0, 5}, {0, 5}, {0.02f, 0.03f, 0.05f}, {3, 100, 50}},
    {"a fine result", 2, 2, {40, 40}, {40, 40}, {1, 1, 0.001f}, {128, 128, 100}},
    {"terms that cancel", 2, 2, {40, 40}, {40, 40}, {1, 1, 0.3f}, {128, 128, 100}},
    {"a coarse result", 2, 2, {40, 40}, {40, 40}, {0.001f, 0.002f, 1}, {0, 0, 1}},
};

static void two_inputs_broadcast(void **state) {
    (void)state;
    static const char *const ops[] = {"QLinearAdd", "QLinearMul"};
    for (size_t i = 0; i < sizeof twos / sizeof twos[0]; i++) {
        for (size_t k = 0; k < 4; k++) {
            const two_case *c = &twos[i];
            dtype t = bytes[k % 2];
            int shift = t == DTYPE_I8 ? -128 : 0;
            char name[96];
            snprintf(name, sizeof name, "%s, %s, %s", ops[k / 2], c->name, dtype_name(t));
            builder b = start();
            value_id x = input(&b, "a", t, c->a_rank, c->a), y = input(&b, "b", t, c->b_rank, c->b);
            finish(&b,
                   PLAIN(&b, MS, ops[k / 2], x, scale(&b, c->scales[0]), zero(&b, t, c->zeros[0] + shift), y,
                         scale(&b, c->scales[1]), zero(&b, t, c->zeros[1] + shift), scale(&b, c->scales[2]),
                         zero(&b, t, c->zeros[2] + shift)),
                   name);
        }
    }
}

static value_id max_pool(builder *b, value_id x, int64_t side) {
    const int64_t kernel[] = {side, side};
    return node(b, "", "MaxPool", 1, &x, 1, &BUILD_INTS("kernel_shape", 2, kernel));
}

/* Behind a pool, which is channels-last: with another image, a value a channel, a constant, one of lower rank. */
static void two_images(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        builder b = start();
        value_id x = max_pool(&b, input(&b, "x", DTYPE_U8, DIMS(2, 19, 9, 8)), 2), y;
        y = k == 0   ? max_pool(&b, input(&b, "y", DTYPE_U8, DIMS(2, 19, 10, 9)), 3)
            : k == 1 ? input(&b, "y", DTYPE_U8, DIMS(2, 19, 1, 1))
            : k == 2 ? constant(&b, DTYPE_U8, DIMS(19, 1, 1))
                     : input(&b, "y", DTYPE_U8, DIMS(19, 8, 1));
        finish(&b,
               PLAIN(&b, MS, "QLinearAdd", x, scale(&b, 0.02f), zero(&b, DTYPE_U8, 7), y, scale(&b, 0.03f),
                     zero(&b, DTYPE_U8, 90), scale(&b, 0.05f), zero(&b, DTYPE_U8, 4)),
               "images");
    }
}

/* ---- one input -------------------------------------------------------------------------------------------------------------- */

static void tables(void **state) {
    (void)state;
    static const char *const ops[] = {"QLinearSigmoid", "QLinearLeakyRelu"};
    for (size_t k = 0; k < 4; k++) {
        dtype t = bytes[k % 2];
        builder b = start();
        value_id x = input(&b, "x", t, DIMS(3, 1001));
        value_id in[] = {x, scale(&b, 0.043f), zero(&b, t, 90), scale(&b, 0.0071f), zero(&b, t, 3)};
        finish(&b, node(&b, MS, ops[k / 2], 5, in, k < 2 ? 0 : 1, &BUILD_FLOAT("alpha", 0.2)), ops[k / 2]);
    }
    for (size_t k = 0; k < 4; k++) {
        builder b = start();
        value_id x = input(&b, "x", bytes[k % 2], DIMS(40, 1000));
        finish(&b, PLAIN(&b, "accel", "Lookup", x, constant(&b, bytes[k / 2], DIMS(256))), "Lookup");
    }
}

static void softmax_over_any_axis(void **state) {
    (void)state;
    for (int k = 0; k < 12; k++) {
        dtype t = bytes[k % 2];
        builder b = start();
        value_id x = input(&b, "x", t, DIMS(3, 20, 7));
        value_id in[] = {x, scale(&b, 0.1f), zero(&b, t, 30), scale(&b, 1 / 256.f),
                         zero(&b, t, t == DTYPE_I8 ? -128 : 0)};
        build_attr attrs[] = {BUILD_INT("axis", k / 2 % 3), BUILD_INT("opset", k < 6 ? 13 : 11)};
        finish(&b, node(&b, MS, "QLinearSoftmax", 5, in, 2, attrs), "QLinearSoftmax");
    }
}

/* ---- Concat -------------------------------------------------------------------------------------------------------------------- */

static void concat_by_scales(void **state) {
    (void)state;
    for (int k = 0; k < 8; k++) {
        dtype t = bytes[k % 2];
        const int64_t axis = k / 2;
        int64_t dims[4] = {2, 7, 4, 5}, more[4] = {2, 7, 4, 5};
        more[axis] = 3;
        builder b = start();
        value_id x = input(&b, "x", t, 4, dims), y = input(&b, "y", t, 4, more);
        value_id s = scale(&b, 0.05f), z = zero(&b, t, 60);
        value_id in[] = {s, z, x, s, z, y, scale(&b, 0.031f), zero(&b, t, 90)};
        finish(&b, node(&b, MS, "QLinearConcat", 8, in, 1, &BUILD_INT("axis", axis)), "QLinearConcat");
    }
}

static void concat_of_images(void **state) {
    (void)state;
    for (int64_t axis = 0; axis < 4; axis++) {
        builder b = start();
        value_id x = max_pool(&b, input(&b, "x", DTYPE_U8, DIMS(2, 17, 9, 8)), 2);
        value_id y = max_pool(&b, input(&b, "y", DTYPE_U8, DIMS(2, 17, 9, 8)), 2);
        value_id in[] = {scale(&b, 0.05f),  zero(&b, DTYPE_U8, 60), x,
                         scale(&b, 0.07f),  zero(&b, DTYPE_U8, 5),  y,
                         scale(&b, 0.031f), zero(&b, DTYPE_U8, 90)};
        finish(&b, node(&b, MS, "QLinearConcat", 8, in, 1, &BUILD_INT("axis", axis)),
               "QLinearConcat of images");
    }
}

/* A plain Concat of pooled bytes: the pools write their places in it. */
static void pools_write_into_a_concat(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, "x", DTYPE_I8, DIMS(1, 70, 9, 9));
    value_id in[] = {max_pool(&b, x, 2), max_pool(&b, x, 2)};
    value_id both = node(&b, "", "Concat", 2, in, 1, &BUILD_INT("axis", 1));
    finish(&b, max_pool(&b, both, 3), "Concat of pools");
}

/* ---- movement ---------------------------------------------------------------------------------------------------------------------- */

static value_id transpose(builder *b, value_id x, size_t rank, const int64_t *perm) {
    return node(b, "", "Transpose", 1, &x, 1, &BUILD_INTS("perm", rank, perm));
}

static void bytes_are_transposed(void **state) {
    (void)state;
    static const int64_t perms[][3] = {{0, 2, 1}, {2, 0, 1}, {1, 0, 2}, {2, 1, 0}};
    for (size_t k = 0; k < sizeof perms / sizeof perms[0]; k++) {
        builder b = start();
        finish(&b, transpose(&b, input(&b, "x", DTYPE_I8, DIMS(5, 37, 50)), 3, perms[k]),
               "Transpose of bytes");
    }
}

/* In either layout, by the numbers of groups that have a loop of their own and another. */
static void channels_of_bytes_are_shuffled(void **state) {
    (void)state;
    static const int64_t exchange[] = {0, 2, 1, 3, 4};
    for (int64_t groups = 2; groups < 6; groups++) {
        for (int pooled = 0; pooled < 2; pooled++) {
            builder b = start();
            value_id x = input(&b, "x", DTYPE_U8, DIMS(2, 60, 7, 7));
            x = pooled ? max_pool(&b, x, 1) : x;
            x = build_reshape(&b, x, 5, (int64_t[]){2, groups, 60 / groups, 7, 7});
            finish(&b, build_reshape(&b, transpose(&b, x, 5, exchange), 4, (int64_t[]){2, 60, 7, 7}),
                   "shuffle of bytes");
        }
    }
}

/* ---- pools ----------------------------------------------------------------------------------------------------------------------- */

typedef struct pool_case {
    const char *name;
    int rank;
    int64_t dims[5], kernel[3], strides[3], dilations[3], pads[6], ceil, count;
} pool_case;
static const pool_case pools[] = {
    {"plain", 4, {2, 5, 9, 11}, {3, 3}, {1, 1}, {1, 1}, {0}, 0, 0},
    {"padded, by twos", 4, {1, 64, 15, 14}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, 0, 0},
    {"padding counted", 4, {1, 130, 8, 8}, {3, 2}, {2, 1}, {1, 1}, {1, 0, 1, 1}, 0, 1},
    {"rounded up", 4, {1, 70, 10, 10}, {3, 3}, {2, 2}, {1, 1}, {0}, 1, 0},
    {"dilated", 4, {1, 16, 12, 12}, {2, 3}, {1, 1}, {2, 3}, {0}, 0, 0},
    {"a line", 3, {2, 33, 40}, {5}, {2}, {1}, {2, 2}, 0, 0},
    {"a volume", 5, {1, 20, 5, 6, 7}, {2, 2, 2}, {1, 2, 1}, {1, 1, 1}, {0}, 0, 0},
    {"no image", 4, {0, 5, 6, 6}, {2, 2}, {1, 1}, {1, 1}, {0}, 0, 0},
};

static void pool_one(const pool_case *p, dtype t, bool is_max) {
    builder b = start();
    char name[96];
    size_t n = (size_t)p->rank - 2;
    snprintf(name, sizeof name, "%s pool, %s, %s", is_max ? "max" : "average", p->name, dtype_name(t));
    value_id x = input(&b, "x", t, p->rank, p->dims);
    build_attr attrs[] = {BUILD_INTS("kernel_shape", n, p->kernel), BUILD_INTS("strides", n, p->strides),
                          BUILD_INTS("dilations", n, p->dilations), BUILD_INTS("pads", 2 * n, p->pads),
                          BUILD_INT("ceil_mode", p->ceil),          BUILD_INT("count_include_pad", p->count)};
    if (is_max) {
        finish(&b, node(&b, "", "MaxPool", 1, &x, 5, attrs), name);
        return;
    }
    value_id in[] = {x, scale(&b, 0.043f), zero(&b, t, 90), scale(&b, 0.031f), zero(&b, t, 30)};
    finish(&b, node(&b, MS, "QLinearAveragePool", 5, in, 6, attrs), name);
}

static void pools_of_every_kind(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        for (size_t t = 0; t < 2; t++) {
            pool_one(&pools[i], bytes[t], true);
            pool_one(&pools[i], bytes[t], false);
        }
    }
}

static void global_pools(void **state) {
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        builder b = start();
        value_id x = input(&b, "x", bytes[t], DIMS(2, 75, 13, 13));
        finish(&b,
               PLAIN(&b, MS, "QLinearGlobalAveragePool", x, scale(&b, 0.043f), zero(&b, bytes[t], 90),
                     scale(&b, 0.0031f), zero(&b, bytes[t], 30)),
               "QLinearGlobalAveragePool");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_granularity_there_and_back),
        cmocka_unit_test(ties_limits_and_what_is_no_number),
        cmocka_unit_test(images_keep_their_layout),
        cmocka_unit_test(a_range_found_while_running),
        cmocka_unit_test(two_inputs_broadcast),
        cmocka_unit_test(two_images),
        cmocka_unit_test(tables),
        cmocka_unit_test(softmax_over_any_axis),
        cmocka_unit_test(concat_by_scales),
        cmocka_unit_test(concat_of_images),
        cmocka_unit_test(pools_write_into_a_concat),
        cmocka_unit_test(bytes_are_transposed),
        cmocka_unit_test(channels_of_bytes_are_shuffled),
        cmocka_unit_test(pools_of_every_kind),
        cmocka_unit_test(global_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
