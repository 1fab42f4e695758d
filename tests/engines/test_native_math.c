/* The native engine's own vector functions against double precision, over a regular sample of all floats (all of them with
 * ACCEL_SOAK=1 in the environment), on every instruction set of this machine. Errors are counted in units in the last place. */
#include <math.h>
#include <stdio.h>

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

static void measure_block(engine_session *s, const function *f, const float *x, worst_case *worst) {
    accel_error err = {0};
    tensor y;
    check_ok(engine_find("native")->run(s, &err), &err);
    check_ok(engine_find("native")->outputs(s, &y, 1, &err), &err);
    for (int i = 0; i < BLOCK; i++) {
        double in = (double)x[i];
        if (!isnan(x[i]) && (in < f->low || in > f->high)) {
            continue;
        }
        double e = ulp_error(((const float *)y.data)[i], f->exact(in));
        if (e > worst->ulp) {
            *worst = (worst_case){e, x[i]};
        }
    }
}

static worst_case measure(engine_session *s, const function *f, float *x, uint64_t step) {
    worst_case worst = {0, 0};
    for (uint64_t first = 0; first < 1ull << 32; first += BLOCK * step) {
        for (uint64_t i = 0; i < BLOCK; i++) {
            uint32_t bits = (uint32_t)(first + i * step);
            memcpy(&x[i], &bits, sizeof bits);
        }
        measure_block(s, f, x, &worst);
    }
    return worst;
}

static void check_function(const function *f) {
    static const char *const isas[] = {"avx512", "avx2", "neon", "baseline"};
    native_case c = {.graph = unary_graph(f->op)};
    accel_error err = {0};
    check_ok(graph_infer(c.graph, &err), &err);
    check_ok(tensor_create(DTYPE_F32, &(shape){1, {BLOCK}}, &c.inputs[0], &err), &err);
    uint64_t step = getenv("ACCEL_SOAK") != NULL ? 1 : 2039;
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++) {
        setenv("ACCEL_ISA", isas[i], 1);
        engine_session *s = NULL;
        engine_model model = {.graph = c.graph};
        engine_options options = {.threads = 1};
        if (engine_find("native")->load(&model, NULL, &options, &s, &err) != ACCEL_OK) {
            continue;
        }
        check_ok(engine_find("native")->bind(s, c.inputs, 1, &err), &err);
        worst_case worst = measure(s, f, c.inputs[0].data, step);
        print_message("%-9s %-8s %6.2f ULP at %a\n", f->op, isas[i], worst.ulp, (double)worst.at);
        assert_true(worst.ulp <= f->most_ulp);
        engine_find("native")->unload(s);
    }
    unsetenv("ACCEL_ISA");
    tensor_free(&c.inputs[0]);
    graph_destroy(c.graph);
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
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        check_function(&functions[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vector_functions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
