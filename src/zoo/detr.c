/* DETR (Carion et al., arXiv 2005.12872): the features of a ResNet through an encoder and decoder of post-norm layers;
 * learned queries become boxes.
 *
 * In: pixel_values, float32 [batch, channels, height, width]; pixel_mask, int64 [batch, height, width] (1 = image, 0 =
 * padding). Out: last_hidden_state [batch, queries, width], encoder_last_hidden_state [batch, cells, width] (a cell is
 * 32 x 32 pixels), and of DetrForObjectDetection logits [batch, queries, labels + 1] and pred_boxes [batch, queries,
 * 4]: centre x, centre y, width and height of the box as parts of the image.
 *
 * A benchmark's images are 480 x 640, 59 GFLOP with ResNet-50; the preprocessor's usual 800 x 1066 take 164. */
#include "zoo/classes.h"
#include "zoo/resnet_stages.h"

#include <math.h>

enum head { MODEL, DETECTION };

typedef struct detr {
    zoo_resnet backbone;
    int64_t width, queries, labels;
    struct {
        int64_t layers, heads, wide;
    } encoder, decoder;
    const char *activation;
} detr;

typedef struct cells {
    value_id states;    /* [batch, cells, width] */
    value_id positions; /* the same */
    value_id keep;      /* bool [batch, 1, 1, cells] */
} cells;

/* ---- configuration ------------------------------------------------------------------------------------ */

/* The backbone's last output must be its last stage. */
static accel_status check_last_stage(hf_config *c, size_t stages, accel_error *err) {
    int64_t taken[ZOO_RESNET_MAX_STAGES + 1];
    size_t count = hf_config_ints(c, "out_indices", taken, ZOO_RESNET_MAX_STAGES + 1);
    ACCEL_TRY(hf_config_check(c, err));
    if (count > 0 && taken[count - 1] != (int64_t)stages && taken[count - 1] != -1)
        return error_set(
            err, ACCEL_UNSUPPORTED,
            "out_indices of its backbone_config end with %lld; the last stage, %llu, is supported",
            (long long)taken[count - 1], (unsigned long long)stages);
    return ACCEL_OK;
}

/* A backbone_config of the transformers package's ResNet, or the name of one of timm's, which older files have beside the
 * other fields. */
static accel_status read_backbone(hf_config *c, zoo_resnet *r, accel_error *err) {
    hf_config *own = hf_config_child(c, "backbone_config");
    const char *kind = hf_config_string(own, "model_type", "timm_backbone");
    ACCEL_TRY(hf_config_check(own, err));
    if (str_equal(kind, "resnet")) {
        ACCEL_TRY(zoo_resnet_read(own, r, err));
    } else if (str_equal(kind, "timm_backbone")) {
        const char *name = hf_config_string(own, "backbone", hf_config_string(c, "backbone", "resnet50"));
        ACCEL_TRY(hf_config_check(own, err));
        if (!zoo_resnet_named(name, r))
            return error_set(err, ACCEL_UNSUPPORTED,
                             "backbone '%s' is not supported; known are resnet18, 34, 50, 101 and 152", name);
        r->channels = hf_config_int(c, "num_channels", 3, 1, ZOO_MAX_WIDTH);
    } else {
        return error_set(err, ACCEL_UNSUPPORTED,
                         "a backbone of model_type '%s' is not supported; known are resnet and timm_backbone",
                         kind);
    }
    r->prefix = "backbone.";
    r->frozen = true;
    return check_last_stage(own, r->stages, err);
}

static accel_status read_config(hf_config *c, detr *m, accel_error *err) {
    m->width = hf_config_int(c, "d_model", 256, 1, ZOO_MAX_WIDTH);
    m->queries = hf_config_int(c, "num_queries", 100, 1, ZOO_MAX_WIDTH);
    m->labels = zoo_label_count(c, 2);
    m->encoder.layers = hf_config_int(c, "encoder_layers", 6, 0, ZOO_MAX_LAYERS);
    m->encoder.heads = hf_config_int(c, "encoder_attention_heads", 8, 1, ZOO_MAX_WIDTH);
    m->encoder.wide = hf_config_int(c, "encoder_ffn_dim", 2048, 1, ZOO_MAX_WIDTH);
    m->decoder.layers = hf_config_int(c, "decoder_layers", 6, 0, ZOO_MAX_LAYERS);
    m->decoder.heads = hf_config_int(c, "decoder_attention_heads", 8, 1, ZOO_MAX_WIDTH);
    m->decoder.wide = hf_config_int(c, "decoder_ffn_dim", 2048, 1, ZOO_MAX_WIDTH);
    m->activation = hf_config_string(c, "activation_function", "relu");
    ACCEL_TRY(hf_config_check(c, err));
    ACCEL_TRY(read_backbone(c, &m->backbone, err));
    if (m->width % m->encoder.heads != 0 || m->width % m->decoder.heads != 0)
        return zoo_refuse_heads(err, "d_model", m->width,
                                m->width % m->encoder.heads ? m->encoder.heads : m->decoder.heads);
    if (m->width % 4 != 0)
        return error_set(err, ACCEL_BAD_FILE,
                         "d_model %lld is not a multiple of 4: sine and cosine of two sides",
                         (long long)m->width);
    return ACCEL_OK;
}

/* ---- cells of the image ------------------------------------------------------------------------------- */

static value_id length_f32(builder *b, value_id x, int64_t axis) {
    return zoo_cast(b, zoo_length(b, x, axis), DTYPE_F32);
}

/* The mask at one side's cells: cell i of n takes line floor(i · lines / n), in float32 as the reference rounds. */
static value_id nearest(builder *b, value_id mask, int64_t mask_axis, value_id features, int64_t axis) {
    value_id step = BUILD(b, "Div", length_f32(b, mask, mask_axis), length_f32(b, features, axis));
    value_id cell = zoo_cast(b, zoo_range(b, zoo_length(b, features, axis)), DTYPE_F32);
    value_id line = zoo_cast(b, BUILD(b, "Floor", BUILD(b, "Mul", cell, step)), DTYPE_I64);
    return build_op(b, "Gather", 2, (value_id[]){mask, line}, 1, &BUILD_INT("axis", mask_axis));
}

/* Cells kept so far along one side over all that are kept, as an angle; then by every frequency its sine and cosine in
 * turn: [batch, rows, columns, width / 2]. kept is f32 [batch, rows, columns]. */
static value_id side_positions(builder *b, const detr *m, value_id kept, int64_t axis) {
    int64_t pairs = m->width / 4;
    float *periods = ARENA_ARRAY(b->graph->arena, float, (size_t)pairs);
    if (!periods) {
        error_no_memory(&b->error, "frequencies of positions", (size_t)pairs * sizeof *periods);
        return VALUE_NONE;
    }
    for (int64_t k = 0; k < pairs; k++)
        periods[k] = (float)pow(10000, (double)k / (double)pairs);
    value_id count = BUILD(b, "CumSum", kept, build_i64(b, axis));
    value_id all = BUILD(b, "Add", zoo_slice(b, count, axis, -1, INT64_MAX), build_f32(b, 1e-6F));
    value_id turn = zoo_scaled(b, BUILD(b, "Div", count, all), 6.283185307179586);
    value_id angle = BUILD(b, "Div", zoo_unsqueeze(b, turn, 3), zoo_floats(b, 1, &pairs, periods));
    value_id both[2] = {zoo_unsqueeze(b, BUILD(b, "Sin", angle), 4),
                        zoo_unsqueeze(b, BUILD(b, "Cos", angle), 4)};
    return build_reshape(b, zoo_concat(b, 4, 2, both), 4, (int64_t[]){0, 0, 0, 2 * pairs});
}

static cells image_cells(builder *b, const detr *m, value_id pixels, value_id mask) {
    const zoo_resnet *r = &m->backbone;
    value_id features = zoo_resnet_features(b, r, pixels);
    b->scope = "input_projection.";
    value_id kernel =
        build_weight(b, "input_projection.weight", 4, (int64_t[]){m->width, r->sizes[r->stages - 1], 1, 1});
    value_id offset = build_weight(b, "input_projection.bias", 1, &m->width);
    value_id x = BUILD(b, "Conv", features, kernel, offset);
    x = build_reshape(b, x, 3, (int64_t[]){0, m->width, -1});
    b->scope = "positions.";
    value_id kept = nearest(b, nearest(b, mask, 1, features, 2), 2, features, 3);
    kept = zoo_cast(b, zoo_cast(b, kept, DTYPE_BOOL), DTYPE_F32);
    value_id sides[2] = {side_positions(b, m, kept, 1), side_positions(b, m, kept, 2)};
    value_id positions = build_reshape(b, zoo_concat(b, 3, 2, sides), 3, (int64_t[]){0, -1, m->width});
    value_id keep = zoo_cast(b, build_reshape(b, kept, 4, (int64_t[]){0, 1, 1, -1}), DTYPE_BOOL);
    b->scope = "";
    return (cells){build_transpose(b, x, 3, (int64_t[]){0, 2, 1}), positions, keep};
}

/* ---- layers ------------------------------------------------------------------------------------------- */

static zoo_attention attention(builder *b, const detr *m, const char *at, const char *which, int64_t heads,
                               value_id mask) {
    zoo_attention a = zoo_attention_named(b, zoo_spell(b, "%s%s.", at, which),
                                          (const char *const[]){"q_proj", "k_proj", "v_proj", "out_proj"},
                                          true, true, m->width, heads);
    a.mask = mask;
    return a;
}

static value_id normed_sum(builder *b, const detr *m, const char *at, const char *name, value_id x,
                           value_id change) {
    return build_layer_norm(b, zoo_spell(b, "%s%s", at, name), BUILD(b, "Add", x, change), m->width, 1e-5);
}

/* Positions are added to what queries and keys are made from, never to values. */
static value_id self_attention(builder *b, const detr *m, const char *at, int64_t heads, value_id x,
                               value_id positions, value_id mask) {
    zoo_attention a = attention(b, m, at, "self_attn", heads, mask);
    value_id placed = BUILD(b, "Add", x, positions);
    return normed_sum(b, m, at, "self_attn_layer_norm", x, zoo_attend_apart(b, &a, placed, placed, x));
}

static value_id feed_forward(builder *b, const detr *m, const char *at, int64_t wide, value_id x) {
    value_id fed = zoo_feed_forward(b, zoo_spell(b, "%sfc1", at), zoo_spell(b, "%sfc2", at), x, m->width,
                                    wide, m->activation, true);
    return normed_sum(b, m, at, "final_layer_norm", x, fed);
}

static value_id encode(builder *b, const detr *m, const cells *c) {
    value_id x = c->states;
    for (int64_t i = 0; i < m->encoder.layers; i++) {
        const char *at = b->scope = zoo_spell(b, "encoder.layers.%lld.", (long long)i);
        x = self_attention(b, m, at, m->encoder.heads, x, c->positions, c->keep);
        x = feed_forward(b, m, at, m->encoder.wide, x);
    }
    b->scope = "";
    return x;
}

/* The queries look at the cells; their states start at zero. */
static value_id decode(builder *b, const detr *m, const cells *c, value_id encoded) {
    value_id places =
        build_weight(b, "query_position_embeddings.weight", 2, (int64_t[]){m->queries, m->width});
    value_id sizes[2] = {zoo_length(b, encoded, 0), build_i64s(b, 2, (int64_t[]){m->queries, m->width})};
    value_id x = BUILD(b, "Expand", build_f32(b, 0), zoo_concat(b, 0, 2, sizes));
    value_id keys = BUILD(b, "Add", encoded, c->positions);
    for (int64_t i = 0; i < m->decoder.layers; i++) {
        const char *at = b->scope = zoo_spell(b, "decoder.layers.%lld.", (long long)i);
        x = self_attention(b, m, at, m->decoder.heads, x, places, VALUE_NONE);
        zoo_attention cross = attention(b, m, at, "encoder_attn", m->decoder.heads, c->keep);
        value_id seen = zoo_attend_apart(b, &cross, BUILD(b, "Add", x, places), keys, encoded);
        x = normed_sum(b, m, at, "encoder_attn_layer_norm", x, seen);
        x = feed_forward(b, m, at, m->decoder.wide, x);
    }
    b->scope = "";
    return build_layer_norm(b, "decoder.layernorm", x, m->width, 1e-5);
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static void detect(builder *b, const detr *m, value_id x) {
    value_id inner =
        BUILD(b, "Relu", build_linear(b, "bbox_predictor.layers.0", x, m->width, m->width, true));
    inner = BUILD(b, "Relu", build_linear(b, "bbox_predictor.layers.1", inner, m->width, m->width, true));
    build_output(b, "logits", build_linear(b, "class_labels_classifier", x, m->width, m->labels + 1, true));
    build_output(b, "pred_boxes",
                 BUILD(b, "Sigmoid", build_linear(b, "bbox_predictor.layers.2", inner, m->width, 4, true)));
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    detr m = {0};
    ACCEL_TRY(read_config(z->config, &m, err));
    value_id pixels = zoo_pixels_input(b, "pixel_values", m.backbone.channels, NULL);
    value_id mask =
        build_input(b, "pixel_mask", DTYPE_I64, 3, (int64_t[]){DIM_UNKNOWN, DIM_UNKNOWN, DIM_UNKNOWN},
                    (const char *const[]){"batch", "height", "width"});
    cells c = image_cells(b, &m, pixels, mask);
    value_id encoded = encode(b, &m, &c), x = decode(b, &m, &c, encoded);
    if (z->head == DETECTION)
        detect(b, &m, x);
    build_output(b, "last_hidden_state", x);
    build_output(b, "encoder_last_hidden_state", encoded);
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"detr", "DetrForObjectDetection"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {
    {"DetrForObjectDetection", DETECTION}, {"DetrModel", MODEL}, {NULL, 0}};

/* timm's names of the backbone as the transformers package has them; then the layers' newer names. */
static const zoo_spelling spellings[] = {
    {ZOO_START, "model.", ""},
    {ZOO_START, "backbone.conv_encoder.model.", "backbone."},
    {ZOO_START, "backbone.model.", "backbone."},
    {ZOO_START, "backbone.conv1.", "backbone.embedder.embedder.convolution."},
    {ZOO_START, "backbone.bn1.", "backbone.embedder.embedder.normalization."},
    {ZOO_START, "backbone.layer1.", "backbone.encoder.stages.0.layers."},
    {ZOO_START, "backbone.layer2.", "backbone.encoder.stages.1.layers."},
    {ZOO_START, "backbone.layer3.", "backbone.encoder.stages.2.layers."},
    {ZOO_START, "backbone.layer4.", "backbone.encoder.stages.3.layers."},
    {ZOO_ANYWHERE, ".conv1.", ".layer.0.convolution."},
    {ZOO_ANYWHERE, ".conv2.", ".layer.1.convolution."},
    {ZOO_ANYWHERE, ".conv3.", ".layer.2.convolution."},
    {ZOO_ANYWHERE, ".bn1.", ".layer.0.normalization."},
    {ZOO_ANYWHERE, ".bn2.", ".layer.1.normalization."},
    {ZOO_ANYWHERE, ".bn3.", ".layer.2.normalization."},
    {ZOO_ANYWHERE, ".downsample.0.", ".shortcut.convolution."},
    {ZOO_ANYWHERE, ".downsample.1.", ".shortcut.normalization."},
    {ZOO_ANYWHERE, ".o_proj.", ".out_proj."},
    {ZOO_ANYWHERE, ".mlp.fc1.", ".fc1."},
    {ZOO_ANYWHERE, ".mlp.fc2.", ".fc2."},
    {ZOO_START, NULL, NULL},
};

static const zoo_fixed fixed[] = {{"position_embedding_type", "\"sine\""},
                                  {"dilation", "false"},
                                  {"auxiliary_loss", "false"},
                                  {"backbone_config.output_stride", "32"},
                                  {NULL, NULL}};

const zoo_class zoo_class_detr = {.family = "detr",
                                  .modality = "image",
                                  .model_types = model_types,
                                  .architectures = architectures,
                                  .spellings = spellings,
                                  .fixed = fixed,
                                  .image = {480, 640},
                                  .build = build};
