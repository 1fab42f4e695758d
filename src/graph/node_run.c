/* One node by its table entry: infer, allocate, evaluate. The evaluator, inference and folding all run nodes through here. */
#include "graph/internal.h"

#include <string.h>

#include "base/mem.h"
#include "graph/evaluate.h"
#include "graph/infer.h"

/* Stands for the contents of a tensor without elements. */
static uint8_t no_elements[16];

/* ---- held values ------------------------------------------------------------------------------------------------ */

static void sequence_free(op_sequence *s) {
    if (!s) {
        return;
    }
    tensor *items = (tensor *)(uintptr_t)s->items;
    for (size_t i = 0; i < s->count; i++) {
        tensor_free(&items[i]);
    }
    mem_free(items);
    mem_free(s);
}

void held_free(held_value *h) {
    tensor_free(&h->storage);
    sequence_free(h->sequence);
    *h = (held_value){0};
}

static accel_status tensor_copy(const tensor *t, tensor *out, accel_error *err) {
    ACCEL_TRY(tensor_create(t->type, &t->shape, out, err));
    if (out->size_bytes > 0) {
        memcpy(out->data, t->data, out->size_bytes);
    }
    return ACCEL_OK;
}

static accel_status sequence_copy(const tensor *items, size_t count, op_sequence **out, accel_error *err) {
    op_sequence *s = mem_calloc(1, sizeof *s);
    tensor *copies = mem_calloc(count, sizeof *copies);
    if (!s || !copies) {
        mem_free(s);
        mem_free(copies);
        return error_no_memory(err, "a sequence", count * sizeof *copies);
    }
    s->items = copies;
    for (; s->count < count; s->count++) {
        accel_status status = tensor_copy(&items[s->count], &copies[s->count], err);
        if (status != ACCEL_OK) {
            sequence_free(s);
            return status;
        }
    }
    *out = s;
    return ACCEL_OK;
}

op_value op_value_of_tensor(const tensor *t) {
    return (op_value){.present = true,
                      .type = {.container = CONTAINER_TENSOR, .type = t->type, .shape = t->shape},
                      .data = t->data ? t->data : no_elements};
}

static bool holds_sequence(const op_value *v) {
    return v->type.container == CONTAINER_SEQUENCE || v->type.container == CONTAINER_OPTIONAL_SEQUENCE;
}

accel_status held_copy(const op_value *v, held_value *out, accel_error *err) {
    held_value h = {.value = *v};
    if (!v->data) {
        *out = h;
        return ACCEL_OK;
    }
    if (holds_sequence(v)) {
        const op_sequence *from = v->data;
        ACCEL_TRY(sequence_copy(from->items, from->count, &h.sequence, err));
        h.value.data = h.sequence;
    } else {
        tensor view = {.type = v->type.type, .shape = v->type.shape, .data = (void *)(uintptr_t)v->data};
        ACCEL_TRY(tensor_copy(&view, &h.storage, err));
        h.value.data = h.storage.data ? h.storage.data : no_elements;
    }
    *out = h;
    return ACCEL_OK;
}

/* ---- services ----------------------------------------------------------------------------------------------------- */

static accel_status allocate(op_context *c, size_t output, const shape *s) {
    op_value *v = &c->outputs[output];
    held_value *h = &c->runtime->run->outputs[output];
    size_t size_bytes;
    accel_status status = tensor_size_bytes(v->type.type, s, "output", &size_bytes, NULL);
    if (status != ACCEL_OK || size_bytes > c->runtime->run->max_bytes) {
        char text[160];
        status = status == ACCEL_OK ? ACCEL_LIMIT : status;
        return op_fail(c, status, "output %llu would be %s%s: too large, or of no fixed size",
                       (unsigned long long)output, dtype_name(v->type.type),
                       shape_text(s, text, sizeof text));
    }
    tensor_free(&h->storage);
    accel_error reason;
    status = tensor_create(v->type.type, s, &h->storage, &reason);
    if (status != ACCEL_OK) {
        return op_fail(c, status, "%s", reason.message);
    }
    v->type.shape = *s;
    c->output_data[output] = h->storage.data ? h->storage.data : no_elements;
    return ACCEL_OK;
}

static accel_status service_allocate_output(op_context *c, size_t output, const shape *s) {
    if (output >= c->output_count || !c->outputs[output].present) {
        return ACCEL_OK; /* nobody wants it */
    }
    if (c->output_data[output] && shape_equal(&c->outputs[output].type.shape, s)) {
        return ACCEL_OK;
    }
    return allocate(c, output, s);
}

static accel_status service_set_sequence(op_context *c, size_t output, const tensor *items, size_t count) {
    if (output >= c->output_count || !c->outputs[output].present) {
        return ACCEL_OK;
    }
    held_value *h = &c->runtime->run->outputs[output];
    op_sequence *copy;
    accel_error reason;
    accel_status status = sequence_copy(items, count, &copy, &reason);
    if (status != ACCEL_OK) {
        return op_fail(c, status, "%s", reason.message);
    }
    sequence_free(h->sequence);
    h->sequence = copy;
    return ACCEL_OK;
}

static accel_status service_run_subgraph(op_context *c, const graph *sub, const op_value *inputs,
                                         size_t input_count, op_value *outputs, size_t output_count) {
    if (!c->runtime->run->run_subgraph) {
        return op_fail(c, ACCEL_INTERNAL, "a subgraph cannot be run here");
    }
    return c->runtime->run->run_subgraph(c, sub, inputs, input_count, outputs, output_count);
}

static const op_services services = {service_allocate_output, service_set_sequence, service_run_subgraph};

/* ---- a node --------------------------------------------------------------------------------------------------------- */

accel_status op_eval_node(op_context *c) {
    if (!c->op) {
        return op_fail(c, ACCEL_UNSUPPORTED, "operator %s of domain '%s' is not known", c->node->op_type,
                       c->node->domain[0] ? c->node->domain : "ai.onnx");
    }
    if (!c->op->eval) {
        return op_fail(c, ACCEL_UNSUPPORTED, "operator %s has no reference to run it with", c->op->name);
    }
    return c->op->eval(c);
}

/* Memory for the outputs whose size inference knows. An optional output may turn out to be empty: it waits for eval. */
static accel_status allocate_known(op_context *c) {
    for (size_t i = 0; i < c->output_count; i++) {
        const op_value *v = &c->outputs[i];
        if (v->present && v->type.container == CONTAINER_TENSOR && dtype_bits(v->type.type) > 0 &&
            shape_is_static(&v->type.shape)) {
            shape s = v->type.shape;
            ACCEL_TRY(allocate(c, i, &s));
        }
    }
    return ACCEL_OK;
}

static accel_status take_outputs(op_context *c) {
    for (size_t i = 0; i < c->output_count; i++) {
        held_value *h = &c->runtime->run->outputs[i];
        op_value *v = &c->outputs[i];
        if (!v->present) {
            continue;
        }
        v->data = holds_sequence(v) ? (const void *)h->sequence : c->output_data[i];
        bool may_be_empty =
            v->type.container == CONTAINER_OPTIONAL || v->type.container == CONTAINER_OPTIONAL_SEQUENCE;
        if (!v->data && !may_be_empty) {
            return op_fail(c, ACCEL_INTERNAL, "the reference left output %llu without contents",
                           (unsigned long long)i);
        }
        h->value = *v;
    }
    return ACCEL_OK;
}

static accel_status run_in_context(op_context *c) {
    ACCEL_TRY(op_infer_node(c));
    ACCEL_TRY(allocate_known(c));
    ACCEL_TRY(op_eval_node(c));
    return take_outputs(c);
}

accel_status node_run_once(const node_run *run, accel_error *err) {
    const graph_node *n = run->node;
    struct op_runtime runtime = {.run = run};
    op_context c = {.graph = run->graph,
                    .node = n,
                    .op = n->op,
                    .input_count = n->input_count,
                    .output_count = n->output_count,
                    .inputs = run->inputs,
                    .outputs = ARENA_ARRAY(run->scratch, op_value, n->output_count),
                    .scratch = run->scratch,
                    .pool = run->pool,
                    .err = err,
                    .output_data = ARENA_ARRAY(run->scratch, void *, n->output_count),
                    .runtime = &runtime,
                    .services = &services};
    if (!c.outputs || !c.output_data) {
        return op_fail(&c, ACCEL_OUT_OF_MEMORY, "not enough memory for %llu outputs",
                       (unsigned long long)n->output_count);
    }
    for (size_t i = 0; i < n->output_count; i++) {
        c.outputs[i].present = n->outputs[i] != VALUE_NONE;
        c.outputs[i].type.shape = shape_unknown();
    }
    accel_status status = run_in_context(&c);
    for (size_t i = 0; i < runtime.kept_count; i++) {
        held_free(&runtime.kept[i]);
    }
    mem_free(runtime.kept);
    for (size_t i = 0; status != ACCEL_OK && i < n->output_count; i++) {
        held_free(&run->outputs[i]);
    }
    return status;
}
