/* A record as JSON, both ways. The reader meets untrusted text: every length is bounded, every type checked. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "measure/record.h"

enum {
    MOST_JSON_BYTES = 1 << 28,
    MOST_TEXT_BYTES = 1 << 20,
    MOST_SAMPLES = 1 << 24,
    MOST_RECORDS = 1 << 20,
    MOST_FIELDS = 256,
    MOST_GROUP_BYTES = 32
};
#define FIELD_COUNT_(kind, member, path, unit, text) +1
_Static_assert(0 RECORD_FIELDS(FIELD_COUNT_) <= MOST_FIELDS, "raise MOST_FIELDS");

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static size_t group_length(const char *path) {
    const char *dot = strchr(path, '.');
    return dot ? (size_t)(dot - path) : 0;
}

static void append_null(str_buf *out) {
    str_append_bytes(out, "null", 4);
}

static void append_ints(str_buf *out, const int64_t *values, size_t count) {
    str_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            str_append_char(out, ',');
        str_append_i64(out, values[i]);
    }
    str_append_char(out, ']');
}

static void append_field_value(str_buf *out, const record *r, const record_field *f) {
    const void *member = (const char *)r + f->offset;
    const char *text = NULL;
    switch (f->kind) {
    case RECORD_TEXT:
        text = *(const char *const *)member;
        if (text)
            json_append_text(out, text);
        else
            append_null(out);
        break;
    case RECORD_JSON:
        text = *(const char *const *)member;
        if (text)
            str_append(out, text);
        else
            append_null(out);
        break;
    case RECORD_INT:
        if (*(const int64_t *)member == RECORD_NONE)
            append_null(out);
        else
            str_append_i64(out, *(const int64_t *)member);
        break;
    case RECORD_REAL:
        if (isnan(*(const double *)member))
            append_null(out);
        else
            json_append_real(out, *(const double *)member);
        break;
    case RECORD_BOOL:
        str_append(out, *(const int *)member < 0 ? "null" : *(const int *)member ? "true" : "false");
        break;
    case RECORD_INTS:
        append_ints(out, *(const int64_t *const *)member,
                    *(const size_t *)(const void *)((const char *)r + f->count_offset));
        break;
    }
}

/* Records are written by the hundred thousand: the names of our own fields need no escaping and are quoted here, once. */
static const struct quoted {
    const char *rest; /* of the path, from its beginning: name": */
    size_t length;
} quoted[] = {
#define QUOTED(kind, member, path, unit, text) {path "\":", sizeof path + 1},
    RECORD_FIELDS(QUOTED)
#undef QUOTED
};

/* The name of a field without its group. */
static void append_name(str_buf *out, size_t field, size_t group) {
    size_t skipped = group > 0 ? group + 1 : 0;
    bool first = out->length > 0 && out->data[out->length - 1] == '{';
    str_append_bytes(out, first ? "\"" : ",\"", first ? 1 : 2);
    str_append_bytes(out, quoted[field].rest + skipped, quoted[field].length - skipped);
}

static void append_key(str_buf *out, const char *key, size_t length, bool first) {
    if (!first)
        str_append_char(out, ',');
    str_append_json(out, key, length);
    str_append_char(out, ':');
}

/* The unknown members that a reader kept for this group. */
static void append_unknown(str_buf *out, yyjson_val *object, bool first, bool (*wanted)(const char *key)) {
    size_t i, count;
    yyjson_val *key, *value;
    if (!object)
        return; /* yyjson's loops do not take NULL */
    yyjson_obj_foreach(object, i, count, key, value) {
        if (wanted && !wanted(yyjson_get_str(key)))
            continue;
        append_key(out, yyjson_get_str(key), yyjson_get_len(key), first);
        first = false;
        json_append_foreign(out, value);
    }
}

static bool is_group(const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < record_field_count; i++)
        if (group_length(record_fields[i].path) == length && memcmp(record_fields[i].path, key, length) == 0)
            return true;
    return false;
}

static bool is_no_group(const char *key) {
    return !is_group(key);
}

static bool is_absent(const record *r, const record_field *f) {
    const void *member = (const char *)r + f->offset;
    switch (f->kind) {
    case RECORD_TEXT:
    case RECORD_JSON:
        return *(const char *const *)member == NULL;
    case RECORD_INT:
        return *(const int64_t *)member == RECORD_NONE;
    case RECORD_REAL:
        return isnan(*(const double *)member);
    case RECORD_BOOL:
        return *(const int *)member < 0;
    case RECORD_INTS:
        return *(const size_t *)(const void *)((const char *)r + f->count_offset) == 0;
    }
    return false;
}

/* A record on its way out. */
typedef struct writing {
    const record *r;
    yyjson_val *unknown; /* the members that a reader kept */
    bool brief;          /* what is absent is left out */
    str_buf *out;
} writing;

static void append_field(const writing *w, size_t field, size_t group) {
    if (w->brief && is_absent(w->r, &record_fields[field]))
        return;
    append_name(w->out, field, group);
    append_field_value(w->out, w->r, &record_fields[field]);
}

/* Writes the fields of one group, from record_fields[begin] on; returns the index behind them. */
static size_t append_group(const writing *w, size_t begin) {
    const char *group = record_fields[begin].path;
    size_t length = group_length(group), i = begin, before = w->out->length;
    append_key(w->out, group, length, false);
    str_append_char(w->out, '{');
    size_t inside = w->out->length;
    for (; i < record_field_count; i++) {
        const char *path = record_fields[i].path;
        if (group_length(path) != length || memcmp(path, group, length) != 0)
            break;
        append_field(w, i, length);
    }
    append_unknown(w->out, yyjson_obj_getn(w->unknown, group, length), w->out->length == inside, NULL);
    if (w->out->length == inside)
        w->out->length = before;
    else
        str_append_char(w->out, '}');
    return i;
}

static void write_json(const record *r, bool brief, str_buf *out) {
    yyjson_doc *unknown = NULL;
    if (r->unknown_json && json_parse(r->unknown_json, strlen(r->unknown_json), SIZE_MAX, "unknown fields",
                                      &unknown, NULL) != ACCEL_OK) {
        out->failed = true;
        return;
    }
    writing w = {.r = r, .unknown = yyjson_doc_get_root(unknown), .brief = brief, .out = out};
    str_append_char(out, '{');
    for (size_t i = 0; i < record_field_count;) {
        if (group_length(record_fields[i].path) > 0)
            i = append_group(&w, i);
        else
            append_field(&w, i++, 0);
    }
    append_unknown(out, w.unknown, false, is_no_group);
    str_append_char(out, '}');
    yyjson_doc_free(unknown);
}

void record_write_json(const record *r, str_buf *out) {
    write_json(r, false, out);
}

void record_write_json_brief(const record *r, str_buf *out) {
    write_json(r, true, out);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

typedef struct reading {
    arena *a;
    record *out;
    bool seen[MOST_FIELDS];
    str_buf unknown;        /* members of the top level that no field has */
    str_buf unknown_member; /* those of the group being read */
    accel_error *err;
} reading;

static accel_status wrong(reading *in, const record_field *f, const char *why) {
    return error_set(in->err, ACCEL_BAD_FILE, "record: %s %s", f->path, why);
}

static accel_status read_ints(reading *in, const record_field *f, yyjson_val *value) {
    size_t count = yyjson_arr_size(value), i, n;
    yyjson_val *element;
    if (!yyjson_is_arr(value))
        return wrong(in, f, "must be an array of integers");
    if (count > MOST_SAMPLES)
        return wrong(in, f, "holds more values than are read");
    int64_t *values = ARENA_ARRAY(in->a, int64_t, count);
    if (!values)
        return error_no_memory(in->err, "samples", count * sizeof *values);
    yyjson_arr_foreach(value, i, n, element) {
        if (!yyjson_is_sint(element) && !(yyjson_is_uint(element) && yyjson_get_uint(element) <= INT64_MAX))
            return wrong(in, f, "must be an array of integers");
        values[i] = yyjson_get_sint(element);
    }
    *(const int64_t **)(void *)((char *)in->out + f->offset) = values;
    *(size_t *)(void *)((char *)in->out + f->count_offset) = count;
    return ACCEL_OK;
}

static accel_status read_text(reading *in, const record_field *f, yyjson_val *value) {
    const char *text = yyjson_get_str(value);
    size_t length = yyjson_get_len(value);
    if (!text)
        return wrong(in, f, "must be a string");
    if (length > MOST_TEXT_BYTES)
        return wrong(in, f, "is longer than is read");
    if (memchr(text, '\0', length))
        return wrong(in, f, "holds a NUL character");
    const char *copy = arena_strndup(in->a, text, length);
    if (!copy)
        return error_no_memory(in->err, f->path, length);
    *(const char **)(void *)((char *)in->out + f->offset) = copy;
    return ACCEL_OK;
}

static accel_status read_object_text(reading *in, const record_field *f, yyjson_val *value) {
    if (!yyjson_is_obj(value))
        return wrong(in, f, "must be an object");
    str_buf text = {0};
    json_append_foreign(&text, value);
    const char *copy = text.failed ? NULL : arena_strndup(in->a, str_text(&text), text.length);
    size_t length = text.length;
    str_free(&text);
    if (!copy)
        return error_no_memory(in->err, f->path, length);
    *(const char **)(void *)((char *)in->out + f->offset) = copy;
    return ACCEL_OK;
}

static accel_status read_field(reading *in, const record_field *f, yyjson_val *value) {
    void *member = (char *)in->out + f->offset;
    size_t index = (size_t)(f - record_fields);
    if (in->seen[index])
        return wrong(in, f, "is there twice");
    in->seen[index] = true;
    if (yyjson_is_null(value))
        return ACCEL_OK;
    switch (f->kind) {
    case RECORD_TEXT:
        return read_text(in, f, value);
    case RECORD_JSON:
        return read_object_text(in, f, value);
    case RECORD_INTS:
        return read_ints(in, f, value);
    case RECORD_INT:
        if (!yyjson_is_sint(value) && !(yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX))
            return wrong(in, f, "must be an integer");
        *(int64_t *)member = yyjson_get_sint(value);
        return ACCEL_OK;
    case RECORD_REAL:
        if (!yyjson_is_num(value))
            return wrong(in, f, "must be a number");
        if (!isfinite(yyjson_get_num(value))) /* json_parse reads Python's NaN and Infinity */
            return wrong(in, f, "must be a finite number");
        *(double *)member = yyjson_get_num(value);
        return ACCEL_OK;
    case RECORD_BOOL:
        if (!yyjson_is_bool(value))
            return wrong(in, f, "must be true or false");
        *(int *)member = yyjson_get_bool(value);
        return ACCEL_OK;
    }
    return ACCEL_OK;
}

static const record_field *find_field(const char *group, const char *key) {
    size_t length = strlen(group);
    for (size_t i = 0; i < record_field_count; i++) {
        const char *path = record_fields[i].path;
        if (group_length(path) != length || memcmp(path, group, length) != 0)
            continue;
        if (strcmp(length ? path + length + 1 : path, key) == 0)
            return &record_fields[i];
    }
    return NULL;
}

static accel_status read_group(reading *in, const char *group, yyjson_val *object);

static void keep_unknown(str_buf *kept, yyjson_val *key, const char *text, size_t length) {
    append_key(kept, yyjson_get_str(key), yyjson_get_len(key), kept->length == 0);
    str_append_bytes(kept, text, length);
}

static accel_status read_member(reading *in, const char *group, yyjson_val *key, yyjson_val *value) {
    const char *name = yyjson_get_str(key);
    bool plain = strlen(name) == yyjson_get_len(key);
    const record_field *f = plain ? find_field(group, name) : NULL;
    if (f)
        return read_field(in, f, value);
    bool top = *group == '\0';
    if (top && plain && is_group(name)) {
        if (yyjson_is_null(value))
            return ACCEL_OK;
        if (!yyjson_is_obj(value))
            return error_set(in->err, ACCEL_BAD_FILE, "record: %s must be an object", name);
        ACCEL_TRY(read_group(in, name, value));
        if (in->unknown_member.length == 0)
            return ACCEL_OK;
        str_append_char(&in->unknown_member, '}');
        append_key(&in->unknown, name, strlen(name), in->unknown.length == 0);
        str_append_char(&in->unknown, '{');
        str_append_bytes(&in->unknown, str_text(&in->unknown_member), in->unknown_member.length);
        str_free(&in->unknown_member);
        return ACCEL_OK;
    }
    str_buf text = {0};
    json_append_foreign(&text, value);
    str_buf *kept = top ? &in->unknown : &in->unknown_member;
    keep_unknown(kept, key, str_text(&text), text.length);
    kept->failed |= text.failed;
    str_free(&text);
    return kept->failed ? error_no_memory(in->err, "a record's unknown fields", kept->length) : ACCEL_OK;
}

static accel_status read_group(reading *in, const char *group, yyjson_val *object) {
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, count, key, value) ACCEL_TRY(read_member(in, group, key, value));
    return ACCEL_OK;
}

static accel_status finish_unknown(reading *in) {
    if (in->unknown.length == 0)
        return ACCEL_OK;
    in->out->unknown_json = in->unknown.failed ? NULL : arena_printf(in->a, "{%s}", str_text(&in->unknown));
    return in->out->unknown_json ? ACCEL_OK
                                 : error_no_memory(in->err, "a record's unknown fields", in->unknown.length);
}

static accel_status read_record(yyjson_val *root, arena *a, record *out, accel_error *err) {
    reading in = {.a = a, .out = out, .err = err};
    record_init(out);
    out->schema_version = RECORD_NONE;
    if (!yyjson_is_obj(root))
        return error_set(err, ACCEL_BAD_FILE, "record: must be a JSON object");
    accel_status status = read_group(&in, "", root);
    if (status == ACCEL_OK)
        status = finish_unknown(&in);
    str_free(&in.unknown);
    str_free(&in.unknown_member);
    return status;
}

accel_status record_read_json(const char *json, size_t length, arena *a, record *out, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, MOST_JSON_BYTES, "record", &doc, err));
    accel_status status = read_record(yyjson_doc_get_root(doc), a, out, err);
    yyjson_doc_free(doc);
    return status;
}

static accel_status read_records(yyjson_val *root, arena *a, record **out, size_t *count, accel_error *err) {
    size_t i, n, records = yyjson_arr_size(root);
    yyjson_val *element;
    if (!yyjson_is_arr(root))
        return error_set(err, ACCEL_BAD_FILE, "records: must be a JSON array");
    if (records > MOST_RECORDS)
        return error_set(err, ACCEL_LIMIT, "records: %zu in one array; at most %d are read", records,
                         MOST_RECORDS);
    record *made = ARENA_ARRAY(a, record, records);
    if (!made)
        return error_no_memory(err, "records", records * sizeof *made);
    yyjson_arr_foreach(root, i, n, element) {
        accel_status status = read_record(element, a, &made[i], err);
        if (status != ACCEL_OK)
            return error_prefix(err, status, "record %zu of %zu", i + 1, n);
    }
    *out = made;
    *count = records;
    return ACCEL_OK;
}

accel_status record_read_json_array(const char *json, size_t length, arena *a, record **out, size_t *count,
                                    accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(json, length, MOST_JSON_BYTES, "records", &doc, err));
    accel_status status = read_records(yyjson_doc_get_root(doc), a, out, count, err);
    yyjson_doc_free(doc);
    return status;
}
