/* HTS-AT (Chen et al., arXiv 2202.00874): a log-mel spectrogram folded into a square picture for a Swin transformer (Liu et
 * al., arXiv 2103.14030); sounds longer than the window add three crops by attentional feature fusion (Wu et al., arXiv
 * 2211.06687). */
#include "zoo/clap_audio.h"

#define PREFIX "audio_model.audio_encoder."

static const double FIXED_EPSILON = 1e-5; /* of norms that the configuration does not reach */
enum { CROPS = 3 };

typedef struct stage {
    const zoo_clap_audio *m;
    size_t index;
    int64_t rows, columns, width, heads;
} stage;

/* ---- configuration ------------------------------------------------------------------------------------ */

static void read_pair(hf_config *c, const char *key, int64_t fallback, int64_t out[2]) {
    size_t count = hf_config_ints(c, key, out, 2);
    if (count == 0)
        out[0] = fallback;
    if (count < 2)
        out[1] = out[0];
}

static size_t read_stages(hf_config *c, const char *key, int64_t *out, const int64_t fallback[4]) {
    size_t count = hf_config_ints(c, key, out, ZOO_CLAP_MAX_STAGES);
    for (size_t i = 0; count == 0 && i < 4; i++)
        out[i] = fallback[i];
    return count == 0 ? 4 : count;
}

static stage stage_of(const zoo_clap_audio *m, size_t index) {
    return (stage){.m = m,
                   .index = index,
                   .rows = m->side / m->step[0] >> index,
                   .columns = m->side / m->step[1] >> index,
                   .width = m->width << index,
                   .heads = m->heads[index]};
}

static accel_status check_patches(const zoo_clap_audio *m, accel_error *err) {
    for (int i = 0; i < 2; i++)
        if (m->patch[i] < 1 || m->step[i] < 1 || m->patch[i] < m->step[i] || m->patch[i] > m->side ||
            (m->patch[i] - m->step[i]) % 2 != 0 || m->side % m->step[i] != 0)
            return error_set(err, ACCEL_BAD_FILE,
                             "patch_size %lld with patch_stride %lld does not cover spec_size %lld evenly",
                             (long long)m->patch[i], (long long)m->step[i], (long long)m->side);
    if (m->side % m->bins != 0 || m->side / m->bins > m->side * m->bins)
        return error_set(err, ACCEL_BAD_FILE, "spec_size %lld is not a multiple of num_mel_bins %lld",
                         (long long)m->side, (long long)m->bins);
    return ACCEL_OK;
}

/* Windows must tile each stage's grid, and merging halves it. */
static accel_status check_stage(const stage *s, accel_error *err) {
    const zoo_clap_audio *m = s->m;
    bool last = s->index + 1 == m->stages;
    if (m->depths[s->index] < 1 || m->depths[s->index] > ZOO_MAX_LAYERS)
        return error_set(err, ACCEL_BAD_FILE, "depths: stage %llu has %lld blocks; 1 to %d are possible",
                         (unsigned long long)s->index, (long long)m->depths[s->index], ZOO_MAX_LAYERS);
    if (s->heads < 1 || s->width % s->heads != 0)
        return zoo_refuse_heads(err, "audio_config", s->width, s->heads);
    if (s->rows < m->window || s->columns < m->window || s->rows % m->window != 0 ||
        s->columns % m->window != 0 || (!last && (s->rows % 2 != 0 || s->columns % 2 != 0)))
        return error_set(err, ACCEL_UNSUPPORTED,
                         "audio_config: the %lldx%lld grid of stage %llu is not tiled by windows of %lld",
                         (long long)s->rows, (long long)s->columns, (unsigned long long)s->index,
                         (long long)m->window);
    return ACCEL_OK;
}

static accel_status check(const zoo_clap_audio *m, size_t heads, hf_config *c, accel_error *err) {
    ACCEL_TRY(hf_config_check(c, err));
    if (heads != m->stages)
        return error_set(err, ACCEL_BAD_FILE, "depths has %llu entries and num_attention_heads %llu",
                         (unsigned long long)m->stages, (unsigned long long)heads);
    if (!(m->mlp_ratio > 0 && m->mlp_ratio < 1024))
        return error_set(err, ACCEL_BAD_FILE, "mlp_ratio %g must be above 0 and below 1024", m->mlp_ratio);
    ACCEL_TRY(check_patches(m, err));
    for (size_t i = 0; i < m->stages; i++) {
        stage s = stage_of(m, i);
        ACCEL_TRY(check_stage(&s, err));
    }
    if (m->fused && str_equal(hf_config_string(c, "fusion_type", ""), "channel_map"))
        return error_set(err, ACCEL_UNSUPPORTED, "fusion_type 'channel_map' is not supported");
    return ACCEL_OK;
}

accel_status zoo_clap_audio_read(hf_config *c, zoo_clap_audio *m, accel_error *err) {
    *m = (zoo_clap_audio){0};
    m->window = hf_config_int(c, "window_size", 8, 1, 64);
    m->bins = hf_config_int(c, "num_mel_bins", 64, 1, 4096);
    m->side = hf_config_int(c, "spec_size", 256, 1, 4096);
    read_pair(c, "patch_size", 4, m->patch);
    read_pair(c, "patch_stride", 4, m->step);
    m->width = hf_config_int(c, "patch_embeds_hidden_size", 96, 1, ZOO_MAX_WIDTH >> ZOO_CLAP_MAX_STAGES);
    m->stages = read_stages(c, "depths", m->depths, (const int64_t[]){2, 2, 6, 2});
    size_t heads = read_stages(c, "num_attention_heads", m->heads, (const int64_t[]){4, 8, 16, 32});
    m->mlp_ratio = hf_config_float(c, "mlp_ratio", 4);
    m->epsilon = hf_config_float(c, "layer_norm_eps", 1e-5);
    m->fusion_ratio = hf_config_int(c, "aff_block_r", 4, 1, m->width > 0 ? m->width : 1);
    m->fused = hf_config_bool(c, "enable_fusion", false);
    m->patch_norm = hf_config_bool(c, "enable_patch_layer_norm", true);
    m->qkv_bias = hf_config_bool(c, "qkv_bias", true);
    m->activation = hf_config_string(c, "hidden_act", "gelu");
    return check(m, heads, c, err);
}

int64_t zoo_clap_audio_frames(const zoo_clap_audio *m) {
    return m->side * (m->side / m->bins);
}

int64_t zoo_clap_audio_width(const zoo_clap_audio *m) {
    return m->width << (m->stages - 1);
}

/* ---- the picture -------------------------------------------------------------------------------------- */

/* By the stored statistics, as x·scale + shift; the channels are those of axis `axis` of four. Made of constants, so loading
 * folds both. */
static value_id batch_norm(builder *b, const char *name, value_id x, int64_t channels, int axis) {
    int64_t dims[4] = {1, 1, 1, 1};
    dims[axis] = channels;
    value_id variance = build_buffer(b, zoo_spell(b, "%s.running_var", name), 1, &channels);
    value_id spread = BUILD(b, "Sqrt", BUILD(b, "Add", variance, build_f32(b, 1e-5F)));
    value_id scale = BUILD(b, "Div", build_weight(b, zoo_spell(b, "%s.weight", name), 1, &channels), spread);
    value_id mean = build_buffer(b, zoo_spell(b, "%s.running_mean", name), 1, &channels);
    value_id shift = BUILD(b, "Sub", build_weight(b, zoo_spell(b, "%s.bias", name), 1, &channels),
                           BUILD(b, "Mul", mean, scale));
    x = BUILD(b, "Mul", x, build_reshape(b, scale, 4, dims));
    return BUILD(b, "Add", x, build_reshape(b, shift, 4, dims));
}

/* The time axis is stretched to what the picture holds, cut into pieces, and the pieces stacked along frequency:
 * [batch, channels, frames, bins] to [batch, channels, side, side]. */
static value_id picture(builder *b, const zoo_clap_audio *m, value_id x) {
    int64_t pieces = m->side / m->bins, channels = m->fused ? 1 + CROPS : 1;
    /* All four sizes, where "axes" would do: older opsets do not have it. */
    value_id sizes =
        zoo_concat(b, 0, 2,
                   (value_id[]){zoo_length(b, x, 0),
                                build_i64s(b, 3, (int64_t[]){channels, zoo_clap_audio_frames(m), m->bins})});
    x = build_op(b, "Resize", 4, (value_id[]){x, VALUE_NONE, VALUE_NONE, sizes}, 3,
                 (build_attr[]){BUILD_STRING("mode", "cubic"), BUILD_FLOAT("cubic_coeff_a", -0.75),
                                BUILD_STRING("coordinate_transformation_mode", "align_corners")});
    x = build_reshape(b, x, 4, (int64_t[]){0, channels * pieces, m->side, m->bins});
    x = build_transpose(b, x, 4, (int64_t[]){0, 1, 3, 2});
    return build_reshape(b, x, 4, (int64_t[]){0, channels, m->side, m->side});
}

/* ---- patches ------------------------------------------------------------------------------------------ */

/* columns: patches side by side that one of the kernel's covers. */
static value_id patch_conv(builder *b, const zoo_clap_audio *m, const char *name, value_id x,
                           int64_t columns) {
    int64_t steps[2] = {m->step[0], columns * m->step[1]};
    int64_t down = (m->patch[0] - m->step[0]) / 2, across = (m->patch[1] - m->step[1]) / 2;
    value_id weight = build_weight(b, zoo_spell(b, "%s.weight", name), 4,
                                   (int64_t[]){m->width, 1, m->patch[0], columns * m->patch[1]});
    value_id bias = build_weight(b, zoo_spell(b, "%s.bias", name), 1, &m->width);
    return build_op(b, "Conv", 3, (value_id[]){x, weight, bias}, 2,
                    (build_attr[]){BUILD_INTS("strides", 2, steps),
                                   BUILD_INTS("pads", 4, ((int64_t[]){down, across, down, across}))});
}

static value_id pointwise(builder *b, const char *name, value_id x, int64_t in, int64_t out) {
    value_id weight = build_weight(b, zoo_spell(b, "%s.weight", name), 4, (int64_t[]){out, in, 1, 1});
    return BUILD(b, "Conv", x, weight, build_weight(b, zoo_spell(b, "%s.bias", name), 1, &out));
}

/* Narrow, widen: the steps of an nn.Sequential, numbered from `first` on. */
static value_id fusion_path(builder *b, const zoo_clap_audio *m, const char *path, int first, value_id x) {
    int64_t narrow = m->width / m->fusion_ratio;
    const char *at = zoo_spell(b, PREFIX "patch_embed.fusion_model.%s.", path);
    x = pointwise(b, zoo_spell(b, "%s%d", at, first), x, m->width, narrow);
    x = BUILD(b, "Relu", batch_norm(b, zoo_spell(b, "%s%d", at, first + 1), x, narrow, 1));
    x = pointwise(b, zoo_spell(b, "%s%d", at, first + 3), x, narrow, m->width);
    return batch_norm(b, zoo_spell(b, "%s%d", at, first + 4), x, m->width, 1);
}

/* The crops' patches side by side, as wide as the whole's. */
static value_id crops(builder *b, const zoo_clap_audio *m, value_id x) {
    int64_t rows = m->side / m->step[0], columns = m->side / m->step[1];
    int64_t across = (m->patch[1] - m->step[1]) / 2;
    int64_t wide = (m->side + 2 * across - CROPS * m->patch[1]) / (CROPS * m->step[1]) + 1;
    x = build_reshape(b, zoo_slice(b, x, 1, 1, INT64_MAX), 4, (int64_t[]){-1, 1, m->side, m->side});
    x = patch_conv(b, m, PREFIX "patch_embed.mel_conv2d", x, CROPS);
    x = build_reshape(b, x, 5, (int64_t[]){-1, CROPS, m->width, rows, wide});
    x = build_transpose(b, x, 5, (int64_t[]){0, 2, 3, 1, 4});
    x = build_reshape(b, x, 4, (int64_t[]){0, m->width, rows, CROPS * wide});
    value_id pads = build_i64s(b, 8, (int64_t[]){0, 0, 0, 0, 0, 0, 0, columns - CROPS * wide});
    return BUILD(b, "Pad", x, pads);
}

static value_id fused_patches(builder *b, const zoo_clap_audio *m, value_id x, value_id longer) {
    value_id whole = patch_conv(b, m, PREFIX "patch_embed.proj", zoo_slice(b, x, 1, 0, 1), 1);
    value_id parts = crops(b, m, x);
    value_id sum = BUILD(b, "Add", whole, parts);
    value_id local = fusion_path(b, m, "local_att", 0, sum);
    value_id global = fusion_path(b, m, "global_att", 1, BUILD(b, "GlobalAveragePool", sum));
    value_id share = BUILD(b, "Sigmoid", BUILD(b, "Add", local, global));
    value_id rest = BUILD(b, "Sub", build_f32(b, 1), share);
    value_id mixed = BUILD(b, "Add", BUILD(b, "Mul", whole, share), BUILD(b, "Mul", parts, rest));
    value_id chosen = BUILD(b, "Unsqueeze", longer, build_i64s(b, 2, (int64_t[]){2, 3}));
    return BUILD(b, "Where", chosen, zoo_scaled(b, mixed, 2), whole);
}

/* [batch, rows·columns, width] */
static value_id patches(builder *b, const zoo_clap_audio *m, value_id x, value_id longer) {
    b->scope = "audio.patches.";
    x = m->fused ? fused_patches(b, m, x, longer) : patch_conv(b, m, PREFIX "patch_embed.proj", x, 1);
    x = build_transpose(b, build_reshape(b, x, 3, (int64_t[]){0, m->width, -1}), 3, (int64_t[]){0, 2, 1});
    if (m->patch_norm)
        x = build_layer_norm(b, PREFIX "patch_embed.norm", x, m->width, FIXED_EPSILON);
    b->scope = "";
    return x;
}

/* ---- windows ------------------------------------------------------------------------------------------ */

static int64_t *numbers(builder *b, int64_t count) {
    int64_t *made = b->error.status == ACCEL_OK ? ARENA_ARRAY(b->graph->arena, int64_t, (size_t)count) : NULL;
    if (!made && b->error.status == ACCEL_OK)
        error_no_memory(&b->error, "windows of a picture", (unsigned long long)count * sizeof *made);
    return made;
}

/* Tokens in the order of windows, of a grid rolled by -shift along both axes: one Gather rolls and cuts, and one with
 * the inverse puts back. */
static void window_order(const stage *s, int64_t shift, int64_t *order, int64_t *inverse) {
    int64_t window = s->m->window, next = 0;
    for (int64_t top = 0; top < s->rows; top += window)
        for (int64_t left = 0; left < s->columns; left += window)
            for (int64_t i = 0; i < window * window; i++) {
                int64_t row = (top + i / window + shift) % s->rows;
                int64_t column = (left + i % window + shift) % s->columns;
                order[next] = row * s->columns + column;
                inverse[order[next]] = next;
                next++;
            }
}

/* Which of three bands of a rolled axis: only keys of the same band, along both axes, were neighbours before the roll. */
static int64_t band(int64_t place, int64_t length, int64_t window, int64_t shift) {
    return (place >= length - window) + (place >= length - shift);
}

/* f32 [windows, 1, tokens, tokens]: -100 between bands. */
static value_id shift_mask(builder *b, const stage *s, int64_t shift) {
    int64_t window = s->m->window, tokens = window * window, across = s->columns / window;
    int64_t windows = s->rows / window * across;
    int64_t *of = numbers(b, windows * tokens);
    float *mask = of ? ARENA_ARRAY(b->graph->arena, float, (size_t)(windows * tokens * tokens)) : NULL;
    if (!mask)
        return VALUE_NONE;
    for (int64_t i = 0; i < windows * tokens; i++) {
        int64_t row = i / tokens / across * window + i % tokens / window;
        int64_t column = i / tokens % across * window + i % tokens % window;
        of[i] = 3 * band(row, s->rows, window, shift) + band(column, s->columns, window, shift);
    }
    for (int64_t i = 0; i < windows * tokens; i++)
        for (int64_t k = 0; k < tokens; k++)
            mask[i * tokens + k] = of[i] == of[i / tokens * tokens + k] ? 0 : -100;
    return zoo_floats(b, 4, (int64_t[]){windows, 1, tokens, tokens}, mask);
}

/* The table's rows by the places of query and key in their window: f32 [1, heads, tokens, tokens]. */
static value_id position_bias(builder *b, const stage *s, const char *at) {
    int64_t window = s->m->window, tokens = window * window, reach = 2 * window - 1;
    int64_t *row = numbers(b, tokens * tokens);
    value_id table = build_weight(b, zoo_spell(b, "%sattention.self.relative_position_bias_table", at), 2,
                                  (int64_t[]){reach * reach, s->heads});
    for (int64_t i = 0; row && i < tokens * tokens; i++) {
        int64_t query = i / tokens, key = i % tokens;
        int64_t down = query / window - key / window + window - 1;
        row[i] = down * reach + query % window - key % window + window - 1;
    }
    if (!row)
        return VALUE_NONE;
    value_id bias = BUILD(b, "Gather", table, zoo_indices(b, tokens * tokens, row));
    bias = build_reshape(b, bias, 4, (int64_t[]){1, tokens, tokens, s->heads});
    return build_transpose(b, bias, 4, (int64_t[]){0, 3, 1, 2});
}

/* One mask a window of every picture: f32 [batch·windows, heads, tokens, tokens]. batch: i64 [1]. */
static value_id window_masks(builder *b, const stage *s, int64_t shift, value_id bias, value_id batch) {
    int64_t tokens = s->m->window * s->m->window;
    value_id each = zoo_unsqueeze(b, BUILD(b, "Add", bias, shift_mask(b, s, shift)), 0);
    value_id rest = build_i64s(b, 4, (int64_t[]){1, 1, 1, 1});
    value_id all = BUILD(b, "Expand", each, zoo_concat(b, 0, 2, (value_id[]){batch, rest}));
    return build_reshape(b, all, 4, (int64_t[]){-1, s->heads, tokens, tokens});
}

/* ---- blocks ------------------------------------------------------------------------------------------- */

static value_id attend(builder *b, const stage *s, const char *at, int64_t shift, value_id x) {
    int64_t cells = s->rows * s->columns, tokens = s->m->window * s->m->window;
    int64_t *order = numbers(b, cells), *inverse = numbers(b, cells);
    if (!order || !inverse)
        return VALUE_NONE;
    window_order(s, shift, order, inverse);
    value_id mask = position_bias(b, s, at);
    if (shift > 0)
        mask = window_masks(b, s, shift, mask, zoo_length(b, x, 0));
    zoo_attention attention =
        zoo_attention_named(b, at,
                            (const char *const[]){"attention.self.query", "attention.self.key",
                                                  "attention.self.value", "attention.output.dense"},
                            s->m->qkv_bias, true, s->width, s->heads);
    attention.mask = mask;
    build_attr axis = BUILD_INT("axis", 1);
    x = build_op(b, "Gather", 2, (value_id[]){x, zoo_indices(b, cells, order)}, 1, &axis);
    x = zoo_attend(b, &attention, build_reshape(b, x, 3, (int64_t[]){-1, tokens, s->width}));
    x = build_reshape(b, x, 3, (int64_t[]){-1, cells, s->width});
    return build_op(b, "Gather", 2, (value_id[]){x, zoo_indices(b, cells, inverse)}, 1, &axis);
}

/* Odd blocks look across the borders of the even ones' windows, unless there is only one window. */
static value_id block(builder *b, const stage *s, int64_t index, value_id x) {
    const zoo_clap_audio *m = s->m;
    const char *at =
        zoo_spell(b, PREFIX "layers.%llu.blocks.%lld.", (unsigned long long)s->index, (long long)index);
    bool one = s->rows <= m->window || s->columns <= m->window;
    b->scope = zoo_spell(b, "audio.layers.%llu.blocks.%lld.", (unsigned long long)s->index, (long long)index);
    value_id normed = build_layer_norm(b, zoo_spell(b, "%slayernorm_before", at), x, s->width, m->epsilon);
    x = BUILD(b, "Add", x, attend(b, s, at, index % 2 == 0 || one ? 0 : m->window / 2, normed));
    normed = build_layer_norm(b, zoo_spell(b, "%slayernorm_after", at), x, s->width, m->epsilon);
    value_id fed =
        zoo_feed_forward(b, zoo_spell(b, "%sintermediate.dense", at), zoo_spell(b, "%soutput.dense", at),
                         normed, s->width, (int64_t)(m->mlp_ratio * (double)s->width), m->activation, true);
    b->scope = "";
    return BUILD(b, "Add", x, fed);
}

/* Four neighbours become one of twice the width, in the order (0,0), (1,0), (0,1), (1,1) of (row, column). */
static value_id merge(builder *b, const stage *s, value_id x) {
    const char *at = zoo_spell(b, PREFIX "layers.%llu.downsample.", (unsigned long long)s->index);
    x = build_reshape(b, x, 6, (int64_t[]){-1, s->rows / 2, 2, s->columns / 2, 2, s->width});
    x = build_transpose(b, x, 6, (int64_t[]){0, 1, 3, 4, 2, 5});
    x = build_reshape(b, x, 3, (int64_t[]){0, s->rows / 2 * (s->columns / 2), 4 * s->width});
    x = build_layer_norm(b, zoo_spell(b, "%snorm", at), x, 4 * s->width, FIXED_EPSILON);
    return build_linear(b, zoo_spell(b, "%sreduction", at), x, 4 * s->width, 2 * s->width, false);
}

value_id zoo_clap_audio_encode(builder *b, const zoo_clap_audio *m, value_id features, value_id longer) {
    value_id x = batch_norm(b, PREFIX "batch_norm", features, m->bins, 3);
    x = patches(b, m, picture(b, m, x), longer);
    for (size_t i = 0; i < m->stages; i++) {
        stage s = stage_of(m, i);
        for (int64_t k = 0; k < m->depths[i]; k++)
            x = block(b, &s, k, x);
        if (i + 1 < m->stages)
            x = merge(b, &s, x);
    }
    x = build_layer_norm(b, PREFIX "norm", x, zoo_clap_audio_width(m), FIXED_EPSILON);
    return build_op(b, "ReduceMean", 2, (value_id[]){x, build_i64s(b, 1, (int64_t[]){1})}, 1,
                    &BUILD_INT("keepdims", 0));
}
