/* The text side of Qwen2-VL and Qwen3-VL. */
#include "zoo/qwen_vl.h"

#include "zoo/merge.h"

enum { AXES = 3 }; /* time, row, column */

/* Published Qwen2-VL files have the text's fields at the top. */
static hf_config *text_of(hf_config *c) {
    return hf_config_has(c, "text_config") ? hf_config_child(c, "text_config") : c;
}

int64_t zoo_qwen_patch_values(const zoo_qwen_vl *q) {
    return q->channels * q->frames * q->patch * q->patch;
}

/* The side of a square of so many rows. */
static int64_t side_of(int64_t rows) {
    int64_t side = 1;
    while ((side + 1) * (side + 1) <= rows)
        side++;
    return side;
}

accel_status zoo_qwen_vl_read(hf_config *c, zoo_qwen_vl_kind kind, zoo_qwen_vl *q, accel_error *err) {
    hf_config *vision = hf_config_child(c, "vision_config");
    bool third = kind == ZOO_QWEN3_VL;
    *q = (zoo_qwen_vl){.kind = kind};
    q->image_token = hf_config_int(c, "image_token_id", 151655, 0, ZOO_MAX_VOCABULARY);
    q->video_token = hf_config_int(c, "video_token_id", 151656, 0, ZOO_MAX_VOCABULARY);
    q->channels = hf_config_int(vision, "in_channels", 3, 1, 64);
    q->frames = hf_config_int(vision, "temporal_patch_size", 2, 1, 64);
    q->patch = hf_config_int(vision, "patch_size", third ? 16 : 14, 1, 1024);
    q->merge = hf_config_int(vision, "spatial_merge_size", 2, 1, 64);
    int64_t table = third ? hf_config_int(vision, "num_position_embeddings", 2304, 1, 1 << 24) : 0;
    q->table_side = third ? side_of(table) : 0;
    ACCEL_TRY(hf_config_check(c, err));
    if (q->table_side * q->table_side != table)
        return error_set(err, ACCEL_BAD_FILE, "num_position_embeddings %lld is not the square of a side",
                         (long long)table);
    return ACCEL_OK;
}

static accel_status read_text(builder *b, hf_config *c, const zoo_qwen_vl *q, zoo_llama *m,
                              accel_error *err) {
    hf_config *text = text_of(c);
    bool third = q->kind == ZOO_QWEN3_VL;
    ACCEL_TRY(zoo_llama_read(b, text, third ? ZOO_QWEN3 : ZOO_QWEN2, third ? 5e5 : 1e6, m, err));
    m->prefix = "language_model.";
    /* Older Qwen2-VL files say it of the text alone. */
    m->tied = (m->tied && !third) || hf_config_bool(c, "tie_word_embeddings", false);
    m->epsilon = hf_config_float(text, "rms_norm_eps", third ? 1e-6 : 1e-5);
    ACCEL_TRY(hf_config_check(c, err));
    if (q->image_token >= m->vocabulary || q->video_token >= m->vocabulary)
        return error_set(err, ACCEL_BAD_FILE,
                         "image_token_id %lld and video_token_id %lld must be below vocab_size %lld",
                         (long long)q->image_token, (long long)q->video_token, (long long)m->vocabulary);
    return ACCEL_OK;
}

/* ---- M-RoPE ------------------------------------------------------------------------------------------- */

static accel_status read_sections(hf_config *c, const zoo_qwen_vl *q, int64_t half, int64_t section[AXES],
                                  accel_error *err) {
    static const int64_t defaults[2][AXES] = {{16, 24, 24}, {24, 20, 20}};
    hf_config *rope =
        hf_config_child(c, hf_config_has(c, "rope_parameters") ? "rope_parameters" : "rope_scaling");
    for (int i = 0; i < AXES; i++)
        section[i] = defaults[q->kind == ZOO_QWEN3_VL][i];
    size_t count =
        hf_config_has(rope, "mrope_section") ? hf_config_ints(rope, "mrope_section", section, AXES) : AXES;
    ACCEL_TRY(hf_config_check(c, err));
    bool whole = count == AXES && section[0] >= 0 && section[1] >= 0 && section[2] >= 0;
    for (int i = 0; whole && i < AXES; i++)
        whole = section[i] <= half;
    if (!whole || section[0] + section[1] + section[2] != half)
        return error_set(err, ACCEL_BAD_FILE,
                         "mrope_section must be three numbers that sum to half of the head, %lld",
                         (long long)half);
    return ACCEL_OK;
}

/* Which axis frequency j follows: in Qwen2-VL three sections one after the other, in Qwen3-VL in turn as long as rows and
 * columns have any left. */
static int64_t axis_of(const zoo_qwen_vl *q, const int64_t section[AXES], int64_t j) {
    if (q->kind == ZOO_QWEN3_VL)
        return j % AXES > 0 && j < AXES * section[j % AXES] ? j % AXES : 0;
    return j < section[0] ? 0 : j < section[0] + section[1] ? 1 : 2;
}

static accel_status make_angles(builder *b, hf_config *text, const zoo_qwen_vl *q, const zoo_llama *m,
                                value_id positions, zoo_rotary *out, accel_error *err) {
    int64_t half = m->head_size / 2, section[AXES];
    ACCEL_TRY(read_sections(text, q, half, section, err));
    int64_t *axes = ARENA_ARRAY(b->graph->arena, int64_t, (size_t)half);
    if (!axes)
        return error_no_memory(err, "rotary positions", (size_t)half * sizeof *axes);
    for (int64_t j = 0; j < half; j++)
        axes[j] = axis_of(q, section, j);
    value_id places = zoo_cast(b, positions, DTYPE_F32); /* [3, batch, sequence] */
    places = BUILD(b, "Gather", places, build_i64s(b, (size_t)half, axes));
    places = build_transpose(b, places, 3, (int64_t[]){1, 2, 0});
    value_id angle = BUILD(b, "Mul", places, zoo_floats(b, 1, &half, m->inverse));
    *out = (zoo_rotary){BUILD(b, "Cos", angle), BUILD(b, "Sin", angle)};
    return ACCEL_OK;
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static accel_status with_vision(builder *b, const zoo_build *z, const zoo_qwen_vl *q, const zoo_llama *m,
                                const zoo_text_inputs *t, const zoo_rotary *rotary, value_id *x,
                                accel_error *err) {
    zoo_qwen_features f;
    ACCEL_TRY(zoo_qwen_vision(b, hf_config_child(z->config, "vision_config"), q, m->hidden, &f, err));
    value_id rows = build_input(b, "feature_rows", DTYPE_I64, 1, (int64_t[]){DIM_UNKNOWN},
                                (const char *const[]){"features"});
    zoo_slots slots = zoo_slots_of(b, t->ids, q->image_token, q->video_token, rows);
    *x = zoo_slots_fill(b, &slots, f.merged, *x);
    for (int64_t i = 0; i < m->layers; i++) {
        *x = zoo_llama_layer(b, m, i, t, rotary, *x);
        if ((size_t)i < f.deep_count)
            *x = BUILD(b, "Add", *x, zoo_slots_fill(b, &slots, f.deep[i], build_f32(b, 0)));
    }
    *x = zoo_llama_norm(b, m, *x);
    return ACCEL_OK;
}

accel_status zoo_qwen_vl_build(builder *b, zoo_build *z, zoo_qwen_vl_kind kind, accel_error *err) {
    zoo_qwen_vl q;
    zoo_llama m;
    zoo_rotary rotary;
    ACCEL_TRY(zoo_qwen_vl_read(z->config, kind, &q, err));
    ACCEL_TRY(read_text(b, z->config, &q, &m, err));
    z->vocabulary = m.vocabulary;
    z->max_sequence = m.positions;
    z->generation.able = true;
    z->generation.position_rows = AXES;
    zoo_text_inputs t = zoo_text_inputs_make_rows(b, z->mode, AXES);
    ACCEL_TRY(make_angles(b, text_of(z->config), &q, &m, t.positions, &rotary, err));
    value_id x = build_rows(b, zoo_llama_words(b, &m), t.ids);
    if (z->mode == ZOO_DECODE)
        x = zoo_llama_decode(b, &m, &t, &rotary, x);
    else
        ACCEL_TRY(with_vision(b, z, &q, &m, &t, &rotary, &x, err));
    zoo_llama_logits(b, &m, z->mode, x, "lm_head.weight");
    return ACCEL_OK;
}

const zoo_spelling zoo_qwen_vl_spellings[] = {{ZOO_START, "model.language_model.", "language_model."},
                                              {ZOO_START, "model.visual.", "visual."},
                                              {ZOO_START, "model.", "language_model."},
                                              {ZOO_START, NULL, NULL}};
