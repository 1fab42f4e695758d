/* Writing text: what the page asks for, and the tokens that it is told. Runs are carried out by session.c or, in the build for WebGPU, by the page. */
#include <math.h>

#include "base/json.h"
#include "measure/generation.h"
#include "page/generate.h"
#include "page/page.h"
#include "page/state.h"

static generation writing;
static bool is_open;

void page_drop_generation(void) {
    if (is_open)
        generation_close(&writing);
    is_open = false;
}

void page_generate_end(void) {
    page_drop_generation();
}

accel_status page_need_generation(generation **out, accel_error *err) {
    *out = is_open ? &writing : NULL;
    return is_open ? ACCEL_OK
                   : error_set(err, ACCEL_INVALID_ARGUMENT,
                               "nothing is being written: page_generate_start comes first");
}

/* ---- what is asked for ------------------------------------------------------------------------------------------------------- */

/* usual: where it is not given; NAN: it must be. */
static accel_status read_number(yyjson_val *root, const char *name, double low, double high, bool whole,
                                double usual, double *out, accel_error *err) {
    yyjson_val *v = yyjson_obj_get(root, name);
    *out = v != NULL ? yyjson_get_num(v) : usual;
    if (v == NULL && !isnan(usual))
        return ACCEL_OK;
    bool fine = yyjson_is_num(v) && *out >= low && *out <= high && (!whole || *out == floor(*out));
    return fine ? ACCEL_OK
                : error_set(err, ACCEL_INVALID_ARGUMENT, "%s must be a %snumber from %.0f to %.0f", name,
                            whole ? "whole " : "", low, high);
}

static accel_status read_options(yyjson_val *root, generate_options *out, accel_error *err) {
    const double most_id = 1 << 26, most_seed = 9007199254740991.0;
    double tokens, stop, top_k, seed;
    ACCEL_TRY(read_number(root, "maxNewTokens", 1, GENERATE_MOST_TOKENS, true, (double)NAN, &tokens, err));
    ACCEL_TRY(read_number(root, "eosTokenId", 0, most_id, true, -1, &stop, err));
    ACCEL_TRY(read_number(root, "temperature", 0, 1e6, false, 0, &out->temperature, err));
    ACCEL_TRY(read_number(root, "topK", 0, most_id, true, 0, &top_k, err));
    ACCEL_TRY(read_number(root, "topP", 0, 1, false, 1, &out->top_p, err));
    ACCEL_TRY(read_number(root, "seed", 0, most_seed, true, 0, &seed, err));
    out->max_new_tokens = (int64_t)tokens;
    out->stop_token = (int64_t)stop;
    out->top_k = (int64_t)top_k;
    out->seed = (uint64_t)seed;
    out->engine = page_engine;
    out->engine_options = (engine_options){.precision = page.precision, .threads = page.threads};
    out->caches_stay = page_engine->reads_back;
    return ACCEL_OK;
}

/* "seeded": what accel itself measures with; without it, inputs are given. */
static accel_status read_shapes(yyjson_val *root, arena *a, zoo_input_options *out, accel_error *err) {
    yyjson_val *seeded = yyjson_obj_get(root, "seeded"), *dims = yyjson_obj_get(seeded, "dims");
    double batch, sequence, seed, value;
    *out = (zoo_input_options){.unseeded = seeded == NULL};
    ACCEL_TRY(read_number(seeded, "batch", 0, 1 << 20, true, 0, &batch, err));
    ACCEL_TRY(read_number(seeded, "sequence", 0, 1 << 24, true, 0, &sequence, err));
    ACCEL_TRY(read_number(seeded, "seed", 0, 9e15, true, 0, &seed, err));
    out->batch = (int64_t)batch;
    out->sequence = (int64_t)sequence;
    out->seed = (uint64_t)seed;
    zoo_dim *list = ARENA_ARRAY(a, zoo_dim, yyjson_obj_size(dims) + 1);
    if (list == NULL)
        return error_no_memory(err, "dimensions", yyjson_obj_size(dims) * sizeof *list);
    yyjson_obj_iter it = yyjson_obj_iter_with(dims);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        const char *name = json_text(key);
        ACCEL_TRY(read_number(dims, name ? name : "", 1, 1 << 24, true, (double)NAN, &value, err));
        list[out->dim_count++] = (zoo_dim){name, (int64_t)value};
    }
    out->dims = list;
    return ACCEL_OK;
}

static accel_status start(yyjson_val *root, accel_error *err) {
    generate_options options = {0};
    zoo_input_options shapes;
    page_feeds feeds = {0};
    ACCEL_TRY(page_need_model(err));
    ACCEL_TRY(read_options(root, &options, err));
    arena *a = arena_create();
    accel_status status =
        a != NULL ? read_shapes(root, a, &shapes, err) : error_no_memory(err, "the inputs", 0);
    if (status == ACCEL_OK)
        status = page_read_feeds(yyjson_obj_get(root, "inputs"), a, &feeds, err);
    if (status == ACCEL_OK)
        status = generation_open(str_text(&page.reference), &page.zoo, &shapes, feeds.names, feeds.values,
                                 feeds.count, &options, &writing, err);
    is_open = status == ACCEL_OK;
    arena_destroy(a);
    return status;
}

accel_status page_generate_start(const char *json, size_t length) {
    page_drop_generation();
    return page_with_json(json, length, "what is to be written", start);
}

/* ---- what is told ------------------------------------------------------------------------------------------------------------- */

void page_append_tokens(const generation *g, bool chosen, str_buf *out) {
    str_append(out, "{\"tokens\":");
    for (int64_t row = 0; chosen && row < g->batch; row++)
        str_appendf(out, "%s%lld", row > 0 ? "," : "[", (long long)g->token[row]);
    str_appendf(out, "%s,\"done\":%s}", chosen ? "]" : "null", generation_is_over(g) ? "true" : "false");
}
