#include "zoo/dims.h"

#include <string.h>

#include "zoo/class.h"

enum {
    DEFAULT_SEQUENCE = 128,
    DEFAULT_IMAGE = 224,
    DEFAULT_CHANNELS = 3,
    DEFAULT_SAMPLES = 16000,
    MAX_NAME = 256
};

typedef enum dim_role {
    ROLE_UNKNOWN,
    ROLE_BATCH,
    ROLE_SEQUENCE,
    ROLE_PAST,
    ROLE_HEIGHT,
    ROLE_WIDTH,
    ROLE_CHANNELS,
    ROLE_CAPACITY, /* of a cache of keys and values */
    ROLE_SAMPLES,  /* of sound: a second at 16 kHz */
    ROLE_PATCHES   /* of images: no option tells their number */
} dim_role;

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool zoo_contains(const char *text, const char *word) {
    for (; *text; text++) {
        size_t i = 0;
        while (word[i] && lower(text[i]) == word[i])
            i++;
        if (!word[i])
            return true;
    }
    return word[0] == 0;
}

static bool is_one_of(const char *text, const char *const *words) {
    for (; *words; words++)
        if (str_equal(text, *words))
            return true;
    return false;
}

/* ---- roles -------------------------------------------------------------------------------------------- */

/* By name, as exporters give them. "past_sequence_length + sequence_length" is a sequence, when nothing is
 * past. */
static dim_role role_by_name(const char *name) {
    static const char *const batches[] = {"N", "B", "n", "b", "bs", NULL};
    static const char *const sequences[] = {"S", "T", "L", "s", "l", NULL};
    if (!name)
        return ROLE_UNKNOWN;
    if (zoo_contains(name, "past") && !strchr(name, '+'))
        return ROLE_PAST;
    if (str_equal(name, "capacity"))
        return ROLE_CAPACITY;
    if (zoo_contains(name, "batch") || is_one_of(name, batches))
        return ROLE_BATCH;
    if (zoo_contains(name, "seq") || zoo_contains(name, "length") || zoo_contains(name, "token") ||
        is_one_of(name, sequences))
        return ROLE_SEQUENCE;
    if (zoo_contains(name, "height") || str_equal(name, "H") || str_equal(name, "h"))
        return ROLE_HEIGHT;
    if (zoo_contains(name, "width") || str_equal(name, "W") || str_equal(name, "w"))
        return ROLE_WIDTH;
    if (zoo_contains(name, "sample"))
        return ROLE_SAMPLES;
    if (zoo_contains(name, "patches"))
        return ROLE_PATCHES;
    return zoo_contains(name, "channel") ? ROLE_CHANNELS : ROLE_UNKNOWN;
}

/* [batch, height, width, 1 to 4 colours], as TensorFlow exports images. */
static bool has_channels_last(const shape *s) {
    return s->dims[1] == DIM_UNKNOWN && s->dims[2] == DIM_UNKNOWN && s->dims[3] >= 1 && s->dims[3] <= 4;
}

/* By position, where the name says nothing: [batch, sequence] of integers, [batch, channels, height,
 * width] of floats. */
static dim_role role_by_position(const value_type *t, int axis) {
    static const dim_role image[2][4] = {{ROLE_BATCH, ROLE_CHANNELS, ROLE_HEIGHT, ROLE_WIDTH},
                                         {ROLE_BATCH, ROLE_HEIGHT, ROLE_WIDTH, ROLE_CHANNELS}};
    if (t->shape.rank == 4 && dtype_is_float(t->type))
        return image[has_channels_last(&t->shape)][axis];
    if (axis == 0)
        return ROLE_BATCH;
    return axis == 1 && t->shape.rank == 2 && !dtype_is_float(t->type) ? ROLE_SEQUENCE : ROLE_UNKNOWN;
}

/* A name means the same in all inputs ("s1"): the role that it has where the position tells most, which is in
 * inputs of integers. */
static dim_role role_by_positions(const graph *g, const char *name) {
    dim_role found = ROLE_UNKNOWN;
    for (size_t i = 0; i < g->input_count; i++) {
        const graph_value *v = &g->values[g->inputs[i]];
        const value_type *t = graph_declared_type(g, g->inputs[i]);
        for (int axis = 0; axis < t->shape.rank; axis++) {
            dim_role role = str_equal(v->dim_names[axis], name) ? role_by_position(t, axis) : ROLE_UNKNOWN;
            if (role != ROLE_UNKNOWN && (found == ROLE_UNKNOWN || !dtype_is_float(t->type)))
                found = role;
        }
    }
    return found;
}

static dim_role role_of(const graph *g, const graph_value *v, const value_type *t, int axis) {
    const char *name = v->dim_names[axis];
    dim_role role = role_by_name(name);
    if (role != ROLE_UNKNOWN)
        return role;
    return name ? role_by_positions(g, name) : role_by_position(t, axis);
}

bool zoo_dim_parse(const char *text, arena *a, zoo_dim *out) {
    const char *equals = strrchr(text, '=');
    if (!equals || !str_to_i64(equals + 1, &out->value) || out->value < 0)
        return false;
    out->name = arena_strndup(a, text, (size_t)(equals - text));
    return out->name != NULL;
}

/* ---- values ------------------------------------------------------------------------------------------- */

typedef struct resolver {
    const zoo_model *model;
    const zoo_input_options *options;
    zoo_shapes *out;
    accel_error *err;
} resolver;

static const zoo_dim *given_dim(const resolver *r, const graph_value *v, int axis) {
    char place[MAX_NAME];
    str_format(place, sizeof place, "%s:%d", v->name, axis);
    for (size_t i = 0; i < r->options->dim_count; i++) {
        const zoo_dim *d = &r->options->dims[i];
        if (str_equal(d->name, place) || (v->dim_names[axis] && str_equal(d->name, v->dim_names[axis])))
            return d;
    }
    return NULL;
}

/* Each name is reported once, however many inputs have it. */
static void report(resolver *r, const graph_value *v, int axis, int64_t value) {
    char entry[MAX_NAME];
    if (v->dim_names[axis])
        str_format(entry, sizeof entry, "%s=%lld", v->dim_names[axis], (long long)value);
    else
        str_format(entry, sizeof entry, "%s:%d=%lld", v->name, axis, (long long)value);
    if (strstr(str_text(&r->out->assumed), entry))
        return;
    str_appendf(&r->out->assumed, "%s%s", r->out->assumed.length ? ", " : "", entry);
}

static int64_t image_side(const zoo_class *class, int axis) {
    return class && class->image[axis] > 0 ? class->image[axis] : DEFAULT_IMAGE;
}

/* How many tokens the model has positions for, before the one that a step of DECODE writes; 0: not known. */
static int64_t most_tokens(const zoo_model *m) {
    return m->max_sequence > 1 && m->mode == ZOO_DECODE ? m->max_sequence - 1 : m->max_sequence;
}

static int64_t by_role(resolver *r, const graph_value *v, int axis, dim_role role) {
    const zoo_input_options *o = r->options;
    int64_t longest = most_tokens(r->model), value = 1;
    switch (role) {
    case ROLE_BATCH:
        return o->batch > 0 ? o->batch : 1;
    case ROLE_SEQUENCE:
        if (o->sequence > 0)
            return o->sequence;
        return longest > 0 && longest < DEFAULT_SEQUENCE ? longest : DEFAULT_SEQUENCE;
    case ROLE_CAPACITY: /* room for the tokens before this one, and for this one */
        return 1 + by_role(r, v, axis, ROLE_SEQUENCE);
    case ROLE_PAST:
        value = 0;
        break;
    case ROLE_HEIGHT:
    case ROLE_WIDTH:
        value = image_side(r->model->class, role == ROLE_WIDTH);
        break;
    case ROLE_CHANNELS:
        value = DEFAULT_CHANNELS;
        break;
    case ROLE_SAMPLES:
        value = DEFAULT_SAMPLES;
        break;
    case ROLE_PATCHES:
    case ROLE_UNKNOWN:
        break;
    }
    report(r, v, axis, value);
    return value;
}

static bool is_ruled(const resolver *r, const graph_value *v, int axis) {
    const char *name = r->model->dim_rule.name;
    return name && str_equal(v->dim_names[axis], name);
}

static accel_status check_rule(const resolver *r, const graph_value *v, int axis, int64_t value) {
    const zoo_dim_rule *rule = &r->model->dim_rule;
    if (!is_ruled(r, v, axis) || (value >= rule->least && (rule->most == 0 || value <= rule->most)))
        return ACCEL_OK;
    bool few = value < rule->least;
    return error_set(r->err, ACCEL_UNSUPPORTED, "input '%s' has %lld %s; %s takes at %s %lld", v->name,
                     (long long)value, rule->name, r->model->name, few ? "least" : "most",
                     (long long)(few ? rule->least : rule->most));
}

static accel_status resolve_dim(resolver *r, const graph_value *v, const value_type *t, int axis,
                                int64_t *dim) {
    dim_role role = role_of(r->model->graph, v, t, axis);
    const zoo_dim *given = given_dim(r, v, axis);
    if (*dim == DIM_UNKNOWN && !given && is_ruled(r, v, axis)) {
        *dim = r->model->dim_rule.usual;
        report(r, v, axis, *dim);
    } else if (*dim == DIM_UNKNOWN)
        *dim = given ? given->value : by_role(r, v, axis, role);
    else if (given && given->value != *dim)
        return error_set(r->err, ACCEL_UNSUPPORTED,
                         "the model fixes dimension %d of input '%s' at %lld; %lld was asked for", axis,
                         v->name, (long long)*dim, (long long)given->value);
    if (*dim < 0)
        return error_set(r->err, ACCEL_INVALID_ARGUMENT, "dimension '%s' cannot be %lld",
                         given ? given->name : v->name, (long long)*dim);
    ACCEL_TRY(check_rule(r, v, axis, *dim));
    if (role == ROLE_BATCH && r->out->batch == 0)
        r->out->batch = *dim;
    int64_t tokens = role == ROLE_CAPACITY ? *dim - 1 : *dim;
    bool counts = r->model->mode == ZOO_DECODE ? role == ROLE_CAPACITY : role == ROLE_SEQUENCE;
    if (counts && tokens > r->out->sequence)
        r->out->sequence = tokens;
    return ACCEL_OK;
}

static accel_status resolve_input(resolver *r, size_t index) {
    const graph *g = r->model->graph;
    const graph_value *v = &g->values[g->inputs[index]];
    const value_type *t = graph_declared_type(g, g->inputs[index]);
    if (t->container != CONTAINER_TENSOR)
        return error_set(r->err, ACCEL_UNSUPPORTED,
                         "input '%s' is not a tensor; no contents can be made for it", v->name);
    if (t->shape.rank == RANK_UNKNOWN)
        return error_set(r->err, ACCEL_UNSUPPORTED,
                         "input '%s' has no declared rank; give its contents by --input", v->name);
    shape *s = &r->out->shapes[index];
    *s = t->shape;
    for (int axis = 0; axis < s->rank; axis++)
        ACCEL_TRY(resolve_dim(r, v, t, axis, &s->dims[axis]));
    return ACCEL_OK;
}

/* What was asked for must be what came out: a fixed model cannot follow. */
static accel_status check_wishes(const resolver *r) {
    const zoo_input_options *o = r->options;
    const zoo_shapes *s = r->out;
    if (o->batch > 0 && s->batch != o->batch && !(s->batch == 0 && o->batch == 1))
        return error_set(r->err, ACCEL_UNSUPPORTED, "%s fixes the batch at %lld; %lld was asked for",
                         r->model->name, (long long)(s->batch ? s->batch : 1), (long long)o->batch);
    if (o->sequence > 0 && s->sequence > 0 && s->sequence != o->sequence)
        return error_set(r->err, ACCEL_UNSUPPORTED, "%s fixes the sequence at %lld; %lld was asked for",
                         r->model->name, (long long)s->sequence, (long long)o->sequence);
    if (r->model->max_sequence > 0 && s->sequence > most_tokens(r->model))
        return error_set(r->err, ACCEL_UNSUPPORTED, "%s has positions for %lld tokens%s; %lld were asked for",
                         r->model->name, (long long)most_tokens(r->model),
                         r->model->mode == ZOO_DECODE ? " and the one that is written" : "",
                         (long long)s->sequence);
    return ACCEL_OK;
}

accel_status zoo_resolve_shapes(const zoo_model *m, const zoo_input_options *options, zoo_shapes *s,
                                accel_error *err) {
    static const zoo_input_options defaults = {0};
    resolver r = {.model = m, .options = options ? options : &defaults, .out = s, .err = err};
    for (size_t i = 0; i < m->graph->input_count; i++)
        ACCEL_TRY(resolve_input(&r, i));
    ACCEL_TRY(check_wishes(&r));
    if (s->batch == 0)
        s->batch = 1;
    return s->assumed.failed ? error_no_memory(err, "a model's dimensions", 0) : ACCEL_OK;
}
