/* The encoder that BERT, RoBERTa and DistilBERT share, also the text side of CLAP. Private to zoo/. */
#ifndef ACCEL_ZOO_BERT_H
#define ACCEL_ZOO_BERT_H

#include "zoo/blocks.h"

typedef struct zoo_bert {
    int64_t vocabulary, hidden, layers, heads, intermediate, positions;
    int64_t token_types; /* 0: none */
    int64_t pad;         /* RoBERTa: positions are counted from the ids, after this one; else -1 */
    double epsilon;
    const char *activation;
    const char *prefix; /* of tensor names: "", "text_model." */
} zoo_bert;

/* By the keys of BERT and RoBERTa; DistilBERT's where distil. */
accel_status zoo_bert_read(hf_config *c, bool roberta, bool distil, zoo_bert *m, accel_error *err);
/* The last hidden state [batch, sequence, hidden]. types: VALUE_NONE where there are none. words receives the word
 * table; may be NULL. */
value_id zoo_bert_encode(builder *b, const zoo_bert *m, value_id ids, value_id mask, value_id types,
                         value_id *words);
/* tanh(dense(first token)): [batch, hidden]. */
value_id zoo_bert_pool(builder *b, const zoo_bert *m, value_id states);

#endif
