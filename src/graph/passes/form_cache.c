/* TensorScatter as ScatterElements, for runtimes that are older than it. */
#include <string.h>

#include "graph/passes/form.h"

/* Places along the axis, [batch, 1, …, length, …, 1]: where each batch starts, and on from there. */
static value_id places_of(editor *e, const graph_node *n, const shape *update, int axis) {
    int64_t start_dims[TENSOR_MAX_RANK], step_dims[TENSOR_MAX_RANK];
    for (int d = 0; d < update->rank; d++) {
        start_dims[d] = d == 0 ? update->dims[0] : 1;
        step_dims[d] = d == axis ? update->dims[axis] : 1;
    }
    value_id steps = FORM_VALUE(e, "Range", build_i64(&e->b, 0), build_i64(&e->b, update->dims[axis]),
                                build_i64(&e->b, 1));
    steps = FORM_VALUE(e, "Reshape", steps, build_i64s(&e->b, (size_t)update->rank, step_dims));
    if (input_or_none(n, 2) == VALUE_NONE)
        return steps;
    value_id start =
        FORM_VALUE(e, "Reshape", n->inputs[2], build_i64s(&e->b, (size_t)update->rank, start_dims));
    return update->dims[axis] == 1 ? start : FORM_VALUE(e, "Add", start, steps);
}

accel_status form_tensor_scatter(editor *e, graph_node *n, accel_error *err) {
    /* copies: new values move the table that shapes lie in */
    const shape cache = *shape_of(e->g, n->inputs[0]), update = *shape_of(e->g, n->inputs[1]);
    int axis;
    if (!shape_is_static(&update) || cache.rank != update.rank ||
        !shape_axis(node_attr_int(n, "axis", -2), update.rank, &axis) || axis == 0)
        return form_refuse(e, n, "its shapes are not known", err);
    if (strcmp(node_attr_string(n, "mode", "linear"), "linear") != 0)
        return form_refuse(e, n, "a circular cache has no such form", err);
    value_id past = n->inputs[0], fresh = n->inputs[1], present = n->outputs[0];
    value_id places = places_of(e, n, &update, axis);
    value_id indices = FORM_VALUE(e, "Expand", places, build_i64s(&e->b, (size_t)update.rank, update.dims));
    retire(n);
    form_into(e, false, "ScatterElements", 3, (value_id[]){past, indices, fresh}, 1, &BUILD_INT("axis", axis),
              present);
    return ACCEL_OK;
}
