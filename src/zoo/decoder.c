/* What models that write text share: their inputs in each mode, and the logits at their end. */
#include "zoo/blocks.h"

/* 0, 1, 2 … for every element of the batch. */
static value_id counted(builder *b, value_id ids) {
    return BUILD(b, "Expand", zoo_unsqueeze(b, zoo_range(b, zoo_length(b, ids, 1)), 0),
                 build_op(b, "Shape", 1, &ids, 0, NULL));
}

static value_id positions_input(builder *b, int64_t rows, int64_t length) {
    int64_t dims[3] = {rows, DIM_UNKNOWN, length};
    const char *const names[3] = {NULL, "batch", "sequence"};
    int skip = rows == 0;
    return build_input(b, "position_ids", DTYPE_I64, 3 - skip, dims + skip, names + skip);
}

zoo_text_inputs zoo_text_inputs_make_rows(builder *b, zoo_mode mode, int64_t rows) {
    bool decode = mode == ZOO_DECODE;
    zoo_text_inputs t = {.cache = {.mode = mode, .write_indices = VALUE_NONE}};
    t.ids = build_input(b, "input_ids", DTYPE_I64, 2, (int64_t[]){DIM_UNKNOWN, decode ? 1 : DIM_UNKNOWN},
                        (const char *const[]){"batch", "sequence"});
    t.mask = zoo_ids_input(b, "attention_mask", decode ? "capacity" : "sequence");
    t.positions = mode == ZOO_INFERENCE && rows == 0 ? counted(b, t.ids)
                                                     : positions_input(b, rows, decode ? 1 : DIM_UNKNOWN);
    if (decode)
        t.cache.write_indices = build_input(b, "write_indices", DTYPE_I64, 1, (int64_t[]){DIM_UNKNOWN},
                                            (const char *const[]){"batch"});
    t.keep = zoo_keep_mask(b, t.mask);
    return t;
}

zoo_text_inputs zoo_text_inputs_make(builder *b, zoo_mode mode) {
    return zoo_text_inputs_make_rows(b, mode, 0);
}

void zoo_lm_logits(builder *b, zoo_mode mode, value_id states, value_id table) {
    if (mode == ZOO_PREFILL)
        states = zoo_slice(b, states, 1, -1, INT64_MAX);
    value_id decoder = build_transpose(b, table, 2, (int64_t[]){1, 0});
    build_output(b, "logits", BUILD(b, "MatMul", states, decoder));
}

/* ---- encoder-decoders --------------------------------------------------------------------------------- */

zoo_decoder zoo_decoder_make(builder *b, zoo_mode mode, int64_t kv_heads, int64_t head_size) {
    bool decode = mode == ZOO_DECODE;
    zoo_decoder d = {.keep = VALUE_NONE, .cache = {.mode = mode, .write_indices = VALUE_NONE}};
    d.ids =
        build_input(b, "decoder_input_ids", DTYPE_I64, 2, (int64_t[]){DIM_UNKNOWN, decode ? 1 : DIM_UNKNOWN},
                    (const char *const[]){"batch", "decoder_sequence"});
    if (!decode) {
        value_id places = zoo_range(b, zoo_length(b, d.ids, 1));
        d.places = zoo_unsqueeze(b, places, 0);
        d.distances = zoo_unsqueeze(b, BUILD(b, "Sub", d.places, zoo_unsqueeze(b, places, 1)), 0);
        return d;
    }
    d.cache.write_indices = build_input(b, "write_indices", DTYPE_I64, 1, (int64_t[]){DIM_UNKNOWN},
                                        (const char *const[]){"batch"});
    d.places = zoo_unsqueeze(b, d.cache.write_indices, 1);
    zoo_attention first = {.kv_heads = kv_heads, .heads = kv_heads, .head_size = head_size};
    value_id keys = zoo_unsqueeze(b, zoo_range(b, zoo_cache_capacity(b, &first)), 0);
    d.distances = zoo_unsqueeze(b, BUILD(b, "Sub", keys, d.places), 1);
    d.keep = zoo_unsqueeze(b, BUILD(b, "LessOrEqual", d.distances, build_i64(b, 0)), 1);
    return d;
}

accel_status zoo_decoder_start(const zoo_model *m, zoo_given_list *given, accel_error *err) {
    static const char name[] = "decoder_input_ids";
    tensor *ids;
    ACCEL_TRY(zoo_given_known(m, given, NULL, err));
    if (m->mode != ZOO_INFERENCE || given->count == 0 || zoo_given_find(given, name))
        return ACCEL_OK;
    const shape *first = &given->items[0].value.shape;
    int64_t batch = first->rank > 0 ? first->dims[0] : 1;
    ACCEL_TRY(zoo_given_add(given, name, DTYPE_I64, 2, (int64_t[]){batch, 1}, &ids, err));
    for (int64_t i = 0; i < batch; i++)
        dtype_set_i64(DTYPE_I64, ids->data, (size_t)i, m->generation.start_token);
    return ACCEL_OK;
}
