/* Runtimes and devices that are not there, or not what they seem: a reason, never a crash of this process. */
#include "engines/vendor_check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

extern const engine_def engine_onnxruntime, engine_openvino;

/* Builds a shared library from C text; skips the test where there is no compiler. */
static const char *built_library(void **state, const char *name, const char *text) {
    char command[1024];
    const char *source = temp_file(state, "library.c", text), *path = temp_path(state, name);
    snprintf(command, sizeof command, "cc -shared -fPIC -o '%s' '%s' 2>/dev/null", path, source);
    if (system(command) != 0) {
        print_message("skipped: no C compiler to build a library with\n");
        skip();
    }
    return path;
}

/* The reason that the engine gives when its variable names this file. */
static void probe_named(const engine_def *engine, const char *path, char *reason, size_t size) {
    accel_error err = {0};
    arena *a = arena_create();
    engine_report report;
    setenv(engine->environment, path, 1);
    accel_status status = engine->probe(vendor_context(), a, &report, &err);
    unsetenv(engine->environment);
    assert_int_equal(status, ACCEL_OK); /* absent is no error */
    assert_false(report.present);
    assert_non_null(report.reason);
    snprintf(reason, size, "%s", report.reason);
    arena_destroy(a);
}

static void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("\"%s\" does not say \"%s\"", text, part);
    }
}

static const engine_def *const engines[] = {&engine_onnxruntime, &engine_openvino};

static void a_named_file_that_is_not_there_is_not_replaced_by_another(void **state) {
    char reason[1024];
    for (size_t i = 0; i < 2; i++) {
        probe_named(engines[i], temp_path(state, "gone.so"), reason, sizeof reason);
        assert_contains(reason, engines[i]->environment);
        assert_contains(reason, "gone.so");
        assert_contains(reason, "pip install");
    }
}

static void garbage_bytes_are_a_reason(void **state) {
    char reason[1024];
    const char *path = temp_file(state, "garbage.so", "these are not the bytes of a library");
    for (size_t i = 0; i < 2; i++) {
        probe_named(engines[i], path, reason, sizeof reason);
        assert_contains(reason, "garbage.so");
        assert_contains(reason, "cannot be loaded");
    }
}

static void another_library_is_a_reason(void **state) {
    char reason[1024];
    const char *path = built_library(state, "other.so", "int unrelated(void) { return 1; }\n");
    probe_named(&engine_onnxruntime, path, reason, sizeof reason);
    assert_contains(reason, "OrtGetApiBase");
    probe_named(&engine_openvino, path, reason, sizeof reason);
    assert_contains(reason, "ov_");
}

static void a_runtime_that_is_too_old_is_a_reason(void **state) {
    char reason[1024];
    const char *path =
        built_library(state, "old.so",
                      "static const void *get(unsigned v) { (void)v; return 0; }\n"
                      "static const char *version(void) { return \"1.9.0\"; }\n"
                      "struct base { const void *(*get)(unsigned); const char *(*version)(void); };\n"
                      "static const struct base base = {get, version};\n"
                      "const struct base *OrtGetApiBase(void) { return &base; }\n");
    probe_named(&engine_onnxruntime, path, reason, sizeof reason);
    assert_contains(reason, "1.9.0");
    assert_contains(reason, "or newer");
}

/* Why probing is done in a child: this library ends the process that loads it. */
static void a_library_that_aborts_ends_only_the_child_that_loads_it(void **state) {
    const char *path = built_library(state, "aborts.so",
                                     "#include <stdlib.h>\n"
                                     "__attribute__((constructor)) static void start(void) { abort(); }\n");
    for (size_t i = 0; i < 2; i++) {
        assert_true(engines[i]->probe_in_child);
        pid_t child = fork();
        if (child == 0) {
            signal(SIGABRT, SIG_DFL);
            char reason[1024];
            probe_named(engines[i], path, reason, sizeof reason);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void a_device_that_is_not_here_is_listed_with_its_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        accel_error err = {0};
        arena *a = arena_create();
        engine_report report;
        vendor_cpu(engines[i], a);
        assert_ok(engines[i]->probe(vendor_context(), a, &report, &err));
        for (size_t d = 0; d < report.device_count; d++) {
            assert_true(report.devices[d].available == (report.devices[d].reason == NULL));
            assert_non_null(report.devices[d].id);
            assert_non_null(report.devices[d].name);
        }
        arena_destroy(a);
    }
}

/* Asking for CUDA where the runtime has none: absent, with the evidence; the CPU does not step in. */
static void cuda_is_never_replaced_by_the_cpu(void **state) {
    accel_error err = {0};
    arena *a = arena_create();
    engine_report report;
    vendor_cpu(&engine_onnxruntime, a);
    assert_ok(engine_onnxruntime.probe(vendor_context(), a, &report, &err));
    const engine_device *cuda = NULL;
    for (size_t d = 0; d < report.device_count; d++) {
        cuda = report.devices[d].platform == PLATFORM_CUDA && !cuda ? &report.devices[d] : cuda;
    }
    assert_non_null(cuda);
    if (!cuda->available) {
        graph *g = dense_model(1);
        engine_options options = vendor_options();
        engine_session *session = NULL;
        const engine_model model = {.graph = g, .onnx_path = temp_file(state, "any.onnx", "")};
        options.allow_fallback = true;
        assert_int_equal(engine_onnxruntime.load(&model, cuda, &options, &session, &err), ACCEL_ABSENT);
        assert_says("CUDA");
        assert_null(session);
        graph_destroy(g);
    }
    arena_destroy(a);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, temp_folder_setup, temp_folder_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_named_file_that_is_not_there_is_not_replaced_by_another),
        IN_FOLDER(garbage_bytes_are_a_reason),
        IN_FOLDER(another_library_is_a_reason),
        IN_FOLDER(a_runtime_that_is_too_old_is_a_reason),
        IN_FOLDER(a_library_that_aborts_ends_only_the_child_that_loads_it),
        IN_FOLDER(a_device_that_is_not_here_is_listed_with_its_reason),
        IN_FOLDER(cuda_is_never_replaced_by_the_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
