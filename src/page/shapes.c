/* The shapes and contents of inputs, as the page gives them as JSON and in this memory. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "graph/infer.h"
#include "page/page.h"
#include "page/state.h"

enum { JSON_MAX_BYTES = 1 << 20 };

void page_drop_inputs(void) {
    page_drop_session();
    for (size_t i = 0; page.inputs != NULL && i < page.model.graph->input_count; i++) {
        tensor_free(&page.inputs[i]);
    }
    mem_free(page.inputs);
    page.inputs = NULL;
}

static graph_value *input_value(size_t i) {
    return &page.model.graph->values[page.model.graph->inputs[i]];
}

/* Zeros, of the shapes that the graph's inputs have. */
static accel_status make_zeros(accel_error *err) {
    const size_t count = page.model.graph->input_count;
    page.inputs = mem_calloc(count + 1, sizeof *page.inputs);
    if (page.inputs == NULL) {
        return error_no_memory(err, "the inputs", count * sizeof *page.inputs);
    }
    for (size_t i = 0; i < count; i++) {
        const graph_value *v = input_value(i);
        if (tensor_create(v->type.type, &v->type.shape, &page.inputs[i], err) != ACCEL_OK) {
            return error_prefix(err, ACCEL_OUT_OF_MEMORY, "input '%s'", v->name);
        }
    }
    return ACCEL_OK;
}

/* For page.inputs, whose shapes the graph has. */
static accel_status prepare(accel_error *err) {
    const uint64_t start = clock_now_ns();
    accel_status status = graph_infer(page.model.graph, err);
    if (status == ACCEL_OK) {
        status = page_make_session(err);
    }
    page.prepared_ms = (double)(clock_now_ns() - start) * 1e-6;
    if (status != ACCEL_OK) {
        page_drop_inputs();
    }
    return status;
}

double page_prepared_ms(void) {
    return page.prepared_ms;
}

/* ---- shapes from JSON ---------------------------------------------------------------------------------------------------- */

static accel_status read_shape(yyjson_val *dims, const char *name, shape *out, accel_error *err) {
    const size_t rank = yyjson_arr_size(dims);
    bool good = yyjson_is_arr(dims) && rank <= TENSOR_MAX_RANK;
    *out = (shape){.rank = (int)rank};
    for (size_t d = 0; good && d < rank; d++) {
        yyjson_val *dim = yyjson_arr_get(dims, d);
        good = yyjson_is_uint(dim) && yyjson_get_uint(dim) <= INT64_MAX;
        out->dims[d] = yyjson_get_sint(dim);
    }
    return good ? ACCEL_OK
                : error_set(err, ACCEL_INVALID_ARGUMENT,
                            "the dims of '%s' must be at most %d whole numbers, none below 0", name,
                            TENSOR_MAX_RANK);
}

static accel_status take_dims(yyjson_val *dims, accel_error *err) {
    yyjson_obj_iter it = yyjson_obj_iter_with(dims);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        const char *name = json_text(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (name == NULL || !yyjson_is_uint(value) || yyjson_get_uint(value) > INT64_MAX) {
            return error_set(err, ACCEL_INVALID_ARGUMENT, "dimension '%s' must be a whole number",
                             name ? name : "");
        }
        ACCEL_TRY(graph_bind_dim(page.model.graph, name, yyjson_get_sint(value), err));
    }
    return ACCEL_OK;
}

static accel_status take_shapes(yyjson_val *shapes, accel_error *err) {
    yyjson_obj_iter it = yyjson_obj_iter_with(shapes);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        const char *name = json_text(key) ? json_text(key) : "";
        shape s;
        ACCEL_TRY(read_shape(yyjson_obj_iter_get_val(key), name, &s, err));
        ACCEL_TRY(graph_bind_input(page.model.graph, name, &s, err));
    }
    return ACCEL_OK;
}

static bool all_static(void) {
    bool known = true;
    for (size_t i = 0; i < page.model.graph->input_count; i++) {
        const value_type *t = &input_value(i)->type;
        known = known && t->container == CONTAINER_TENSOR && shape_is_static(&t->shape);
    }
    return known;
}

static accel_status shapes_from(yyjson_val *root, accel_error *err) {
    ACCEL_TRY(page_need_model(err));
    ACCEL_TRY(take_dims(yyjson_obj_get(root, "dims"), err));
    ACCEL_TRY(take_shapes(yyjson_obj_get(root, "shapes"), err));
    page_drop_inputs();
    if (!all_static()) {
        return graph_infer(page.model.graph, err);
    }
    ACCEL_TRY(make_zeros(err));
    return prepare(err);
}

/* ---- inputs ------------------------------------------------------------------------------------------------------------- */

static accel_status read_feed(yyjson_val *given, const char **name, tensor *value, accel_error *err) {
    const char *type = json_text(yyjson_obj_get(given, "type"));
    *name = json_text(yyjson_obj_get(given, "name"));
    if (*name == NULL || type == NULL) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "an input has no name or no type");
    }
    *value = (tensor){.type = dtype_from_name(type),
                      .data = (void *)(uintptr_t)yyjson_get_uint(yyjson_obj_get(given, "at"))};
    ACCEL_TRY(read_shape(yyjson_obj_get(given, "dims"), *name, &value->shape, err));
    return tensor_size_bytes(value->type, &value->shape, *name, &value->size_bytes, err);
}

accel_status page_read_feeds(yyjson_val *list, arena *a, page_feeds *out, accel_error *err) {
    const size_t count = yyjson_arr_size(list);
    out->names = ARENA_ARRAY(a, const char *, count);
    out->values = ARENA_ARRAY(a, tensor, count);
    if (out->names == NULL || out->values == NULL) {
        return error_no_memory(err, "the inputs", count * sizeof(tensor));
    }
    for (; out->count < count; out->count++) {
        ACCEL_TRY(read_feed(yyjson_arr_get(list, out->count), &out->names[out->count],
                            &out->values[out->count], err));
    }
    return ACCEL_OK;
}

static const tensor *find_feed(const page_feeds *f, const char *name) {
    for (size_t i = 0; i < f->count; i++) {
        if (str_equal(f->names[i], name)) {
            return &f->values[i];
        }
    }
    return NULL;
}

/* Whether each input of the graph is given, and only these. */
static bool gives_all(const page_feeds *f) {
    size_t found = 0;
    for (size_t i = 0; i < page.model.graph->input_count; i++) {
        found += find_feed(f, input_value(i)->name) != NULL;
    }
    return found == page.model.graph->input_count && found == f->count;
}

/* Tensors of our own for all inputs of the graph. */
static accel_status copy_feeds(const page_feeds *f, zoo_inputs *out, accel_error *err) {
    out->count = page.model.graph->input_count;
    out->tensors = mem_calloc(out->count + 1, sizeof *out->tensors);
    if (out->tensors == NULL) {
        return error_no_memory(err, "the inputs", out->count * sizeof *out->tensors);
    }
    for (size_t i = 0; i < out->count; i++) {
        const graph_value *v = input_value(i);
        const tensor *given = find_feed(f, v->name);
        if (v->type.container != CONTAINER_TENSOR) {
            return error_set(err, ACCEL_UNSUPPORTED,
                             "input '%s' is a sequence or an optional: a page can give tensors only",
                             v->name);
        }
        if (given->type != v->type.type) {
            return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' is %s; the model takes %s", v->name,
                             dtype_name(given->type), dtype_name(v->type.type));
        }
        ACCEL_TRY(tensor_create(given->type, &given->shape, &out->tensors[i], err));
        memcpy(out->tensors[i].data, given->data, given->size_bytes);
    }
    return ACCEL_OK;
}

static bool shapes_are_bound(const zoo_inputs *made) {
    bool same = page.inputs != NULL;
    for (size_t i = 0; i < made->count && same; i++) {
        same = shape_equal(&made->tensors[i].shape, &page.inputs[i].shape);
    }
    return same;
}

/* Takes the tensors over. */
static accel_status use_inputs(zoo_inputs *made, accel_error *err) {
    if (shapes_are_bound(made)) {
        for (size_t i = 0; i < made->count; i++) {
            memcpy(page.inputs[i].data, made->tensors[i].data, made->tensors[i].size_bytes);
        }
        return ACCEL_OK;
    }
    page_drop_inputs();
    for (size_t i = 0; i < made->count; i++) {
        ACCEL_TRY(graph_bind_input(page.model.graph, input_value(i)->name, &made->tensors[i].shape, err));
    }
    page.inputs = made->tensors;
    made->tensors = NULL;
    made->count = 0;
    return prepare(err);
}

static accel_status bind_from(yyjson_val *root, accel_error *err) {
    const zoo_input_options unseeded = {.unseeded = true};
    page_feeds f = {0};
    zoo_inputs made = {0};
    ACCEL_TRY(page_need_model(err));
    arena *a = arena_create();
    accel_status status = a ? page_read_feeds(root, a, &f, err) : error_no_memory(err, "the inputs", 0);
    if (status == ACCEL_OK) {
        status = gives_all(&f)
                     ? copy_feeds(&f, &made, err)
                     : zoo_complete_inputs(&page.model, &unseeded, f.names, f.values, f.count, &made, err);
    }
    if (status == ACCEL_OK) {
        status = use_inputs(&made, err);
    }
    zoo_inputs_free(&made);
    arena_destroy(a);
    return status;
}

accel_status page_seed(int batch, int sequence, double seed) {
    const zoo_input_options options = {.batch = batch, .sequence = sequence, .seed = (uint64_t)seed};
    zoo_inputs made = {0};
    ACCEL_TRY(page_need_model(&page.error));
    accel_status status = zoo_make_inputs(&page.model, &options, &made, &page.error);
    if (status == ACCEL_OK) {
        status = use_inputs(&made, &page.error);
    }
    zoo_inputs_free(&made);
    return status;
}

accel_status page_with_json(const char *json, size_t length, const char *what,
                            accel_status (*use)(yyjson_val *root, accel_error *err)) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, JSON_MAX_BYTES, what, &doc, &page.error));
    accel_status status = use(yyjson_doc_get_root(doc), &page.error);
    yyjson_doc_free(doc);
    return status;
}

accel_status page_shapes(const char *json, size_t length) {
    return page_with_json(json, length, "the list of shapes", shapes_from);
}

accel_status page_bind(const char *json, size_t length) {
    return page_with_json(json, length, "the list of inputs", bind_from);
}

/* ---- tensors as the page is told of them ------------------------------------------------------------------------------------ */

void page_append_tensors(str_buf *out, const value_id *ids, const tensor *tensors, size_t count) {
    str_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        char dims[256];
        str_append(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        json_append_text(out, page.model.graph->values[ids[i]].name);
        str_appendf(out, ",\"type\":\"%s\",\"dims\":%s,\"at\":%llu,\"bytes\":%llu}",
                    dtype_name(tensors[i].type), shape_text(&tensors[i].shape, dims, sizeof dims),
                    (unsigned long long)(uintptr_t)tensors[i].data,
                    (unsigned long long)tensors[i].size_bytes);
    }
    str_append_char(out, ']');
}
