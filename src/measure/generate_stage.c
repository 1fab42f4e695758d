#include "measure/generate_stage.h"

#include <string.h>

#include "base/mem.h"

/* "present.3.key" for "past_key_values.3.key"; "cross.3.key" is its own source. */
static void source_name(const char *input, char *out, size_t size) {
    static const char past[] = "past_key_values.";
    if (str_starts_with(input, past))
        str_format(out, size, "present.%s", input + sizeof past - 1);
    else
        str_format(out, size, "%s", input);
}

/* ---- stages ------------------------------------------------------------------------------------------- */

/* Whether the token is chosen where the logits are, so that only it comes over. */
static bool chooses(const generate_options *o) {
    bool cheap = o->temperature <= 0 || (o->top_k > 0 && o->top_k <= ZOO_MOST_CHOICES);
    return o->engine->reads_back && cheap;
}

accel_status generate_stage_load(const char *reference, const zoo_options *zoo, zoo_mode mode,
                                 const generate_options *o, generate_stage *s, accel_error *err) {
    zoo_options options = zoo ? *zoo : (zoo_options){0};
    options.mode = mode;
    ACCEL_TRY(zoo_load(reference, &options, &s->model, err));
    if (!s->model.generation.able)
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "%s does not write text here: models of Hugging Face folders, GGUF files and the zoo "
            "do, where their class writes",
            s->model.name);
    return chooses(o) ? zoo_choose_token(&s->model, &(zoo_choice){o->temperature, o->top_k, o->top_p}, err)
                      : ACCEL_OK;
}

static bool holds(const generate_stage *s, size_t input) {
    const engine_def *e = s->session.engine;
    return e->holds != NULL && e->holds(s->session.session, input);
}

static bool is_cache(const char *name) {
    return str_starts_with(name, "past_key_values.") || str_starts_with(name, "cross.");
}

/* Before there is a session: what stays lies as the decoder's caches do. */
static void leave_caches(generate_stage *s) {
    const graph *g = s->model.graph;
    for (size_t k = 0; k < g->output_count; k++) {
        graph_value *v = &g->values[g->outputs[k]];
        s->left[k] = v->held = str_starts_with(v->name, "present.") || is_cache(v->name);
    }
}

static void leave_held(generate_stage *s) {
    const graph *g = s->model.graph;
    char name[128];
    for (size_t i = 0; i < s->inputs.count; i++) {
        source_name(s->inputs.names[i], name, sizeof name);
        for (size_t k = 0; k < g->output_count; k++)
            s->left[k] |= holds(s, i) && str_equal(name, g->values[g->outputs[k]].name);
    }
}

accel_status generate_stage_start(generate_stage *s, const generate_options *o, accel_error *err) {
    ACCEL_TRY(zoo_bind(&s->model, &s->inputs, err));
    s->outputs = mem_calloc(s->model.graph->output_count + 1, sizeof *s->outputs);
    s->left = mem_calloc(s->model.graph->output_count + 1, sizeof *s->left);
    if (!s->outputs || !s->left)
        return error_no_memory(err, "a model's outputs", s->model.graph->output_count);
    if (o->caches_stay)
        leave_caches(s);
    ACCEL_TRY(open_session_start(o->engine, o->device, &o->engine_options, &s->model, &s->inputs, &s->session,
                                 err));
    leave_held(s);
    return ACCEL_OK;
}

accel_status generate_stage_run(generate_stage *s, accel_error *err) {
    return s->session.engine->run(s->session.session, err);
}

accel_status generate_stage_take(generate_stage *s, accel_error *err) {
    const engine_def *e = s->session.engine;
    size_t count = s->model.graph->output_count;
    if (e->output == NULL)
        return e->outputs(s->session.session, s->outputs, count, err);
    for (size_t i = 0; i < count; i++)
        if (!s->left[i])
            ACCEL_TRY(e->output(s->session.session, i, &s->outputs[i], err));
    return ACCEL_OK;
}

void generate_stage_rest(generate_stage *s) {
    open_session_end(&s->session);
    mem_free(s->outputs);
    mem_free(s->left);
    s->outputs = NULL;
    s->left = NULL;
}

void generate_stage_end(generate_stage *s) {
    generate_stage_rest(s);
    zoo_inputs_free(&s->inputs);
    zoo_model_free(&s->model);
}

tensor *generate_input(const generate_stage *s, const char *name) {
    for (size_t i = 0; i < s->inputs.count; i++)
        if (str_equal(s->inputs.names[i], name))
            return &s->inputs.tensors[i];
    return NULL;
}

static size_t find_output(const graph *g, const char *name) {
    size_t i = 0;
    while (i < g->output_count && !str_equal(g->values[g->outputs[i]].name, name))
        i++;
    return i;
}

const tensor *generate_output(const generate_stage *s, const char *name) {
    size_t i = find_output(s->model.graph, name);
    return i < s->model.graph->output_count ? &s->outputs[i] : NULL;
}

const shape *generate_output_shape(const generate_stage *s, const char *name) {
    const graph *g = s->model.graph;
    size_t i = find_output(g, name);
    return i < g->output_count ? &g->values[g->outputs[i]].type.shape : NULL;
}

/* ---- the cache ---------------------------------------------------------------------------------------- */

/* Keys or values of the prompt [batch, heads, prompt, head] into a cache [batch, heads, capacity, head]. */
static void spread(const tensor *present, tensor *cache) {
    const int64_t *from = present->shape.dims, *to = cache->shape.dims;
    size_t line = (size_t)(from[2] * from[3]) * sizeof(float), step = (size_t)(to[2] * to[3]) * sizeof(float);
    memset(cache->data, 0, cache->size_bytes);
    for (int64_t i = 0; i < from[0] * from[1]; i++)
        memcpy((char *)cache->data + (size_t)i * step, (const char *)present->data + (size_t)i * line, line);
}

bool generate_cache_source(const generate_stage *prefill, const generate_stage *decode, size_t input,
                           size_t *output) {
    char name[128];
    if (!is_cache(decode->inputs.names[input]))
        return false;
    source_name(decode->inputs.names[input], name, sizeof name);
    *output = find_output(prefill->model.graph, name);
    return true;
}

/* What the prompt left behind becomes the inputs of the decoder; caches that it did not write start empty. */
accel_status generate_fill_caches(const generate_stage *prefill, generate_stage *d, accel_error *err) {
    for (size_t i = 0; i < d->inputs.count; i++) {
        tensor *cache = &d->inputs.tensors[i];
        size_t output = 0;
        if (!generate_cache_source(prefill, d, i, &output))
            continue;
        if (output == prefill->model.graph->output_count) {
            memset(cache->data, 0, cache->size_bytes);
            continue;
        }
        const tensor *from = &prefill->outputs[output];
        if (from->shape.rank != 4 || from->shape.dims[0] != cache->shape.dims[0] ||
            from->shape.dims[1] != cache->shape.dims[1] || from->shape.dims[2] > cache->shape.dims[2] ||
            from->shape.dims[3] != cache->shape.dims[3])
            return error_set(err, ACCEL_INTERNAL, "the cache '%s' does not fit what the prompt left",
                             d->inputs.names[i]);
        spread(from, cache);
    }
    return ACCEL_OK;
}

/* Engines that could not hold the cache in place, or with them, gave it back elsewhere. */
void generate_keep_caches(generate_stage *d) {
    char name[128];
    for (size_t i = 0; i < d->inputs.count; i++) {
        if (!str_starts_with(d->inputs.names[i], "past_key_values.") || holds(d, i))
            continue;
        source_name(d->inputs.names[i], name, sizeof name);
        const tensor *present = generate_output(d, name);
        if (present && present->data != d->inputs.tensors[i].data)
            memcpy(d->inputs.tensors[i].data, present->data, d->inputs.tensors[i].size_bytes);
    }
}
