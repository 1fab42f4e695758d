/* Seeded random graphs: the native engine, on each instruction set, against the reference; and against ONNX Runtime where that is here
 * and takes the graph. ACCEL_SOAK=1 tries many more; ACCEL_SEED=n tries only that one and prints it. */
/* ctest: timeout 300 */
#include "support/test.h"

#include "engines/vendor_check.h"

#include "base/random.h"
#include "fuzz/agree.h"
#include "graph/print.h"

enum { STREAM_BYTES = 600, TOLD_AT_MOST = 20 };

static size_t seeds(size_t few, size_t many) {
    return getenv("ACCEL_SOAK") != NULL ? many : few;
}

static bool open_seed(random_case *r, uint64_t seed, uint8_t *stream) {
    rng random;
    rng_seed_name(&random, seed, "random graph");
    for (size_t i = 0; i < STREAM_BYTES; i++) {
        stream[i] = (uint8_t)rng_u64(&random);
    }
    return random_case_open(r, stream, STREAM_BYTES);
}

static void tell(const random_case *r, uint64_t seed, const char *why) {
    str_buf text = {0};
    graph_print_nodes(r->made.g, &text);
    fprintf(stderr, "seed %llu: %s\n%s\n", (unsigned long long)seed, why, str_text(&text));
    str_free(&text);
}

typedef bool (*judge)(void *context, const random_case *r, char *why, size_t size);

/* Counts graphs that ran and those that disagree. */
static void try_seeds(size_t count, judge agrees, void *context, const char *what) {
    const char *only = getenv("ACCEL_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    size_t graphs = 0, ran = 0, wrong = 0;
    for (uint64_t seed = first; seed < first + (only != NULL ? 1 : count); seed++) {
        random_case r;
        uint8_t stream[STREAM_BYTES];
        char why[600] = "agrees";
        if (!open_seed(&r, seed, stream)) {
            continue;
        }
        graphs++;
        ran += r.status == ACCEL_OK;
        bool fine = r.status == ACCEL_LIMIT || agrees(context, &r, why, sizeof why);
        wrong += !fine;
        if (only != NULL || (!fine && wrong <= TOLD_AT_MOST)) {
            tell(&r, seed, why);
        }
        random_case_close(&r);
    }
    print_message("SOAK %s: %zu random graphs, %zu of them run, %zu disagree\n", what, graphs, ran, wrong);
    assert_int_equal(wrong, 0);
}

/* ---- the native engine ------------------------------------------------------------------------------------------------- */

static bool everywhere(void *context, const random_case *r, char *why, size_t size) {
    (void)context;
    return native_agrees_everywhere(r, why, size);
}

static void native_agrees_with_the_reference(void **state) {
    (void)state;
    try_seeds(seeds(400, 20000), everywhere, NULL, "native against the reference");
}

/* ---- ONNX Runtime -------------------------------------------------------------------------------------------------------- */

typedef struct vendor {
    const engine_def *engine;
    engine_device device;
    const char *folder;
    size_t compared;
} vendor;

/* Only graphs that run on both are compared: each runtime refuses what it likes. */
static bool vendor_agrees(void *context, const random_case *r, char *why, size_t size) {
    vendor *v = context;
    str_buf path = {0};
    accel_error err = {0};
    engine_session *s = NULL;
    engine_options options = vendor_options();
    tensor views[MOST_OUTPUTS];
    bool agrees = true;
    if (r->status == ACCEL_OK &&
        engine_write_model(v->engine, r->made.g, v->folder, &path, &err) == ACCEL_OK) {
        engine_model model = {.graph = r->made.g, .onnx_path = str_text(&path)};
        accel_status loaded = v->engine->load(&model, &v->device, &options, &s, &err);
        if (loaded == ACCEL_OK && run_once(s, v->engine, r, views, &err) == ACCEL_OK) {
            v->compared++;
            for (size_t i = 0; agrees && i < r->made.g->output_count; i++) {
                agrees = values_agree(r, i, &views[i], why, size);
            }
        }
        if (loaded == ACCEL_OK) {
            v->engine->unload(s);
        }
    }
    str_free(&path);
    return agrees;
}

static void the_reference_agrees_with_onnx_runtime(void **state) {
    arena *a = arena_create();
    vendor v = {.engine = engine_find("onnxruntime"), .folder = *state};
    v.device = vendor_cpu(v.engine, a);
    try_seeds(seeds(300, 20000), vendor_agrees, &v, "ONNX Runtime against the reference");
    print_message("SOAK %zu of them ran on ONNX Runtime\n", v.compared);
    arena_destroy(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_agrees_with_the_reference),
        cmocka_unit_test_setup_teardown(the_reference_agrees_with_onnx_runtime, temp_folder_setup,
                                        temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
