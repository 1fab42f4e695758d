/* Engines that behave badly on purpose. Each device of the engine "test" is a behaviour, named by its id; "peer" computes the same
 * thing well and reads a file. Their outputs are those of the scalar evaluator, made while loading. */
#ifndef ACCEL_TESTS_MEASURE_BEHAVIOUR_H
#define ACCEL_TESTS_MEASURE_BEHAVIOUR_H

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "engines/engine.h"
#include "formats/formats.h"
#include "graph/builder.h"
#include "graph/evaluate.h"

static const char *const behaviours[] = {
    "good",    "crash-load", "crash-run", "abort",         "exit",          "hang-load",       "hang-run",
    "hog",     "wrong",      "nan",       "noisy",         "error",         "unsupported",     "forks",
    "garbage", "slow",       "missing",   "profile-crash", "profile-error", "profile-garbage",
};
enum { BEHAVIOUR_COUNT = sizeof behaviours / sizeof *behaviours };

struct engine_session {
    char behaviour[32];
    const graph *graph;
    evaluation *result;
    int runs;
};

static bool behaves(const engine_session *s, const char *name) {
    return strcmp(s->behaviour, name) == 0;
}

/* As a plain program dies, also under a sanitizer, which would catch the signal and exit. */
static void crash(void) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
}

static accel_status test_probe(const engine_context *context, arena *a, engine_report *out,
                               accel_error *err) {
    (void)context;
    engine_device *devices = ARENA_ARRAY(a, engine_device, BEHAVIOUR_COUNT);
    if (!devices)
        return error_no_memory(err, "devices", 1);
    for (size_t i = 0; i < BEHAVIOUR_COUNT; i++) {
        bool there = strcmp(behaviours[i], "missing") != 0;
        devices[i] = (engine_device){
            .platform = there ? PLATFORM_CPU : PLATFORM_CUDA, .id = behaviours[i], .name = "a device"};
        devices[i].precisions = 1u << PRECISION_FP32;
        devices[i].available = there;
        devices[i].reason = there ? NULL : "libcuda.so.1: no such file";
    }
    *out = (engine_report){
        .present = true, .version = "1.0", .device_count = BEHAVIOUR_COUNT, .devices = devices};
    return ACCEL_OK;
}

static accel_status peer_probe(const engine_context *context, arena *a, engine_report *out,
                               accel_error *err) {
    (void)context;
    engine_device *device = ARENA_NEW(a, engine_device);
    if (!device)
        return error_no_memory(err, "devices", 1);
    *device = (engine_device){.platform = PLATFORM_CPU, .id = "good", .name = "a device", .available = true};
    *out = (engine_report){.present = true, .version = "2.0", .device_count = 1, .devices = device};
    return ACCEL_OK;
}

static accel_status crash_probe(const engine_context *context, arena *a, engine_report *out,
                                accel_error *err) {
    (void)context, (void)a, (void)out, (void)err;
    fprintf(stderr, "vendor library: no such symbol\n");
    crash();
    return ACCEL_OK;
}

static accel_status hang_probe(const engine_context *context, arena *a, engine_report *out,
                               accel_error *err) {
    (void)context, (void)a, (void)out, (void)err;
    while (pause() < 0)
        continue;
    return ACCEL_OK;
}

static accel_status test_supports(const graph *g, const engine_device *device, const engine_options *options,
                                  engine_unsupported *out, accel_error *err) {
    (void)g, (void)options, (void)err;
    if (strcmp(device->id, "unsupported") == 0) {
        out->count = 1;
        snprintf(out->sentence, sizeof out->sentence, "1 node: 'y' (Relu)");
    }
    return ACCEL_OK;
}

static void *volatile last_block; /* keeps the compiler from leaving the allocations out */

static void use_memory_without_end(void) {
    for (size_t block = (size_t)8 << 20;;) {
        char *more = malloc(block);
        if (more)
            memset(more, 1, block);
        last_block = more;
        clock_sleep_ns(1000000);
    }
}

/* A grandchild that would outlive everything; its id is left in a file. */
static void fork_a_grandchild(void) {
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    char text[32];
    snprintf(text, sizeof text, "%d", (int)pid);
    const char *path = getenv("ACCEL_TEST_PID_FILE");
    if (path)
        (void)file_replace(path, text, strlen(text), NULL);
}

static accel_status test_load(const engine_model *model, const engine_device *device,
                              const engine_options *options, engine_session **out, accel_error *err) {
    (void)options;
    engine_session *s = calloc(1, sizeof *s);
    if (!s)
        return error_no_memory(err, "a session", sizeof *s);
    snprintf(s->behaviour, sizeof s->behaviour, "%s", device->id);
    s->graph = model->graph;
    *out = s;
    if (behaves(s, "crash-load"))
        crash();
    if (behaves(s, "abort")) {
        fprintf(stderr, "terminate called after throwing 'bad_thing'\n");
        abort();
    }
    if (behaves(s, "exit"))
        exit(3);
    if (behaves(s, "hang-load"))
        for (;;)
            pause();
    if (behaves(s, "forks"))
        fork_a_grandchild();
    if (behaves(s, "garbage")) { /* a length that nobody should believe */
        const uint32_t header[2] = {7, 0xfffffff0u};
        (void)!write(3, header, sizeof header);
        pause();
    }
    return ACCEL_OK;
}

static accel_status peer_load(const engine_model *model, const engine_device *device,
                              const engine_options *options, engine_session **out, accel_error *err) {
    if (!model->onnx_path || !file_exists(model->onnx_path))
        return error_set(err, ACCEL_INTERNAL, "no file was given");
    return test_load(model, device, options, out, err);
}

static accel_status test_bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    return graph_evaluate(s->graph, inputs, count, NULL, &s->result, err);
}

static accel_status test_run(engine_session *s, accel_error *err) {
    s->runs++;
    if (behaves(s, "crash-run") && s->runs == 5)
        crash();
    if (behaves(s, "hang-run") && s->runs == 5)
        for (;;)
            pause();
    if (behaves(s, "hog"))
        use_memory_without_end();
    if (behaves(s, "error") && s->runs == 5)
        return error_set(err, ACCEL_RUNTIME, "the device went away");
    if (behaves(s, "noisy") && s->runs < 40)
        for (int i = 0; i < 400; i++) {
            fprintf(stderr, "warning %d: a runtime that talks too much\n", i);
            printf("and on stdout\n");
        }
    clock_sleep_ns(behaves(s, "slow") ? 20000000 : 200000);
    return ACCEL_OK;
}

static accel_status test_outputs(engine_session *s, tensor *views, size_t count, accel_error *err) {
    (void)err;
    for (size_t i = 0; i < count; i++) {
        evaluation_output_tensor(s->result, i, &views[i]);
        float *values = views[i].data;
        if (behaves(s, "wrong") && i == 1)
            values[0] += 0.5f;
        if (behaves(s, "nan") && i == 0)
            values[1] = values[1] / 0.0f - values[1] / 0.0f;
    }
    return ACCEL_OK;
}

static void test_timing(const engine_session *s, engine_timing *out) {
    (void)s;
    *out = (engine_timing){.load_ns = 1000, .compile_ns = 2000, .split = true};
}

static void test_memory(const engine_session *s, engine_memory *out) {
    (void)s;
    *out = (engine_memory){.model_bytes = 16};
}

static void test_ran(const engine_session *s, engine_ran *out) {
    (void)s;
    *out = (engine_ran){.precision = PRECISION_FP32, .options = "spin=no"};
}

/* Two rows. The times of the first run are not those of later ones, so that a median shows. */
static accel_status test_profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                                 accel_error *err) {
    if (behaves(s, "profile-crash"))
        crash();
    if (behaves(s, "profile-error"))
        return error_set(err, ACCEL_RUNTIME, "the profiler was switched off");
    if (behaves(s, "profile-garbage")) {
        const uint32_t header[2] = {10, 0xfffffff0u};
        (void)!write(3, header, sizeof header);
        pause();
    }
    *rows = ARENA_ARRAY(a, engine_profile_row, 2);
    if (!*rows)
        return error_no_memory(err, "a profile", 2);
    const uint64_t more = s->runs % 2 ? 500 : 0;
    (*rows)[0] = (engine_profile_row){"first", "Add", "Relu", "plain \"loop\"", 3000 + more, 4, 36};
    (*rows)[1] = (engine_profile_row){"second", "Mul", NULL, "plain", 1000, 0, 0};
    *count = 2;
    return ACCEL_OK;
}

static void test_unload(engine_session *s) {
    if (!s)
        return;
    evaluation_destroy(s->result);
    free(s);
}

#define BEHAVIOUR_TABLE                                                                                      \
    .bind = test_bind, .run = test_run, .outputs = test_outputs, .timing = test_timing,                      \
    .memory = test_memory, .ran = test_ran, .unload = test_unload

static const engine_def test_engine = {.name = "test",
                                       .summary = "behaves as its devices are called",
                                       .probe = test_probe,
                                       .supports = test_supports,
                                       .load = test_load,
                                       .profile = test_profile,
                                       BEHAVIOUR_TABLE};
static const engine_def peer_engine = {.name = "peer",
                                       .summary = "behaves",
                                       .needs_file = true,
                                       .form = FORM_PORTABLE,
                                       .probe = peer_probe,
                                       .load = peer_load,
                                       BEHAVIOUR_TABLE};
static const engine_def crashing_engine = {.name = "crashing",
                                           .summary = "crashes when probed",
                                           .probe_in_child = true,
                                           .probe = crash_probe,
                                           .load = test_load,
                                           BEHAVIOUR_TABLE};
static const engine_def hanging_engine = {.name = "hanging",
                                          .summary = "hangs when probed",
                                          .probe_in_child = true,
                                          .probe = hang_probe,
                                          .load = test_load,
                                          BEHAVIOUR_TABLE};

static const engine_def *const behaviour_engines[] = {&test_engine, &peer_engine, &crashing_engine,
                                                      &hanging_engine};
enum { BEHAVIOUR_ENGINES = sizeof behaviour_engines / sizeof *behaviour_engines };

/* y = relu(x + 0.5), z = x * x, for x [batch, 4]. */
static accel_status behaviour_write_model(const char *path, accel_error *err) {
    builder b;
    graph *g = NULL;
    const int64_t dims[] = {DIM_UNKNOWN, 4};
    const char *const names[] = {"batch", NULL};
    ACCEL_TRY(builder_start(&b, NULL, err));
    value_id x = build_input(&b, "x", DTYPE_F32, 2, dims, names);
    build_output(&b, "y", BUILD(&b, "Relu", BUILD(&b, "Add", x, build_f32(&b, 0.5f))));
    build_output(&b, "z", BUILD(&b, "Mul", x, x));
    ACCEL_TRY(builder_finish(&b, &g, err));
    accel_status status = onnx_write(g, path, NULL, err);
    graph_destroy(g);
    return status;
}

#endif
