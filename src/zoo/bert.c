/* BERT, RoBERTa and DistilBERT with the heads people use. Models of sentence-transformers add pooling over the kept
 * tokens and an L2 norm.
 *
 * In: input_ids, attention_mask (1 = keep), token_type_ids (BERT), int64 [batch, sequence]. Out by architecture:
 *   Model                     last_hidden_state [batch, sequence, hidden]; pooler_output [batch, hidden] when the file
 *                             has a pooler; sentence_embedding [batch, hidden] when the folder asks for it
 *   ForMaskedLM               logits [batch, sequence, vocabulary]
 *   ForSequenceClassification logits [batch, labels]
 *   ForTokenClassification    logits [batch, sequence, labels]
 *   ForQuestionAnswering      start_logits, end_logits [batch, sequence] */
#include "zoo/bert.h"

enum head { MODEL, MASKED_LM, SEQUENCE_LABEL, TOKEN_LABEL, SPAN };

typedef struct bert {
    zoo_bert tower;
    bool roberta, distil;
    int64_t labels;
    value_id mask;  /* an input */
    value_id words; /* the word table, also the MLM decoder */
} bert;

static accel_status read_config(zoo_build *z, bert *m, accel_error *err) {
    m->roberta = str_starts_with(z->architecture, "Roberta");
    m->distil = str_starts_with(z->architecture, "DistilBert");
    ACCEL_TRY(zoo_bert_read(z->config, m->roberta, m->distil, &m->tower, err));
    m->labels = zoo_label_count(z->config, 2);
    z->vocabulary = m->tower.vocabulary;
    z->max_sequence = m->tower.positions - (m->roberta ? m->tower.pad + 1 : 0);
    if (z->folder && z->folder->unknown_pooling)
        return error_set(err, ACCEL_UNSUPPORTED, "'%s' of sentence-transformers is not supported",
                         z->folder->unknown_pooling);
    return hf_config_check(z->config, err);
}

/* ---- heads -------------------------------------------------------------------------------------------- */

/* Mean over the kept tokens as a product of the mask [batch, 1, sequence] with the states, then the L2
 * norm. At least one token counts as kept, so that an empty sentence gives zeros. */
static void sentence_embedding(builder *b, const bert *m, const hf_folder *folder, value_id x) {
    b->scope = "pooling.";
    value_id sentence;
    if (folder->cls_pooling) {
        sentence = zoo_pick(b, x, 1, 0);
    } else {
        value_id one = build_i64s(b, 1, (int64_t[]){1});
        value_id weights = zoo_unsqueeze(b, zoo_cast(b, m->mask, DTYPE_F32), 1);
        value_id sum = zoo_squeeze(b, BUILD(b, "MatMul", weights, x), 1);
        value_id count = BUILD(b, "Max", BUILD(b, "ReduceSum", m->mask, one), one); /* [batch, 1] */
        sentence = BUILD(b, "Div", sum, zoo_cast(b, count, DTYPE_F32));
    }
    build_output(b, "sentence_embedding", folder->normalize ? zoo_l2_normalized(b, sentence) : sentence);
}

static void masked_lm(builder *b, const bert *m, value_id x) {
    const zoo_bert *t = &m->tower;
    b->scope = "cls.predictions.";
    x = build_linear(b, "cls.predictions.transform.dense", x, t->hidden, t->hidden, true);
    x = build_activation(b, m->roberta ? "gelu" : t->activation, x);
    x = build_layer_norm(b, "cls.predictions.transform.LayerNorm", x, t->hidden, t->epsilon);
    value_id decoder = build_transpose(b, m->words, 2, (int64_t[]){1, 0});
    value_id bias = build_weight(b, "cls.predictions.bias", 1, (int64_t[]){t->vocabulary});
    build_output(b, "logits", BUILD(b, "Add", BUILD(b, "MatMul", x, decoder), bias));
}

static void sequence_label(builder *b, const bert *m, value_id x) {
    int64_t hidden = m->tower.hidden;
    const char *last = "classifier";
    value_id first;
    if (m->roberta) {
        last = "classifier.out_proj";
        first =
            BUILD(b, "Tanh", build_linear(b, "classifier.dense", zoo_pick(b, x, 1, 0), hidden, hidden, true));
    } else if (m->distil) {
        first =
            BUILD(b, "Relu", build_linear(b, "pre_classifier", zoo_pick(b, x, 1, 0), hidden, hidden, true));
    } else {
        first = zoo_bert_pool(b, &m->tower, x);
    }
    b->scope = "classifier.";
    build_output(b, "logits", build_linear(b, last, first, hidden, m->labels, true));
}

static void span(builder *b, const bert *m, value_id x) {
    value_id both = build_linear(b, "qa_outputs", x, m->tower.hidden, 2, true);
    build_output(b, "start_logits", zoo_pick(b, both, 2, 0));
    build_output(b, "end_logits", zoo_pick(b, both, 2, 1));
}

static void plain_model(builder *b, const zoo_build *z, const bert *m, value_id x) {
    build_output(b, "last_hidden_state", x);
    if (!m->distil && zoo_has(b, "pooler.dense.weight"))
        build_output(b, "pooler_output", zoo_bert_pool(b, &m->tower, x));
    if (z->folder && (z->folder->mean_pooling || z->folder->cls_pooling))
        sentence_embedding(b, m, z->folder, x);
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static accel_status build(builder *b, zoo_build *z, accel_error *err) {
    bert m = {0};
    ACCEL_TRY(read_config(z, &m, err));
    value_id ids = zoo_ids_input(b, "input_ids", "sequence");
    m.mask = zoo_ids_input(b, "attention_mask", "sequence");
    value_id types = m.distil || m.roberta ? VALUE_NONE : zoo_ids_input(b, "token_type_ids", "sequence");
    value_id x = zoo_bert_encode(b, &m.tower, ids, m.mask, types, &m.words);
    if (z->head == MASKED_LM)
        masked_lm(b, &m, x);
    else if (z->head == SEQUENCE_LABEL)
        sequence_label(b, &m, x);
    else if (z->head == TOKEN_LABEL)
        build_output(b, "logits", build_linear(b, "classifier", x, m.tower.hidden, m.labels, true));
    else if (z->head == SPAN)
        span(b, &m, x);
    else
        plain_model(b, z, &m, x);
    return ACCEL_OK;
}

static const zoo_model_type model_types[] = {
    {"bert", "BertModel"}, {"roberta", "RobertaModel"}, {"distilbert", "DistilBertModel"}, {NULL, NULL}};

#define HEADS(name)                                                                                          \
    {name "Model", MODEL}, {name "ForMaskedLM", MASKED_LM},                                                  \
        {name "ForSequenceClassification", SEQUENCE_LABEL}, {name "ForTokenClassification", TOKEN_LABEL}, {  \
        name "ForQuestionAnswering", SPAN                                                                    \
    }
static const zoo_architecture architectures[] = {
    HEADS("Bert"), {"BertForPreTraining", MODEL}, HEADS("Roberta"), HEADS("DistilBert"), {NULL, 0}};

static const zoo_spelling spellings[] = {
    {ZOO_START, "bert.", ""},
    {ZOO_START, "roberta.", ""},
    {ZOO_START, "distilbert.", ""},
    {ZOO_END, "LayerNorm.gamma", "LayerNorm.weight"},
    {ZOO_END, "LayerNorm.beta", "LayerNorm.bias"},
    {ZOO_START, "lm_head.dense.", "cls.predictions.transform.dense."},
    {ZOO_START, "lm_head.layer_norm.", "cls.predictions.transform.LayerNorm."},
    {ZOO_START, "lm_head.bias", "cls.predictions.bias"},
    {ZOO_START, "transformer.layer.", "encoder.layer."},
    {ZOO_ANYWHERE, ".attention.q_lin.", ".attention.self.query."},
    {ZOO_ANYWHERE, ".attention.k_lin.", ".attention.self.key."},
    {ZOO_ANYWHERE, ".attention.v_lin.", ".attention.self.value."},
    {ZOO_ANYWHERE, ".attention.out_lin.", ".attention.output.dense."},
    {ZOO_ANYWHERE, ".sa_layer_norm.", ".attention.output.LayerNorm."},
    {ZOO_ANYWHERE, ".ffn.lin1.", ".intermediate.dense."},
    {ZOO_ANYWHERE, ".ffn.lin2.", ".output.dense."},
    {ZOO_ANYWHERE, ".output_layer_norm.", ".output.LayerNorm."},
    {ZOO_START, "vocab_transform.", "cls.predictions.transform.dense."},
    {ZOO_START, "vocab_layer_norm.", "cls.predictions.transform.LayerNorm."},
    {ZOO_START, "vocab_projector.bias", "cls.predictions.bias"},
    {ZOO_START, NULL, NULL},
};

static const zoo_fixed fixed[] = {{"position_embedding_type", "\"absolute\""},
                                  {"is_decoder", "false"},
                                  {"add_cross_attention", "false"},
                                  {"sinusoidal_pos_embds", "false"},
                                  {NULL, NULL}};

const zoo_class zoo_class_bert = {.family = "bert",
                                  .modality = "text",
                                  .model_types = model_types,
                                  .architectures = architectures,
                                  .spellings = spellings,
                                  .fixed = fixed,
                                  .build = build};
