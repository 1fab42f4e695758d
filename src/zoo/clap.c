/* CLAP (Wu et al., arXiv 2211.06687): sounds and texts in one space, by HTS-AT and RoBERTa.
 *
 * In: input_ids, attention_mask (1 = keep), int64 [texts, sequence]; input_features, float32 [batch, 1, frames, mel bins]
 * (4 channels where fused: the whole and three crops); is_longer, bool [batch, 1] (only fused files read it). Out:
 * logits_per_audio [batch, texts], logits_per_text [texts, batch], text_embeds [texts, projection], audio_embeds
 * [batch, projection]. */
#include "zoo/bert.h"
#include "zoo/clap_audio.h"
#include "zoo/classes.h"

enum {
    USUAL_FRAMES = 1001,
    USUAL_MOST = 1024
}; /* 10 s of the published files, and what their picture holds */

typedef struct clap {
    zoo_bert text;
    zoo_clap_audio audio;
    int64_t projection;
    const char *activation;
} clap;

/* The text side is RoBERTa with defaults of its own. */
static accel_status read_text(hf_config *c, zoo_bert *text, accel_error *err) {
    ACCEL_TRY(zoo_bert_read(c, true, false, text, err));
    text->prefix = "text_model.";
    if (!hf_config_has(c, "max_position_embeddings"))
        text->positions = 514;
    if (!hf_config_has(c, "type_vocab_size"))
        text->token_types = 1;
    return ACCEL_OK;
}

static accel_status read_config(zoo_build *z, clap *m, accel_error *err) {
    hf_config *c = z->config, *audio = hf_config_child(c, "audio_config");
    m->projection = hf_config_int(c, "projection_dim", 512, 1, ZOO_MAX_WIDTH);
    m->activation = hf_config_string(c, "projection_hidden_act", "relu");
    ACCEL_TRY(read_text(hf_config_child(c, "text_config"), &m->text, err));
    ACCEL_TRY(zoo_clap_audio_read(audio, &m->audio, err));
    int64_t width = hf_config_int(audio, "hidden_size", 768, 1, ZOO_MAX_WIDTH);
    ACCEL_TRY(hf_config_check(c, err));
    if (width != zoo_clap_audio_width(&m->audio))
        return error_set(err, ACCEL_BAD_FILE,
                         "audio_config.hidden_size %lld is not the width of the last stage, %lld",
                         (long long)width, (long long)zoo_clap_audio_width(&m->audio));
    z->vocabulary = m->text.vocabulary;
    z->max_sequence = m->text.positions - m->text.pad - 1;
    int64_t most = zoo_clap_audio_frames(&m->audio);
    z->dim_rule = (zoo_dim_rule){.name = "frames",
                                 .least = 1,
                                 .usual = (most * USUAL_FRAMES + USUAL_MOST - 1) / USUAL_MOST,
                                 .most = most};
    return ACCEL_OK;
}

static value_id text_input(builder *b, const char *name) {
    return build_input(b, name, DTYPE_I64, 2, (int64_t[]){DIM_UNKNOWN, DIM_UNKNOWN},
                       (const char *const[]){"texts", "sequence"});
}

/* Linear, activation, linear, L2 norm. */
static value_id projected(builder *b, const clap *m, const char *name, value_id x, int64_t width) {
    x = build_linear(b, zoo_spell(b, "%s.linear1", name), x, width, m->projection, true);
    x = build_activation(b, m->activation, x);
    return zoo_l2_normalized(
        b, build_linear(b, zoo_spell(b, "%s.linear2", name), x, m->projection, m->projection, true));
}

static value_id similarity(builder *b, const char *scale, value_id of, value_id to) {
    value_id logits = BUILD(b, "MatMul", of, build_transpose(b, to, 2, (int64_t[]){1, 0}));
    return BUILD(b, "Mul", logits, BUILD(b, "Exp", build_weight(b, scale, 0, NULL)));
}

static value_id embed_texts(builder *b, const clap *m) {
    value_id ids = text_input(b, "input_ids"), mask = text_input(b, "attention_mask");
    value_id x = zoo_bert_encode(b, &m->text, ids, mask, VALUE_NONE, NULL);
    return projected(b, m, "text_projection", zoo_bert_pool(b, &m->text, x), m->text.hidden);
}

static value_id embed_sounds(builder *b, const clap *m) {
    value_id features =
        build_input(b, "input_features", DTYPE_F32, 4,
                    (int64_t[]){DIM_UNKNOWN, m->audio.fused ? 4 : 1, DIM_UNKNOWN, m->audio.bins},
                    (const char *const[]){"batch", NULL, "frames", NULL});
    value_id longer = VALUE_NONE;
    if (m->audio.fused)
        longer = build_input(b, "is_longer", DTYPE_BOOL, 2, (int64_t[]){DIM_UNKNOWN, 1},
                             (const char *const[]){"batch", NULL});
    value_id x = zoo_clap_audio_encode(b, &m->audio, features, longer);
    return projected(b, m, "audio_projection", x, zoo_clap_audio_width(&m->audio));
}

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    clap m = {0};
    ACCEL_TRY(read_config(z, &m, err));
    value_id texts = embed_texts(b, &m), sounds = embed_sounds(b, &m);
    build_output(b, "logits_per_audio", similarity(b, "logit_scale_a", sounds, texts));
    build_output(b, "logits_per_text", similarity(b, "logit_scale_t", texts, sounds));
    build_output(b, "text_embeds", texts);
    build_output(b, "audio_embeds", sounds);
    return ACCEL_OK;
}

/* Feature extractors give is_longer to every file; those that are not fused do not read it. */
static accel_status derive(const zoo_model *m, zoo_given_list *given, accel_error *err) {
    return zoo_given_known(m, given, (const char *const[]){"is_longer", NULL}, err);
}

static const zoo_model_type model_types[] = {{"clap", "ClapModel"}, {NULL, NULL}};
static const zoo_architecture architectures[] = {{"ClapModel", 0}, {NULL, 0}};
static const zoo_fixed fixed[] = {{"audio_config.flatten_patch_embeds", "true"},
                                  {"audio_config.patch_embed_input_channels", "1"},
                                  {NULL, NULL}};

const zoo_class zoo_class_clap = {.family = "clap",
                                  .modality = "multimodal",
                                  .model_types = model_types,
                                  .architectures = architectures,
                                  .fixed = fixed,
                                  .build = build,
                                  .derive = derive};
