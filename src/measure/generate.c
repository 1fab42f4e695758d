#include "measure/generate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engines/text.h"
#include "measure/generation.h"

static accel_status make_room(const generation *g, generate_result *r, accel_error *err) {
    shape s = {.rank = 2, .dims = {g->batch, g->options.max_new_tokens}};
    r->token_ns = mem_calloc((size_t)g->options.max_new_tokens, sizeof(uint64_t));
    if (!r->token_ns)
        return error_no_memory(err, "generated tokens", (unsigned long long)g->options.max_new_tokens * 8);
    r->prompt = g->prompt;
    return tensor_create(DTYPE_I64, &s, &r->ids, err);
}

static void keep_column(const generation *g, int64_t column, generate_result *r) {
    for (int64_t row = 0; row < g->batch; row++)
        ((int64_t *)r->ids.data)[row * g->options.max_new_tokens + column] = g->token[row];
}

/* One run; *took_ns grows by what it took, sessions left out. */
static accel_status advance(generation *g, bool *chosen, uint64_t *took_ns, accel_error *err) {
    bool fresh;
    ACCEL_TRY(generation_ready(g, &fresh, err));
    uint64_t begin = clock_now_ns();
    generation_write(g);
    ACCEL_TRY(generate_stage_run(generation_stage(g), err));
    ACCEL_TRY(generation_take(g, chosen, err));
    *took_ns += clock_now_ns() - begin;
    return ACCEL_OK;
}

static accel_status write_all(generation *g, generate_result *r, accel_error *err) {
    while (!generation_is_over(g)) {
        bool chosen = false;
        uint64_t took_ns = 0;
        while (!chosen)
            ACCEL_TRY(advance(g, &chosen, &took_ns, err));
        if (g->column == 1) {
            ACCEL_TRY(make_room(g, r, err));
            r->first_ns = took_ns;
        } else {
            r->token_ns[r->token_count++] = took_ns;
        }
        keep_column(g, g->column - 1, r);
    }
    for (int64_t column = g->column; column < g->options.max_new_tokens; column++)
        keep_column(g, column, r);
    return ACCEL_OK;
}

/* An engine that writes by itself: its tokens, and the last of each row again up to as many as were asked for. */
static accel_status write_there(generation *g, engine_text *text, generate_result *r, accel_error *err) {
    const generate_options *o = &g->options;
    engine_written written = {0};
    text->model = &g->prefill.model;
    text->max_new_tokens = o->max_new_tokens;
    text->stop_token = o->stop_token;
    text->top_k = o->top_k;
    text->top_p = o->top_p;
    text->temperature = o->temperature;
    text->seed = o->seed;
    ACCEL_TRY(o->engine->generate(text, o->device, &o->engine_options, &written, err));
    g->batch = written.ids.shape.dims[0];
    if (g->prefill.model.generation.encoder_decoder)
        g->prompt = g->start.data ? g->start.shape.dims[g->start.shape.rank - 1] : 1;
    const int64_t columns = written.ids.shape.dims[1];
    accel_status status = make_room(g, r, err);
    for (int64_t at = 0; at < g->batch * o->max_new_tokens && status == ACCEL_OK; at++) {
        const int64_t row = at / o->max_new_tokens, column = at % o->max_new_tokens;
        ((int64_t *)r->ids.data)[at] =
            ((const int64_t *)written.ids.data)[row * columns + (column < columns ? column : columns - 1)];
    }
    r->first_ns = written.token_ns[0];
    for (int64_t i = 1; i < columns && status == ACCEL_OK; i++)
        r->token_ns[r->token_count++] = written.token_ns[i];
    tensor_free(&written.ids);
    mem_free(written.token_ns);
    return status;
}

accel_status generate_run(const char *reference, const zoo_options *zoo, const zoo_input_options *shapes,
                          const char *const *names, const tensor *values, size_t count,
                          const generate_options *options, generate_result *out, accel_error *err) {
    generation g;
    *out = (generate_result){0};
    ACCEL_TRY(generation_open(reference, zoo, shapes, names, values, count, options, &g, err));
    out->load_ns = g.load_ns;
    engine_text text = {.weight_seed = zoo ? zoo->seed : 0,
                        .shapes = shapes,
                        .names = names,
                        .values = values,
                        .count = count};
    accel_status status =
        options->engine->generate ? write_there(&g, &text, out, err) : write_all(&g, out, err);
    generation_close(&g);
    if (status != ACCEL_OK)
        generate_result_free(out);
    return status;
}

void generate_result_free(generate_result *r) {
    tensor_free(&r->ids);
    mem_free(r->token_ns);
    *r = (generate_result){0};
}
