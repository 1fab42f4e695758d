#include "engines/vendor.h"

#include <string.h>

#include "base/file.h"
#include "base/thread.h"
#include "graph/cost.h"

static bool shape_fits(const shape *declared, const shape *given) {
    if (declared->rank == RANK_UNKNOWN) {
        return true;
    }
    if (declared->rank != given->rank) {
        return false;
    }
    for (int i = 0; i < given->rank; i++) {
        if (declared->dims[i] != DIM_UNKNOWN && declared->dims[i] != given->dims[i]) {
            return false;
        }
    }
    return true;
}

accel_status vendor_check_inputs(const graph *g, const tensor *inputs, size_t count, accel_error *err) {
    if (count != g->input_count) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "the model has %zu inputs, %zu were given",
                         g->input_count, count);
    }
    for (size_t i = 0; i < count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        char declared[128], given[128];
        if (inputs[i].type != v->type.type) {
            return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' is %s, %s was given", v->name,
                             dtype_name(v->type.type), dtype_name(inputs[i].type));
        }
        if (!shape_is_static(&inputs[i].shape) || !shape_fits(&v->type.shape, &inputs[i].shape)) {
            return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' has the shape %s, %s was given",
                             v->name, shape_text(&v->type.shape, declared, sizeof declared),
                             shape_text(&inputs[i].shape, given, sizeof given));
        }
    }
    return ACCEL_OK;
}

static size_t readers(const graph *g, value_id v) {
    size_t count = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        for (size_t k = 0; k < g->nodes[i]->input_count; k++) {
            count += g->nodes[i]->inputs[k] == v;
        }
    }
    return count;
}

size_t vendor_cache_input(const graph *g, size_t index) {
    const graph_value *present = &g->values[g->outputs[index]];
    const graph_node *n = present->origin == VALUE_NODE ? g->nodes[present->producer] : NULL;
    if (!n || strcmp(n->op_type, "TensorScatter") != 0) {
        return g->input_count;
    }
    value_id past = n->inputs[0];
    for (size_t k = 0; k < g->input_count; k++) {
        if (g->inputs[k] == past && g->values[past].updated && readers(g, past) == 1) {
            return k;
        }
    }
    return g->input_count;
}

static accel_status check_value(const graph_value *v, const char *what, const char *runtime,
                                accel_error *err) {
    if (v->type.container != CONTAINER_TENSOR || v->type.type == DTYPE_STRING) {
        return error_set(
            err, ACCEL_UNSUPPORTED, "%s '%s' is %s; accel gives %s tensors of numbers only", what, v->name,
            v->type.container == CONTAINER_TENSOR ? "a tensor of strings" : "a sequence or optional",
            runtime);
    }
    return ACCEL_OK;
}

accel_status vendor_check_values(const graph *g, const char *runtime, accel_error *err) {
    for (size_t i = 0; i < g->input_count; i++) {
        ACCEL_TRY(check_value(&g->values[g->inputs[i]], "input", runtime, err));
    }
    for (size_t i = 0; i < g->output_count; i++) {
        ACCEL_TRY(check_value(&g->values[g->outputs[i]], "output", runtime, err));
    }
    return ACCEL_OK;
}

accel_status vendor_check_file(const engine_model *model, const char *runtime, accel_error *err) {
    if (!model->onnx_path) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "%s reads a file, and none was given", runtime);
    }
    if (!file_exists(model->onnx_path) || file_is_folder(model->onnx_path)) {
        return error_set(err, ACCEL_NOT_FOUND, "the model %s is no file", model->onnx_path);
    }
    return ACCEL_OK;
}

int vendor_threads(const engine_options *options) {
    return options->threads > 0 ? options->threads : thread_cpu_count();
}

static bool names_node(const graph *g, const graph_node *n, const char *name) {
    if (n->name[0]) {
        return str_equal(n->name, name);
    }
    return n->output_count > 0 && n->outputs[0] != VALUE_NONE &&
           str_equal(g->values[n->outputs[0]].name, name);
}

/* Runtimes name what they made of several nodes after one of them: the cost is that node's only when the work is of its kind ("Conv" as
 * "FusedConv" or "Convolution"). */
static bool does_work_of(const char *row_op, const char *node_op) {
    bool product = str_equal(node_op, "MatMul") || str_equal(node_op, "Gemm");
    return strstr(row_op, node_op) || (product && str_equal(row_op, "FullyConnected"));
}

void vendor_profile_cost(const graph *g, engine_profile_row *row) {
    op_cost cost;
    for (size_t i = 0; i < g->node_count; i++) {
        if (names_node(g, g->nodes[i], row->node) && does_work_of(row->op_type, g->nodes[i]->op_type) &&
            graph_node_cost(g, g->nodes[i], &cost)) {
            row->flops = cost.flops;
            row->bytes = cost.bytes_read + cost.bytes_written;
            return;
        }
    }
}
