/* The native engine: our own C kernels on the CPU. See docs/engine.md, plan.h and kernel.h. */
#include "engines/engine.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engines/native/isa.h"
#include "engines/native/plan.h"
#include "engines/native/rewrite.h"

/* Long enough to bridge the gaps between the operators of one inference, short enough that an idle session costs nothing. */
enum { SPIN_US = 200 };

struct engine_session {
    graph *graph; /* the caller's, rewritten: what the plan is of */
    plan *plan;
    thread_pool *pool;
    const kernel_table *table;
    uint32_t extensions; /* cpu_extensions */
    engine_timing timing;
    int threads;
    precision precision; /* that it computes in */
    bool is_bound;
};

/* ---- probe -------------------------------------------------------------------------------------------------------------- */

static accel_status native_probe(const engine_context *context, arena *a, engine_report *out,
                                 accel_error *err) {
    (void)context;
    *out = (engine_report){.present = true, .version = ACCEL_VERSION};
    const kernel_table *table = NULL;
    uint32_t extensions = 0;
    char isa[64];
    accel_error reason = {0};
    accel_status status = isa_choose(&table, &extensions, &reason);
    out->devices = ARENA_NEW(a, engine_device);
    if (out->devices == NULL) {
        return error_no_memory(err, "the native engine's device", sizeof *out->devices);
    }
    out->device_count = 1;
    const uint32_t precisions = 1u << PRECISION_FP32 | 1u << PRECISION_BF16 | 1u << PRECISION_FP16 |
                                1u << PRECISION_INT8 | 1u << PRECISION_INT4;
    *out->devices = (engine_device){.platform = PLATFORM_CPU, .id = "CPU", .precisions = precisions};
    out->devices->available = status == ACCEL_OK;
    out->devices->name = arena_strdup(a, isa_cpu_name());
    out->devices->reason = status == ACCEL_OK ? NULL : arena_strdup(a, reason.message);
    out->devices->note = status == ACCEL_OK
                             ? arena_printf(a, "%s kernels", isa_text(table, extensions, isa, sizeof isa))
                             : NULL;
    return out->devices->name == NULL ? error_no_memory(err, "the native engine's device", 64) : ACCEL_OK;
}

/* ---- what can run --------------------------------------------------------------------------------------------------- */

static void add_unsupported(const graph *g, const graph_node *n, engine_unsupported *out) {
    char label[160];
    size_t length = strlen(out->sentence);
    if (out->count++ < 4) {
        str_format(out->sentence + length, sizeof out->sentence - length, "%s%s of domain '%s'",
                   length > 0 ? "; " : "", node_label(g, n, label, sizeof label),
                   n->domain[0] != '\0' ? n->domain : "ai.onnx");
    }
}

static void find_unsupported(const graph *g, engine_unsupported *out) {
    for (size_t i = 0; i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (n->dead) {
            continue;
        }
        if (n->op == NULL || n->op->eval == NULL) {
            add_unsupported(g, n, out);
        }
        for (size_t a = 0; a < n->attr_count; a++) {
            if (n->attrs[a].kind == ATTR_GRAPH && n->attrs[a].graph != NULL) {
                find_unsupported(n->attrs[a].graph, out);
            }
        }
    }
}

/* What the model is computed in: quantised ones run as they are, others in fp32 or, asked for, in bf16 or fp16. */
static precision precision_of(const graph *g, precision asked) {
    precision file = engine_graph_precision(g);
    if (precision_is_integer(file)) {
        return file;
    }
    return asked == PRECISION_BF16 || asked == PRECISION_FP16 ? asked : PRECISION_FP32;
}

static accel_status native_supports(const graph *g, const engine_device *device,
                                    const engine_options *options, engine_unsupported *out,
                                    accel_error *err) {
    (void)device;
    precision asked = options != NULL ? options->precision : PRECISION_FP32;
    if (asked != PRECISION_FP32 && asked != precision_of(g, asked)) {
        return error_set(err, ACCEL_UNSUPPORTED, "the native engine computes this model in %s, not in %s",
                         precision_name(precision_of(g, asked)), precision_name(asked));
    }
    *out = (engine_unsupported){0};
    find_unsupported(g, out);
    return ACCEL_OK;
}

/* ---- a session -------------------------------------------------------------------------------------------------------- */

static void native_unload(engine_session *s) {
    if (s == NULL) {
        return;
    }
    native_plan_destroy(s->plan);
    graph_destroy(s->graph);
    thread_pool_destroy(s->pool);
    mem_free(s);
}

static accel_status make_session(engine_session *s, const engine_model *model, const engine_options *options,
                                 accel_error *err) {
    engine_unsupported unsupported;
    ACCEL_TRY(native_supports(model->graph, NULL, options, &unsupported, err));
    if (unsupported.count > 0) {
        return error_set(err, ACCEL_UNSUPPORTED, "%zu nodes that the native engine lacks: %s",
                         unsupported.count, unsupported.sentence);
    }
    s->precision = precision_of(model->graph, options != NULL ? options->precision : PRECISION_FP32);
    ACCEL_TRY(isa_choose(&s->table, &s->extensions, err));
    int threads = options != NULL ? options->threads : 0;
    s->threads = threads > 0 ? threads : thread_cpu_count();
    if (s->threads > 1) {
        ACCEL_TRY(thread_pool_create(s->threads, SPIN_US, &s->pool, err));
    }
    plan_options how = {.table = s->table,
                        .extensions = s->extensions,
                        .precision = options != NULL ? options->precision : PRECISION_FP32,
                        .pool = s->pool,
                        .profile = options != NULL && options->profile};
    ACCEL_TRY(native_rewrite(model->graph, &s->graph, err));
    return native_plan_create(s->graph, &how, &s->plan, err);
}

static accel_status native_load(const engine_model *model, const engine_device *device,
                                const engine_options *options, engine_session **out, accel_error *err) {
    (void)device;
    uint64_t start = clock_now_ns();
    engine_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL) {
        return error_no_memory(err, "a session", sizeof *s);
    }
    accel_status status = make_session(s, model, options, err);
    if (status != ACCEL_OK) {
        native_unload(s);
        return status;
    }
    s->timing = (engine_timing){.load_ns = clock_now_ns() - start};
    *out = s;
    return ACCEL_OK;
}

static accel_status native_bind_values(engine_session *s, const op_value *inputs, size_t count,
                                       accel_error *err) {
    ACCEL_TRY(native_plan_bind(s->plan, inputs, count, err));
    s->is_bound = true;
    return ACCEL_OK;
}

static accel_status native_bind(engine_session *s, const tensor *inputs, size_t count, accel_error *err) {
    op_value *values = mem_calloc(count + 1, sizeof *values);
    if (values == NULL) {
        return error_no_memory(err, "a model's inputs", count * sizeof *values);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = (op_value){.present = true,
                               .type = {CONTAINER_TENSOR, inputs[i].type, inputs[i].shape},
                               .data = inputs[i].data};
    }
    accel_status status = native_bind_values(s, values, count, err);
    mem_free(values);
    return status;
}

static accel_status native_run(engine_session *s, accel_error *err) {
    if (!s->is_bound) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the session has no inputs: bind them first");
    }
    return native_plan_run(s->plan, err);
}

static accel_status check_output_count(const engine_session *s, size_t count, accel_error *err) {
    return count == s->graph->output_count
               ? ACCEL_OK
               : error_set(err, ACCEL_INVALID_ARGUMENT, "the model has %zu outputs, %zu were asked for",
                           s->graph->output_count, count);
}

static accel_status native_output_values(engine_session *s, op_value *views, size_t count, accel_error *err) {
    ACCEL_TRY(check_output_count(s, count, err));
    for (size_t i = 0; i < count; i++) {
        views[i] = native_plan_output(s->plan, i);
    }
    return ACCEL_OK;
}

static accel_status output_tensor(const engine_session *s, size_t i, tensor *view, accel_error *err) {
    op_value v = native_plan_output(s->plan, i);
    if (v.type.container != CONTAINER_TENSOR) {
        return error_set(err, ACCEL_UNSUPPORTED, "output '%s' is not a tensor",
                         s->graph->values[s->graph->outputs[i]].name);
    }
    *view = (tensor){.type = v.type.type, .shape = v.type.shape, .data = (void *)(uintptr_t)v.data};
    return tensor_size_bytes(view->type, &view->shape, "an output", &view->size_bytes, err);
}

static accel_status native_outputs(engine_session *s, tensor *views, size_t count, accel_error *err) {
    ACCEL_TRY(check_output_count(s, count, err));
    for (size_t i = 0; i < count; i++) {
        ACCEL_TRY(output_tensor(s, i, &views[i], err));
    }
    return ACCEL_OK;
}

/* ---- figures ------------------------------------------------------------------------------------------------------------ */

static void native_timing(const engine_session *s, engine_timing *out) {
    *out = s->timing;
}

static void add_memory(const plan *p, engine_memory *out) {
    out->model_bytes += p->weight_bytes;
    out->activation_bytes += p->memory_bytes + p->workspace_bytes;
    for (size_t i = 0; i < p->child_count; i++) {
        add_memory(p->children[i], out);
    }
}

static void native_memory(const engine_session *s, engine_memory *out) {
    *out = (engine_memory){0};
    add_memory(s->plan, out);
}

/* What is narrower than fp32 at this precision; docs/engine.md says which products. */
static const char *narrow_text(const engine_session *s) {
    switch (s->plan->precision) {
    case PRECISION_BF16:
        return (s->extensions & CPU_BF16) != 0 ? ", products=bf16, sums=fp32" : ", weights=bf16, sums=fp32";
    case PRECISION_FP16:
        return ", weights=fp16, sums=fp32";
    default:
        return "";
    }
}

static void native_ran(const engine_session *s, engine_ran *out) {
    *out = (engine_ran){.precision = s->precision, .threads = s->threads};
    char isa[64];
    str_format(out->options, sizeof out->options, "isa=%s, spin_us=%d%s",
               isa_text(s->table, s->extensions, isa, sizeof isa), SPIN_US, narrow_text(s));
}

static const char *step_kernel_name(const plan_step *s) {
    if (s->call.variant != NULL) {
        return s->call.variant;
    }
    if (s->kind == STEP_REFERENCE) {
        return (s->node->op->flags & OP_SUBGRAPH) != 0 ? "subgraph" : "reference";
    }
    return "native";
}

static size_t count_steps(const plan *p) {
    size_t count = p->step_count;
    for (size_t i = 0; i < p->child_count; i++) {
        count += count_steps(p->children[i]);
    }
    return count;
}

/* Without the steps of the graphs inside it, which have rows of their own. */
static uint64_t own_time_ns(const plan *p, const plan_step *s) {
    uint64_t inside_ns = 0;
    for (size_t a = 0; s->node != NULL && a < s->node->attr_count; a++) {
        for (size_t c = 0; s->node->attrs[a].kind == ATTR_GRAPH && c < p->child_count; c++) {
            const plan *child = p->children[c];
            for (size_t i = 0; child->graph == s->node->attrs[a].graph && i < child->step_count; i++) {
                inside_ns += child->steps[i].time_ns;
            }
        }
    }
    return inside_ns < s->time_ns ? s->time_ns - inside_ns : 0;
}

static void add_rows(const plan *p, engine_profile_row *rows, size_t *count) {
    for (size_t i = 0; i < p->step_count; i++) {
        const plan_step *step = &p->steps[i];
        if (step->kind == STEP_NONE) {
            continue;
        }
        rows[(*count)++] = (engine_profile_row){
            .node = step->label,
            .op_type = step->name,
            .fused = step->fused,
            .kernel = step_kernel_name(step),
            .time_ns = own_time_ns(p, step),
            .flops = step->cost.flops,
            .bytes = step->cost.bytes_read + step->cost.bytes_written,
        };
    }
    for (size_t i = 0; i < p->child_count; i++) {
        add_rows(p->children[i], rows, count);
    }
}

static accel_status native_profile(engine_session *s, arena *a, engine_profile_row **rows, size_t *count,
                                   accel_error *err) {
    size_t steps = count_steps(s->plan);
    *rows = ARENA_ARRAY(a, engine_profile_row, steps);
    if (*rows == NULL) {
        return error_no_memory(err, "the profile", steps * sizeof **rows);
    }
    *count = 0;
    add_rows(s->plan, *rows, count);
    return ACCEL_OK;
}

const engine_def engine_native = {
    .name = "native",
    .summary = "accel's own kernels on the CPU; needs nothing installed",
    .form = FORM_HOUSE,
    .probe = native_probe,
    .supports = native_supports,
    .load = native_load,
    .bind = native_bind,
    .run = native_run,
    .outputs = native_outputs,
    .bind_values = native_bind_values,
    .output_values = native_output_values,
    .timing = native_timing,
    .memory = native_memory,
    .ran = native_ran,
    .profile = native_profile,
    .unload = native_unload,
};
