/* Post-processors: special tokens around the ids, and which text an id belongs to. */
#ifndef ACCEL_TEXT_POST_PROCESSOR_H
#define ACCEL_TEXT_POST_PROCESSOR_H

#include "text/model.h"

typedef enum text_part_kind { TEXT_PART_FIRST, TEXT_PART_SECOND, TEXT_PART_SPECIAL } text_part_kind;

/* A text's ids, or special tokens. */
typedef struct text_part {
    text_part_kind kind;
    uint32_t type_id;
    const uint32_t *ids; /* of special tokens */
    size_t id_count;
} text_part;

/* In what order parts make up the result for one text and for two. All post-processors come to that. */
typedef struct text_template {
    const text_part *parts;
    size_t count;
} text_template;

typedef struct text_post_processor {
    text_template single, pair;
} text_post_processor;

/* One that is absent or null gives the ids of the first text, then those of the second. */
accel_status text_post_processor_read(text_reader *r, text_object root, text_post_processor *out);

/* How many special tokens a template adds. */
size_t text_template_added(const text_template *t);

#endif
