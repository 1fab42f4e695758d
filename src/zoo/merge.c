#include "zoo/merge.h"

#include "base/random.h"

enum { SAMPLE_TEXT = 32, TEXT_BEFORE = 4 }; /* tokens of text about an image, and those before it */

zoo_slots zoo_slots_of(builder *b, value_id ids, int64_t token, int64_t other_token, value_id rows) {
    value_id here = BUILD(b, "Equal", ids, build_i64(b, token));
    if (other_token != token)
        here = BUILD(b, "Or", here, BUILD(b, "Equal", ids, build_i64(b, other_token)));
    value_id flat = build_reshape(b, zoo_cast(b, here, DTYPE_I64), 1, (int64_t[]){-1});
    value_id count = BUILD(b, "CumSum", flat, build_i64(b, 0));
    value_id row = BUILD(b, "Sub", count, build_i64(b, 1)); /* -1 before the first, which is the last row */
    row = BUILD(b, "Reshape", row, build_op(b, "Shape", 1, &ids, 0, NULL));
    row = rows == VALUE_NONE ? row : BUILD(b, "Gather", rows, row);
    return (zoo_slots){zoo_unsqueeze(b, here, -1), row};
}

value_id zoo_slots_fill(builder *b, const zoo_slots *s, value_id features, value_id x) {
    return BUILD(b, "Where", s->here, BUILD(b, "Gather", features, s->row), x);
}

int64_t zoo_count_tokens(const tensor *ids, int64_t token) {
    const int64_t *id = ids->data;
    int64_t count = 0;
    for (size_t i = 0; i < ids->size_bytes / sizeof *id; i++)
        count += id[i] == token;
    return count;
}

/* ---- samples ------------------------------------------------------------------------------------------ */

static void fill_prompt(rng *r, int64_t vocabulary, int64_t token, int64_t other_token, int64_t placeholders,
                        int64_t length, int64_t *ids) {
    int64_t before = length - placeholders < TEXT_BEFORE ? 0 : TEXT_BEFORE;
    for (int64_t i = 0; i < length; i++) {
        ids[i] = token;
        bool text = i < before || i >= before + placeholders;
        while (text && (ids[i] == token || ids[i] == other_token))
            ids[i] = (int64_t)rng_below(r, (uint64_t)vocabulary);
    }
}

accel_status zoo_sample_prompt(const zoo_model *m, const zoo_input_options *options, int64_t token,
                               int64_t other_token, int64_t placeholders, zoo_given_list *given,
                               accel_error *err) {
    int64_t batch = options->batch > 0 ? options->batch : 1;
    int64_t length = options->sequence > 0 ? options->sequence : placeholders + SAMPLE_TEXT;
    tensor *ids;
    rng r;
    if (length <= placeholders || m->vocabulary < 4)
        return error_set(err, ACCEL_UNSUPPORTED,
                         "%s needs a sequence of more than %lld tokens: so many stand for the image of a "
                         "prompt; %lld were asked for",
                         m->name, (long long)placeholders, (long long)length);
    ACCEL_TRY(zoo_given_add(given, "input_ids", DTYPE_I64, 2, (int64_t[]){batch, length}, &ids, err));
    rng_seed_name(&r, options->seed, "input_ids");
    for (int64_t i = 0; i < batch; i++)
        fill_prompt(&r, m->vocabulary, token, other_token, placeholders, length,
                    (int64_t *)ids->data + i * length);
    return ACCEL_OK;
}

accel_status zoo_sample_pixels(const zoo_input_options *options, const char *name, int rank,
                               const int64_t *dims, zoo_given_list *given, accel_error *err) {
    tensor *pixels;
    rng r;
    ACCEL_TRY(zoo_given_add(given, name, DTYPE_F32, rank, dims, &pixels, err));
    rng_seed_name(&r, options->seed, name);
    rng_fill_uniform_f32(&r, pixels->data, pixels->size_bytes / sizeof(float), 0, 1);
    return ACCEL_OK;
}
