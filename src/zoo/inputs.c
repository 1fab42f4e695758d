/* Contents for a model's inputs, from what the model says about them. */
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "graph/infer.h"
#include "zoo/class.h"
#include "zoo/dims.h"

/* ---- token ids ---------------------------------------------------------------------------------------- */

/* Rows of the table that a value indexes, straight or through nodes that pass it on; 0 when none is found. */
static int64_t indexed_rows(const graph *g, value_id v, int depth) {
    static const char *const passing[] = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", NULL};
    for (size_t i = 0; depth < 4 && i < g->node_count; i++) {
        const graph_node *n = g->nodes[i];
        if (n->input_count > 1 && n->inputs[1] == v && strcmp(n->op_type, "Gather") == 0) {
            const shape *table = &g->values[n->inputs[0]].type.shape;
            int axis;
            if (n->inputs[0] != VALUE_NONE && shape_axis(node_attr_int(n, "axis", 0), table->rank, &axis) &&
                table->dims[axis] > 0)
                return table->dims[axis];
        }
        if (n->input_count == 0 || n->output_count == 0 || n->inputs[0] != v)
            continue;
        for (const char *const *op = passing; *op; op++) {
            int64_t rows = strcmp(n->op_type, *op) == 0 ? indexed_rows(g, n->outputs[0], depth + 1) : 0;
            if (rows > 0)
                return rows;
        }
    }
    return 0;
}

static int64_t token_limit(const zoo_model *m, value_id input) {
    int64_t rows = indexed_rows(m->graph, input, 0);
    return rows > 0 ? rows : m->vocabulary;
}

enum { SAMPLE_RATE = 16000 }; /* what models of speech take most */

/* ---- filling ------------------------------------------------------------------------------------------ */

static void fill_constant(tensor *t, size_t count, int64_t value) {
    for (size_t i = 0; i < count; i++)
        dtype_set_i64(t->type, t->data, i, value);
}

/* 0, 1, 2… along the last axis. */
static void fill_positions(tensor *t, size_t count) {
    size_t length = t->shape.rank > 0 ? (size_t)t->shape.dims[t->shape.rank - 1] : 1;
    for (size_t i = 0; i < count; i++)
        dtype_set_i64(t->type, t->data, i, (int64_t)(i % length));
}

static void fill_tokens(tensor *t, size_t count, rng *r, int64_t limit) {
    for (size_t i = 0; i < count; i++)
        dtype_set_i64(t->type, t->data, i, (int64_t)rng_below(r, (uint64_t)limit));
}

static void fill_uniform(tensor *t, size_t count, rng *r) {
    if (t->type == DTYPE_F32) {
        rng_fill_uniform_f32(r, t->data, count, 0, 1);
        return;
    }
    for (size_t i = 0; i < count; i++)
        dtype_set_f64(t->type, t->data, i, (double)rng_f32(r));
}

static bool is_sample_rate(const char *name) {
    return str_equal(name, "sr") || zoo_contains(name, "sample_rate") || zoo_contains(name, "sampling_rate");
}

/* What an input that nobody gives is filled with. */
typedef enum filling {
    FILL_ZEROS,
    FILL_ONES,
    FILL_SAMPLE_RATE,
    FILL_POSITIONS,
    FILL_UNIFORM,
    FILL_TOKENS
} filling;

static filling filling_of(const zoo_model *m, value_id input) {
    const graph_value *v = &m->graph->values[input];
    const char *name = v->name;
    if (zoo_contains(name, "is_longer")) /* than what fits: CLAP's sounds are not */
        return FILL_ZEROS;
    if (zoo_contains(name, "mask") || v->type.type == DTYPE_BOOL)
        return FILL_ONES;
    if (!dtype_is_integer(v->type.type))
        return FILL_UNIFORM;
    if (is_sample_rate(name))
        return FILL_SAMPLE_RATE;
    if (zoo_contains(name, "position"))
        return FILL_POSITIONS;
    if (zoo_contains(name, "type") || zoo_contains(name, "segment"))
        return FILL_ZEROS;
    return token_limit(m, input) > 0 ? FILL_TOKENS : FILL_ZEROS;
}

static void fill(const zoo_model *m, value_id input, uint64_t seed, tensor *t, size_t count) {
    rng r;
    rng_seed_name(&r, seed, m->graph->values[input].name);
    switch (filling_of(m, input)) {
    case FILL_ZEROS: /* as made */
        break;
    case FILL_ONES:
        fill_constant(t, count, 1);
        break;
    case FILL_SAMPLE_RATE:
        fill_constant(t, count, SAMPLE_RATE);
        break;
    case FILL_POSITIONS:
        fill_positions(t, count);
        break;
    case FILL_UNIFORM:
        fill_uniform(t, count, &r);
        break;
    case FILL_TOKENS:
        fill_tokens(t, count, &r, token_limit(m, input));
        break;
    }
}

/* Whether the filling is what this input's absence means to the transformers package. */
static bool may_be_left_out(const zoo_model *m, value_id input) {
    const char *name = m->graph->values[input].name;
    return m->class && (zoo_contains(name, "mask") || zoo_contains(name, "type") ||
                        str_equal(name, ZOO_DRAW) || filling_of(m, input) == FILL_POSITIONS);
}

static accel_status make_input(const zoo_model *m, size_t index, const shape *s, uint64_t seed, tensor *out,
                               accel_error *err) {
    value_id id = m->graph->inputs[index];
    const graph_value *v = &m->graph->values[id];
    int64_t count;
    if (dtype_bits(v->type.type) == 0 || v->type.type == DTYPE_C64 || v->type.type == DTYPE_C128)
        return error_set(err, ACCEL_UNSUPPORTED, "input '%s' is %s; no contents can be made for it", v->name,
                         dtype_name(v->type.type));
    accel_status status = tensor_create(v->type.type, s, out, err);
    if (status != ACCEL_OK)
        return error_prefix(err, status, "input '%s'", v->name);
    if (shape_elements(s, &count))
        fill(m, id, seed, out, (size_t)count);
    return ACCEL_OK;
}

/* ---- inputs that are given ---------------------------------------------------------------------------- */

static accel_status check_given(const graph_value *v, const value_type *declared, const tensor *t,
                                accel_error *err) {
    char have[128], want[128];
    bool fits = t->type == declared->type &&
                (declared->shape.rank == RANK_UNKNOWN || declared->shape.rank == t->shape.rank);
    for (int axis = 0; fits && axis < declared->shape.rank; axis++)
        fits = declared->shape.dims[axis] == DIM_UNKNOWN || declared->shape.dims[axis] == t->shape.dims[axis];
    if (fits)
        return ACCEL_OK;
    return error_set(err, ACCEL_INVALID_ARGUMENT, "input '%s' is given as %s %s; the model takes %s %s",
                     v->name, dtype_name(t->type), shape_text(&t->shape, have, sizeof have),
                     dtype_name(declared->type), shape_text(&declared->shape, want, sizeof want));
}

/* A class means one value by one name; exporters of files are less careful. */
static accel_status note_dim(const zoo_model *m, const char *input, zoo_dim dim, zoo_dim *dims, size_t *count,
                             accel_error *err) {
    for (size_t i = 0; m->class && i < *count; i++)
        if (str_equal(dims[i].name, dim.name) && dims[i].value != dim.value)
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "input '%s' has %lld for '%s', and another input has %lld", input,
                             (long long)dim.value, dim.name, (long long)dims[i].value);
    dims[(*count)++] = dim;
    return ACCEL_OK;
}

/* What is given says what its symbolic dims are, for the inputs that are not. */
static accel_status note_dims(const zoo_model *m, const zoo_given_list *given, zoo_dim *dims, size_t *count,
                              accel_error *err) {
    const graph *g = m->graph;
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        const value_type *declared = graph_declared_type(g, g->inputs[i]);
        const tensor *t = zoo_given_find(given, v->name);
        if (!t)
            continue;
        ACCEL_TRY(check_given(v, declared, t, err));
        for (int axis = 0; axis < t->shape.rank; axis++)
            if (declared->shape.rank != RANK_UNKNOWN && declared->shape.dims[axis] == DIM_UNKNOWN &&
                v->dim_names[axis])
                ACCEL_TRY(note_dim(m, v->name, (zoo_dim){v->dim_names[axis], t->shape.dims[axis]}, dims,
                                   count, err));
    }
    return ACCEL_OK;
}

/* ---- the public functions ----------------------------------------------------------------------------- */

accel_status zoo_input_shapes(const zoo_model *m, const zoo_input_options *options, shape *shapes,
                              accel_error *err) {
    zoo_inputs made;
    if (!m->class || !m->class->sample) {
        zoo_shapes s = {.shapes = shapes};
        accel_status status = zoo_resolve_shapes(m, options, &s, err);
        str_free(&s.assumed);
        return status;
    }
    ACCEL_TRY(zoo_make_inputs(m, options, &made, err)); /* the class alone knows its shapes */
    for (size_t i = 0; i < made.count; i++)
        shapes[i] = made.tensors[i].shape;
    zoo_inputs_free(&made);
    return ACCEL_OK;
}

static bool take(zoo_given_list *given, const char *name, tensor *out) {
    for (size_t i = 0; i < given->count; i++)
        if (given->items[i].owned && str_equal(given->items[i].name, name)) {
            *out = given->items[i].value;
            given->items[i].owned = false;
            return true;
        }
    return false;
}

/* In DECODE the seeded token is the last that the cache has room for. */
static void place_last(const zoo_model *m, const zoo_given_list *given, zoo_inputs *out) {
    static const char *const places[] = {"write_indices", "position_ids"};
    for (size_t i = 0; m->mode == ZOO_DECODE && i < out->count; i++)
        for (size_t k = 0; k < 2; k++) {
            tensor *t = &out->tensors[i];
            if (str_equal(out->names[i], places[k]) && !zoo_given_find(given, places[k]))
                fill_constant(t, t->size_bytes / sizeof(int64_t), out->sequence);
        }
}

static accel_status fill_all(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                             const zoo_shapes *s, zoo_inputs *out, accel_error *err) {
    for (size_t i = 0; i < out->count; i++) {
        out->names[i] = m->graph->values[m->graph->inputs[i]].name;
        if (take(given, out->names[i], &out->tensors[i]))
            continue;
        if (options->unseeded && !may_be_left_out(m, m->graph->inputs[i]))
            return error_set(err, ACCEL_INVALID_ARGUMENT, "the model's input '%s' is missing", out->names[i]);
        ACCEL_TRY(make_input(m, i, &s->shapes[i], options->seed, &out->tensors[i], err));
    }
    size_t length = s->assumed.length + 1;
    out->batch = s->batch;
    out->sequence = s->sequence;
    out->assumed = mem_alloc(length);
    if (!out->assumed)
        return error_no_memory(err, "a model's inputs", length);
    memcpy(out->assumed, str_text(&s->assumed), length);
    place_last(m, given, out);
    return ACCEL_OK;
}

/* options->dims with what the given inputs say before them: the words of one call, in memory of its own. */
static accel_status complete(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                             zoo_inputs *out, accel_error *err) {
    zoo_input_options all = *options;
    size_t count = 0, room = m->graph->input_count * TENSOR_MAX_RANK + options->dim_count;
    zoo_dim *dims = mem_calloc(room + 1, sizeof *dims);
    zoo_shapes s = {.shapes = mem_calloc(out->count + 1, sizeof(shape))};
    accel_status status =
        dims && s.shapes ? ACCEL_OK : error_no_memory(err, "a model's inputs", room * sizeof *dims);
    if (status == ACCEL_OK && m->class && m->class->derive)
        status = m->class->derive(m, given, err);
    if (status == ACCEL_OK)
        status = note_dims(m, given, dims, &count, err);
    if (status == ACCEL_OK) {
        if (options->dim_count > 0)
            memcpy(dims + count, options->dims, options->dim_count * sizeof *dims);
        all.dims = dims;
        all.dim_count = count + options->dim_count;
        if (count > 0)
            all.batch = all.sequence = 0; /* what is given says */
        status = zoo_resolve_shapes(m, &all, &s, err);
    }
    if (status == ACCEL_OK)
        status = fill_all(m, options, given, &s, out, err);
    mem_free(dims);
    mem_free(s.shapes);
    str_free(&s.assumed);
    return status;
}

static accel_status make(const zoo_model *m, const zoo_input_options *options, zoo_given_list *given,
                         zoo_inputs *out, accel_error *err) {
    static const zoo_input_options defaults = {0};
    size_t count = m->graph->input_count;
    zoo_inputs made = {.count = count,
                       .tensors = mem_calloc(count + 1, sizeof(tensor)),
                       .names = mem_calloc(count + 1, sizeof(char *))};
    options = options ? options : &defaults;
    accel_status status = made.tensors && made.names
                              ? complete(m, options, given, &made, err)
                              : error_no_memory(err, "a model's inputs", count * sizeof(tensor));
    zoo_given_free(given);
    if (status != ACCEL_OK) {
        if (!made.tensors)
            made.count = 0;
        zoo_inputs_free(&made);
        return status;
    }
    *out = made;
    return ACCEL_OK;
}

accel_status zoo_make_inputs(const zoo_model *m, const zoo_input_options *options, zoo_inputs *out,
                             accel_error *err) {
    static const zoo_input_options defaults = {0};
    zoo_given_list given = {0};
    accel_status status = m->class && m->class->sample
                              ? m->class->sample(m, options ? options : &defaults, &given, err)
                              : ACCEL_OK;
    if (status == ACCEL_OK)
        return make(m, options, &given, out, err);
    zoo_given_free(&given);
    return status;
}

accel_status zoo_complete_inputs(const zoo_model *m, const zoo_input_options *options,
                                 const char *const *names, const tensor *values, size_t count,
                                 zoo_inputs *out, accel_error *err) {
    zoo_given_list given = {0};
    accel_status status = ACCEL_OK;
    if (count == 0 && !(options && options->unseeded))
        return zoo_make_inputs(m, options, out, err);
    for (size_t i = 0; i < count && status == ACCEL_OK; i++) {
        tensor *copy;
        status = zoo_given_add(&given, names[i], values[i].type, values[i].shape.rank, values[i].shape.dims,
                               &copy, err);
        if (status == ACCEL_OK && values[i].size_bytes > 0)
            memcpy(copy->data, values[i].data, values[i].size_bytes);
    }
    if (status == ACCEL_OK &&
        !(m->class && m->class->derive)) /* which may take names of its own, and looks itself */
        status = zoo_given_known(m, &given, NULL, err);
    if (status == ACCEL_OK)
        return make(m, options, &given, out, err);
    zoo_given_free(&given);
    return status;
}

accel_status zoo_image_tokens(const zoo_model *m, const char *const *names, const tensor *values,
                              size_t count, size_t images, int64_t *token, int64_t *counts,
                              accel_error *err) {
    *token = -1;
    if (!m->class || !m->class->placeholders)
        return ACCEL_OK;
    zoo_given *items = mem_calloc(count + 1, sizeof *items);
    if (!items)
        return error_no_memory(err, "a model's inputs", count * sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = (zoo_given){.name = names[i], .value = values[i]};
    zoo_given_list given = {.items = items, .count = count};
    accel_status status = m->class->placeholders(m, &given, images, token, counts, err);
    mem_free(items);
    return status;
}

void zoo_inputs_free(zoo_inputs *i) {
    for (size_t k = 0; k < i->count; k++)
        tensor_free(&i->tensors[k]);
    mem_free(i->tensors);
    mem_free((void *)(uintptr_t)i->names);
    mem_free(i->assumed);
    *i = (zoo_inputs){0};
}

/* A model that fails at these shapes may well run at others: which ones were chosen for the user, and how to choose. */
static accel_status name_chosen_shapes(const zoo_model *m, const zoo_inputs *inputs, accel_status status,
                                       accel_error *err) {
    str_buf chosen = {0};
    char text[160], example[160] = "";
    if (err == NULL || status == ACCEL_OUT_OF_MEMORY)
        return status;
    for (size_t i = 0; i < inputs->count; i++) {
        const shape *declared = &graph_declared_type(m->graph, m->graph->inputs[i])->shape;
        const shape *s = &inputs->tensors[i].shape;
        for (int axis = declared->rank - 1; axis >= 0 && example[0] == 0; axis--)
            if (declared->dims[axis] == DIM_UNKNOWN)
                str_format(example, sizeof example, "%s:%d", inputs->names[i], axis);
        if (!shape_is_static(declared))
            str_appendf(&chosen, "%s'%s' %s", chosen.length ? ", " : "", inputs->names[i],
                        shape_text(s, text, sizeof text));
    }
    accel_error reason = *err;
    if (chosen.length > 0)
        error_set(err, status, "%s, with %s; --batch, --seq and --dim %s=N choose other shapes",
                  reason.message, str_text(&chosen), example);
    str_free(&chosen);
    return status;
}

accel_status zoo_bind(zoo_model *m, const zoo_inputs *inputs, accel_error *err) {
    for (size_t i = 0; i < inputs->count; i++)
        ACCEL_TRY(graph_bind_input(m->graph, inputs->names[i], &inputs->tensors[i].shape, err));
    accel_status status = graph_infer(m->graph, err);
    return status == ACCEL_OK ? status : name_chosen_shapes(m, inputs, status, err);
}
