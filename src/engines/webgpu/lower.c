/* From the rewritten graph to the plan, node by node. */
#include "engines/webgpu/lower.h"

#include "base/mem.h"

/* ---- failing ------------------------------------------------------------------------------------------------------ */

void gpu_fail(gpu_lowering *l, const char *format, ...) {
    if (l->failed)
        return;
    va_list arguments;
    va_start(arguments, format);
    str_appendv(&l->why, format, arguments);
    va_end(arguments);
    l->failed = true;
}

void gpu_fatal(gpu_lowering *l, accel_status status, const char *format, ...) {
    va_list arguments;
    l->failed = true;
    if (l->fatal.status != ACCEL_OK)
        return;
    va_start(arguments, format);
    error_setv(&l->fatal, status, format, arguments);
    va_end(arguments);
}

/* What only follows from another failure is not told beside it. */
static void note_missing(gpu_lowering *l, const char *subject) {
    if (l->fatal.status == ACCEL_OK && (!l->follows || l->missing.count == 0))
        missing_add(&l->missing, subject, str_text(&l->why));
}

static void start_part(gpu_lowering *l) {
    l->failed = l->fatal.status != ACCEL_OK;
    l->follows = false;
    str_free(&l->why);
}

/* ---- one node ----------------------------------------------------------------------------------------------------- */

/* Nodes behind one that failed are looked at all the same, so that all that is missing is told at once. */
static void stand_in(gpu_lowering *l, const graph_node *n) {
    l->failed = false;
    for (size_t i = 0; i < n->output_count && !l->failed; i++) {
        value_id v = n->outputs[i];
        if (v != VALUE_NONE && l->placed[v] == BLOCK_NONE && shape_is_static(gpu_shape(l, v)))
            l->placed[v] = gpu_scratch(l, gpu_elements(gpu_shape(l, v)), v);
    }
}

/* An earlier node made it along. */
static bool is_made(const gpu_lowering *l, const graph_node *n) {
    return n->output_count == 1 && n->outputs[0] != VALUE_NONE && l->placed[n->outputs[0]] != BLOCK_NONE;
}

static void lower_node(gpu_lowering *l, const graph_node *n) {
    char label[256];
    const gpu_lower_def *def = gpu_lower_find(n->domain, n->op_type);
    start_part(l);
    l->node = n;
    if (def == NULL)
        gpu_fail(l, "no kernel");
    if (!l->failed)
        l->failed = !node_shapes_are_known(l->graph, n, &l->why);
    if (!l->failed && node_context_make(l->graph, n, l->arena, &l->context, l->err) != ACCEL_OK)
        gpu_fatal(l, l->err->status, "%s", l->err->message);
    if (!l->failed)
        def->lower(l, def->detail);
    if (!l->failed)
        return;
    note_missing(l, node_label(l->graph, n, label, sizeof label));
    stand_in(l, n);
}

/* ---- inputs and outputs --------------------------------------------------------------------------------------------- */

static void lower_input(gpu_lowering *l, value_id v) {
    const graph_value *value = &l->graph->values[v];
    char subject[256];
    start_part(l);
    if (value->type.container != CONTAINER_TENSOR || !shape_is_static(&value->type.shape))
        gpu_fail(l, "the kernels take tensors of known shapes");
    else
        (void)gpu_type_name(l, value->type.type);
    bool fine = !l->failed;
    l->failed = false;
    l->placed[v] =
        gpu_scratch(l, shape_is_static(&value->type.shape) ? gpu_elements(&value->type.shape) : 0, v);
    if (l->placed[v] != BLOCK_NONE) /* one that is updated: where the node that does it writes over it */
        l->blocks[l->placed[v]].held = value->held && !value->updated;
    if (fine && !l->failed)
        return;
    str_format(subject, sizeof subject, "input '%s'", value->name);
    note_missing(l, subject);
}

static void lower_output(gpu_lowering *l, value_id v) {
    char subject[256];
    start_part(l);
    if (l->placed[v] != BLOCK_NONE)
        return;
    if (!gpu_is_constant(l, v))
        gpu_fail(l, "nothing makes it");
    l->placed[v] = gpu_scratch(l, gpu_elements(gpu_shape(l, v)), v);
    if (l->placed[v] != BLOCK_NONE)
        l->blocks[l->placed[v]].constant = v;
    str_format(subject, sizeof subject, "output '%s'", l->graph->values[v].name);
    if (l->failed)
        note_missing(l, subject);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static void lower_parts(gpu_lowering *l) {
    const graph *g = l->graph;
    for (size_t i = 0; i < g->input_count; i++)
        lower_input(l, g->inputs[i]);
    for (size_t i = 0; i < g->node_count && l->fatal.status == ACCEL_OK; i++) {
        if (!g->nodes[i]->dead && !is_made(l, g->nodes[i]))
            lower_node(l, g->nodes[i]);
    }
    for (size_t i = 0; i < g->output_count && l->fatal.status == ACCEL_OK; i++)
        lower_output(l, g->outputs[i]);
}

static accel_status judge(const gpu_lowering *l, accel_error *err) {
    return l->fatal.status != ACCEL_OK ? error_set(err, l->fatal.status, "%s", l->fatal.message)
                                       : missing_judge(&l->missing, "on a GPU yet", err);
}

static accel_status lower_into(gpu_lowering *l, gpu_plan *plan, accel_error *err) {
    accel_error scratch = {0};
    l->placed = ARENA_ARRAY(plan->arena, block, l->graph->value_count + 1);
    l->turned = ARENA_ARRAY(plan->arena, block, l->graph->value_count + 1);
    l->uses = ARENA_ARRAY(plan->arena, uint32_t, l->graph->value_count + 1);
    l->readers = ARENA_ARRAY(plan->arena, const graph_node *, l->graph->value_count + 1);
    if (l->placed == NULL || l->turned == NULL || l->uses == NULL || l->readers == NULL)
        return error_no_memory(err, "a plan", l->graph->value_count * sizeof(block));
    for (size_t i = 0; i < l->graph->value_count; i++)
        l->placed[i] = l->turned[i] = BLOCK_NONE;
    ACCEL_TRY(graph_find_readers(l->graph, l->uses, l->readers, err));
    ACCEL_TRY(gpu_choose_half(l, err));
    l->err = &scratch;
    lower_parts(l);
    l->err = NULL;
    ACCEL_TRY(judge(l, err));
    plan->soon = l->limits->soon;
    plan->precision = l->limits->precision;
    plan->choices = arena_copy(plan->arena, l->choices, l->choice_count * sizeof *l->choices);
    plan->choice_count = l->choice_count;
    if (plan->choices == NULL && l->choice_count > 0)
        return error_no_memory(err, "a plan", l->choice_count * sizeof *l->choices);
    return gpu_place(l, plan, err);
}

accel_status gpu_plan_create(const graph *g, const gpu_limits *limits, gpu_plan **out, accel_error *err) {
    gpu_plan *plan = mem_calloc(1, sizeof *plan);
    if (plan == NULL || (plan->arena = arena_create()) == NULL) {
        mem_free(plan);
        return error_no_memory(err, "a plan", sizeof *plan);
    }
    gpu_lowering l = {.limits = limits, .arena = plan->arena};
    accel_status status = gpu_rewrite(g, &plan->graph, err);
    l.graph = plan->graph;
    if (status == ACCEL_OK)
        status = lower_into(&l, plan, err);
    mem_free(l.blocks);
    mem_free(l.drafts);
    mem_free(l.shaders);
    mem_free(l.choices);
    str_free(&l.why);
    str_free(&l.text);
    missing_free(&l.missing);
    if (status == ACCEL_OK)
        *out = plan;
    else
        gpu_plan_destroy(plan);
    return status;
}

void gpu_plan_destroy(gpu_plan *p) {
    if (p == NULL)
        return;
    graph_destroy(p->graph);
    arena_destroy(p->arena);
    mem_free(p);
}
