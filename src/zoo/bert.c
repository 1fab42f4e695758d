/* BERT (Devlin et al., arXiv 1810.04805): post-norm encoder with learned positions. Models of
 * sentence-transformers add mean pooling over the kept tokens and an L2 norm.
 *
 * In: input_ids, attention_mask (1 = keep), token_type_ids, int64 [batch, sequence]. Out:
 * last_hidden_state [batch, sequence, hidden]; pooler_output [batch, hidden] when the file has a pooler;
 * sentence_embedding [batch, hidden] when the folder asks for it; a BertForMaskedLM gives logits [batch,
 * sequence, vocabulary] alone. */
#include "zoo/class.h"

enum { MAX_WIDTH = 1 << 20, MAX_VOCABULARY = 1 << 26, MAX_LAYERS = 4096 };

typedef struct bert {
    int64_t vocabulary, hidden, layers, heads, intermediate, positions, token_types;
    double epsilon;
    const char *activation;
    bool masked_lm;
    value_id ids, mask, types; /* inputs */
    value_id words;            /* the word table, also the MLM decoder */
} bert;

static accel_status read_config(hf_config *c, bert *m, accel_error *err) {
    m->vocabulary = hf_config_int(c, "vocab_size", 30522, 1, MAX_VOCABULARY);
    m->hidden = hf_config_int(c, "hidden_size", 768, 1, MAX_WIDTH);
    m->layers = hf_config_int(c, "num_hidden_layers", 12, 0, MAX_LAYERS);
    m->heads = hf_config_int(c, "num_attention_heads", 12, 1, MAX_WIDTH);
    m->intermediate = hf_config_int(c, "intermediate_size", 3072, 1, MAX_WIDTH);
    m->positions = hf_config_int(c, "max_position_embeddings", 512, 1, MAX_VOCABULARY);
    m->token_types = hf_config_int(c, "type_vocab_size", 2, 1, MAX_VOCABULARY);
    m->epsilon = hf_config_float(c, "layer_norm_eps", 1e-12);
    m->activation = hf_config_string(c, "hidden_act", "gelu");
    m->masked_lm = str_equal(hf_config_architecture(c), "BertForMaskedLM");
    const char *position_type = hf_config_string(c, "position_embedding_type", "absolute");
    bool decoder = hf_config_bool(c, "is_decoder", false);
    ACCEL_TRY(hf_config_check(c, err));
    if (m->hidden % m->heads != 0)
        return error_set(err, ACCEL_BAD_FILE,
                         "hidden_size %lld is not a multiple of num_attention_heads %lld",
                         (long long)m->hidden, (long long)m->heads);
    if (!str_equal(position_type, "absolute") || decoder)
        return error_set(err, ACCEL_UNSUPPORTED, "a BERT with %s is not supported",
                         decoder ? "is_decoder" : "position_embedding_type other than absolute");
    return ACCEL_OK;
}

/* ---- embeddings --------------------------------------------------------------------------------------- */

/* The first rows of the position table, as many as the sequence is long. */
static value_id positions(builder *b, const bert *m) {
    value_id table =
        build_weight(b, "embeddings.position_embeddings.weight", 2, (int64_t[]){m->positions, m->hidden});
    value_id length =
        build_op(b, "Shape", 1, &m->ids, 2, (build_attr[]){BUILD_INT("start", 1), BUILD_INT("end", 2)});
    value_id zero = build_i64s(b, 1, (int64_t[]){0});
    return BUILD(b, "Slice", table, zero, length, zero);
}

static value_id embeddings(builder *b, bert *m) {
    b->scope = "embeddings.";
    m->words = build_weight(b, "embeddings.word_embeddings.weight", 2, (int64_t[]){m->vocabulary, m->hidden});
    value_id word = BUILD(b, "Gather", m->words, m->ids);
    value_id type =
        build_embedding(b, "embeddings.token_type_embeddings.weight", m->types, m->token_types, m->hidden);
    value_id sum = BUILD(b, "Add", BUILD(b, "Add", word, type), positions(b, m));
    return build_layer_norm(b, "embeddings.LayerNorm", sum, m->hidden, m->epsilon);
}

/* ---- layers ------------------------------------------------------------------------------------------- */

enum { NAME_BYTES = 128 };

static const char *name_of(char name[NAME_BYTES], int64_t layer, const char *part) {
    str_format(name, NAME_BYTES, "encoder.layer.%lld.%s", (long long)layer, part);
    return name;
}

static value_id self_attention(builder *b, const bert *m, int64_t layer, value_id x, value_id keep) {
    char name[NAME_BYTES];
    value_id q = build_linear(b, name_of(name, layer, "attention.self.query"), x, m->hidden, m->hidden);
    value_id k = build_linear(b, name_of(name, layer, "attention.self.key"), x, m->hidden, m->hidden);
    value_id v = build_linear(b, name_of(name, layer, "attention.self.value"), x, m->hidden, m->hidden);
    value_id mixed = build_attention(b, q, k, v, keep, m->heads, m->heads, false);
    return build_linear(b, name_of(name, layer, "attention.output.dense"), mixed, m->hidden, m->hidden);
}

static value_id encoder_layer(builder *b, const bert *m, int64_t layer, value_id x, value_id keep) {
    char name[NAME_BYTES], scope[NAME_BYTES];
    b->scope = name_of(scope, layer, "");
    value_id attended = BUILD(b, "Add", x, self_attention(b, m, layer, x, keep));
    x = build_layer_norm(b, name_of(name, layer, "attention.output.LayerNorm"), attended, m->hidden,
                         m->epsilon);
    value_id wide =
        build_linear(b, name_of(name, layer, "intermediate.dense"), x, m->hidden, m->intermediate);
    wide = build_activation(b, m->activation, wide);
    value_id narrow = build_linear(b, name_of(name, layer, "output.dense"), wide, m->intermediate, m->hidden);
    value_id sum = BUILD(b, "Add", x, narrow);
    x = build_layer_norm(b, name_of(name, layer, "output.LayerNorm"), sum, m->hidden, m->epsilon);
    b->scope = "";
    return x;
}

/* ---- heads -------------------------------------------------------------------------------------------- */

static void pooler(builder *b, const bert *m, value_id x) {
    b->scope = "pooler.";
    value_id first =
        build_op(b, "Gather", 2, (value_id[]){x, build_i64(b, 0)}, 1, (build_attr[]){BUILD_INT("axis", 1)});
    value_id dense = build_linear(b, "pooler.dense", first, m->hidden, m->hidden);
    build_output(b, "pooler_output", BUILD(b, "Tanh", dense));
}

/* Mean over the kept tokens as a product of the mask [batch, 1, sequence] with the states, then the L2
 * norm. At least one token counts as kept, so that an empty sentence gives zeros. */
static void sentence_embedding(builder *b, const bert *m, const hf_folder *folder, value_id x) {
    b->scope = "pooling.";
    build_attr to_float = BUILD_INT("to", DTYPE_F32);
    value_id one = build_i64s(b, 1, (int64_t[]){1});
    value_id sentence;
    if (folder->cls_pooling) {
        sentence = build_op(b, "Gather", 2, (value_id[]){x, build_i64(b, 0)}, 1,
                            (build_attr[]){BUILD_INT("axis", 1)});
    } else {
        value_id weights = build_op(b, "Cast", 1, &m->mask, 1, &to_float);
        value_id sum = BUILD(b, "Squeeze", BUILD(b, "MatMul", BUILD(b, "Unsqueeze", weights, one), x), one);
        value_id count = BUILD(b, "Max", BUILD(b, "ReduceSum", m->mask, one), one); /* [batch, 1] */
        sentence = BUILD(b, "Div", sum, build_op(b, "Cast", 1, &count, 1, &to_float));
    }
    if (folder->normalize)
        sentence = build_op(b, "LpNormalization", 1, &sentence, 2,
                            (build_attr[]){BUILD_INT("axis", -1), BUILD_INT("p", 2)});
    build_output(b, "sentence_embedding", sentence);
}

static void masked_lm(builder *b, const bert *m, value_id x) {
    b->scope = "cls.predictions.";
    x = build_linear(b, "cls.predictions.transform.dense", x, m->hidden, m->hidden);
    x = build_activation(b, m->activation, x);
    x = build_layer_norm(b, "cls.predictions.transform.LayerNorm", x, m->hidden, m->epsilon);
    value_id decoder = build_transpose(b, m->words, 2, (int64_t[]){1, 0});
    value_id bias = build_weight(b, "cls.predictions.bias", 1, (int64_t[]){m->vocabulary});
    build_output(b, "logits", BUILD(b, "Add", BUILD(b, "MatMul", x, decoder), bias));
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static value_id token_input(builder *b, const char *name) {
    static const char *const dims[] = {"batch", "sequence"};
    return build_input(b, name, DTYPE_I64, 2, (int64_t[]){DIM_UNKNOWN, DIM_UNKNOWN}, dims);
}

accel_status zoo_bert_build(builder *b, zoo_build *z, accel_error *err) {
    bert m = {0};
    ACCEL_TRY(read_config(z->config, &m, err));
    z->vocabulary = m.vocabulary;
    z->max_sequence = m.positions;
    bool pooled = z->folder && (z->folder->mean_pooling || z->folder->cls_pooling);
    if (z->folder && z->folder->unknown_pooling)
        return error_set(err, ACCEL_UNSUPPORTED, "'%s' of sentence-transformers is not supported",
                         z->folder->unknown_pooling);
    m.ids = token_input(b, "input_ids");
    m.mask = token_input(b, "attention_mask");
    m.types = token_input(b, "token_type_ids");
    value_id x = embeddings(b, &m);
    value_id keep = build_op(b, "Cast", 1, &m.mask, 1, (build_attr[]){BUILD_INT("to", DTYPE_BOOL)});
    keep = BUILD(b, "Unsqueeze", keep, build_i64s(b, 2, (int64_t[]){1, 2}));
    for (int64_t layer = 0; layer < m.layers; layer++)
        x = encoder_layer(b, &m, layer, x, keep);
    if (m.masked_lm) {
        masked_lm(b, &m, x);
        return ACCEL_OK;
    }
    build_output(b, "last_hidden_state", x);
    if (b->weights->has(b->weights, "pooler.dense.weight"))
        pooler(b, &m, x);
    if (pooled)
        sentence_embedding(b, &m, z->folder, x);
    return ACCEL_OK;
}
