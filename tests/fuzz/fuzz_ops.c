/* One node of any operator of the table, with any inputs and attributes, is refused or evaluated: never a read or write
 * outside its tensors. The bytes are a stream of choices. */
#include "fuzz/choices.h"
#include "graph/evaluate.h"
#include "graph/infer.h"

static size_t choose_inputs(choices *c, graph *g, const op_def *op, tensor *tensors, value_id *ids) {
    size_t most = op->max_inputs < MOST_INPUTS ? op->max_inputs : MOST_INPUTS;
    size_t least = op->min_inputs < most ? op->min_inputs : most,
           count = least + choose(c, (unsigned)(most - least) + 1), made = 0;
    shape like = {.rank = 2, .dims = {2, 3}};
    dtype common = choose_type(c);
    for (size_t i = 0; i < count; i++) {
        ids[i] = VALUE_NONE;
        if (i >= op->min_inputs && choose(c, 4) == 0)
            continue;
        dtype type = choose(c, 3) != 0 ? common : choose_type(c);
        shape s = choose_shape(c, &like);
        if (tensor_create(type, &s, &tensors[made], NULL) != ACCEL_OK)
            continue;
        fill(c, &tensors[made]);
        if (choose(c, 2) == 0) { /* known while shapes are inferred */
            if (graph_add_constant(g, NULL, type, &s, tensors[made].data, &ids[i], NULL) != ACCEL_OK)
                ids[i] = VALUE_NONE;
            tensor_free(&tensors[made]);
        } else if (graph_add_input(g, NULL, type, &s, &ids[i], NULL) == ACCEL_OK) {
            made++;
        } else {
            tensor_free(&tensors[made]);
        }
        like = s;
    }
    return count;
}

static accel_status build(choices *c, graph *g, tensor *tensors) {
    const op_def *op = op_at(choose(c, 256) * 256 % op_count());
    op = op_at((op_index(op) + choose(c, 256)) % op_count());
    value_id ids[MOST_INPUTS];
    graph_attr attrs[32];
    size_t count = choose_inputs(c, g, op, tensors, ids), attr_count = 0;
    size_t outputs = op->min_outputs + (op->max_outputs > op->min_outputs ? choose(c, 3) : 0);
    if (outputs > op->max_outputs)
        outputs = op->max_outputs;
    for (size_t i = 0; i < op->attr_count && i < 32; i++) {
        if (choose_attr(c, g, &op->attrs[i], &attrs[attr_count]))
            attr_count++;
    }
    node_id node;
    ACCEL_TRY(graph_add_node(g, op->domain, op->name, "fuzz", ids, count, NULL, outputs, attrs, attr_count,
                             &node, NULL));
    for (size_t i = 0; i < outputs; i++)
        ACCEL_TRY(graph_add_output(g, g->nodes[node]->outputs[i], NULL));
    return ACCEL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    choices c = {data, data + size};
    tensor tensors[MOST_INPUTS] = {{0}};
    graph *g;
    evaluation *e;
    accel_error err;
    if (graph_create(&g, NULL) != ACCEL_OK)
        return 0;
    evaluate_set_max_tensor_bytes(LARGEST_TENSOR);
    bool fine = build(&c, g, tensors) == ACCEL_OK && graph_check(g, &err) == ACCEL_OK;
    if (fine) {
        (void)graph_infer(g, &err);
        if (graph_evaluate(g, tensors, g->input_count, NULL, &e, &err) == ACCEL_OK)
            evaluation_destroy(e);
    }
    graph_destroy(g);
    for (size_t i = 0; i < MOST_INPUTS; i++)
        tensor_free(&tensors[i]);
    return 0;
}
