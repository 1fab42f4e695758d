/* Steps: each leading node gets the first kernel that accepts it, in the layout that the kernel wants; conversions between the
 * layouts are put where the two meet. Inputs and outputs of the model stay row-major. */
#include "engines/native/plan.h"

#include <string.h>

#include "base/mem.h"
#include "graph/cost.h"

/* ---- kernels --------------------------------------------------------------------------------------------------------- */

const kernel_def *native_plan_find_kernel(const plan *p, const char *domain, const char *name,
                                          const kernel_call *c) {
    for (size_t f = 0; f < p->table->count; f++) {
        for (size_t k = 0; k < p->table->families[f]->count; k++) {
            const kernel_def *kernel = &p->table->families[f]->kernels[k];
            if (strcmp(kernel->name, name) == 0 && strcmp(kernel->domain, domain) == 0 &&
                kernel->accepts(c)) {
                return kernel;
            }
        }
    }
    return NULL;
}

/* Small constants are made present, so that `accepts` can look at them. */
static accel_status add_operands(plan *p, const int32_t *ids, size_t count, kernel_value ***out,
                                 accel_error *err) {
    kernel_value **operands = ARENA_ARRAY(p->arena, kernel_value *, count);
    if (operands == NULL) {
        return error_no_memory(err, "the plan", count * sizeof *operands);
    }
    for (size_t i = 0; i < count; i++) {
        operands[i] = native_plan_operand(p, ids[i]);
        if (ids[i] != PLAN_NONE && p->values[ids[i]].v.constant &&
            p->values[ids[i]].size_bytes <= PLAN_SMALL_BYTES) {
            ACCEL_TRY(native_plan_contents(p, ids[i], err));
        }
    }
    *out = operands;
    return ACCEL_OK;
}

accel_status native_plan_make_call(plan *p, const graph_node *n, kernel_call *c, accel_error *err) {
    *c = (kernel_call){.graph = p->graph,
                       .node = n,
                       .input_count = n->input_count,
                       .output_count = n->output_count,
                       .precision = p->precision,
                       .extensions = p->extensions,
                       .err = err};
    ACCEL_TRY(add_operands(p, n->inputs, n->input_count, &c->inputs, err));
    return add_operands(p, n->outputs, n->output_count, &c->outputs, err);
}

/* ---- layouts ----------------------------------------------------------------------------------------------------------- */

static int64_t channels_of(const shape *s) {
    return s->rank >= 2 ? s->dims[1] : 1;
}

static void set_channels_last(plan_value *v, bool channels_last) {
    v->v.channels_last = channels_last;
    v->v.pixel_stride = channels_last ? channels_of(&v->v.shape) : 0;
}

/* With one channel or one pixel the two layouts are the same bytes. */
static bool layouts_agree(const shape *s) {
    int64_t pixels = 1;
    for (int d = 2; d < s->rank; d++) {
        pixels *= s->dims[d];
    }
    return s->rank < 3 || s->dims[1] == 1 || pixels == 1;
}

static accel_status add_step(plan *p, plan_step **out, accel_error *err) {
    if (p->step_count == p->step_capacity) {
        return error_set(err, ACCEL_INTERNAL, "the plan has more steps than expected");
    }
    *out = &p->steps[p->step_count++];
    **out = (plan_step){.residual = PLAN_NONE};
    return ACCEL_OK;
}

/* Of a step that only puts the elements of a value elsewhere. */
static op_cost move_cost(const plan *p, int32_t value) {
    double bytes = (double)p->values[value].size_bytes;
    return (op_cost){.bytes_read = bytes, .bytes_written = bytes};
}

static accel_status add_conversion(plan *p, int32_t from, int32_t to, accel_error *err) {
    plan_step *s = NULL;
    ACCEL_TRY(add_step(p, &s, err));
    s->inputs = ARENA_ARRAY(p->arena, int32_t, 1);
    s->outputs = ARENA_ARRAY(p->arena, int32_t, 1);
    if (s->inputs == NULL || s->outputs == NULL) {
        return error_no_memory(err, "the plan", sizeof(int32_t));
    }
    s->inputs[0] = from;
    s->outputs[0] = to;
    s->call = (kernel_call){.graph = p->graph,
                            .input_count = 1,
                            .output_count = 1,
                            .precision = p->precision,
                            .extensions = p->extensions};
    ACCEL_TRY(add_operands(p, s->inputs, 1, &s->call.inputs, err));
    ACCEL_TRY(add_operands(p, s->outputs, 1, &s->call.outputs, err));
    s->domain = "accel";
    s->name = "Layout";
    s->label = p->graph->values[from].name;
    s->cost = move_cost(p, from);
    if (layouts_agree(&p->values[from].v.shape)) {
        s->kind = STEP_NONE;
        p->values[to].store = STORE_VIEW;
        p->values[to].view_of = from;
        return ACCEL_OK;
    }
    s->kind = STEP_KERNEL;
    s->kernel = native_plan_find_kernel(p, s->domain, s->name, &s->call);
    if (s->kernel == NULL) {
        return error_set(err, ACCEL_INTERNAL, "no kernel changes the layout of a value");
    }
    return ACCEL_OK;
}

/* The value in the wanted layout: itself, the copy that is there already, or a new one. */
static accel_status in_layout(plan *p, int32_t id, bool channels_last, int32_t *out, accel_error *err) {
    *out = id;
    if (id == PLAN_NONE || p->values[id].v.channels_last == channels_last) {
        return ACCEL_OK;
    }
    if (p->values[id].other_layout != PLAN_NONE) {
        *out = p->values[id].other_layout;
        return ACCEL_OK;
    }
    int32_t copy = PLAN_NONE;
    ACCEL_TRY(native_plan_add_value(p, &copy, err));
    plan_value *from = &p->values[id], *to = &p->values[copy];
    *to = (plan_value){.v = from->v,
                       .is_static = true,
                       .store = STORE_ARENA,
                       .view_of = PLAN_NONE,
                       .other_layout = id,
                       .size_bytes = from->size_bytes,
                       .type = from->type};
    to->v.constant = false;
    to->v.data = NULL;
    set_channels_last(to, channels_last);
    from->other_layout = copy;
    *out = copy;
    return add_conversion(p, id, copy, err);
}

/* ---- steps ------------------------------------------------------------------------------------------------------------- */

static bool wants_channels_last(const plan *p, uint32_t flags, const plan_step *s) {
    if ((flags & KERNEL_CHANNELS_LAST) != 0) {
        return true;
    }
    if ((flags & KERNEL_ANY_LAYOUT) == 0) {
        return false;
    }
    for (size_t i = 0; i < s->call.input_count; i++) {
        if (s->inputs[i] != PLAN_NONE && p->values[s->inputs[i]].v.channels_last) {
            return true;
        }
    }
    return false;
}

static bool is_image(const plan *p, int32_t id) {
    return id != PLAN_NONE && p->values[id].is_static && !p->values[id].v.constant &&
           p->values[id].v.shape.rank >= 3;
}

/* Whether an input is to be channels-last: images are, constants and vectors stay as they are. */
static bool input_in_layout(const plan *p, int32_t id, size_t input, bool channels_last, uint32_t flags) {
    if (input == 0 && (flags & KERNEL_PLAIN_INPUT) != 0 && !p->values[id].v.channels_last) {
        return false;
    }
    return channels_last && is_image(p, id) && (input == 0 || (flags & KERNEL_CHANNELS_LAST) == 0);
}

static accel_status convert_inputs(plan *p, plan_step *s, bool channels_last, uint32_t flags,
                                   accel_error *err) {
    for (size_t i = 0; i < s->call.input_count; i++) {
        int32_t id = s->inputs[i];
        if (id != PLAN_NONE) {
            ACCEL_TRY(in_layout(p, id, input_in_layout(p, id, i, channels_last, flags), &s->inputs[i], err));
        }
    }
    if (s->residual != PLAN_NONE) {
        ACCEL_TRY(in_layout(p, s->residual, channels_last, &s->residual, err));
    }
    return ACCEL_OK;
}

static accel_status refresh_operands(plan *p, plan_step *s, accel_error *err) {
    ACCEL_TRY(add_operands(p, s->inputs, s->call.input_count, &s->call.inputs, err));
    ACCEL_TRY(add_operands(p, s->outputs, s->call.output_count, &s->call.outputs, err));
    s->call.epilogue.residual = native_plan_operand(p, s->residual);
    return ACCEL_OK;
}

static accel_status fill_step(plan *p, const plan_fusion *fusion, const graph_node *n, plan_step *s,
                              accel_error *err) {
    s->node = n;
    s->label = n->name[0] != '\0' || n->output_count == 0 || n->outputs[0] == VALUE_NONE
                   ? n->name
                   : p->graph->values[n->outputs[0]].name;
    s->domain = fusion->shuffle > 0 ? "accel" : n->domain;
    s->name = fusion->shuffle > 0 ? "ChannelShuffle" : n->op_type;
    ACCEL_TRY(native_plan_make_call(p, n, &s->call, err));
    s->inputs = arena_copy(p->arena, n->inputs, n->input_count * sizeof(int32_t));
    s->outputs = arena_copy(p->arena, n->outputs, n->output_count * sizeof(int32_t));
    if (s->inputs == NULL || s->outputs == NULL) {
        return error_no_memory(err, "the plan", n->input_count * sizeof(int32_t));
    }
    s->residual = fusion->residual;
    s->call.epilogue = fusion->epilogue;
    s->call.groups = fusion->shuffle;
    if (n->output_count > 0) {
        s->outputs[0] = fusion->output;
    }
    for (size_t i = 1; i < n->output_count; i++) { /* optional outputs that nobody reads */
        bool optional = n->op != NULL && i >= n->op->min_outputs;
        if (optional && s->outputs[i] != PLAN_NONE && p->uses[s->outputs[i]] == 0) {
            s->outputs[i] = PLAN_NONE;
        }
    }
    if (fusion->right != PLAN_NONE) {
        s->inputs[1] = fusion->right;
        s->call.transposed_right = fusion->transposed_right;
        s->reads_source = true;
    }
    return refresh_operands(p, s, err);
}

static bool is_static_step(const plan *p, const plan_step *s) {
    for (size_t i = 0; i < s->call.input_count; i++) {
        if (s->inputs[i] != PLAN_NONE && !p->values[s->inputs[i]].is_static) {
            return false;
        }
    }
    for (size_t i = 0; i < s->call.output_count; i++) {
        if (s->outputs[i] != PLAN_NONE && !p->values[s->outputs[i]].is_static) {
            return false;
        }
    }
    return true;
}

static bool others_unused(const plan_step *s) {
    for (size_t i = 1; i < s->call.output_count; i++) {
        if (s->outputs[i] != PLAN_NONE) {
            return false;
        }
    }
    return true;
}

static bool keeps_shape(const plan *p, const plan_step *s) {
    return shape_equal(&p->values[s->inputs[0]].v.shape, &p->values[s->outputs[0]].v.shape);
}

/* The output lies in the bytes of the input; one of the same shape keeps its layout too. */
static accel_status lower_view(plan *p, plan_step *s, accel_error *err) {
    if (!keeps_shape(p, s)) {
        ACCEL_TRY(convert_inputs(p, s, false, 0, err));
    }
    plan_value *out = &p->values[s->outputs[0]];
    const plan_value *in = &p->values[s->inputs[0]];
    out->store = STORE_VIEW;
    out->view_of = s->inputs[0];
    set_channels_last(out, in->v.channels_last);
    s->kind = STEP_NONE;
    return ACCEL_OK;
}

/* Views of the operator table, and Dropout, which does nothing in inference. */
static bool is_view(const plan_step *s) {
    const graph_node *n = s->node;
    if (n->op == NULL || s->name != n->op_type || n->input_count == 0 || s->inputs[0] == PLAN_NONE ||
        !others_unused(s)) {
        return false;
    }
    if (strcmp(s->name, "Dropout") == 0 && s->domain[0] == '\0') {
        return n->input_count < 3 || s->inputs[2] == PLAN_NONE;
    }
    return (n->op->flags & OP_VIEW) != 0;
}

static accel_status lower_reference(plan *p, plan_step *s, accel_error *err) {
    s->kind = STEP_REFERENCE;
    s->kernel = NULL;
    if (s->reads_source) { /* the reference knows the node as it is */
        s->inputs[1] = s->node->inputs[1];
        s->call.transposed_right = false;
        s->reads_source = false;
    }
    return convert_inputs(p, s, false, 0, err);
}

static void set_output_layout(plan *p, plan_step *s, bool channels_last) {
    for (size_t i = 0; i < s->call.output_count; i++) {
        if (s->outputs[i] != PLAN_NONE && p->values[s->outputs[i]].v.shape.rank >= 3) {
            set_channels_last(&p->values[s->outputs[i]], channels_last);
        }
    }
}

/* The step's call with operands as they would be in that layout. */
static accel_status shadow_call(plan *p, const plan_step *s, bool channels_last, uint32_t flags,
                                kernel_call *c, accel_error *err) {
    *c = s->call;
    size_t count = c->input_count + c->output_count;
    kernel_value *copies = ARENA_ARRAY(p->arena, kernel_value, count);
    kernel_value **pointers = ARENA_ARRAY(p->arena, kernel_value *, count);
    if (copies == NULL || pointers == NULL) {
        return error_no_memory(err, "the plan", count * sizeof *copies);
    }
    c->inputs = pointers;
    c->outputs = pointers + c->input_count;
    for (size_t i = 0; i < count; i++) {
        int32_t id = i < c->input_count ? s->inputs[i] : s->outputs[i - c->input_count];
        if (id == PLAN_NONE) {
            continue;
        }
        copies[i] = p->values[id].v;
        pointers[i] = &copies[i];
        bool image = i < c->input_count ? input_in_layout(p, id, i, channels_last, flags)
                                        : channels_last && p->values[id].v.shape.rank >= 3;
        copies[i].channels_last = image;
        copies[i].pixel_stride = image ? channels_of(&copies[i].shape) : 0;
    }
    return ACCEL_OK;
}

static accel_status try_kernel(plan *p, plan_step *s, const kernel_def *kernel, bool channels_last,
                               bool *taken, accel_error *err) {
    kernel_call shadow;
    ACCEL_TRY(shadow_call(p, s, channels_last, kernel->flags, &shadow, err));
    if (!kernel->accepts(&shadow)) {
        return ACCEL_OK;
    }
    *taken = true;
    s->kernel = kernel;
    s->kind = STEP_KERNEL;
    ACCEL_TRY(convert_inputs(p, s, channels_last, kernel->flags, err));
    set_output_layout(p, s, channels_last);
    return refresh_operands(p, s, err);
}

/* Chooses kernel and layout: the first kernel that accepts the operands in the layout that it wants; one that takes any
 * layout is asked for that of its inputs first. */
static accel_status lower_kernel(plan *p, plan_step *s, accel_error *err) {
    for (size_t f = 0; f < p->table->count; f++) {
        const kernel_family *family = p->table->families[f];
        for (size_t k = 0; k < family->count; k++) {
            const kernel_def *kernel = &family->kernels[k];
            if (strcmp(kernel->name, s->name) != 0 || strcmp(kernel->domain, s->domain) != 0) {
                continue;
            }
            bool taken = false, channels_last = wants_channels_last(p, kernel->flags, s);
            ACCEL_TRY(try_kernel(p, s, kernel, channels_last, &taken, err));
            if (!taken && channels_last && (kernel->flags & KERNEL_ANY_LAYOUT) != 0) {
                ACCEL_TRY(try_kernel(p, s, kernel, false, &taken, err));
            }
            if (taken) {
                return ACCEL_OK;
            }
        }
    }
    return lower_reference(p, s, err);
}

/* Graphs inside nodes read what they capture as row-major. */
static accel_status convert_captured(plan *p, const graph_node *n, accel_error *err) {
    for (size_t a = 0; a < n->attr_count; a++) {
        const graph *inside = n->attrs[a].kind == ATTR_GRAPH ? n->attrs[a].graph : NULL;
        for (size_t v = 0; inside != NULL && v < inside->value_count; v++) {
            int32_t ignored;
            if (inside->values[v].origin == VALUE_OUTER) {
                ACCEL_TRY(in_layout(p, inside->values[v].outer, false, &ignored, err));
            }
        }
    }
    return ACCEL_OK;
}

/* What carries the value through a node that joined: its input that is neither constant nor the residual. */
static int32_t chained_input(const plan *p, const graph_node *n, int32_t residual) {
    for (size_t i = 0; i < n->input_count; i++) {
        int32_t id = n->inputs[i];
        if (id != VALUE_NONE && id != residual && !p->values[id].v.constant) {
            return id;
        }
    }
    return PLAN_NONE;
}

/* For the profile, from the value that a step writes back to its own node: "BatchNormalization, Relu". */
static accel_status describe_fused(plan *p, const plan_fusion *fusions, node_id at, plan_step *s,
                                   accel_error *err) {
    const graph *g = p->graph;
    for (int32_t value = fusions[at].output; value != PLAN_NONE && g->values[value].origin == VALUE_NODE;) {
        const graph_node *n = g->nodes[g->values[value].producer];
        if (!fusions[g->values[value].producer].joined) {
            break;
        }
        s->fused = s->fused == NULL ? n->op_type : arena_printf(p->arena, "%s, %s", n->op_type, s->fused);
        if (s->fused == NULL) {
            return error_no_memory(err, "the plan", 0);
        }
        value = chained_input(p, n, s->residual);
    }
    return ACCEL_OK;
}

/* The node's own cost, and the residual that it reads with it; weights as they are stored. */
static void take_cost(const plan *p, const plan_fusion *fusion, plan_step *s) {
    if (fusion->shuffle > 0) {
        s->cost = move_cost(p, s->inputs[0]);
        return;
    }
    (void)graph_node_cost(p->graph, s->node, &s->cost);
    if (s->reads_source) {
        s->cost.bytes_read -= (double)p->values[s->node->inputs[1]].size_bytes;
        s->cost.bytes_read += (double)p->values[s->inputs[1]].size_bytes;
    }
    if (s->residual != PLAN_NONE) {
        s->cost.bytes_read += (double)p->values[s->residual].size_bytes;
    }
}

static accel_status lower_node(plan *p, const plan_fusion *fusions, node_id at, accel_error *err) {
    const plan_fusion *fusion = &fusions[at];
    const graph_node *n = p->graph->nodes[at];
    plan_step made = {.residual = PLAN_NONE};
    ACCEL_TRY(fill_step(p, fusion, n, &made, err));
    ACCEL_TRY(convert_captured(p, n, err));
    made.is_dynamic = !is_static_step(p, &made);
    if (made.is_dynamic) {
        ACCEL_TRY(lower_reference(p, &made, err));
        ACCEL_TRY(native_plan_make_dynamic(p, &made, err));
    } else if (is_view(&made)) {
        ACCEL_TRY(lower_view(p, &made, err));
    } else {
        ACCEL_TRY(lower_kernel(p, &made, err));
    }
    ACCEL_TRY(refresh_operands(p, &made, err));
    take_cost(p, fusion, &made);
    ACCEL_TRY(describe_fused(p, fusions, at, &made, err));
    plan_step *s = NULL; /* behind the conversions that it needed */
    ACCEL_TRY(add_step(p, &s, err));
    *s = made;
    return ACCEL_OK;
}

static accel_status lower_outputs(plan *p, accel_error *err) {
    p->outputs = ARENA_ARRAY(p->arena, int32_t, p->graph->output_count);
    if (p->outputs == NULL) {
        return error_no_memory(err, "the plan", p->graph->output_count * sizeof(int32_t));
    }
    for (size_t i = 0; i < p->graph->output_count; i++) {
        int32_t id = p->graph->outputs[i];
        if (p->values[id].v.constant) {
            ACCEL_TRY(native_plan_contents(p, id, err));
        }
        ACCEL_TRY(in_layout(p, id, false, &p->outputs[i], err));
    }
    return ACCEL_OK;
}

accel_status native_plan_lower(plan *p, const plan_fusion *fusions, accel_error *err) {
    p->step_capacity = p->graph->node_count + p->value_capacity;
    p->steps = ARENA_ARRAY(p->arena, plan_step, p->step_capacity);
    if (p->steps == NULL) {
        return error_no_memory(err, "the plan", p->step_capacity * sizeof *p->steps);
    }
    for (size_t i = 0; i < p->graph->node_count; i++) {
        if (fusions[i].skipped || fusions[i].emits == NODE_NONE) {
            continue;
        }
        node_id at = fusions[i].emits;
        ACCEL_TRY(lower_node(p, fusions, at, err));
    }
    return lower_outputs(p, err);
}
