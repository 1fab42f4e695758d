/* The native engine's own vector functions against double precision, over a regular sample of all floats (all of them with
 * ACCEL_SOAK=1 in the environment), on every instruction set of this machine. Errors are counted in units in the last place. */
#include <math.h>
#include <stdio.h>

#include "base/thread.h"
#include "engines/native_check.h"

enum { BLOCK = 1 << 16 };

static double gelu(double x) {
    return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double sign(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : x;
}
static double softsign(double x) {
    return x / (1 + fabs(x));
}
static double mish(double x) {
    return x * tanh(softplus(x));
}
static double selu(double x) {
    double gamma = (double)1.0507009873554805f;
    return x > 0 ? gamma * x : gamma * (double)1.6732632423543772f * expm1(x);
}
static double celu(double x) {
    return x > 0 ? x : expm1(x);
}

typedef struct function {
    const char *op;
    double (*exact)(double);
    double most_ulp;
    double low, high; /* where the bound is asked for */
} function;

/* 0 when both are NaN, or the same infinity; else the distance in steps of the exact value's last place. */
static double ulp_error(float got, double exact) {
    float rounded = (float)exact;
    if ((isnan(got) && isnan(exact)) || got == rounded) {
        return 0;
    }
    if (isnan(got) != isnan(exact) || isinf(got) || isinf(rounded)) {
        return INFINITY;
    }
    float step = nextafterf(fabsf(rounded), INFINITY) - fabsf(rounded);
    return fabs((double)got - exact) / (double)step;
}

static graph *unary_graph(const char *op) {
    builder b;
    accel_error err = {0};
    graph *g = NULL;
    check_ok(builder_start(&b, NULL, &err), &err);
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){BLOCK}, NULL);
    build_output(&b, "y", BUILD(&b, op, x));
    check_ok(builder_finish(&b, &g, &err), &err);
    return g;
}

typedef struct worst_case {
    double ulp;
    float at;
} worst_case;

static const char *const isas[] = {"avx512", "avx2", "neon", "baseline"};
enum { ISAS = sizeof isas / sizeof isas[0], SLICES = 64 };

/* One function on every instruction set that is here. A block of inputs is computed by each of them and once exactly. */
typedef struct study {
    const function *f;
    engine_session *sessions[ISAS]; /* NULL: not on this machine */
    float *x;
    const float *y; /* of the instruction set that is looked at */
    double *exact;
    worst_case worst[ISAS], slices[SLICES];
} study;

static void compute_exact(void *context, size_t begin, size_t end, int worker) {
    study *s = context;
    (void)worker;
    for (size_t i = begin * (BLOCK / SLICES); i < end * (BLOCK / SLICES); i++) {
        s->exact[i] = s->f->exact((double)s->x[i]);
    }
}

static void find_worst(void *context, size_t begin, size_t end, int worker) {
    study *s = context;
    (void)worker;
    for (size_t slice = begin; slice < end; slice++) {
        worst_case worst = {0, 0};
        for (size_t i = slice * (BLOCK / SLICES); i < (slice + 1) * (BLOCK / SLICES); i++) {
            double in = (double)s->x[i];
            bool asked = isnan(in) || (in >= s->f->low && in <= s->f->high);
            double e = asked ? ulp_error(s->y[i], s->exact[i]) : 0;
            if (e > worst.ulp) {
                worst = (worst_case){e, s->x[i]};
            }
        }
        s->slices[slice] = worst;
    }
}

static void study_block(study *s, thread_pool *pool) {
    accel_error err = {0};
    tensor y;
    thread_pool_for(pool, SLICES, 1, compute_exact, s);
    for (size_t i = 0; i < ISAS; i++) {
        if (s->sessions[i] == NULL) {
            continue;
        }
        check_ok(engine_find("native")->run(s->sessions[i], &err), &err);
        check_ok(engine_find("native")->outputs(s->sessions[i], &y, 1, &err), &err);
        s->y = y.data;
        thread_pool_for(pool, SLICES, 1, find_worst, s);
        for (size_t k = 0; k < SLICES; k++) {
            if (s->slices[k].ulp > s->worst[i].ulp) {
                s->worst[i] = s->slices[k];
            }
        }
    }
}

static void study_open(study *s, const graph *g, const tensor *x, int threads) {
    accel_error err = {0};
    engine_model model = {.graph = g};
    engine_options options = {.threads = threads};
    for (size_t i = 0; i < ISAS; i++) {
        setenv("ACCEL_ISA", isas[i], 1);
        if (engine_find("native")->load(&model, NULL, &options, &s->sessions[i], &err) == ACCEL_OK) {
            check_ok(engine_find("native")->bind(s->sessions[i], x, 1, &err), &err);
        }
    }
    unsetenv("ACCEL_ISA");
}

static void study_close(study *s) {
    for (size_t i = 0; i < ISAS; i++) {
        if (s->sessions[i] != NULL) {
            print_message("SOAK %-9s %-8s %6.2f ULP at %a\n", s->f->op, isas[i], s->worst[i].ulp,
                          (double)s->worst[i].at);
            assert_true(s->worst[i].ulp <= s->f->most_ulp);
            engine_find("native")->unload(s->sessions[i]);
        }
    }
    mem_free(s->exact);
}

static void check_function(const function *f, thread_pool *pool) {
    graph *g = unary_graph(f->op);
    tensor x;
    accel_error err = {0};
    uint64_t step = getenv("ACCEL_SOAK") != NULL ? 1 : 2039;
    check_ok(graph_infer(g, &err), &err);
    check_ok(tensor_create(DTYPE_F32, &(shape){1, {BLOCK}}, &x, &err), &err);
    study s = {.f = f, .x = x.data, .exact = mem_calloc(BLOCK, sizeof(double))};
    assert_non_null(s.exact);
    study_open(&s, g, &x, thread_pool_size(pool));
    for (uint64_t first = 0; first < 1ull << 32; first += BLOCK * step) {
        for (uint64_t i = 0; i < BLOCK; i++) {
            uint32_t bits = (uint32_t)(first + i * step);
            memcpy(&s.x[i], &bits, sizeof bits);
        }
        study_block(&s, pool);
    }
    study_close(&s);
    tensor_free(&x);
    graph_destroy(g);
}

static void test_vector_functions(void **state) {
    (void)state;
    static const function functions[] = {
        {"Exp", exp, 2, -INFINITY, INFINITY},   {"Log", log, 2, -INFINITY, INFINITY},
        {"Tanh", tanh, 4, -INFINITY, INFINITY}, {"Erf", erf, 4, -INFINITY, INFINITY},
        {"Sigmoid", sigmoid, 4, -87, INFINITY}, {"Softplus", softplus, 4, -87, INFINITY},
        {"Gelu", gelu, 6, -1, INFINITY},        {"Sin", sin, 1, -INFINITY, INFINITY},
        {"Cos", cos, 1, -INFINITY, INFINITY},   {"Floor", floor, 0, -INFINITY, INFINITY},
        {"Ceil", ceil, 0, -INFINITY, INFINITY}, {"Round", rint, 0, -INFINITY, INFINITY},
        {"Sign", sign, 0, -INFINITY, INFINITY}, {"Softsign", softsign, 2, -INFINITY, INFINITY},
        {"Mish", mish, 6, -80, INFINITY},       {"Selu", selu, 6, -INFINITY, INFINITY},
        {"Celu", celu, 4, -INFINITY, INFINITY},
    };
    thread_pool *pool = NULL;
    accel_error err = {0};
    check_ok(thread_pool_create(thread_cpu_count(), 0, &pool, &err), &err);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        check_function(&functions[i], pool);
    }
    thread_pool_destroy(pool);
}

/* Every pair of these, then random ones over all magnitudes. */
static void fill_powers(tensor in[2]) {
    static const float special[] = {0,         1,        2,           3,      0.5f,       1.5f,
                                    7,         16777216, 16777218,    1e-40f, 3.4e38f,    INFINITY,
                                    0x1p-149f, 8388609,  0.99999994f, 1e10f,  1.0000001f, 2147483648,
                                    33554430,  126.5f,   NAN};
    enum { SPECIAL = sizeof special / sizeof special[0], SIGNED = 2 * SPECIAL };
    float *x = in[0].data, *y = in[1].data;
    rng r;
    rng_seed(&r, 5);
    for (size_t i = 0; i < BLOCK; i++) {
        size_t a = i % SIGNED, b = i / SIGNED;
        x[i] = a < SPECIAL ? special[a] : -special[a - SPECIAL];
        y[i] = b < SPECIAL ? special[b] : b < SIGNED ? -special[b - SPECIAL] : 0;
        if (b >= SIGNED) {
            uint32_t bits = (uint32_t)rng_u64(&r);
            memcpy(&x[i], &bits, sizeof bits);
            y[i] = (float)(2 * rng_f64(&r) - 1) * (i % 3 == 0 ? 2 : 40);
        }
    }
}

static void test_powers(void **state) {
    (void)state;
    builder b;
    accel_error err = {0};
    native_case c = {0};
    check_ok(builder_start(&b, NULL, &err), &err);
    value_id x = build_input(&b, "x", DTYPE_F32, 1, (int64_t[]){BLOCK}, NULL);
    build_output(&b, "z", BUILD(&b, "Pow", x, build_input(&b, "y", DTYPE_F32, 1, (int64_t[]){BLOCK}, NULL)));
    check_ok(builder_finish(&b, &c.graph, &err), &err);
    check_ok(graph_infer(c.graph, &err), &err);
    for (int i = 0; i < 2; i++) {
        check_ok(tensor_create(DTYPE_F32, &(shape){1, {BLOCK}}, &c.inputs[i], &err), &err);
    }
    fill_powers(c.inputs);
    for (size_t k = 0; k < ISAS; k++) {
        if (!native_choose_isa(isas[k])) {
            continue;
        }
        engine_session *s = native_open(&c, 1);
        tensor z;
        check_ok(engine_find("native")->run(s, &err), &err);
        check_ok(engine_find("native")->outputs(s, &z, 1, &err), &err);
        for (size_t i = 0; i < BLOCK; i++) {
            double a = (double)((float *)c.inputs[0].data)[i], p = (double)((float *)c.inputs[1].data)[i];
            if (!(ulp_error(((float *)z.data)[i], pow(a, p)) <= 0.6)) {
                fail_msg("%s: %a to the power of %a gives %a", isas[k], a, p, (double)((float *)z.data)[i]);
            }
        }
        engine_find("native")->unload(s);
    }
    unsetenv("ACCEL_ISA");
    native_case_close(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vector_functions),
                                       cmocka_unit_test(test_powers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
