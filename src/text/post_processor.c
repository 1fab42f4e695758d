#include "text/post_processor.h"

static const text_part plain_single[] = {{.kind = TEXT_PART_FIRST}};
static const text_part plain_pair[] = {{.kind = TEXT_PART_FIRST}, {.kind = TEXT_PART_SECOND, .type_id = 1}};

size_t text_template_added(const text_template *t) {
    size_t added = 0;
    for (size_t i = 0; i < t->count; i++) {
        added += t->parts[i].kind == TEXT_PART_SPECIAL ? t->parts[i].id_count : 0;
    }
    return added;
}

static accel_status read_id(const text_reader *r, text_object o, const char *key, yyjson_val *value,
                            uint32_t *out) {
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) > UINT32_MAX) {
        return text_bad(r, o, key, "is no id");
    }
    *out = (uint32_t)yyjson_get_uint(value);
    return ACCEL_OK;
}

/* --- BertProcessing and RobertaProcessing: cls A sep, and B sep behind it --- */

/* ["[SEP]", 102] */
static accel_status read_special(const text_reader *r, text_object o, const char *key, text_part *out) {
    yyjson_val *pair;
    ACCEL_TRY(text_read_list(r, o, key, &pair));
    uint32_t *id = ARENA_NEW(r->memory, uint32_t);
    if (!id) {
        return text_no_memory(r);
    }
    *out = (text_part){.kind = TEXT_PART_SPECIAL, .ids = id, .id_count = 1};
    return read_id(r, o, key, yyjson_arr_get(pair, 1), id);
}

static accel_status read_cls_sep(const text_reader *r, text_object o, bool roberta,
                                 text_post_processor *out) {
    text_part cls, sep, first = plain_pair[0], second = plain_pair[1];
    ACCEL_TRY(read_special(r, o, "cls", &cls));
    ACCEL_TRY(read_special(r, o, "sep", &sep));
    text_part last = sep;
    last.type_id = second.type_id = roberta ? 0 : 1;
    const text_part bert[] = {cls, first, sep, second, last}, both[] = {cls, first, sep, sep, second, sep};
    size_t count = roberta ? 6 : 5;
    const text_part *parts = arena_copy(r->memory, roberta ? both : bert, count * sizeof *parts);
    *out = (text_post_processor){{parts, 3}, {parts, count}};
    return parts ? ACCEL_OK : text_no_memory(r);
}

static accel_status read_bert(text_reader *r, text_object o, text_post_processor *out) {
    return read_cls_sep(r, o, false, out);
}

static accel_status read_roberta(text_reader *r, text_object o, text_post_processor *out) {
    return read_cls_sep(r, o, true, out);
}

/* --- TemplateProcessing --- */

static accel_status read_sequence_part(const text_reader *r, text_object o, bool pair, text_part *out) {
    static const char *const words[] = {"A", "B"};
    size_t which = 0;
    ACCEL_TRY(text_read_word(r, o, "id", TEXT_REQUIRED, words, 2, &which));
    if (which == 1 && !pair) {
        return text_bad(r, o, "id", "names a second text where there is one");
    }
    out->kind = which == 0 ? TEXT_PART_FIRST : TEXT_PART_SECOND;
    return ACCEL_OK;
}

/* Special tokens by the name under which post_processor.special_tokens has their ids. */
static accel_status read_special_part(const text_reader *r, text_object post, text_object o, text_part *out) {
    text_object specials, special;
    text_span name = {0};
    yyjson_val *list, *id;
    size_t i, count;
    ACCEL_TRY(text_read_text(r, o, "id", TEXT_REQUIRED, &name));
    ACCEL_TRY(text_read_object(r, post, "special_tokens", &specials));
    special = (text_object){yyjson_obj_getn(specials.value, name.bytes, name.length), specials.where};
    if (!yyjson_is_obj(special.value)) {
        return text_bad(r, specials, NULL, "lacks \"%.60s\"", name.bytes);
    }
    ACCEL_TRY(text_read_list(r, special, "ids", &list));
    uint32_t *ids = ARENA_ARRAY(r->memory, uint32_t, yyjson_arr_size(list));
    if (!ids) {
        return text_no_memory(r);
    }
    yyjson_arr_foreach(list, i, count, id) {
        ACCEL_TRY(read_id(r, special, "ids", id, &ids[i]));
    }
    out->kind = TEXT_PART_SPECIAL;
    out->ids = ids;
    out->id_count = yyjson_arr_size(list);
    return ACCEL_OK;
}

static accel_status read_part(const text_reader *r, text_object post, text_object o, bool pair,
                              text_part *out) {
    bool sequence = yyjson_obj_get(o.value, "Sequence") != NULL;
    text_object inner;
    size_t type = SIZE_MAX;
    ACCEL_TRY(text_read_object(r, o, sequence ? "Sequence" : "SpecialToken", &inner));
    ACCEL_TRY(text_read_size(r, inner, "type_id", TEXT_REQUIRED, &type));
    if (type > UINT32_MAX) {
        return text_bad(r, inner, "type_id", "is too large");
    }
    out->type_id = (uint32_t)type;
    return sequence ? read_sequence_part(r, inner, pair, out) : read_special_part(r, post, inner, out);
}

static accel_status read_parts(const text_reader *r, text_object post, const char *key, bool pair,
                               text_template *out) {
    yyjson_val *list, *item;
    size_t i, count;
    ACCEL_TRY(text_read_list(r, post, key, &list));
    if (yyjson_arr_size(list) > 64) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s.%s has more than 64 parts", r->file, post.where, key);
    }
    text_part *parts = ARENA_ARRAY(r->memory, text_part, yyjson_arr_size(list));
    if (!parts) {
        return text_no_memory(r);
    }
    yyjson_arr_foreach(list, i, count, item) {
        text_object o;
        ACCEL_TRY(text_read_element(r, post, key, item, i, &o));
        ACCEL_TRY(read_part(r, post, o, pair, &parts[i]));
    }
    *out = (text_template){parts, yyjson_arr_size(list)};
    return ACCEL_OK;
}

static accel_status read_template(text_reader *r, text_object o, text_post_processor *out) {
    ACCEL_TRY(read_parts(r, o, "single", false, &out->single));
    return read_parts(r, o, "pair", true, &out->pair);
}

/* --- the others --- */

/* Trims offsets, which are not kept here. */
static accel_status read_byte_level(text_reader *r, text_object o, text_post_processor *out) {
    (void)r;
    (void)o;
    (void)out;
    return ACCEL_OK;
}

static accel_status read_one(text_reader *r, text_object o, text_post_processor *out);

static accel_status read_sequence(text_reader *r, text_object o, text_post_processor *out) {
    yyjson_val *list, *item;
    size_t i, count;
    ACCEL_TRY(text_read_list(r, o, "processors", &list));
    if (++r->depth > TEXT_NESTING) {
        return error_set(r->err, ACCEL_LIMIT, "%s: %s is nested more than %d deep", r->file, o.where,
                         TEXT_NESTING);
    }
    yyjson_arr_foreach(list, i, count, item) {
        text_object child;
        text_post_processor one = *out;
        ACCEL_TRY(text_read_element(r, o, "processors", item, i, &child));
        ACCEL_TRY(read_one(r, child, &one));
        bool changes = one.single.parts != out->single.parts;
        if (changes && out->single.parts != plain_single) {
            return text_unsupported(r, child, NULL, "adds special tokens after another one that does");
        }
        *out = one;
    }
    r->depth--;
    return ACCEL_OK;
}

static const struct {
    const char *type;
    accel_status (*read)(text_reader *r, text_object o, text_post_processor *out);
} types[] = {
    {"BertProcessing", read_bert}, {"ByteLevel", read_byte_level},        {"RobertaProcessing", read_roberta},
    {"Sequence", read_sequence},   {"TemplateProcessing", read_template},
};

static accel_status read_one(text_reader *r, text_object o, text_post_processor *out) {
    const char *type;
    ACCEL_TRY(text_read_type(r, o, &type));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (str_equal(type, types[i].type)) {
            return types[i].read(r, o, out);
        }
    }
    return text_unsupported(r, o, "type", "is \"%.60s\", a post-processor that is not supported", type);
}

accel_status text_post_processor_read(text_reader *r, text_object root, text_post_processor *out) {
    text_object o;
    yyjson_val *value = yyjson_obj_get(root.value, "post_processor");
    *out = (text_post_processor){{plain_single, 1}, {plain_pair, 2}};
    if (!value || yyjson_is_null(value)) {
        return ACCEL_OK;
    }
    ACCEL_TRY(text_read_object(r, root, "post_processor", &o));
    r->depth = 0;
    return read_one(r, o, out);
}
