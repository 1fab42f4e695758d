/* Values of a plan and their constant contents; the memory that steps own; making and destroying a plan. */
#include "engines/native/plan.h"

#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"

/* ---- memory of steps ------------------------------------------------------------------------------------------- */

struct kernel_block {
    kernel_block *next;
    size_t size_bytes;
    bool is_weight, in_slab;
};
enum { BLOCK_HEADER = 64 };

/* Packed weights of many steps lie together, so that they fill huge pages: a page fault for every 4 KiB took a third of the time
 * of loading MiniLM. What is not touched of a slab costs nothing. */
enum { SLAB_BYTES = 32 << 20, SLAB_LARGEST = 4 << 20 };
struct kernel_slab {
    kernel_slab *before;
    size_t size_bytes, used_bytes;
};

static char *take_from_slab(kernel_slab **slabs, size_t size_bytes) {
    kernel_slab *s = *slabs;
    size_t rounded = (size_bytes + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
    if (s == NULL || s->size_bytes - s->used_bytes < rounded) {
        s = mem_alloc_aligned(SLAB_BYTES, PLAN_ALIGNMENT, true);
        if (s == NULL) {
            return NULL;
        }
        *s = (kernel_slab){.before = *slabs, .size_bytes = SLAB_BYTES, .used_bytes = BLOCK_HEADER};
        *slabs = s;
    }
    char *memory = (char *)s + s->used_bytes;
    s->used_bytes += rounded;
    return memory;
}

static void free_slabs(plan *p) {
    while (p->slabs != NULL) {
        kernel_slab *s = p->slabs;
        p->slabs = s->before;
        mem_free_aligned(s, s->size_bytes);
    }
}

static void *add_block(kernel_call *c, size_t size_bytes, bool is_weight) {
    size_t total;
    if (!checked_add(size_bytes, BLOCK_HEADER, &total)) {
        return NULL;
    }
#ifdef ACCEL_SANITIZED /* which sees writes beyond a block only where it has memory of its own */
    bool in_slab = false;
#else
    bool in_slab = is_weight && c->slabs != NULL && total <= SLAB_LARGEST;
#endif
    char *memory =
        in_slab ? take_from_slab(c->slabs, total) : mem_alloc_aligned(total, PLAN_ALIGNMENT, is_weight);
    if (memory == NULL) {
        return NULL;
    }
    kernel_block *block = (kernel_block *)(void *)memory;
    *block =
        (kernel_block){.next = c->blocks, .size_bytes = total, .is_weight = is_weight, .in_slab = in_slab};
    c->blocks = block;
    return memory + BLOCK_HEADER;
}

void *kernel_state(kernel_call *c, size_t size_bytes) {
    void *memory = add_block(c, size_bytes, false);
    if (memory != NULL) {
        memset(memory, 0, size_bytes);
    }
    return memory;
}

void *kernel_packed(kernel_call *c, size_t size_bytes) {
    return add_block(c, size_bytes, true);
}

void native_plan_release_call(plan *p, kernel_call *c) {
    while (c->blocks != NULL) {
        kernel_block *block = c->blocks;
        c->blocks = block->next;
        if (block->is_weight) {
            p->weight_bytes -= block->size_bytes - BLOCK_HEADER;
        }
        if (!block->in_slab) {
            mem_free_aligned(block, block->size_bytes);
        }
    }
    c->state = NULL;
}

static size_t call_weight_bytes(const kernel_call *c) {
    size_t bytes = 0;
    for (const kernel_block *b = c->blocks; b != NULL; b = b->next) {
        bytes += b->is_weight ? b->size_bytes - BLOCK_HEADER : 0;
    }
    return bytes;
}

static accel_status fail_at(const kernel_call *c, accel_status status, const char *text) {
    char label[256];
    if (c->node == NULL) {
        return error_set(c->err, status, "%s", text);
    }
    return error_set(c->err, status, "%s: %s", node_label(c->graph, c->node, label, sizeof label), text);
}

accel_status kernel_no_memory(const kernel_call *c, size_t size_bytes) {
    char text[96];
    str_format(text, sizeof text, "no memory for %llu bytes", (unsigned long long)size_bytes);
    return fail_at(c, ACCEL_OUT_OF_MEMORY, text);
}

accel_status kernel_fail(const kernel_call *c, accel_status status, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    str_formatv(text, sizeof text, format, arguments);
    va_end(arguments);
    return fail_at(c, status, text);
}

int64_t kernel_attr_int(const kernel_call *c, const char *name, int64_t fallback) {
    return node_attr_int(c->node, name, fallback);
}

float kernel_attr_float(const kernel_call *c, const char *name, double fallback) {
    return (float)node_attr_float(c->node, name, fallback);
}

accel_status native_plan_prepare_call(plan *p, const kernel_def *kernel, kernel_call *c, accel_error *err) {
    c->err = err;
    c->pool = p->pool;
    c->threads = thread_pool_size(p->pool);
    if (kernel->prepare == NULL) {
        return ACCEL_OK;
    }
    accel_status status = kernel->prepare(c);
    p->weight_bytes += call_weight_bytes(c);
    return status;
}

/* Prepares one step: its constants are made present, and those that it packed are let go when nobody else reads them. */
accel_status native_plan_prepare_step(plan *p, plan_step *s, accel_error *err) {
    kernel_call *c = &s->call;
    ACCEL_TRY(native_plan_offer_right(p, s, c, err));
    for (size_t i = 0; i < c->input_count; i++) {
        bool in_file = i == 1 && (c->raw != NULL || c->kept_as != 0);
        if (s->inputs[i] != PLAN_NONE && p->values[s->inputs[i]].v.constant && !in_file) {
            ACCEL_TRY(native_plan_contents(p, s->inputs[i], err));
        }
    }
    if (s->kind != STEP_KERNEL) {
        return ACCEL_OK;
    }
    c->slabs = p->parent == NULL ? &p->slabs : NULL; /* kept until the plan ends, not before */
    accel_status status = native_plan_prepare_call(p, s->kernel, c, err);
    native_plan_note_kept(p, s);
    return status;
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

kernel_value *native_plan_operand(plan *p, int32_t value) {
    return value == PLAN_NONE ? NULL : &p->values[value].v;
}

/* Room for a copy of each value in the other layout, so that the array never moves: operands point into it. */
static accel_status allocate_values(plan *p, accel_error *err) {
    size_t capacity;
    if (!checked_mul(p->graph->value_count + 1, 2, &capacity)) {
        return error_no_memory(err, "the plan's values", p->graph->value_count);
    }
    p->values = ARENA_ARRAY(p->arena, plan_value, capacity);
    if (p->values == NULL) {
        return error_no_memory(err, "the plan's values", capacity * sizeof(plan_value));
    }
    p->value_capacity = capacity;
    return ACCEL_OK;
}

accel_status native_plan_add_value(plan *p, int32_t *out, accel_error *err) {
    if (p->value_count == p->value_capacity) {
        return error_set(err, ACCEL_INTERNAL, "the plan has more values than twice the graph's");
    }
    *out = (int32_t)p->value_count;
    plan_value *v = &p->values[p->value_count++];
    v->other_layout = PLAN_NONE;
    v->view_of = PLAN_NONE;
    return ACCEL_OK;
}

void native_plan_set_type(plan_value *v, const value_type *type) {
    v->type = *type;
    v->v.type = type->type;
    v->v.shape = type->shape;
    v->is_static = type->container == CONTAINER_TENSOR && dtype_bits(type->type) > 0 &&
                   shape_is_static(&type->shape) &&
                   tensor_size_bytes(type->type, &type->shape, "a value", &v->size_bytes, NULL) == ACCEL_OK;
}

static void start_value(plan *p, int32_t id) {
    const graph_value *from = &p->graph->values[id];
    plan_value *v = &p->values[id];
    native_plan_set_type(v, &from->type);
    if (graph_value_is_constant(p->graph, id) && v->is_static) {
        v->store = STORE_CONSTANT;
        v->v.constant = true;
        native_plan_find_kept(p, id, v);
    } else if (from->origin == VALUE_INPUT) {
        v->store = STORE_INPUT;
    }
}

/* Whether the node could be run now: its inputs are constant, or it asks for their shapes alone. */
static bool inputs_known(const plan *p, const graph_node *n) {
    bool shapes_only = (n->op->flags & OP_SHAPE_ONLY) != 0;
    for (size_t i = 0; i < n->input_count; i++) {
        const plan_value *v = n->inputs[i] == VALUE_NONE ? NULL : &p->values[n->inputs[i]];
        if (v != NULL && !v->v.constant && !(shapes_only && v->is_static)) {
            return false;
        }
    }
    return true;
}

void native_plan_mark_foldable(plan *p, const graph_node *n) {
    if (n->op == NULL || n->op->eval == NULL || (n->op->flags & (OP_RANDOM | OP_SUBGRAPH)) != 0 ||
        !inputs_known(p, n)) {
        return;
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] != VALUE_NONE && !p->values[n->outputs[i]].is_static) {
            return;
        }
    }
    for (size_t i = 0; i < n->output_count; i++) {
        if (n->outputs[i] == VALUE_NONE || p->values[n->outputs[i]].v.constant) {
            continue;
        }
        plan_value *v = &p->values[n->outputs[i]];
        v->foldable = true;
        v->v.constant = true;
        v->store = STORE_CONSTANT;
    }
}

static accel_status start_values(plan *p, const op_value *inputs, accel_error *err) {
    ACCEL_TRY(allocate_values(p, err));
    for (size_t i = 0; i < p->graph->value_count; i++) {
        int32_t id = PLAN_NONE;
        ACCEL_TRY(native_plan_add_value(p, &id, err));
        start_value(p, id);
    }
    if (p->parent != NULL) {
        return native_plan_values_inside(p, inputs, err);
    }
    for (size_t i = 0; i < p->graph->node_count; i++) {
        if (!p->graph->nodes[i]->dead) {
            native_plan_mark_foldable(p, p->graph->nodes[i]);
        }
    }
    return ACCEL_OK;
}

static accel_status fold(plan *p, int32_t value, accel_error *err) {
    const graph_node *n = p->graph->nodes[p->graph->values[value].producer];
    for (size_t i = 0; i < n->input_count; i++) {
        if (n->inputs[i] != VALUE_NONE && p->values[n->inputs[i]].v.constant) {
            ACCEL_TRY(native_plan_contents(p, n->inputs[i], err));
        }
    }
    return native_plan_run_node(p, n, n->inputs, n->outputs, err);
}

/* Pages of the file that were read for packing are not needed again; they count as memory of the process until then. */
static void give_back_pages(const plan *p, int32_t value) {
    const graph_data *data = (size_t)value < p->graph->value_count ? &p->graph->values[value].data : NULL;
    if (data != NULL && data->kind == DATA_BYTES && data->file_backed) {
        file_map part = {
            .bytes = data->bytes, .size_bytes = data->size_bytes, .handle = (void *)(uintptr_t)data->bytes};
        file_map_release_pages(&part, data->bytes, data->size_bytes);
    }
}

accel_status native_plan_contents(plan *p, int32_t value, accel_error *err) {
    plan_value *v = &p->values[value];
    if (v->v.data != NULL) {
        return ACCEL_OK;
    }
    if (v->foldable) {
        return fold(p, value, err);
    }
    if (v->store == STORE_OUTER) {
        int32_t outer = p->graph->values[value].outer;
        ACCEL_TRY(native_plan_contents(p->parent, outer, err));
        v->v.data = p->parent->values[outer].v.data;
        return ACCEL_OK;
    }
    tensor t = {0};
    bool owned = false;
    ACCEL_TRY(graph_value_contents(p->graph, value, &t, &owned, err));
    static char nothing[64]; /* for tensors of no elements, so that present contents are never NULL */
    v->v.data = t.data != NULL ? t.data : nothing;
    if (owned) { /* generated, or copied because the file holds it unaligned */
        v->owned = t;
        p->weight_bytes += t.size_bytes;
        give_back_pages(p, value);
    }
    return ACCEL_OK;
}

void native_plan_drop_contents(plan *p, int32_t value) {
    plan_value *v = &p->values[value];
    if (v->store != STORE_CONSTANT) {
        return;
    }
    if (v->owned.data != NULL) {
        p->weight_bytes -= v->capacity_bytes > 0 ? v->capacity_bytes : v->owned.size_bytes;
        native_plan_free_owned(v);
    } else {
        give_back_pages(p, value);
    }
    v->v.data = NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

void native_plan_free_owned(plan_value *v) {
    if (v->capacity_bytes > 0) {
        mem_free_aligned(v->owned.data, v->capacity_bytes);
        v->owned = (tensor){0};
        v->capacity_bytes = 0;
    } else {
        tensor_free(&v->owned);
    }
    native_plan_free_sequence(v);
}

void native_plan_free_sequence(plan_value *v) {
    if (v->sequence == NULL) {
        return;
    }
    tensor *items = (tensor *)(uintptr_t)v->sequence->items;
    for (size_t i = 0; i < v->sequence->count; i++) {
        tensor_free(&items[i]);
    }
    mem_free(items);
    mem_free(v->sequence);
    v->sequence = NULL;
}

static accel_status make_plan(plan *p, const op_value *inputs, accel_error *err) {
    p->arena = arena_create();
    p->scratch = arena_create();
    if (p->arena == NULL || p->scratch == NULL) {
        return error_no_memory(err, "the plan", 0);
    }
    ACCEL_TRY(start_values(p, inputs, err));
    plan_fusion *fusions = ARENA_ARRAY(p->arena, plan_fusion, p->graph->node_count);
    if (fusions == NULL) {
        return error_no_memory(err, "the plan", p->graph->node_count * sizeof *fusions);
    }
    ACCEL_TRY(native_plan_fuse(p, fusions, err));
    ACCEL_TRY(native_plan_lower(p, fusions, err));
    ACCEL_TRY(native_plan_join(p, err));
    ACCEL_TRY(native_plan_schedule(p, err));
    return native_plan_static_children(p, err);
}

static accel_status create_plan(const plan *how, const op_value *inputs, plan **out, accel_error *err) {
    plan *p = mem_calloc(1, sizeof *p);
    if (p == NULL) {
        return error_no_memory(err, "the plan", sizeof *p);
    }
    *p = *how;
    accel_status status = make_plan(p, inputs, err);
    if (status != ACCEL_OK) {
        native_plan_destroy(p);
        return status;
    }
    *out = p;
    return ACCEL_OK;
}

accel_status native_plan_create_inside(const graph *g, plan *parent, const op_value *inputs, plan **out,
                                       accel_error *err) {
    plan how = {.graph = g,
                .parent = parent,
                .table = parent->table,
                .extensions = parent->extensions,
                .precision = parent->precision,
                .pool = parent->pool,
                .profile = parent->profile};
    return create_plan(&how, inputs, out, err);
}

accel_status native_plan_create(const graph *g, const plan_options *options, plan **out, accel_error *err) {
    plan how = {.graph = g,
                .table = options->table,
                .extensions = options->extensions,
                .precision = options->precision,
                .pool = options->pool,
                .profile = options->profile};
    return create_plan(&how, NULL, out, err);
}

void native_plan_destroy(plan *p) {
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->child_count; i++) {
        native_plan_destroy(p->children[i]);
    }
    mem_free(p->children);
    for (size_t i = 0; i < p->step_count; i++) {
        native_plan_release_call(p, &p->steps[i].call);
        native_plan_free_dynamic(p, &p->steps[i]);
    }
    for (size_t i = 0; i < p->value_count; i++) {
        native_plan_free_owned(&p->values[i]);
    }
    free_slabs(p);
    native_plan_free_temporaries(p);
    mem_free(p->temporaries);
    mem_free_aligned(p->memory, p->memory_bytes);
    mem_free_aligned(p->workspace, p->workspace_bytes);
    arena_destroy(p->scratch);
    arena_destroy(p->arena);
    mem_free(p);
}
