#include "measure/generation.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- tokens ------------------------------------------------------------------------------------------- */

/* Whether the row has met the stop token before this one. */
static bool is_done(const generation *g, int64_t row) {
    return g->column > 0 && g->options.stop_token >= 0 && g->token[row] == g->options.stop_token;
}

/* Before the run whose logits are chosen from: what a graph that chooses by itself draws with. */
static void draw(generation *g, const generate_stage *s) {
    tensor *t = generate_input(s, ZOO_DRAW);
    int64_t rows = t ? t->shape.dims[0] : 0;
    for (int64_t row = 0; row < rows; row++)
        if (!is_done(g, row))
            ((float *)t->data)[row] = fminf((float)token_draw(&g->sampler), 1 - FLT_EPSILON / 2);
}

static void keep_token(generation *g, int64_t row, int64_t token) {
    if (!is_done(g, row))
        g->token[row] = token;
}

/* The next token of each row: the graph's own choice, i64 [batch], or by logits [batch, 1, vocabulary]. */
static accel_status choose(generation *g, const generate_stage *s, accel_error *err) {
    const tensor *logits = generate_output(s, "logits"), *tokens = generate_output(s, "token");
    for (int64_t row = 0; tokens && row < g->batch; row++)
        keep_token(g, row, ((const int64_t *)tokens->data)[row]);
    if (!tokens && (!logits || logits->type != DTYPE_F32 || logits->shape.rank != 3 ||
                    logits->shape.dims[0] != g->batch || logits->shape.dims[1] != 1))
        return error_set(err, ACCEL_INTERNAL, "the graph gives no logits of one position");
    int64_t width = tokens ? 0 : logits->shape.dims[2];
    for (int64_t row = 0; !tokens && row < g->batch; row++) {
        const float *of_row = (const float *)logits->data + row * width;
        if (!is_done(g, row))
            keep_token(g, row, token_sample(&g->sampler, of_row, width));
    }
    g->column++;
    return ACCEL_OK;
}

bool generation_is_over(const generation *g) {
    if (g->column == 0 || g->column >= g->options.max_new_tokens)
        return g->column > 0;
    for (int64_t row = 0; row < g->batch; row++)
        if (!is_done(g, row))
            return false;
    return true;
}

/* ---- the decoder -------------------------------------------------------------------------------------- */

static void set_all(tensor *t, int64_t value) {
    for (size_t i = 0; t && i < t->size_bytes / sizeof(int64_t); i++)
        ((int64_t *)t->data)[i] = value;
}

/* position_ids [batch, 1], or [rows, batch, 1]. */
static void set_places(const generation *g) {
    tensor *t = generate_input(&g->decode, "position_ids");
    for (size_t i = 0; t && i < t->size_bytes / sizeof(int64_t); i++)
        ((int64_t *)t->data)[i] = g->next_place[i % (size_t)g->batch];
}

/* The last tokens, or the next of those that an encoder-decoder starts with. */
static void write_decoder(generation *g) {
    generate_stage *d = &g->decode;
    bool encoder_decoder = d->model.generation.encoder_decoder;
    tensor *ids = generate_input(d, encoder_decoder ? "decoder_input_ids" : "input_ids");
    tensor *mask = encoder_decoder ? NULL : generate_input(d, "attention_mask");
    for (int64_t row = 0; row < g->batch && g->column == 0; row++)
        g->token[row] = g->start.data ? ((const int64_t *)g->start.data)[row * g->prompt + g->fed]
                                      : d->model.generation.start_token;
    memcpy(ids->data, g->token, ids->size_bytes);
    set_all(generate_input(d, "write_indices"), g->kept_tokens);
    set_places(g);
    for (int64_t row = 0; row < g->batch; row++) {
        g->next_place[row]++;
        if (mask)
            ((int64_t *)mask->data)[row * g->capacity + g->kept_tokens] = 1;
    }
    g->kept_tokens++;
}

static accel_status make_state(generation *g, int64_t batch, int64_t start_tokens, accel_error *err) {
    g->batch = batch;
    g->prompt = start_tokens;
    g->capacity = start_tokens + g->options.max_new_tokens - 1;
    g->next_place = mem_calloc((size_t)batch, sizeof(int64_t));
    g->token = mem_calloc((size_t)batch, sizeof(int64_t));
    return g->next_place && g->token
               ? ACCEL_OK
               : error_no_memory(err, "generated tokens", (unsigned long long)batch * sizeof(int64_t));
}

/* Inputs of the decoder: the shapes of a cache of this capacity; contents are set step by step. mask: of the encoder; NULL: none. */
static accel_status make_decoder(generation *g, const shape *cross, const tensor *mask, accel_error *err) {
    static const char *const mask_name[] = {"attention_mask"};
    generate_stage *d = &g->decode;
    zoo_dim dims[] = {
        {"batch", g->batch}, {"capacity", g->capacity}, {"encoder_sequence", cross ? cross->dims[2] : 0}};
    zoo_input_options shapes = {.dims = dims, .dim_count = cross ? 3 : 2};
    ACCEL_TRY(zoo_complete_inputs(&d->model, &shapes, mask_name, mask, mask ? 1 : 0, &d->inputs, err));
    return g->options.caches_stay ? ACCEL_OK : generate_fill_caches(&g->prefill, d, err);
}

static accel_status start_decoder_only(generation *g, accel_error *err) {
    ACCEL_TRY(make_decoder(g, NULL, NULL, err));
    const tensor *prompt_mask = generate_input(&g->prefill, "attention_mask");
    tensor *mask = generate_input(&g->decode, "attention_mask");
    g->kept_tokens = g->prompt;
    set_all(mask, 0);
    for (int64_t row = 0; row < g->batch; row++)
        memcpy((int64_t *)mask->data + row * g->capacity,
               (const int64_t *)prompt_mask->data + row * g->kept_tokens,
               (size_t)g->kept_tokens * sizeof(int64_t));
    return ACCEL_OK;
}

static accel_status start_after_encoder(generation *g, accel_error *err) {
    const shape *cross = generate_output_shape(&g->prefill, "cross.0.key"), *start = &g->start.shape;
    if (!cross || !shape_is_static(cross))
        return error_set(err, ACCEL_INTERNAL, "the encoder gives no keys");
    int64_t batch = cross->dims[0];
    if (g->start.data &&
        (g->start.type != DTYPE_I64 || start->rank != 2 || start->dims[0] != batch || start->dims[1] < 1))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "decoder_input_ids must be int64 [%lld, 1 or more]",
                         (long long)batch);
    ACCEL_TRY(make_state(g, batch, g->start.data ? start->dims[1] : 1, err));
    const graph *d = g->decode.model.graph;
    const tensor *mask = NULL;
    for (size_t i = 0; i < d->input_count; i++)
        if (str_equal(d->values[d->inputs[i]].name, "attention_mask"))
            mask = generate_input(&g->prefill, "attention_mask");
    return make_decoder(g, cross, mask, err);
}

/* ---- the prompt --------------------------------------------------------------------------------------- */

/* Positions count the kept tokens from the first; padding has position 0 … as the transformers package gives it (1). */
static void count_positions(const tensor *mask, tensor *positions) {
    int64_t length = mask->shape.dims[1];
    const int64_t *keep = mask->data;
    int64_t *place = positions->data;
    for (int64_t row = 0; row < mask->shape.dims[0]; row++)
        for (int64_t i = 0, count = 0; i < length; i++) {
            count += keep[row * length + i] != 0;
            place[row * length + i] = keep[row * length + i] ? count - 1 : 1;
        }
}

static accel_status set_positions(generate_stage *s, accel_error *err) {
    tensor *mask = generate_input(s, "attention_mask"), *positions = generate_input(s, "position_ids");
    if (s->model.generation.position_rows > 0 || !positions)
        return ACCEL_OK;
    if (!mask || mask->type != DTYPE_I64 || positions->type != DTYPE_I64 ||
        !shape_equal(&mask->shape, &positions->shape))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "attention_mask and input_ids have different shapes");
    count_positions(mask, positions);
    return ACCEL_OK;
}

/* The largest position of each row is that of its last token. */
static void note_places(generation *g) {
    const tensor *t = generate_input(&g->prefill, "position_ids");
    int64_t length = t ? t->shape.dims[t->shape.rank - 1] : 0;
    for (size_t i = 0; t && i < t->size_bytes / sizeof(int64_t); i++) {
        int64_t row = (int64_t)i / length % g->batch, place = ((const int64_t *)t->data)[i] + 1;
        g->next_place[row] = place > g->next_place[row] ? place : g->next_place[row];
    }
}

static accel_status open_decoder_only(generation *g, accel_error *err) {
    const zoo_model *m = &g->prefill.model;
    const tensor *ids = generate_input(&g->prefill, "input_ids");
    ACCEL_TRY(make_state(g, ids->shape.dims[0], ids->shape.dims[1], err));
    if (m->max_sequence > 0 && g->capacity > m->max_sequence)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%lld tokens of the prompt and the new ones are more than the %lld positions of %s",
                         (long long)g->capacity, (long long)m->max_sequence, m->name);
    ACCEL_TRY(set_positions(&g->prefill, err));
    note_places(g);
    return ACCEL_OK;
}

enum { MOST_INPUTS = 64 }; /* a user gives a handful */

/* The prompt's inputs. Those of an encoder-decoder's decoder are kept for later. */
static accel_status take_inputs(generation *g, const zoo_input_options *shapes, const char *const *names,
                                const tensor *values, size_t count, accel_error *err) {
    const char *prompt_names[MOST_INPUTS];
    tensor prompt_values[MOST_INPUTS];
    size_t kept = 0;
    if (count > MOST_INPUTS)
        return error_set(err, ACCEL_LIMIT, "%llu inputs are given; a model that writes takes at most %d",
                         (unsigned long long)count, (int)MOST_INPUTS);
    for (size_t i = 0; i < count; i++) {
        bool of_decoder =
            g->prefill.model.generation.encoder_decoder && str_starts_with(names[i], "decoder_");
        if (of_decoder && str_equal(names[i], "decoder_input_ids")) {
            ACCEL_TRY(tensor_create(values[i].type, &values[i].shape, &g->start, err));
            memcpy(g->start.data, values[i].data, values[i].size_bytes);
        }
        if (of_decoder)
            continue;
        prompt_names[kept] = names[i];
        prompt_values[kept++] = values[i];
    }
    return zoo_complete_inputs(&g->prefill.model, shapes, prompt_names, prompt_values, kept,
                               &g->prefill.inputs, err);
}

/* ---- the public functions ----------------------------------------------------------------------------- */

static accel_status load_both(generation *g, const char *reference, const zoo_options *zoo,
                              accel_error *err) {
    uint64_t begin = clock_now_ns();
    ACCEL_TRY(generate_stage_load(reference, zoo, ZOO_PREFILL, &g->options, &g->prefill, err));
    ACCEL_TRY(generate_stage_load(reference, zoo, ZOO_DECODE, &g->options, &g->decode, err));
    g->load_ns = clock_now_ns() - begin;
    return ACCEL_OK;
}

accel_status generation_open(const char *reference, const zoo_options *zoo, const zoo_input_options *shapes,
                             const char *const *names, const tensor *values, size_t count,
                             const generate_options *options, generation *out, accel_error *err) {
    *out = (generation){.options = *options};
    if (options->max_new_tokens < 1 || options->max_new_tokens > GENERATE_MOST_TOKENS)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "between 1 and %d new tokens can be asked for",
                         (int)GENERATE_MOST_TOKENS);
    token_sampler_start(&out->sampler, options->temperature, options->top_k, options->top_p, options->seed);
    accel_status status = load_both(out, reference, zoo, err);
    if (status == ACCEL_OK)
        status = take_inputs(out, shapes, names, values, count, err);
    if (status == ACCEL_OK && !out->prefill.model.generation.encoder_decoder)
        status = open_decoder_only(out, err);
    if (status != ACCEL_OK)
        generation_close(out);
    return status;
}

generate_stage *generation_stage(generation *g) {
    return g->after_prompt ? &g->decode : &g->prefill;
}

accel_status generation_ready(generation *g, bool *fresh, accel_error *err) {
    generate_stage *s = generation_stage(g);
    *fresh = s->session.session == NULL;
    if (generation_is_over(g))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "all tokens that were asked for are written");
    if (!*fresh)
        return ACCEL_OK;
    if (g->after_prompt) {
        ACCEL_TRY(s->model.generation.encoder_decoder ? start_after_encoder(g, err)
                                                      : start_decoder_only(g, err));
        if (!g->options.caches_stay)
            generate_stage_rest(&g->prefill); /* what it left is the decoder's now */
    }
    return generate_stage_start(s, &g->options, err);
}

void generation_write(generation *g) {
    bool encoder_decoder = g->prefill.model.generation.encoder_decoder;
    bool chooses = encoder_decoder ? g->after_prompt && g->fed >= g->prompt - 1 : true;
    if (chooses)
        draw(g, generation_stage(g));
    if (g->after_prompt)
        write_decoder(g);
}

accel_status generation_take(generation *g, bool *chosen, accel_error *err) {
    generate_stage *s = generation_stage(g);
    bool encoder = !g->after_prompt && s->model.generation.encoder_decoder;
    *chosen = false;
    ACCEL_TRY(generate_stage_take(s, err));
    if (g->after_prompt) {
        generate_keep_caches(s);
        g->fed++;
    }
    g->after_prompt = true;
    if (encoder || (s->model.generation.encoder_decoder && g->fed < g->prompt))
        return ACCEL_OK;
    *chosen = true;
    return choose(g, s, err);
}

void generation_close(generation *g) {
    generate_stage_end(&g->prefill);
    generate_stage_end(&g->decode);
    tensor_free(&g->start);
    mem_free(g->next_place);
    mem_free(g->token);
    token_sampler_end(&g->sampler);
    *g = (generation){0};
}
