/* Features of images and videos in a prompt: they stand where the prompt has their placeholder tokens, in order of the
 * flattened prompt [batch, sequence]. Private to zoo/. */
#ifndef ACCEL_ZOO_MERGE_H
#define ACCEL_ZOO_MERGE_H

#include "zoo/blocks.h"

typedef struct zoo_slots {
    value_id here; /* bool [batch, sequence, 1] */
    value_id row;  /* i64 [batch, sequence]: its row of the features; any row elsewhere */
} zoo_slots;

/* Placeholders are the tokens of either id (the same id twice where there is one kind only). rows: i64 [placeholders],
 * the row of each; VALUE_NONE where features are in order already. */
zoo_slots zoo_slots_of(builder *b, value_id ids, int64_t token, int64_t other_token, value_id rows);
/* features [count, width] at the placeholders, x elsewhere: [batch, sequence, width], or a number. */
value_id zoo_slots_fill(builder *b, const zoo_slots *s, value_id features, value_id x);

/* How many of the ids, i64 [batch, sequence], are this token. */
int64_t zoo_count_tokens(const tensor *ids, int64_t token);

/* For zoo_class.sample: input_ids of a seeded prompt with so many placeholders in a row and text around them, 32 tokens
 * where options do not give the sequence. Text has neither token. */
accel_status zoo_sample_prompt(const zoo_model *m, const zoo_input_options *options, int64_t token,
                               int64_t other_token, int64_t placeholders, zoo_given_list *given,
                               accel_error *err);
/* Seeded numbers in [0, 1). */
accel_status zoo_sample_pixels(const zoo_input_options *options, const char *name, int rank,
                               const int64_t *dims, zoo_given_list *given, accel_error *err);

#endif
