#include "measure/conformance.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yyjson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "formats/formats.h"
#include "graph/infer.h"
#include "graph/op.h"

const char *conformance_status_name(conformance_status s) {
    static const char *const names[] = {"passed", "failed", "unsupported", "crashed", "timeout"};
    return names[s];
}

/* ---- finding the cases ------------------------------------------------------------------------------------------- */

typedef struct case_list {
    arena *arena;
    const conformance_request *request;
    const char *kind; /* folder being listed */
    const char **names;
    size_t count, capacity;
} case_list;

static accel_status add_case(void *context, const char *name, accel_error *err) {
    case_list *list = context;
    const char *full = arena_printf(list->arena, "%s%s%s", list->kind, *list->kind != 0 ? "/" : "", name);
    const char *model =
        arena_printf(list->arena, "%s/%s/model.onnx", list->request->folder, full != NULL ? full : "");
    if (full == NULL || model == NULL)
        return error_no_memory(err, "the list of cases", 0);
    if (!file_exists(model))
        return ACCEL_OK;
    if (list->request->filter != NULL && strstr(full, list->request->filter) == NULL)
        return ACCEL_OK;
    if (!mem_grow((void **)&list->names, &list->capacity, list->count + 1, sizeof *list->names)) {
        return error_no_memory(err, "the list of cases", list->count * sizeof *list->names);
    }
    list->names[list->count++] = full;
    return ACCEL_OK;
}

static accel_status list_kind(void *context, const char *name, accel_error *err) {
    case_list *list = context;
    const char *folder = arena_printf(list->arena, "%s/%s", list->request->folder, name);
    if (folder == NULL)
        return error_no_memory(err, "the list of cases", 0);
    if (!file_is_folder(folder) || *name == '.')
        return ACCEL_OK;
    list->kind = arena_strdup(list->arena, name);
    accel_status status = file_list(folder, add_case, list, err);
    list->kind = "";
    return status;
}

/* Cases lie in the folder itself or one level deeper, below their kind. */
static accel_status find_cases(case_list *list, accel_error *err) {
    list->kind = "";
    ACCEL_TRY(file_list(list->request->folder, add_case, list, err));
    ACCEL_TRY(file_list(list->request->folder, list_kind, list, err));
    if (list->count == 0) {
        return error_set(
            err, ACCEL_NOT_FOUND,
            "%s holds no test case (NAME/model.onnx with NAME/test_data_set_0); `make conformance` makes such a folder",
            list->request->folder);
    }
    return ACCEL_OK;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

typedef struct tolerance {
    double relative, absolute;
} tolerance;

/* numpy.testing.assert_allclose, as the onnx package's own runner uses it. */
static bool element_close(double got, double expected, tolerance t) {
    if (isnan(expected) || isnan(got))
        return isnan(expected) && isnan(got);
    if (isinf(expected) || isinf(got))
        return got == expected;
    return fabs(got - expected) <= t.absolute + t.relative * fabs(expected);
}

/* The same runner's floor for bfloat16: two units in the last place. */
static double least_relative(dtype type) {
    return type == DTYPE_BF16 ? 0x1p-6 : 0;
}

/* Drawn numbers cannot be compared, only their type and shape. */
static bool draws_numbers(const graph *g) {
    for (size_t i = 0; i < g->node_count; i++) {
        if (g->nodes[i]->op != NULL && (g->nodes[i]->op->flags & OP_RANDOM) != 0)
            return true;
    }
    return false;
}

static accel_status compare_tensor(const tensor *got, const tensor *expected, tolerance t, bool random_values,
                                   const char *name, accel_error *err) {
    char a[128], b[128];
    if (got->type != expected->type) {
        return error_set(err, ACCEL_RUNTIME, "output '%s' is %s, expected %s", name, dtype_name(got->type),
                         dtype_name(expected->type));
    }
    if (!shape_equal(&got->shape, &expected->shape)) {
        return error_set(err, ACCEL_RUNTIME, "output '%s' has shape %s, expected %s", name,
                         shape_text(&got->shape, a, sizeof a), shape_text(&expected->shape, b, sizeof b));
    }
    if (random_values)
        return ACCEL_OK;
    t.relative = fmax(t.relative, least_relative(expected->type));
    int64_t count = 0;
    shape_elements(&expected->shape, &count);
    for (size_t i = 0; i < (size_t)count; i++) {
        double x = dtype_get_f64(got->type, got->data, i),
               y = dtype_get_f64(expected->type, expected->data, i);
        if (!element_close(x, y, t)) {
            return error_set(err, ACCEL_RUNTIME, "output '%s' differs at element %zu: %.9g, expected %.9g",
                             name, i, x, y);
        }
    }
    return ACCEL_OK;
}

static tensor tensor_of(const op_value *v) {
    return (tensor){.type = v->type.type, .shape = v->type.shape, .data = (void *)(uintptr_t)v->data};
}

static accel_status compare_value(const op_value *got, const onnx_value *expected, tolerance t,
                                  bool random_values, const char *name, accel_error *err) {
    bool sequence =
        got->type.container == CONTAINER_SEQUENCE || got->type.container == CONTAINER_OPTIONAL_SEQUENCE;
    tensor single = tensor_of(got);
    op_sequence items = {got->data != NULL, &single};
    if (sequence && got->data != NULL)
        items = *(const op_sequence *)got->data;
    if (got->type.container != expected->container || (got->data != NULL) != expected->present ||
        items.count != expected->count) {
        return error_set(err, ACCEL_RUNTIME, "output '%s' has %zu tensors, expected %zu%s", name, items.count,
                         expected->count,
                         got->type.container != expected->container ? ", in another container" : "");
    }
    for (size_t i = 0; i < items.count; i++)
        ACCEL_TRY(compare_tensor(&items.items[i], &expected->items[i], t, random_values, name, err));
    return ACCEL_OK;
}

static tolerance read_tolerance(const char *path) {
    tolerance t = {1e-3, 1e-7};
    char *text = NULL;
    size_t length = 0;
    if (file_read(path, 4096, &text, &length, NULL) != ACCEL_OK)
        return t;
    yyjson_doc *doc = yyjson_read(text, length, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *relative = yyjson_obj_get(root, "rtol"), *absolute = yyjson_obj_get(root, "atol");
    if (yyjson_is_num(relative))
        t.relative = yyjson_get_num(relative);
    if (yyjson_is_num(absolute))
        t.absolute = yyjson_get_num(absolute);
    yyjson_doc_free(doc);
    mem_free(text);
    return t;
}

/* ---- one case, in the worker -------------------------------------------------------------------------------------- */

typedef struct case_run {
    const conformance_request *request;
    const char *folder; /* of the case */
    arena *arena;
    graph *graph;
    onnx_value *inputs;
    tolerance tolerance;
} case_run;

static accel_status read_inputs(case_run *run, const char *set, accel_error *err) {
    graph *g = run->graph;
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        const char *path = arena_printf(run->arena, "%s/input_%zu.pb", set, i);
        if (path == NULL)
            return error_no_memory(err, "a path", 0);
        if (!file_exists(path))
            return error_set(err, ACCEL_UNSUPPORTED, "input '%s' is optional and not given", v->name);
        ACCEL_TRY(onnx_read_value_pb(path, v->type.container, &run->inputs[i], err));
        if (v->type.container == CONTAINER_TENSOR)
            ACCEL_TRY(graph_bind_input(g, v->name, &run->inputs[i].items[0].shape, err));
    }
    return ACCEL_OK;
}

static op_value *input_values(const case_run *run) {
    size_t count = run->graph->input_count;
    op_value *values = ARENA_ARRAY(run->arena, op_value, count + 1);
    op_sequence *sequences = ARENA_ARRAY(run->arena, op_sequence, count + 1);
    for (size_t i = 0; values != NULL && sequences != NULL && i < count; i++) {
        const onnx_value *v = &run->inputs[i];
        bool single = v->container == CONTAINER_TENSOR || v->container == CONTAINER_OPTIONAL;
        sequences[i] = (op_sequence){v->count, v->items};
        values[i] = (op_value){.present = true, .type = {.container = v->container, .type = v->type}};
        if (v->present)
            values[i].data = single ? v->items[0].data : (const void *)&sequences[i];
        values[i].type.shape = single && v->count > 0 ? v->items[0].shape : shape_unknown();
    }
    return sequences != NULL ? values : NULL;
}

static accel_status bind_inputs(const case_run *run, engine_session *session, accel_error *err) {
    const engine_def *engine = run->request->engine;
    size_t count = run->graph->input_count;
    if (engine->bind_values != NULL) {
        const op_value *values = input_values(run);
        return values == NULL ? error_no_memory(err, "inputs", 0)
                              : engine->bind_values(session, values, count, err);
    }
    tensor *tensors = ARENA_ARRAY(run->arena, tensor, count + 1);
    if (tensors == NULL)
        return error_no_memory(err, "inputs", 0);
    for (size_t i = 0; i < count; i++)
        tensors[i] = run->inputs[i].items[0];
    return engine->bind(session, tensors, count, err);
}

static accel_status get_outputs(const case_run *run, engine_session *session, op_value *values,
                                accel_error *err) {
    const engine_def *engine = run->request->engine;
    size_t count = run->graph->output_count;
    if (engine->output_values != NULL)
        return engine->output_values(session, values, count, err);
    tensor *views = ARENA_ARRAY(run->arena, tensor, count + 1);
    if (views == NULL)
        return error_no_memory(err, "outputs", 0);
    ACCEL_TRY(engine->outputs(session, views, count, err));
    static const uint8_t no_elements[1];
    for (size_t i = 0; i < count; i++) {
        values[i] = (op_value){.present = true, .type = {CONTAINER_TENSOR, views[i].type, views[i].shape}};
        values[i].data = views[i].data != NULL ? views[i].data : no_elements;
    }
    return ACCEL_OK;
}

static accel_status compare_outputs(case_run *run, engine_session *session, const char *set,
                                    accel_error *err) {
    const graph *g = run->graph;
    op_value *values = ARENA_ARRAY(run->arena, op_value, g->output_count + 1);
    if (values == NULL)
        return error_no_memory(err, "outputs", 0);
    ACCEL_TRY(get_outputs(run, session, values, err));
    for (size_t i = 0; i < g->output_count; i++) {
        const graph_value *v = &g->values[g->outputs[i]];
        const char *path = arena_printf(run->arena, "%s/output_%zu.pb", set, i);
        if (path == NULL)
            return error_no_memory(err, "a path", 0);
        if (!file_exists(path))
            continue;
        onnx_value expected = {0};
        ACCEL_TRY(onnx_read_value_pb(path, graph_declared_type(g, g->outputs[i])->container, &expected, err));
        accel_status status =
            compare_value(&values[i], &expected, run->tolerance, draws_numbers(g), v->name, err);
        onnx_value_free(&expected);
        ACCEL_TRY(status);
    }
    return ACCEL_OK;
}

/* The engine can be given the model's inputs and asked for its outputs. */
static accel_status check_door(const case_run *run, accel_error *err) {
    const graph *g = run->graph;
    bool tensors_only = run->request->engine->bind_values == NULL;
    for (size_t i = 0; i < g->input_count + g->output_count; i++) {
        bool is_input = i < g->input_count;
        const graph_value *v = &g->values[is_input ? g->inputs[i] : g->outputs[i - g->input_count]];
        if (v->type.type == DTYPE_STRING || (tensors_only && v->type.container != CONTAINER_TENSOR)) {
            return error_set(err, ACCEL_UNSUPPORTED, "%s '%s' %s", is_input ? "input" : "output", v->name,
                             v->type.type == DTYPE_STRING ? "holds strings" : "is not a tensor");
        }
    }
    return ACCEL_OK;
}

static accel_status run_session(case_run *run, const char *set, accel_error *err) {
    const conformance_request *r = run->request;
    engine_options options = {.context = r->context, .precision = PRECISION_FP32, .threads = r->threads};
    const char *path = arena_printf(run->arena, "%s/model.onnx", run->folder);
    engine_model model = {.graph = run->graph, .onnx_path = path};
    engine_unsupported missing = {0};
    if (r->engine->supports != NULL) {
        ACCEL_TRY(r->engine->supports(run->graph, r->device, &options, &missing, err));
        if (missing.count > 0)
            return error_set(err, ACCEL_UNSUPPORTED, "%s", missing.sentence);
    }
    engine_session *session = NULL;
    ACCEL_TRY(r->engine->load(&model, r->device, &options, &session, err));
    accel_status status = bind_inputs(run, session, err);
    if (status == ACCEL_OK)
        status = r->engine->run(session, err);
    if (status == ACCEL_OK)
        status = compare_outputs(run, session, set, err);
    r->engine->unload(session);
    return status;
}

static void name_operator(const graph *g, conformance_result *result) {
    const char *type = g->node_count == 1 ? g->nodes[0]->op_type : "graph";
    str_format(result->op_type, sizeof result->op_type, "%s", type);
}

/* A graph is bound anew for every data set, since their shapes may differ. */
static accel_status run_data_set(case_run *run, const char *set, conformance_result *result,
                                 accel_error *err) {
    const char *path = arena_printf(run->arena, "%s/model.onnx", run->folder);
    if (path == NULL)
        return error_no_memory(err, "a path", 0);
    ACCEL_TRY(onnx_read(path, &run->graph, err));
    name_operator(run->graph, result);
    run->inputs = ARENA_ARRAY(run->arena, onnx_value, run->graph->input_count + 1);
    accel_status status = run->inputs == NULL ? error_no_memory(err, "inputs", 0) : check_door(run, err);
    if (status == ACCEL_OK)
        status = read_inputs(run, set, err);
    if (status == ACCEL_OK)
        status = graph_infer(run->graph, err);
    if (status == ACCEL_OK)
        status = run_session(run, set, err);
    for (size_t i = 0; run->inputs != NULL && i < run->graph->input_count; i++)
        onnx_value_free(&run->inputs[i]);
    graph_destroy(run->graph);
    run->graph = NULL;
    return status;
}

static void run_case(const conformance_request *request, const char *name, conformance_result *result) {
    accel_error err = {0};
    accel_status status = ACCEL_OK;
    str_format(result->name, sizeof result->name, "%s", name);
    case_run run = {.request = request, .arena = arena_create()};
    if (run.arena == NULL)
        status = error_no_memory(&err, "a case", 0);
    size_t sets = 0;
    while (status == ACCEL_OK) {
        run.folder = arena_printf(run.arena, "%s/%s", request->folder, name);
        const char *set = arena_printf(run.arena, "%s/%s/test_data_set_%zu", request->folder, name, sets);
        const char *data = arena_printf(run.arena, "%s/%s/data.json", request->folder, name);
        if (set == NULL || data == NULL || run.folder == NULL) {
            status = error_no_memory(&err, "a case", 0);
            break;
        }
        if (!file_is_folder(set))
            break;
        run.tolerance = read_tolerance(data);
        status = run_data_set(&run, set, result, &err);
        sets++;
    }
    if (status == ACCEL_OK && sets == 0)
        status = error_set(&err, ACCEL_UNSUPPORTED, "the case has no test_data_set_0");
    arena_destroy(run.arena);
    result->status = status == ACCEL_OK            ? CONFORMANCE_PASSED
                     : status == ACCEL_UNSUPPORTED ? CONFORMANCE_UNSUPPORTED
                                                   : CONFORMANCE_FAILED;
    if (status != ACCEL_OK)
        str_format(result->sentence, sizeof result->sentence, "%s", err.message);
}

/* ---- the worker and its keeper ------------------------------------------------------------------------------------- */

typedef struct worker {
    pid_t pid;
    int results; /* read end: one conformance_result a case */
} worker;

static void worker_main(const case_list *list, size_t first, int results) {
    for (size_t i = first; i < list->count; i++) {
        conformance_result result = {0};
        run_case(list->request, list->names[i], &result);
        const char *bytes = (const char *)&result;
        for (size_t sent = 0; sent < sizeof result;) {
            ssize_t n = write(results, bytes + sent, sizeof result - sent);
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                _exit(1);
            sent += (size_t)n;
        }
    }
    _exit(0);
}

static accel_status worker_start(const case_list *list, size_t first, worker *out, accel_error *err) {
    int ends[2];
    if (pipe(ends) != 0)
        return error_set(err, ACCEL_IO, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) {
        close(ends[0]);
        close(ends[1]);
        return error_set(err, ACCEL_IO, "cannot start a process: %s", strerror(errno));
    }
    if (pid == 0) {
        close(ends[0]);
        signal(SIGINT, SIG_DFL);
        worker_main(list, first, ends[1]);
    }
    close(ends[1]);
    *out = (worker){pid, ends[0]};
    return ACCEL_OK;
}

/* Reads one result; false when the worker died or the time is over. */
static bool worker_result(const worker *w, double timeout_s, conformance_result *out, bool *timed_out) {
    uint64_t end = clock_now_ns() + (uint64_t)(timeout_s * 1e9);
    char *bytes = (char *)out;
    *timed_out = false;
    for (size_t got = 0; got < sizeof *out;) {
        uint64_t now = clock_now_ns();
        struct pollfd p = {.fd = w->results, .events = POLLIN};
        int ready = now < end ? poll(&p, 1, (int)((end - now) / 1000000) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            *timed_out = true;
            return false;
        }
        ssize_t n = read(w->results, bytes + got, sizeof *out - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static void worker_end(worker *w, int *wait_status) {
    close(w->results);
    kill(w->pid, SIGKILL);
    while (waitpid(w->pid, wait_status, 0) < 0 && errno == EINTR) {
    }
    w->pid = 0;
}

/* The worker is gone or stuck: what that means for the case it was at. */
static void describe_death(worker *w, const char *name, bool timed_out, double timeout_s,
                           conformance_result *out) {
    int wait_status = 0;
    if (!timed_out) { /* let it die of its own before it is killed, so that its signal is seen */
        while (waitpid(w->pid, &wait_status, 0) < 0 && errno == EINTR) {
        }
        close(w->results);
    } else {
        worker_end(w, &wait_status);
    }
    *out = (conformance_result){.status = timed_out ? CONFORMANCE_TIMEOUT : CONFORMANCE_CRASHED};
    str_format(out->name, sizeof out->name, "%s", name);
    str_format(out->op_type, sizeof out->op_type, "?");
    if (timed_out) {
        str_format(out->sentence, sizeof out->sentence, "not done after %g s", timeout_s);
    } else if (WIFSIGNALED(wait_status)) {
        str_format(out->sentence, sizeof out->sentence, "the process ended by signal %d (%s)",
                   WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
    } else {
        str_format(out->sentence, sizeof out->sentence, "the process ended with exit code %d",
                   WEXITSTATUS(wait_status));
    }
}

static bool cancelled(const conformance_request *request) {
    return request->cancel != NULL && *request->cancel != 0;
}

static accel_status run_list(const case_list *list, conformance_callback callback, void *user,
                             accel_error *err) {
    worker w = {0};
    bool alive = false;
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < list->count && status == ACCEL_OK; i++) {
        if (cancelled(list->request)) {
            status = error_set(err, ACCEL_CANCELLED, "stopped after %zu of %zu cases", i, list->count);
            break;
        }
        if (!alive)
            status = worker_start(list, i, &w, err);
        if (status != ACCEL_OK)
            break;
        conformance_result result;
        bool timed_out;
        alive = worker_result(&w, list->request->timeout_s, &result, &timed_out);
        if (!alive)
            describe_death(&w, list->names[i], timed_out, list->request->timeout_s, &result);
        callback(user, &result, i, list->count);
    }
    int wait_status;
    if (alive)
        worker_end(&w, &wait_status);
    return status;
}

accel_status conformance_run(const conformance_request *request, conformance_callback callback, void *user,
                             accel_error *err) {
    case_list list = {.arena = arena_create(), .request = request};
    if (list.arena == NULL)
        return error_no_memory(err, "the list of cases", 0);
    accel_status status = find_cases(&list, err);
    if (status == ACCEL_OK)
        status = run_list(&list, callback, user, err);
    mem_free(list.names);
    arena_destroy(list.arena);
    return status;
}
