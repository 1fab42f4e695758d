/* How outputs come back from a page. */
#include <string.h>

#include "base/mem.h"
#include "engines/browser/session.h"

static const size_t MOST_OPEN_OUTPUT_BYTES = (size_t)1
                                             << 30; /* of an output whose shape only the run tells */

static const graph_value *output_value(const graph *g, size_t index) {
    return &g->values[g->outputs[index]];
}

accel_status page_expect_outputs(engine_session *s, const graph *g, str_buf *put, accel_error *err) {
    size_t count = g->output_count, *most = mem_calloc(count + 1, sizeof *most);
    if (most == NULL)
        return error_no_memory(err, "outputs", count * sizeof *most);
    for (size_t i = 0; i < count; i++) {
        const graph_value *v = output_value(g, i);
        if (!shape_is_static(&v->type.shape) ||
            tensor_size_bytes(v->type.type, &v->type.shape, v->name, &most[i], NULL) != ACCEL_OK)
            most[i] = MOST_OPEN_OUTPUT_BYTES;
    }
    accel_status status = tab_expect(s->tab, count, most, put, err);
    mem_free(most);
    return status;
}

static accel_status take_output(engine_session *s, const graph *g, size_t index, yyjson_val *described,
                                accel_error *err) {
    const graph_value *v = output_value(g, index);
    tensor *t = &s->outputs[index];
    yyjson_val *dims = yyjson_obj_get(described, "dims"), *dim;
    const char *type = yyjson_get_str(yyjson_obj_get(described, "type"));
    size_t length = 0, size = 0, i, n;
    const void *bytes = tab_delivered(s->tab, index, &length);
    *t = (tensor){.type = type != NULL ? dtype_from_name(type) : DTYPE_UNDEFINED};
    if (bytes == NULL || !yyjson_is_arr(dims) || yyjson_arr_size(dims) > TENSOR_MAX_RANK ||
        t->type != v->type.type)
        return error_set(err, ACCEL_RUNTIME, "the page did not deliver output '%s'", v->name);
    t->shape.rank = (int)yyjson_arr_size(dims);
    yyjson_arr_foreach(dims, i, n, dim) t->shape.dims[i] = yyjson_get_sint(dim);
    ACCEL_TRY(tensor_size_bytes(t->type, &t->shape, v->name, &size, err));
    if (size != length)
        return error_set(err, ACCEL_RUNTIME, "output '%s' came with %zu bytes; its dims ask for %zu", v->name,
                         length, size);
    t->data = (void *)(uintptr_t)bytes; /* a view that nobody writes to */
    t->size_bytes = size;
    return ACCEL_OK;
}

accel_status page_take_outputs(engine_session *s, const graph *g, yyjson_val *result, accel_error *err) {
    yyjson_val *list = yyjson_obj_get(result, "outputs");
    mem_free(s->outputs);
    s->outputs = mem_calloc(g->output_count + 1, sizeof *s->outputs);
    if (s->outputs == NULL)
        return error_no_memory(err, "outputs", g->output_count * sizeof *s->outputs);
    for (size_t i = 0; i < g->output_count; i++)
        ACCEL_TRY(take_output(s, g, i, yyjson_arr_get(list, i), err));
    return ACCEL_OK;
}
