/* Plans for GPUs, made without one: memory that steps share, limits of a device, what is refused and how, memory that ends. Numbers are checked on an
 * adapter: test_webgpu_ops.c. */
#include <math.h>

#include "engines/native_graphs.h"
#include "engines/webgpu/gpu_plan.h"
#include "support/test.h"
#include "zoo/zoo.h"

/* As WebGPU promises them of every device, but for the groups. */
static const gpu_limits usual = {.buffer_bytes = 256 << 20, .binding_bytes = 128 << 20, .groups = 65535};

static gpu_plan *plan_of(const graph *g) {
    accel_error err = {0};
    gpu_plan *p = NULL;
    check_ok(gpu_plan_create(g, &usual, &p, &err), &err);
    return p;
}

static void check_refused(graph *g, const gpu_limits *limits, accel_status status, const char *words) {
    accel_error err = {0};
    gpu_plan *p = NULL;
    assert_int_equal(gpu_plan_create(g, limits, &p, &err), status);
    assert_null(p);
    assert_says(words);
    graph_destroy(g);
}

/* ---- what holds of every plan ----------------------------------------------------------------------------------------- */

static bool overlap(const gpu_range *a, const gpu_range *b) {
    return a->buffer == b->buffer && a->offset < b->offset + b->size_bytes &&
           b->offset < a->offset + a->size_bytes;
}

static bool is_written(const gpu_plan *p, const gpu_step *s, uint32_t binding) {
    return (p->shaders[s->shader].written >> binding & 1) != 0;
}

static void check_range(const gpu_plan *p, const gpu_range *r) {
    assert_true(r->buffer < p->buffer_count);
    assert_int_equal(r->offset % GPU_ALIGNMENT, 0);
    assert_true(r->size_bytes <= usual.binding_bytes && r->offset + r->size_bytes <= p->buffers[r->buffer]);
}

static void check_step(const gpu_plan *p, const gpu_step *s) {
    assert_true(s->shader < p->shader_count);
    assert_int_equal(s->binding_count, p->shaders[s->shader].binding_count);
    assert_true(s->binding_count <= GPU_MOST_BINDINGS && p->shaders[s->shader].written != 0);
    for (int d = 0; d < 3; d++)
        assert_true(s->groups[d] > 0 && s->groups[d] <= usual.groups);
    for (uint32_t i = 0; i < s->binding_count; i++) {
        check_range(p, &s->bindings[i]);
        for (uint32_t k = 0; k < s->binding_count; k++) {
            if (is_written(p, s, i) && !is_written(p, s, k))
                assert_int_not_equal(s->bindings[i].buffer, s->bindings[k].buffer);
            if (k != i && is_written(p, s, i) && is_written(p, s, k))
                assert_false(overlap(&s->bindings[i], &s->bindings[k]));
        }
    }
}

/* What lies in the buffers as the steps run: ranges whose contents are whole. */
typedef struct contents {
    gpu_range *whole;
    size_t count;
} contents;

static void put(contents *c, const gpu_range *r) {
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++)
        if (!overlap(&c->whole[i], r))
            c->whole[kept++] = c->whole[i];
    c->whole[kept] = *r;
    c->count = kept + 1;
}

static bool is_there(const contents *c, const gpu_range *r) {
    for (size_t i = 0; i < c->count; i++)
        if (c->whole[i].buffer == r->buffer && c->whole[i].offset == r->offset)
            return true;
    return false;
}

static void put_tensors(contents *c, const gpu_tensors *tensors) {
    for (size_t i = 0; i < tensors->count; i++)
        if (tensors->items[i].elements > 0)
            put(c, &tensors->items[i].range);
}

/* Whatever a step reads was put there, and nothing else has been written over it; so it is with the outputs at the end. */
static void check_lives(const gpu_plan *p) {
    size_t most = p->constants.count + p->inputs.count + p->step_count * GPU_MOST_BINDINGS + 1;
    contents c = {.whole = mem_calloc(most, sizeof(gpu_range))};
    put_tensors(&c, &p->constants);
    put_tensors(&c, &p->inputs);
    assert_int_equal(c.count, p->constants.count + p->inputs.count);
    for (size_t s = 0; s < p->step_count; s++) {
        const gpu_step *step = &p->steps[s];
        for (uint32_t i = 0; i < step->binding_count; i++)
            if (!is_written(p, step, i))
                assert_true(is_there(&c, &step->bindings[i]));
        for (uint32_t i = 0; i < step->binding_count; i++)
            if (is_written(p, step, i))
                put(&c, &step->bindings[i]);
    }
    for (size_t i = 0; i < p->outputs.count; i++)
        assert_true(p->outputs.items[i].elements == 0 || is_there(&c, &p->outputs.items[i].range));
    mem_free(c.whole);
}

static void check_plan(const gpu_plan *p) {
    for (size_t i = 0; i < p->step_count; i++)
        check_step(p, &p->steps[i]);
    for (size_t i = 0; i < p->buffer_count; i++)
        assert_true(p->buffers[i] > 0 && p->buffers[i] <= usual.buffer_bytes);
    for (size_t i = 0; i < p->shader_count; i++)
        assert_null(strchr(p->shaders[i].text, '$')); /* every word of its file has been said */
    check_lives(p);
}

/* ---- small graphs ---------------------------------------------------------------------------------------------------------- */

/* Convolution, activation, pool, product, softmax, and what moves. */
static graph *picture(void) {
    builder b = start();
    value_id x = input(&b, DIMS(1, 3, 8, 8));
    value_id y = BUILD(&b, "Relu", BUILD(&b, "Conv", x, constant(&b, DIMS(4, 3, 3, 3))));
    value_id z = build_op(&b, "MaxPool", 1, &y, 1, &BUILD_INTS("kernel_shape", 2, ((int64_t[]){2, 2})));
    z = BUILD(&b, "MatMul", build_reshape(&b, z, 2, (int64_t[]){4, 25}), constant(&b, DIMS(25, 6)));
    z = build_op(&b, "Concat", 2, (value_id[]){z, BUILD(&b, "Softmax", z)}, 1, &BUILD_INT("axis", 1));
    build_output(&b, "y", y);
    return done(&b, build_transpose(&b, z, 2, (int64_t[]){1, 0}));
}

static void test_steps_share_memory_but_never_read_what_they_write(void **state) {
    (void)state;
    graph *g = picture();
    gpu_plan *p = plan_of(g);
    check_plan(p);
    assert_int_equal(p->outputs.count, 2);
    assert_true(p->value_bytes > 0 && p->weight_bytes > 0);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_equal_shaders_are_one(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(4, 5));
    for (int i = 0; i < 6; i++)
        x = BUILD(&b, "Softmax", x);
    graph *g = done(&b, x);
    gpu_plan *p = plan_of(g);
    check_plan(p);
    assert_int_equal(p->step_count, 6);
    assert_int_equal(p->shader_count, 1);
    assert_true(p->value_bytes <= 3 * GPU_ALIGNMENT); /* turns, and the input's */
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_views_take_no_step(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(4, 5)), unread = input(&b, DIMS(7));
    (void)unread;
    graph *g = done(&b, build_reshape(&b, x, 3, (int64_t[]){2, 2, 5}));
    gpu_plan *p = plan_of(g);
    assert_int_equal(p->step_count, 0);
    assert_int_equal(p->outputs.items[0].range.offset, p->inputs.items[0].range.offset);
    check_plan(p);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_nothing_is_done_for_empty_tensors(void **state) {
    (void)state;
    builder b = start();
    graph *g = done(&b, BUILD(&b, "Softmax", BUILD(&b, "Relu", input(&b, DIMS(0, 5)))));
    gpu_plan *p = plan_of(g);
    assert_int_equal(p->step_count, 0);
    assert_int_equal(p->outputs.items[0].elements, 0);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_more_invocations_than_a_row_of_groups_go_in_rows(void **state) {
    (void)state;
    const gpu_limits few = {.buffer_bytes = 1 << 20, .binding_bytes = 1 << 20, .groups = 10};
    accel_error err = {0};
    builder b = start();
    gpu_plan *p = NULL;
    graph *g = done(&b, BUILD(&b, "Relu", input(&b, DIMS(64 * 47))));
    check_ok(gpu_plan_create(g, &few, &p, &err), &err);
    const uint32_t *groups = p->steps[0].groups;
    assert_true(groups[0] <= 10 && groups[1] == 5 && groups[0] * groups[1] >= 47);
    gpu_plan_destroy(p);
    check_refused(g, &(gpu_limits){.buffer_bytes = 1 << 20, .binding_bytes = 1 << 20, .groups = 6},
                  ACCEL_UNSUPPORTED, "6 × 8 × 1 workgroups; the device runs 6 in each direction");
}

/* Tables that the host makes are constants with contents of their own. */
static void test_a_table_is_a_constant(void **state) {
    (void)state;
    static const float scales[] = {1, 2};
    accel_error err = {0};
    uint32_t words[16];
    builder b = start();
    value_id in[] = {input(&b, DIMS(2, 3)), VALUE_NONE, f32s(&b, 2, scales)};
    graph *g = done(
        &b, build_op(&b, "Resize", 3, in, 1, &BUILD_STRING("coordinate_transformation_mode", "asymmetric")));
    gpu_plan *p = plan_of(g);
    check_plan(p);
    assert_int_equal(p->constants.count, 1);
    assert_int_equal(p->constants.items[0].value, VALUE_NONE);
    assert_int_equal(p->constants.items[0].elements, 6);
    check_ok(gpu_plan_constant(p, &p->constants.items[0], words, &err), &err);
    for (uint32_t i = 0; i < 6; i++) /* halves go down */
        assert_int_equal(words[i], i / 2);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

/* ---- weights of files -------------------------------------------------------------------------------------------------------- */

enum { OUT = 200, IN = 170 };

/* [OUT, IN], as frameworks keep the weight of a layer. */
static value_id layer(builder *b, dtype type, const void *bytes, bool in_file) {
    const shape s = shape_make(2, (int64_t[]){OUT, IN});
    accel_error err = {0};
    value_id id = VALUE_NONE;
    graph_data data = {.kind = DATA_BYTES,
                       .bytes = bytes,
                       .size_bytes = (size_t)OUT * IN * dtype_bits(type) / 8,
                       .file_backed = in_file};
    check_ok(graph_add_initializer(b->graph, "w", type, &s, data, &id, &err), &err);
    return id;
}

static float layer_at(size_t r, size_t c) {
    return (float)(int)((r * 7 + c) % 251) - 125;
}

/* x · wᵀ: one step, whose weight is turned on its way to the device. */
static void check_layer(dtype type, bool in_file) {
    accel_error err = {0};
    size_t count = (size_t)OUT * IN;
    char *bytes = test_calloc(count, 4);
    for (size_t i = 0; i < count; i++)
        dtype_set_f64(type, bytes, i, (double)layer_at(i / IN, i % IN));
    gpu_limits apart = usual;
    apart.apart = true;
    builder b = start();
    gpu_plan *p = NULL;
    value_id x = input(&b, DIMS(3, IN)), w = layer(&b, type, bytes, in_file);
    if (type != DTYPE_F32)
        w = build_op(&b, "Cast", 1, &w, 1, &BUILD_INT("to", DTYPE_F32));
    value_id y = BUILD(&b, "MatMul", x, build_transpose(&b, w, 2, (int64_t[]){1, 0}));
    graph *g = done(&b, BUILD(&b, "Add", y, constant(&b, DIMS(OUT))));
    check_ok(gpu_plan_create(g, &apart, &p, &err), &err);
    check_plan(p);
    assert_int_equal(p->step_count, 1);
    assert_int_equal(p->constants.count, 2);
    const gpu_tensor *c = &p->constants.items[p->constants.items[0].elements == count ? 0 : 1];
    assert_true(!in_file || p->graph->values[c->value].data.bytes == bytes);
    assert_int_equal(c->lasts, in_file);
    assert_int_equal(p->constants.items[0].range.buffer == p->constants.items[1].range.buffer, !in_file);
    float *turned = test_calloc(count, sizeof *turned);
    check_ok(gpu_plan_constant(p, c, (uint32_t *)(void *)turned, &err), &err);
    for (size_t i = 0; i < count; i++)
        assert_true(turned[i] == layer_at(i % OUT, i / OUT));
    test_free(turned);
    test_free(bytes);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_weights_are_not_copied_and_lie_apart_if_asked_for(void **state) {
    (void)state;
    check_layer(DTYPE_F32, true);
    check_layer(DTYPE_F32, false);
    check_layer(DTYPE_F16, true);
    check_layer(DTYPE_BF16, true);
}

/* ---- caches ---------------------------------------------------------------------------------------------------------------- */

/* An input that the caller leaves alone, to be written over. */
static value_id cache(builder *b) {
    value_id v = input(b, DIMS(1, 2, 6, 4));
    b->graph->values[v].held = b->graph->values[v].updated = true;
    return v;
}

static value_id scatter(builder *b, value_id past, value_id fresh) {
    return build_op(b, "TensorScatter", 2, (value_id[]){past, fresh}, 1, &BUILD_INT("axis", 2));
}

static void test_a_cache_is_written_where_it_lies(void **state) {
    (void)state;
    builder b = start();
    value_id past = cache(&b), fresh = input(&b, DIMS(1, 2, 1, 4));
    graph *g = done(&b, scatter(&b, past, fresh));
    gpu_plan *p = plan_of(g);
    check_plan(p);
    assert_int_equal(p->step_count, 1);
    assert_true(p->inputs.items[0].held && !p->inputs.items[1].held && p->outputs.items[0].held);
    assert_true(overlap(&p->inputs.items[0].range, &p->outputs.items[0].range));
    assert_int_equal(p->held_bytes, GPU_ALIGNMENT);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_a_cache_that_somebody_else_reads_is_copied(void **state) {
    (void)state;
    builder b = start();
    value_id past = cache(&b), fresh = input(&b, DIMS(1, 2, 1, 4));
    build_output(&b, "before", BUILD(&b, "Relu", past));
    graph *g = done(&b, scatter(&b, past, fresh));
    gpu_plan *p = plan_of(g);
    check_plan(p);
    assert_false(p->inputs.items[0].held);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

/* Both would lie in the buffer of what is held. */
static void test_a_cache_is_not_written_from_another(void **state) {
    (void)state;
    builder b = start();
    value_id past = cache(&b), other = cache(&b);
    b.graph->values[other].updated = false;
    graph *g = done(&b, scatter(&b, past, other));
    gpu_plan *p = plan_of(g);
    check_plan(p);
    assert_true(!p->inputs.items[0].held && p->inputs.items[1].held);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

static void test_caches_beyond_one_binding_lie_in_several_buffers(void **state) {
    (void)state;
    const gpu_limits small = {.buffer_bytes = 1024, .binding_bytes = 1024, .groups = 65535};
    accel_error err = {0};
    builder b = start();
    gpu_plan *p = NULL;
    value_id fresh = input(&b, DIMS(1, 2, 1, 4));
    for (int i = 0; i < 9; i++) {
        char name[16];
        value_id past = cache(&b);
        snprintf(name, sizeof name, "present%d", i);
        build_output(&b, name, scatter(&b, past, fresh));
    }
    graph *g = finish_graph(&b);
    check_ok(gpu_plan_create(g, &small, &p, &err), &err);
    check_plan(p);
    assert_true(p->held_bytes == 9 * GPU_ALIGNMENT);
    assert_int_not_equal(p->inputs.items[1].range.buffer, p->inputs.items[9].range.buffer);
    gpu_plan_destroy(p);
    graph_destroy(g);
}

/* ---- elements ------------------------------------------------------------------------------------------------------------------ */

static void test_elements_go_there_and_back(void **state) {
    (void)state;
    static const dtype types[] = {DTYPE_F32, DTYPE_F16, DTYPE_BF16, DTYPE_I64, DTYPE_I32,
                                  DTYPE_I16, DTYPE_I8,  DTYPE_U8,   DTYPE_BOOL};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        uint64_t from[5] = {0}, to[5] = {0};
        uint32_t elements[5];
        for (size_t i = 0; i < 5; i++) {
            if (dtype_is_float(types[t]))
                dtype_set_f64(types[t], from, i, (double)i - 2.5);
            else
                dtype_set_i64(types[t], from, i, types[t] == DTYPE_BOOL ? (int64_t)i % 2 : (int64_t)i + 90);
        }
        assert_true(gpu_elements_from(types[t], from, 5, false, elements));
        gpu_elements_to(types[t], elements, 5, false, to);
        assert_memory_equal(from, to, sizeof from);
    }
    uint32_t element;
    assert_false(gpu_elements_from(DTYPE_I64, &(int64_t){INT64_C(1) << 31}, 1, false, &element));
    assert_true(gpu_elements_from(DTYPE_I64, &(int64_t){INT32_MIN}, 1, false, &element));
}

static void test_half_elements_go_there_and_back(void **state) {
    (void)state;
    const float from[3] = {1.5F, -65504, 70000};
    float to[3];
    uint32_t elements[3];
    assert_int_equal(gpu_bytes_of(3, true), 8);
    assert_true(gpu_elements_from(DTYPE_F32, from, 3, true, elements));
    assert_int_equal(elements[0], 0xFBFF3E00);
    assert_int_equal(elements[1], 0x7C00); /* infinity, then nothing */
    gpu_elements_to(DTYPE_F32, elements, 3, true, to);
    assert_true(to[0] == from[0] && to[1] == from[1] && isinf(to[2]));
    const uint16_t halves[2] = {0x3C00, 0xC000};
    uint16_t same[2];
    assert_true(gpu_elements_from(DTYPE_F16, halves, 2, true, elements));
    assert_memory_equal(elements, halves, sizeof halves);
    gpu_elements_to(DTYPE_F16, elements, 2, true, same);
    assert_memory_equal(same, halves, sizeof halves);
}

/* Values by name: what lies in f16 and what does not. */
static void test_what_lies_in_half(void **state) {
    (void)state;
    accel_error err = {0};
    gpu_plan *p = NULL, *wide = NULL;
    gpu_limits limits = usual;
    builder b = start();
    value_id x = input(&b, DIMS(5, 64)), at = input_of(&b, DTYPE_I64, DIMS(5, 1)),
             cache = input(&b, DIMS(5, 64));
    b.graph->values[cache].held = true;
    value_id angle = BUILD(&b, "Cos",
                           BUILD(&b, "Mul", build_op(&b, "Cast", 1, &at, 1, &BUILD_INT("to", DTYPE_F32)),
                                 constant(&b, DIMS(64))));
    value_id y =
        BUILD(&b, "Add", BUILD(&b, "Mul", BUILD(&b, "MatMul", x, constant(&b, DIMS(64, 64))), angle), cache);
    build_output(&b, "y", BUILD(&b, "Softmax", y));
    graph *g = finish_graph(&b);
    limits.precision = PRECISION_FP16;
    assert_int_equal(gpu_plan_create(g, &limits, &p, &err), ACCEL_UNSUPPORTED);
    assert_says("this GPU lacks the feature shader-f16");
    limits.f16 = true;
    limits.precision = PRECISION_BF16;
    assert_int_equal(gpu_plan_create(g, &limits, &p, &err), ACCEL_UNSUPPORTED);
    assert_says("fp32 and fp16; bf16 was asked for");
    limits.precision = PRECISION_FP16;
    check_ok(gpu_plan_create(g, &limits, &p, &err), &err);
    check_plan(p);
    wide = plan_of(g);
    assert_false(p->inputs.items[0].half || p->inputs.items[1].half || p->outputs.items[0].half);
    assert_true(p->inputs.items[2].half);
    assert_true(p->held_bytes == 768 && wide->held_bytes == 1280);
    for (size_t i = 0; i < p->constants.count; i++)
        assert_true(p->constants.items[i].half == (p->constants.items[i].elements == 64 * 64));
    assert_true(p->weight_bytes == 64 * 64 * 2 + 256 && wide->weight_bytes == 64 * 64 * 4 + 256);
    for (size_t i = 0; i < p->shader_count; i++) { /* angles are made and read as f32 */
        bool angles = strstr(p->shaders[i].text, "cos(a)") != NULL;
        assert_true(!angles || strstr(p->shaders[i].text, "f16") == NULL);
    }
    gpu_plan_destroy(p);
    gpu_plan_destroy(wide);
    graph_destroy(g);
}

static void test_a_constant_beyond_32_bits_is_named(void **state) {
    (void)state;
    accel_error err = {0};
    uint32_t word;
    builder b = start();
    graph *g = done(&b, BUILD(&b, "Add", input_of(&b, DTYPE_I64, DIMS(1)), build_i64(&b, INT64_C(1) << 40)));
    gpu_plan *p = plan_of(g);
    assert_int_equal(gpu_plan_constant(p, &p->constants.items[0], &word, &err), ACCEL_UNSUPPORTED);
    assert_says("holds integers of more than 32 bits");
    gpu_plan_destroy(p);
    graph_destroy(g);
}

/* ---- refusals --------------------------------------------------------------------------------------------------------------------- */

static void test_all_that_is_missing_is_named_at_once(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(1, 3, 3)), y = BUILD(&b, "Det", x);
    check_refused(
        done(&b, BUILD(&b, "Relu",
                       BUILD(&b, "Det", BUILD(&b, "Expand", y, build_i64s(&b, 2, (int64_t[]){3, 3}))))),
        &usual, ACCEL_UNSUPPORTED, "2 parts of the model cannot run on a GPU yet: node");
    b = start();
    check_refused(done(&b, BUILD(&b, "Det", input(&b, DIMS(3, 3)))), &usual, ACCEL_UNSUPPORTED,
                  "(Det): no kernel");
}

static void test_a_shape_that_nobody_gave_is_refused(void **state) {
    (void)state;
    builder b = start();
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){DIM_UNKNOWN}, (const char *const[]){"n"});
    check_refused(done(&b, BUILD(&b, "Relu", x)), &usual, ACCEL_UNSUPPORTED, "input 'x'");
}

static void test_an_output_that_nothing_makes_is_named(void **state) {
    (void)state;
    builder b = start();
    value_id x = input(&b, DIMS(6)), results[4];
    build_op_n(&b, "Unique", 1, &x, 0, NULL, 4, results);
    for (int i = 1; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "y%d", i);
        build_output(&b, name, results[i]);
    }
    check_refused(done(&b, results[0]), &usual, ACCEL_UNSUPPORTED, "(Unique): no kernel");
}

static void test_a_type_that_the_device_lacks_is_named(void **state) {
    (void)state;
    builder b = start();
    check_refused(done(&b, BUILD(&b, "Neg", input_of(&b, DTYPE_F64, DIMS(3)))), &usual, ACCEL_UNSUPPORTED,
                  "the kernels have no float64");
}

static void test_a_tensor_beyond_32_bits_of_addresses_is_refused(void **state) {
    (void)state;
    builder b = start();
    check_refused(done(&b, BUILD(&b, "Relu", input(&b, DIMS(3, INT64_C(1) << 30)))), &usual,
                  ACCEL_UNSUPPORTED, "input 'x0': a tensor of 3221225472 elements is too large");
}

static void test_a_weight_above_the_binding_is_refused_with_the_numbers(void **state) {
    (void)state;
    const gpu_limits small = {.buffer_bytes = 1 << 20, .binding_bytes = 1024, .groups = 65535};
    builder b = start();
    check_refused(done(&b, BUILD(&b, "Add", input(&b, DIMS(2, 1)), constant(&b, DIMS(1, 300)))), &small,
                  ACCEL_UNSUPPORTED, "takes 1280 bytes, the device binds at most 1024 at once");
    b = start();
    check_refused(done(&b, BUILD(&b, "MatMul", input(&b, DIMS(2, 300)), constant(&b, DIMS(300, 10)))), &small,
                  ACCEL_UNSUPPORTED,
                  "a column of its weight takes 1200 bytes, the device binds at most 1024");
}

static void test_a_tensor_above_the_binding_is_refused_with_the_numbers(void **state) {
    (void)state;
    const gpu_limits small = {.buffer_bytes = 1 << 20, .binding_bytes = 1024, .groups = 65535};
    builder b = start();
    check_refused(done(&b, BUILD(&b, "Softmax", input(&b, DIMS(30, 10)))), &small, ACCEL_UNSUPPORTED,
                  "works on a tensor of 1200 bytes, the device binds at most 1024");
    b = start();
    value_id column = input(&b, DIMS(1, 300));
    check_refused(
        done(&b, BUILD(&b, "MatMul", input(&b, DIMS(3, 1)), column)), &small, ACCEL_UNSUPPORTED,
        "a tensor of 3600 bytes cannot be worked on row by row, the device binds at most 1024 at once");
}

static void test_outputs_above_the_largest_buffer_are_refused_with_the_numbers(void **state) {
    (void)state;
    const gpu_limits small = {.buffer_bytes = 2048, .binding_bytes = 1024, .groups = 65535};
    builder b = start();
    value_id x = BUILD(&b, "Neg", input(&b, DIMS(256)));
    build_output(&b, "negated", x);
    check_refused(done(&b, BUILD(&b, "Exp", x)), &small, ACCEL_UNSUPPORTED,
                  "outputs take 2048 bytes, the device's largest buffer is 2048 bytes");
}

static void test_values_above_the_largest_buffer_are_refused_with_the_numbers(void **state) {
    (void)state;
    const gpu_limits small = {.buffer_bytes = 2048, .binding_bytes = 2048, .groups = 65535};
    builder b = start();
    value_id x = input(&b, DIMS(300)), parts[3];
    for (int i = 0; i < 3; i++)
        parts[i] = BUILD(&b, i == 0 ? "Exp" : i == 1 ? "Sin" : "Cos", x);
    check_refused(done(&b, build_op(&b, "Concat", 3, parts, 1, &BUILD_INT("axis", 0))), &small,
                  ACCEL_UNSUPPORTED, "2048 bytes");
}

/* ---- whole models -------------------------------------------------------------------------------------------------------------------- */

static void test_plans_of_the_zoos_smallest_hold_together(void **state) {
    (void)state;
    static const struct {
        const char *name;
        zoo_mode mode;
        int64_t sequence;
    } models[] = {{"bert-tiny", ZOO_INFERENCE, 8},
                  {"resnet-tiny", ZOO_INFERENCE, 0},
                  {"detr-tiny", ZOO_INFERENCE, 0},
                  {"clip-tiny", ZOO_INFERENCE, 12},
                  {"xclip-tiny", ZOO_INFERENCE, 12},
                  {"clap-tiny", ZOO_INFERENCE, 12},
                  {"wav2vec2-tiny", ZOO_INFERENCE, 0},
                  {"llava-tiny", ZOO_PREFILL, 40},
                  {"qwen2-vl-tiny", ZOO_PREFILL, 100},
                  {"llama-tiny", ZOO_DECODE, 8},
                  {"t5-tiny", ZOO_DECODE, 8},
                  {"whisper-tiny-random", ZOO_PREFILL, 8},
                  {"whisper-tiny-random", ZOO_DECODE, 8}};
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        accel_error err = {0};
        zoo_model m = {0};
        zoo_inputs inputs = {0};
        const zoo_options options = {.mode = models[i].mode};
        const zoo_input_options shapes = {.sequence = models[i].sequence};
        check_ok(zoo_load(models[i].name, &options, &m, &err), &err);
        check_ok(zoo_make_inputs(&m, &shapes, &inputs, &err), &err);
        check_ok(zoo_bind(&m, &inputs, &err), &err);
        for (int half = 0; half < 2; half++) {
            gpu_plan *p = NULL;
            gpu_limits limits = usual;
            limits.f16 = true;
            limits.precision = half ? PRECISION_FP16 : PRECISION_FP32;
            check_ok(gpu_plan_create(m.graph, &limits, &p, &err), &err);
            check_plan(p);
            assert_true(p->step_count > 10);
            gpu_plan_destroy(p);
        }
        zoo_inputs_free(&inputs);
        zoo_model_free(&m);
    }
}

static void check_every_failed_allocation(const gpu_limits *limits) {
    graph *g = picture();
    bool whole = false;
    for (uint64_t n = 1; n < 20000 && !whole; n++) {
        accel_error err = {0};
        gpu_plan *p = NULL;
        mem_fault_set(n, true);
        accel_status status = gpu_plan_create(g, limits, &p, &err);
        mem_fault_set(0, false);
        whole = status == ACCEL_OK;
        if (!whole)
            assert_int_equal(status, ACCEL_OUT_OF_MEMORY);
        gpu_plan_destroy(p);
    }
    assert_true(whole);
    graph_destroy(g);
}

static void test_every_failed_allocation_is_reported(void **state) {
    (void)state;
    gpu_limits half = usual;
    half.f16 = true;
    half.precision = PRECISION_FP16;
    check_every_failed_allocation(&usual);
    check_every_failed_allocation(&half);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_share_memory_but_never_read_what_they_write),
        cmocka_unit_test(test_equal_shaders_are_one),
        cmocka_unit_test(test_weights_are_not_copied_and_lie_apart_if_asked_for),
        cmocka_unit_test(test_views_take_no_step),
        cmocka_unit_test(test_nothing_is_done_for_empty_tensors),
        cmocka_unit_test(test_more_invocations_than_a_row_of_groups_go_in_rows),
        cmocka_unit_test(test_a_table_is_a_constant),
        cmocka_unit_test(test_a_cache_is_written_where_it_lies),
        cmocka_unit_test(test_a_cache_that_somebody_else_reads_is_copied),
        cmocka_unit_test(test_a_cache_is_not_written_from_another),
        cmocka_unit_test(test_caches_beyond_one_binding_lie_in_several_buffers),
        cmocka_unit_test(test_elements_go_there_and_back),
        cmocka_unit_test(test_half_elements_go_there_and_back),
        cmocka_unit_test(test_what_lies_in_half),
        cmocka_unit_test(test_a_constant_beyond_32_bits_is_named),
        cmocka_unit_test(test_all_that_is_missing_is_named_at_once),
        cmocka_unit_test(test_a_shape_that_nobody_gave_is_refused),
        cmocka_unit_test(test_an_output_that_nothing_makes_is_named),
        cmocka_unit_test(test_a_type_that_the_device_lacks_is_named),
        cmocka_unit_test(test_a_tensor_beyond_32_bits_of_addresses_is_refused),
        cmocka_unit_test(test_a_weight_above_the_binding_is_refused_with_the_numbers),
        cmocka_unit_test(test_a_tensor_above_the_binding_is_refused_with_the_numbers),
        cmocka_unit_test(test_values_above_the_largest_buffer_are_refused_with_the_numbers),
        cmocka_unit_test(test_outputs_above_the_largest_buffer_are_refused_with_the_numbers),
        cmocka_unit_test(test_plans_of_the_zoos_smallest_hold_together),
        cmocka_unit_test(test_every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
