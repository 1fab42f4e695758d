/* Seeded random graphs: the native engine, on each instruction set, against the reference; and against ONNX Runtime where that is here
 * and takes the graph. ACCEL_SOAK=1 tries many more; ACCEL_SEED=n tries only that one and prints it. */
/* ctest: timeout 300 */
#include "support/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/vendor_check.h"

#include "base/random.h"
#include "fuzz/agree.h"
#include "graph/print.h"

enum { STREAM_BYTES = 600, TOLD_AT_MOST = 50 };

static size_t seeds(size_t few, size_t many) {
    return getenv("ACCEL_SOAK") != NULL ? many : few;
}

static bool open_seed(random_case *r, uint64_t seed, bool tame, uint8_t *stream) {
    rng random;
    rng_seed_name(&random, seed, "random graph");
    for (size_t i = 0; i < STREAM_BYTES; i++) {
        stream[i] = (uint8_t)rng_u64(&random);
    }
    return random_case_open(r, stream, STREAM_BYTES, tame);
}

static void tell(const random_case *r, uint64_t seed, const char *why) {
    str_buf text = {0};
    graph_print_nodes(r->made.g, &text);
    fprintf(stderr, "seed %llu: %s\n%s\n", (unsigned long long)seed, why, str_text(&text));
    str_free(&text);
}

typedef struct tally {
    size_t graphs, ran, compared, wrong;
} tally;

static void report(const char *what, const tally *t) {
    print_message("SOAK %s: %zu random graphs, %zu of them run, %zu compared, %zu disagree\n", what,
                  t->graphs, t->ran, t->compared, t->wrong);
    assert_int_equal(t->wrong, 0);
}

static void seed_range(size_t count, uint64_t *first, uint64_t *end) {
    const char *only = getenv("ACCEL_SEED");
    *first = only != NULL ? strtoull(only, NULL, 10) : 1;
    *end = *first + (only != NULL ? 1 : count);
}

/* ---- the native engine ------------------------------------------------------------------------------------------------- */

static void native_agrees_with_the_reference(void **state) {
    (void)state;
    tally t = {0};
    uint64_t seed, end;
    for (seed_range(seeds(500, 20000), &seed, &end); seed < end; seed++) {
        random_case r;
        uint8_t stream[STREAM_BYTES];
        char why[600] = "agrees";
        if (!open_seed(&r, seed, false, stream)) {
            continue;
        }
        bool comparable = r.status != ACCEL_LIMIT,
             fine = !comparable || native_agrees_everywhere(&r, why, sizeof why);
        t.graphs++;
        t.ran += r.status == ACCEL_OK;
        t.compared += comparable;
        t.wrong += !fine;
        if ((!fine && t.wrong <= TOLD_AT_MOST) || getenv("ACCEL_SEED") != NULL) {
            tell(&r, seed, why);
        }
        random_case_close(&r);
    }
    report("native against the reference", &t);
}

/* ---- ONNX Runtime -------------------------------------------------------------------------------------------------------- */

typedef struct vendor {
    const engine_def *engine;
    engine_device device;
    const char *folder;
} vendor;

enum verdict { REFUSED = 'r', AGREES = 'a', DISAGREES = 'd', CRASHED = 'c', ABSENT = 77 };

/* Operators where ONNX Runtime 1.32 does something else than ONNX's own implementation, seen on these graphs; with the reason. */
static const char *const not_compared[] = {
    "Resize",                /* align_corners by scales that do not give whole pixels, cubic at the borders */
    "Pad",                   /* wrap by more than a dim, after a negative pad */
    "Pow",                   /* integers that overflow */
    "LRN",                   /* a NaN stays in its running sum for the channels behind */
    "InstanceNormalization", /* the variance in one pass: 4e-5 off where the spread is small */
    "QLinearMatMul",         /* no terms: 0, not the zero point */
};

/* Without VNNI its products of u8 and i8 add pairs in 16 bits, which saturate (its documentation names it; reduce_range is its way
 * out). */
static const char *const saturating[] = {"MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv"};

static bool has_wide_dot_products(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512vnni") != 0;
#else
    return true;
#endif
}

static bool names(const char *const *list, size_t count, const char *op) {
    for (size_t k = 0; k < count; k++) {
        if (strcmp(op, list[k]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_compared(const graph *g) {
    const bool saturates = !has_wide_dot_products();
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (names(not_compared, sizeof not_compared / sizeof *not_compared, n->op_type) ||
            (saturates && names(saturating, sizeof saturating / sizeof *saturating, n->op_type))) {
            return false;
        }
        /* What runtimes are given for a row whose keys are all closed is an average (passes/form_attention.c). */
        if (strcmp(n->op_type, "Attention") == 0 && n->input_count > 3) {
            return false;
        }
    }
    return true;
}

/* Only graphs that run on both are compared: each runtime refuses what it likes. */
static enum verdict vendor_judges(const vendor *v, const random_case *r, char *why, size_t size) {
    str_buf path = {0};
    accel_error err = {0};
    engine_session *s = NULL;
    engine_options options = vendor_options();
    tensor views[MOST_OUTPUTS];
    enum verdict verdict = REFUSED;
    if (r->status == ACCEL_OK && is_compared(r->made.g) &&
        engine_write_model(v->engine, r->made.g, v->folder, &path, &err) == ACCEL_OK) {
        engine_model model = {.graph = r->made.g, .onnx_path = str_text(&path)};
        accel_status loaded = v->engine->load(&model, &v->device, &options, &s, &err);
        if (loaded == ACCEL_OK && run_once(s, v->engine, r, views, &err) == ACCEL_OK) {
            verdict = AGREES;
            for (size_t i = 0; verdict == AGREES && i < r->made.g->output_count; i++) {
                verdict = values_agree(r, i, &views[i], why, size) ? AGREES : DISAGREES;
            }
        }
        if (loaded == ACCEL_OK) {
            v->engine->unload(s);
        }
    }
    str_free(&path);
    return verdict;
}

static void vendor_child(const char *folder, uint64_t first, uint64_t end, int verdicts) {
    accel_error err = {0};
    engine_report found = {0};
    arena *a = arena_create();
    vendor v = {.engine = engine_find("onnxruntime"), .folder = folder};
    static const int deadly[] = {SIGSEGV, SIGFPE, SIGILL,
                                 SIGBUS,  SIGSYS, SIGABRT}; /* cmocka's handlers would go on here */
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        signal(deadly[i], SIG_DFL);
    }
    if (v.engine->probe(vendor_context(), a, &found, &err) != ACCEL_OK || !found.present) {
        _exit(ABSENT);
    }
    v.device = found.devices[0];
    for (uint64_t seed = first; seed < end; seed++) {
        random_case r;
        uint8_t stream[STREAM_BYTES];
        char why[600] = "agrees", verdict = REFUSED;
        if (open_seed(&r, seed, true, stream)) {
            verdict = (char)vendor_judges(&v, &r, why, sizeof why);
            if (verdict == DISAGREES) {
                tell(&r, seed, why);
            }
            random_case_close(&r);
        }
        if (write(verdicts, &verdict, 1) != 1) {
            _exit(1);
        }
    }
    _exit(0);
}

/* A runtime that ends its process on a graph is followed by a fresh one behind that graph. Returns the child's exit code. */
static int vendor_range(const char *folder, uint64_t *seed, uint64_t end, tally *t) {
    int ends[2], status = 0;
    char verdict;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        vendor_child(folder, *seed, end, ends[1]);
    }
    close(ends[1]);
    for (; read(ends[0], &verdict, 1) == 1; (*seed)++) {
        t->graphs++;
        t->compared += verdict != REFUSED;
        t->wrong += verdict == DISAGREES;
    }
    close(ends[0]);
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : CRASHED;
}

static void onnx_runtime_agrees_with_the_reference(void **state) {
    tally t = {0};
    uint64_t seed, end;
    size_t crashes = 0;
    if (!vendor_libraries_may_run()) {
        skip();
    }
    for (seed_range(seeds(300, 6000), &seed, &end); seed < end;) {
        int code = vendor_range(*state, &seed, end, &t);
        if (code == ABSENT) {
            print_message("skipped: no ONNX Runtime (run make deps)\n");
            skip();
        }
        crashes += seed < end;
        seed += seed < end;
    }
    print_message("SOAK ONNX Runtime ended its process on %zu graphs\n", crashes);
    t.ran = t.compared;
    report("ONNX Runtime against the reference", &t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_agrees_with_the_reference),
        cmocka_unit_test_setup_teardown(onnx_runtime_agrees_with_the_reference, temp_folder_setup,
                                        temp_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
