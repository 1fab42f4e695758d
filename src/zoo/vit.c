/* ViT (Dosovitskiy et al., arXiv 2010.11929): a pre-norm encoder over patches of an image after a class token.
 *
 * In: pixel_values, float32 [batch, channels, height, width]. Out by architecture:
 *   ViTForImageClassification  logits [batch, labels]
 *   ViTModel                   last_hidden_state [batch, 1 + patches, hidden]; pooler_output [batch, pooled] when the file
 *                              has a pooler */
#include "zoo/blocks.h"
#include "zoo/classes.h"

enum head { MODEL, LABEL };

typedef struct vit {
    int64_t hidden, layers, heads, intermediate, channels, image[2], patch[2], patches;
    int64_t labels, pooled;
    double epsilon;
    bool qkv_bias;
    const char *activation, *pooler_activation;
} vit;

static accel_status read_config(hf_config *c, vit *m, accel_error *err) {
    m->hidden = hf_config_int(c, "hidden_size", 768, 1, ZOO_MAX_WIDTH);
    m->layers = hf_config_int(c, "num_hidden_layers", 12, 0, ZOO_MAX_LAYERS);
    m->heads = hf_config_int(c, "num_attention_heads", 12, 1, ZOO_MAX_WIDTH);
    m->intermediate = hf_config_int(c, "intermediate_size", 3072, 1, ZOO_MAX_WIDTH);
    m->channels = hf_config_int(c, "num_channels", 3, 1, ZOO_MAX_WIDTH);
    zoo_read_sides(c, "image_size", 224, m->image);
    zoo_read_sides(c, "patch_size", 16, m->patch);
    m->epsilon = hf_config_float(c, "layer_norm_eps", 1e-12);
    m->qkv_bias = hf_config_bool(c, "qkv_bias", true);
    m->activation = hf_config_string(c, "hidden_act", "gelu");
    m->pooled = hf_config_int(c, "pooler_output_size", m->hidden, 1, ZOO_MAX_WIDTH);
    m->pooler_activation = hf_config_string(c, "pooler_act", "tanh");
    m->labels = zoo_label_count(c, 2);
    ACCEL_TRY(hf_config_check(c, err));
    ACCEL_TRY(zoo_count_patches(m->image, m->patch, &m->patches, err));
    return m->hidden % m->heads ? zoo_refuse_heads(err, "hidden_size", m->hidden, m->heads) : ACCEL_OK;
}

static value_id embeddings(builder *b, const vit *m, value_id pixels) {
    b->scope = "embeddings.";
    value_id x = zoo_patches(b, "embeddings.patch_embeddings.projection", pixels, m->channels, m->hidden,
                             m->patch, true);
    x = zoo_prepend(b, build_weight(b, "embeddings.cls_token", 3, (int64_t[]){1, 1, m->hidden}), x,
                    m->hidden);
    return BUILD(
        b, "Add", x,
        build_weight(b, "embeddings.position_embeddings", 3, (int64_t[]){1, 1 + m->patches, m->hidden}));
}

static value_id layer(builder *b, const vit *m, int64_t index, value_id x) {
    const char *at = b->scope = zoo_spell(b, "layers.%lld.", (long long)index);
    zoo_attention attention = zoo_attention_named(
        b, at,
        (const char *const[]){"attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj"},
        m->qkv_bias, true, m->hidden, m->heads);
    value_id normed = build_layer_norm(b, zoo_spell(b, "%slayernorm_before", at), x, m->hidden, m->epsilon);
    x = BUILD(b, "Add", x, zoo_attend(b, &attention, normed));
    normed = build_layer_norm(b, zoo_spell(b, "%slayernorm_after", at), x, m->hidden, m->epsilon);
    value_id fed = zoo_feed_forward(b, zoo_spell(b, "%smlp.fc1", at), zoo_spell(b, "%smlp.fc2", at), normed,
                                    m->hidden, m->intermediate, m->activation, true);
    x = BUILD(b, "Add", x, fed);
    b->scope = "";
    return x;
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    vit m = {0};
    ACCEL_TRY(read_config(z->config, &m, err));
    value_id x = embeddings(b, &m, zoo_pixels_input(b, "pixel_values", m.channels, m.image));
    for (int64_t i = 0; i < m.layers; i++)
        x = layer(b, &m, i, x);
    x = build_layer_norm(b, "layernorm", x, m.hidden, m.epsilon);
    if (z->head == LABEL) {
        build_output(b, "logits",
                     build_linear(b, "classifier", zoo_pick(b, x, 1, 0), m.hidden, m.labels, true));
        return ACCEL_OK;
    }
    build_output(b, "last_hidden_state", x);
    if (zoo_has(b, "pooler.dense.weight"))
        build_output(b, "pooler_output",
                     build_activation(
                         b, m.pooler_activation,
                         build_linear(b, "pooler.dense", zoo_pick(b, x, 1, 0), m.hidden, m.pooled, true)));
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {{"vit", "ViTModel"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {
    {"ViTModel", MODEL}, {"ViTForImageClassification", LABEL}, {NULL, 0}};
static const zoo_spelling spellings[] = {
    {ZOO_START, "vit.", ""},
    {ZOO_START, "encoder.layer.", "layers."},
    {ZOO_ANYWHERE, ".attention.attention.query.", ".attention.q_proj."},
    {ZOO_ANYWHERE, ".attention.attention.key.", ".attention.k_proj."},
    {ZOO_ANYWHERE, ".attention.attention.value.", ".attention.v_proj."},
    {ZOO_ANYWHERE, ".attention.output.dense.", ".attention.o_proj."},
    {ZOO_ANYWHERE, ".intermediate.dense.", ".mlp.fc1."},
    {ZOO_ANYWHERE, ".output.dense.", ".mlp.fc2."},
    {ZOO_START, NULL, NULL},
};

const zoo_class zoo_class_vit = {.family = "vit",
                                 .modality = "image",
                                 .model_types = model_types,
                                 .architectures = architectures,
                                 .spellings = spellings,
                                 .build = build};
