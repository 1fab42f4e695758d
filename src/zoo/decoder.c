/* What the decoder-only text models share: their inputs in each mode, and the logits at their end. */
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
