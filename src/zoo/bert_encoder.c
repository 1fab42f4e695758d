/* The post-norm encoder of Devlin et al., arXiv 1810.04805, with learned positions; RoBERTa's are counted from the
 * ids (Liu et al., arXiv 1907.11692), DistilBERT has no token types (Sanh et al., arXiv 1910.01108). */
#include "zoo/bert.h"

accel_status zoo_bert_read(hf_config *c, bool roberta, bool distil, zoo_bert *m, accel_error *err) {
    const char *const *key =
        distil ? (const char *const[]){"dim", "n_layers", "n_heads", "hidden_dim", "activation"}
               : (const char *const[]){"hidden_size", "num_hidden_layers", "num_attention_heads",
                                       "intermediate_size", "hidden_act"};
    *m = (zoo_bert){.prefix = "", .pad = -1};
    m->vocabulary = hf_config_int(c, "vocab_size", roberta ? 50265 : 30522, 1, ZOO_MAX_VOCABULARY);
    m->hidden = hf_config_int(c, key[0], 768, 1, ZOO_MAX_WIDTH);
    m->layers = hf_config_int(c, key[1], distil ? 6 : 12, 0, ZOO_MAX_LAYERS);
    m->heads = hf_config_int(c, key[2], 12, 1, ZOO_MAX_WIDTH);
    m->intermediate = hf_config_int(c, key[3], 3072, 1, ZOO_MAX_WIDTH);
    m->activation = hf_config_string(c, key[4], "gelu");
    m->positions = hf_config_int(c, "max_position_embeddings", 512, 1, ZOO_MAX_VOCABULARY);
    m->token_types = distil ? 0 : hf_config_int(c, "type_vocab_size", 2, 1, ZOO_MAX_VOCABULARY);
    m->epsilon = distil ? 1e-12 : hf_config_float(c, "layer_norm_eps", 1e-12);
    if (roberta)
        m->pad = hf_config_int(c, "pad_token_id", 1, 0, m->vocabulary - 1);
    ACCEL_TRY(hf_config_check(c, err));
    return m->hidden % m->heads ? zoo_refuse_heads(err, key[0], m->hidden, m->heads) : ACCEL_OK;
}

/* ---- embeddings --------------------------------------------------------------------------------------- */

/* One row of the position table a token: its place, or pad + the count of kept tokens up to it (pads get pad). */
static value_id positions(builder *b, const zoo_bert *m, value_id ids) {
    value_id table = build_weight(b, zoo_spell(b, "%sembeddings.position_embeddings.weight", m->prefix), 2,
                                  (int64_t[]){m->positions, m->hidden});
    if (m->pad < 0) {
        value_id zero = build_i64s(b, 1, (int64_t[]){0});
        return BUILD(b, "Slice", table, zero, zoo_length(b, ids, 1), zero);
    }
    value_id pad = build_i64(b, m->pad);
    value_id kept = zoo_cast(b, BUILD(b, "Not", BUILD(b, "Equal", ids, pad)), DTYPE_I64);
    value_id count = BUILD(b, "CumSum", kept, build_i64(b, 1));
    return build_rows(b, table, BUILD(b, "Add", BUILD(b, "Mul", count, kept), pad));
}

static value_id embeddings(builder *b, const zoo_bert *m, value_id ids, value_id types, value_id *words) {
    b->scope = "embeddings.";
    value_id table = build_weight(b, zoo_spell(b, "%sembeddings.word_embeddings.weight", m->prefix), 2,
                                  (int64_t[]){m->vocabulary, m->hidden});
    if (words)
        *words = table;
    value_id sum = build_rows(b, table, ids);
    if (m->token_types > 0) {
        const char *name = zoo_spell(b, "%sembeddings.token_type_embeddings.weight", m->prefix);
        if (types != VALUE_NONE)
            sum = BUILD(b, "Add", sum, build_embedding(b, name, types, m->token_types, m->hidden));
        else
            sum = BUILD(b, "Add", sum,
                        zoo_pick(b, build_weight(b, name, 2, (int64_t[]){m->token_types, m->hidden}), 0, 0));
    }
    sum = BUILD(b, "Add", sum, positions(b, m, ids));
    return build_layer_norm(b, zoo_spell(b, "%sembeddings.LayerNorm", m->prefix), sum, m->hidden, m->epsilon);
}

/* ---- layers ------------------------------------------------------------------------------------------- */

static value_id encoder_layer(builder *b, const zoo_bert *m, int64_t layer, value_id x, value_id keep) {
    const char *at = zoo_spell(b, "%sencoder.layer.%lld.", m->prefix, (long long)layer);
    b->scope = at;
    zoo_attention attention =
        zoo_attention_named(b, at,
                            (const char *const[]){"attention.self.query", "attention.self.key",
                                                  "attention.self.value", "attention.output.dense"},
                            true, true, m->hidden, m->heads);
    attention.mask = keep;
    x = BUILD(b, "Add", x, zoo_attend(b, &attention, x));
    x = build_layer_norm(b, zoo_spell(b, "%sattention.output.LayerNorm", at), x, m->hidden, m->epsilon);
    value_id fed =
        zoo_feed_forward(b, zoo_spell(b, "%sintermediate.dense", at), zoo_spell(b, "%soutput.dense", at), x,
                         m->hidden, m->intermediate, m->activation, true);
    x = build_layer_norm(b, zoo_spell(b, "%soutput.LayerNorm", at), BUILD(b, "Add", x, fed), m->hidden,
                         m->epsilon);
    b->scope = "";
    return x;
}

value_id zoo_bert_encode(builder *b, const zoo_bert *m, value_id ids, value_id mask, value_id types,
                         value_id *words) {
    value_id x = embeddings(b, m, ids, types, words);
    value_id keep = zoo_keep_mask(b, mask);
    for (int64_t layer = 0; layer < m->layers; layer++)
        x = encoder_layer(b, m, layer, x, keep);
    return x;
}

value_id zoo_bert_pool(builder *b, const zoo_bert *m, value_id states) {
    b->scope = "pooler.";
    value_id dense = build_linear(b, zoo_spell(b, "%spooler.dense", m->prefix), zoo_pick(b, states, 1, 0),
                                  m->hidden, m->hidden, true);
    return BUILD(b, "Tanh", dense);
}
