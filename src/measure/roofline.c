#include "measure/roofline.h"

#include <math.h>
#include <pthread.h>

#include "base/clock.h"
#include "graph/infer.h"
#include "measure/triad.h"

enum { PRODUCT_SIZE = 1024, MOST_KEPT = 64 };
static const uint64_t product_ns = 100000000;

/* Three runs and this long; on a slow or busy machine up to eight, in three times as long. */
static bool is_wanted(int runs, uint64_t elapsed_ns, uint64_t least_ns) {
    return runs < 3 || elapsed_ns < least_ns || (runs < 8 && elapsed_ns < 3 * least_ns);
}

/* ---- peak ------------------------------------------------------------------------------------------------------------- */

/* y = x w: fp32 values, which the session computes in its precision, or u8 × s8. w is a constant, as weights are. */
static accel_status make_product(graph *g, precision p, const void *weights, accel_error *err) {
    const shape square = {.rank = 2, .dims = {PRODUCT_SIZE, PRODUCT_SIZE}};
    const size_t elements = (size_t)PRODUCT_SIZE * PRODUCT_SIZE;
    const bool integers = p == PRECISION_INT8;
    graph_data data = {.kind = DATA_BYTES, .bytes = weights, .size_bytes = elements * (integers ? 1 : 4)};
    value_id inputs[2];
    node_id node = NODE_NONE;
    ACCEL_TRY(graph_add_input(g, "x", integers ? DTYPE_U8 : DTYPE_F32, &square, &inputs[0], err));
    ACCEL_TRY(graph_add_initializer(g, "w", integers ? DTYPE_I8 : DTYPE_F32, &square, data, &inputs[1], err));
    ACCEL_TRY(graph_add_node(g, "", integers ? "MatMulInteger" : "MatMul", "", inputs, 2, NULL, 1, NULL, 0,
                             &node, err));
    ACCEL_TRY(graph_add_output(g, g->nodes[node]->outputs[0], err));
    return graph_infer(g, err);
}

static accel_status time_product(const engine_def *engine, engine_session *session, roofline *out,
                                 accel_error *err) {
    const double size = PRODUCT_SIZE, operations = 2.0 * size * size * size;
    uint64_t best_ns = UINT64_MAX, begin = clock_now_ns(), before = begin;
    for (int run = 0; is_wanted(run, before - begin, product_ns); run++) {
        ACCEL_TRY(engine->run(session, err));
        uint64_t now = clock_now_ns();
        if (now - before < best_ns)
            best_ns = now - before;
        before = now;
    }
    out->peak_gflops = operations / (double)(best_ns > 0 ? best_ns : 1);
    return ACCEL_OK;
}

/* Whether the session computes in the precision asked for, and by a kernel rather than by the plain reference, which takes seconds. */
static bool is_fast(const engine_def *engine, engine_session *session, precision p) {
    engine_ran ran = {0};
    engine_profile_row *rows = NULL;
    size_t count = 0;
    arena *a = arena_create();
    engine->ran(session, &ran);
    bool fast = a && engine->profile(session, a, &rows, &count, NULL) == ACCEL_OK;
    for (size_t i = 0; fast && i < count; i++)
        fast = !str_equal(rows[i].kernel, "reference");
    arena_destroy(a);
    return fast && (ran.precision == p || p == PRECISION_INT8);
}

static accel_status run_product(graph *g, roofline *out, tensor *x, accel_error *err) {
    const engine_def *engine = engine_find("native");
    const engine_model model = {.graph = g};
    const bool integers = out->precision == PRECISION_INT8;
    const engine_options options = {
        .precision = integers ? PRECISION_FP32 : out->precision, .threads = out->threads, .profile = true};
    engine_session *session = NULL;
    accel_status status = engine->load(&model, NULL, &options, &session, err);
    if (status == ACCEL_OK && is_fast(engine, session, out->precision)) {
        status = engine->bind(session, x, 1, err);
        if (status == ACCEL_OK)
            status = time_product(engine, session, out, err);
    }
    engine->unload(session);
    return status == ACCEL_UNSUPPORTED ? ACCEL_OK : status; /* the peak stays NAN */
}

static accel_status measure_peak(roofline *out, accel_error *err) {
    const shape square = {.rank = 2, .dims = {PRODUCT_SIZE, PRODUCT_SIZE}};
    graph *g = NULL;
    tensor x = {0}, weights = {0};
    dtype type = out->precision == PRECISION_INT8 ? DTYPE_U8 : DTYPE_F32;
    accel_status status = graph_create(&g, err);
    if (status == ACCEL_OK)
        status = tensor_create(type, &square, &x, err);
    if (status == ACCEL_OK)
        status = tensor_create(type, &square, &weights, err);
    for (size_t i = 0; status == ACCEL_OK && i < (size_t)PRODUCT_SIZE * PRODUCT_SIZE; i++) {
        dtype_set_f64(type, x.data, i, 1.0);
        dtype_set_f64(type, weights.data, i, 1.0);
    }
    if (status == ACCEL_OK)
        status = make_product(g, out->precision, weights.data, err);
    if (status == ACCEL_OK)
        status = run_product(g, out, &x, err);
    graph_destroy(g);
    tensor_free(&weights);
    tensor_free(&x);
    return status;
}

/* ---- what was measured already --------------------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static roofline kept[MOST_KEPT];
static size_t kept_count;

/* The bandwidth does not depend on the precision. */
static accel_status bandwidth_of(roofline *out, accel_error *err) {
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i].threads == out->threads) {
            out->bandwidth_gb_per_s = kept[i].bandwidth_gb_per_s;
            out->array_bytes = kept[i].array_bytes;
            return ACCEL_OK;
        }
    const size_t bytes = triad_memory_bytes();
    out->array_bytes = (double)bytes;
    return triad_measure(out->threads, bytes, &out->bandwidth_gb_per_s, err);
}

static accel_status measure_or_find(roofline *out, accel_error *err) {
    for (size_t i = 0; i < kept_count; i++)
        if (kept[i].threads == out->threads && kept[i].precision == out->precision) {
            *out = kept[i];
            return ACCEL_OK;
        }
    ACCEL_TRY(bandwidth_of(out, err));
    ACCEL_TRY(measure_peak(out, err));
    if (kept_count < MOST_KEPT)
        kept[kept_count++] = *out;
    return ACCEL_OK;
}

accel_status roofline_measure(int threads, precision p, roofline *out, accel_error *err) {
    *out = (roofline){
        .precision = p, .threads = threads, .peak_gflops = (double)NAN, .bandwidth_gb_per_s = (double)NAN};
    pthread_mutex_lock(&lock);
    accel_status status = measure_or_find(out, err);
    pthread_mutex_unlock(&lock);
    return status;
}
