#include "measure/generate.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "measure/generate_stage.h"
#include "measure/sample_token.h"

typedef struct generation {
    const generate_options *options;
    generate_result *result;
    generate_stage prefill, decode;
    int64_t batch, capacity;
    int64_t kept_tokens; /* of the decoder's cache so far, padding included */
    int64_t *next_place; /* of each row: its next position */
    int64_t *token;      /* of each row: the last one chosen */
    token_sampler sampler;
} generation;

/* ---- tokens ------------------------------------------------------------------------------------------- */

/* Whether the row has met the stop token before this column. */
static bool is_done(const generation *g, int64_t row, int64_t column) {
    return column > 0 && g->options->stop_token >= 0 && g->token[row] == g->options->stop_token;
}

/* Before the run whose logits are chosen from: what a graph that chooses by itself draws with. */
static void draw(generation *g, const generate_stage *s, int64_t column) {
    tensor *t = generate_input(s, ZOO_DRAW);
    for (int64_t row = 0; t && row < g->batch; row++)
        if (!is_done(g, row, column))
            ((float *)t->data)[row] = fminf((float)token_draw(&g->sampler), 1 - FLT_EPSILON / 2);
}

static void keep_token(generation *g, int64_t row, int64_t column, int64_t token) {
    if (!is_done(g, row, column))
        g->token[row] = token;
    ((int64_t *)g->result->ids.data)[row * g->options->max_new_tokens + column] = g->token[row];
}

/* The next token of each row: the graph's own choice, i64 [batch], or by logits [batch, 1, vocabulary]. */
static accel_status choose(generation *g, const generate_stage *s, int64_t column, accel_error *err) {
    const tensor *logits = generate_output(s, "logits"), *tokens = generate_output(s, "token");
    for (int64_t row = 0; tokens && row < g->batch; row++)
        keep_token(g, row, column, ((const int64_t *)tokens->data)[row]);
    if (tokens)
        return ACCEL_OK;
    if (!logits || logits->type != DTYPE_F32 || logits->shape.rank != 3 ||
        logits->shape.dims[0] != g->batch || logits->shape.dims[1] != 1)
        return error_set(err, ACCEL_INTERNAL, "the graph gives no logits of one position");
    int64_t width = logits->shape.dims[2];
    for (int64_t row = 0; row < g->batch; row++) {
        bool done = is_done(g, row, column);
        const float *of_row = (const float *)logits->data + row * width;
        keep_token(g, row, column, done ? g->token[row] : token_sample(&g->sampler, of_row, width));
    }
    return ACCEL_OK;
}

static bool all_stopped(const generation *g) {
    for (int64_t row = 0; row < g->batch; row++)
        if (g->token[row] != g->options->stop_token)
            return false;
    return g->options->stop_token >= 0;
}

/* ---- decoding ----------------------------------------------------------------------------------------- */

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

static accel_status step(generation *g, const int64_t *tokens, accel_error *err) {
    generate_stage *d = &g->decode;
    bool encoder_decoder = d->model.generation.encoder_decoder;
    tensor *ids = generate_input(d, encoder_decoder ? "decoder_input_ids" : "input_ids");
    tensor *mask = encoder_decoder ? NULL : generate_input(d, "attention_mask");
    memcpy(ids->data, tokens, ids->size_bytes);
    set_all(generate_input(d, "write_indices"), g->kept_tokens);
    set_places(g);
    for (int64_t row = 0; row < g->batch; row++) {
        g->next_place[row]++;
        if (mask)
            ((int64_t *)mask->data)[row * g->capacity + g->kept_tokens] = 1;
    }
    g->kept_tokens++;
    ACCEL_TRY(generate_stage_run(d, err));
    generate_keep_caches(d);
    return ACCEL_OK;
}

static accel_status decode_rest(generation *g, accel_error *err) {
    for (int64_t column = 1; column < g->options->max_new_tokens; column++) {
        if (all_stopped(g)) {
            for (int64_t row = 0; row < g->batch; row++)
                ((int64_t *)g->result->ids.data)[row * g->options->max_new_tokens + column] = g->token[row];
            continue;
        }
        uint64_t begin = clock_now_ns();
        draw(g, &g->decode, column);
        ACCEL_TRY(step(g, g->token, err));
        ACCEL_TRY(choose(g, &g->decode, column, err));
        g->result->token_ns[g->result->token_count++] = clock_now_ns() - begin;
    }
    return ACCEL_OK;
}

/* ---- the prompt --------------------------------------------------------------------------------------- */

enum { MOST_INPUTS = 64 }; /* a user gives a handful */

typedef struct named {
    const char *names[MOST_INPUTS];
    tensor values[MOST_INPUTS];
    size_t count;
} named;

static void add_named(named *n, const char *name, const tensor *value) {
    n->names[n->count] = name;
    n->values[n->count++] = *value;
}

static const tensor *find_named(const char *const *names, const tensor *values, size_t count,
                                const char *name) {
    for (size_t i = 0; i < count; i++)
        if (str_equal(names[i], name))
            return &values[i];
    return NULL;
}

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

static bool same_shape(const tensor *a, const tensor *b) {
    return a && b && a->type == DTYPE_I64 && b->type == DTYPE_I64 && shape_equal(&a->shape, &b->shape);
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

static accel_status check_length(const generation *g, const zoo_model *m, accel_error *err) {
    if (m->max_sequence > 0 && g->capacity > m->max_sequence)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "%lld tokens of the prompt and the new ones are more than the %lld positions of %s",
                         (long long)g->capacity, (long long)m->max_sequence, m->name);
    return ACCEL_OK;
}

static accel_status make_state(generation *g, int64_t batch, int64_t start_tokens, accel_error *err) {
    g->batch = batch;
    g->capacity = start_tokens + g->options->max_new_tokens - 1;
    g->result->prompt = start_tokens;
    g->next_place = mem_calloc((size_t)batch, sizeof(int64_t));
    g->token = mem_calloc((size_t)batch, sizeof(int64_t));
    g->result->token_ns = mem_calloc((size_t)g->options->max_new_tokens, sizeof(uint64_t));
    if (!g->next_place || !g->token || !g->result->token_ns)
        return error_no_memory(err, "generated tokens", (unsigned long long)g->options->max_new_tokens * 8);
    shape s = {.rank = 2, .dims = {batch, g->options->max_new_tokens}};
    return tensor_create(DTYPE_I64, &s, &g->result->ids, err);
}

/* Inputs of the decoder: the shapes of a cache of this capacity; contents are set step by step. */
static accel_status make_decoder(generation *g, const named *given, accel_error *err) {
    generate_stage *d = &g->decode;
    zoo_dim dims[] = {{"batch", g->batch}, {"capacity", g->capacity}, {"encoder_sequence", 0}};
    const tensor *cross = generate_output(&g->prefill, "cross.0.key");
    dims[2].value = cross ? cross->shape.dims[2] : 0;
    zoo_input_options shapes = {.dims = dims, .dim_count = cross ? 3 : 2};
    ACCEL_TRY(
        zoo_complete_inputs(&d->model, &shapes, given->names, given->values, given->count, &d->inputs, err));
    return generate_fill_caches(&g->prefill, d, err);
}

/* ---- decoder-only ------------------------------------------------------------------------------------- */

static accel_status run_prompt(generation *g, accel_error *err) {
    uint64_t begin = clock_now_ns();
    draw(g, &g->prefill, 0);
    ACCEL_TRY(generate_stage_run(&g->prefill, err));
    ACCEL_TRY(choose(g, &g->prefill, 0, err));
    g->result->first_ns = clock_now_ns() - begin;
    return ACCEL_OK;
}

static accel_status set_positions(generate_stage *s, accel_error *err) {
    tensor *mask = generate_input(s, "attention_mask"), *positions = generate_input(s, "position_ids");
    if (s->model.generation.position_rows > 0 || !positions)
        return ACCEL_OK;
    if (!same_shape(mask, positions))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "attention_mask and input_ids have different shapes");
    count_positions(mask, positions);
    return ACCEL_OK;
}

static accel_status decoder_only(generation *g, const zoo_input_options *shapes, const named *given,
                                 accel_error *err) {
    generate_stage *p = &g->prefill, *d = &g->decode;
    ACCEL_TRY(
        zoo_complete_inputs(&p->model, shapes, given->names, given->values, given->count, &p->inputs, err));
    const tensor *ids = generate_input(p, "input_ids");
    ACCEL_TRY(make_state(g, ids->shape.dims[0], ids->shape.dims[1], err));
    ACCEL_TRY(check_length(g, &p->model, err));
    ACCEL_TRY(set_positions(p, err));
    note_places(g);
    ACCEL_TRY(generate_stage_start(p, g->options, err));
    ACCEL_TRY(run_prompt(g, err));
    if (g->options->max_new_tokens == 1)
        return ACCEL_OK;
    ACCEL_TRY(make_decoder(g, &(named){0}, err));
    const tensor *prompt_mask = generate_input(p, "attention_mask");
    tensor *mask = generate_input(d, "attention_mask");
    g->kept_tokens = ids->shape.dims[1];
    set_all(mask, 0);
    for (int64_t row = 0; row < g->batch; row++)
        memcpy((int64_t *)mask->data + row * g->capacity,
               (const int64_t *)prompt_mask->data + row * g->kept_tokens,
               (size_t)g->kept_tokens * sizeof(int64_t));
    ACCEL_TRY(generate_stage_start(d, g->options, err));
    return decode_rest(g, err);
}

/* ---- encoder-decoder ---------------------------------------------------------------------------------- */

/* The decoder's first tokens: given ones, else the start token. */
static accel_status feed_start(generation *g, const tensor *given, accel_error *err) {
    int64_t length = g->result->prompt;
    for (int64_t column = 0; column < length; column++) {
        for (int64_t row = 0; row < g->batch; row++)
            g->token[row] = given ? ((const int64_t *)given->data)[row * length + column]
                                  : g->decode.model.generation.start_token;
        if (column == length - 1)
            draw(g, &g->decode, 0);
        ACCEL_TRY(step(g, g->token, err));
    }
    return choose(g, &g->decode, 0, err);
}

static accel_status encoder_decoder(generation *g, const zoo_input_options *shapes, const named *given,
                                    accel_error *err) {
    generate_stage *p = &g->prefill, *d = &g->decode;
    named encoder = {0}, decoder = {0};
    const tensor *first = find_named(given->names, given->values, given->count, "decoder_input_ids");
    const tensor *mask = find_named(given->names, given->values, given->count, "attention_mask");
    for (size_t i = 0; i < given->count; i++)
        if (!str_starts_with(given->names[i], "decoder_"))
            add_named(&encoder, given->names[i], &given->values[i]);
    ACCEL_TRY(zoo_complete_inputs(&p->model, shapes, encoder.names, encoder.values, encoder.count, &p->inputs,
                                  err));
    ACCEL_TRY(generate_stage_start(p, g->options, err));
    uint64_t begin = clock_now_ns();
    ACCEL_TRY(generate_stage_run(p, err));
    g->result->first_ns = clock_now_ns() - begin;
    const tensor *cross = generate_output(p, "cross.0.key");
    if (!cross)
        return error_set(err, ACCEL_INTERNAL, "the encoder gives no keys");
    int64_t batch = cross->shape.dims[0];
    if (first && (first->type != DTYPE_I64 || first->shape.rank != 2 || first->shape.dims[0] != batch ||
                  first->shape.dims[1] < 1))
        return error_set(err, ACCEL_INVALID_ARGUMENT, "decoder_input_ids must be int64 [%lld, 1 or more]",
                         (long long)batch);
    ACCEL_TRY(make_state(g, batch, first ? first->shape.dims[1] : 1, err));
    for (size_t i = 0; mask && i < d->model.graph->input_count; i++)
        if (str_equal(d->model.graph->values[d->model.graph->inputs[i]].name, "attention_mask"))
            add_named(&decoder, "attention_mask", mask);
    ACCEL_TRY(make_decoder(g, &decoder, err));
    ACCEL_TRY(generate_stage_start(d, g->options, err));
    begin = clock_now_ns();
    ACCEL_TRY(feed_start(g, first, err));
    g->result->first_ns += clock_now_ns() - begin;
    return decode_rest(g, err);
}

/* ---- the public functions ----------------------------------------------------------------------------- */

accel_status generate_run(const char *reference, const zoo_options *zoo, const zoo_input_options *shapes,
                          const char *const *names, const tensor *values, size_t count,
                          const generate_options *options, generate_result *out, accel_error *err) {
    generate_result result = {0};
    generation g = {.options = options, .result = &result};
    named given = {0};
    if (options->max_new_tokens < 1 || options->max_new_tokens > 1 << 20)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "between 1 and %d new tokens can be asked for",
                         1 << 20);
    if (count > MOST_INPUTS)
        return error_set(err, ACCEL_LIMIT, "%llu inputs are given; a model that writes takes at most %d",
                         (unsigned long long)count, (int)MOST_INPUTS);
    for (size_t i = 0; i < count; i++)
        add_named(&given, names[i], &values[i]);
    token_sampler_start(&g.sampler, options->temperature, options->top_k, options->top_p, options->seed);
    uint64_t begin = clock_now_ns();
    accel_status status = generate_stage_load(reference, zoo, ZOO_PREFILL, options, &g.prefill, err);
    if (status == ACCEL_OK)
        status = generate_stage_load(reference, zoo, ZOO_DECODE, options, &g.decode, err);
    result.load_ns = clock_now_ns() - begin;
    if (status == ACCEL_OK)
        status = g.prefill.model.generation.encoder_decoder ? encoder_decoder(&g, shapes, &given, err)
                                                            : decoder_only(&g, shapes, &given, err);
    generate_stage_end(&g.prefill);
    generate_stage_end(&g.decode);
    mem_free(g.next_place);
    mem_free(g.token);
    token_sampler_end(&g.sampler);
    if (status != ACCEL_OK)
        generate_result_free(&result);
    *out = result;
    return status;
}

void generate_result_free(generate_result *r) {
    tensor_free(&r->ids);
    mem_free(r->token_ns);
    *r = (generate_result){0};
}
