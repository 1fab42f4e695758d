/* The table of the record's fields, and what every record must satisfy. */
#include "measure/record.h"

#include <string.h>
#include <sys/random.h>

#include "engines/engine.h"
#include "base/json.h"
#include "measure/measure.h"

static const char *const status_names[CASE_STATUS_COUNT] = {
#define STATUS_NAME(symbol, name) [symbol] = name,
    CASE_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
};

const char *case_status_name(case_status s) {
    return (unsigned)s < CASE_STATUS_COUNT ? status_names[s] : "unknown";
}

bool case_status_from_name(const char *name, case_status *out) {
    for (int i = 0; i < CASE_STATUS_COUNT; i++) {
        if (!str_equal(name, status_names[i]))
            continue;
        *out = (case_status)i;
        return true;
    }
    return false;
}

#define COUNT_OFFSET_TEXT(member) 0
#define COUNT_OFFSET_INT(member)  0
#define COUNT_OFFSET_REAL(member) 0
#define COUNT_OFFSET_BOOL(member) 0
#define COUNT_OFFSET_JSON(member) 0
#define COUNT_OFFSET_INTS(member) offsetof(record, member##_count)

const record_field record_fields[] = {
#define FIELD(kind, member, path, unit, text)                                                                \
    {RECORD_##kind, #member, path, unit, text, offsetof(record, member), COUNT_OFFSET_##kind(member)},
    RECORD_FIELDS(FIELD)
#undef FIELD
};
const size_t record_field_count = sizeof record_fields / sizeof record_fields[0];

void record_init(record *r) {
    *r = (record){0};
    for (size_t i = 0; i < record_field_count; i++) {
        void *member = (char *)r + record_fields[i].offset;
        if (record_fields[i].kind == RECORD_INT)
            *(int64_t *)member = RECORD_NONE;
        else if (record_fields[i].kind == RECORD_REAL)
            *(double *)member = (double)NAN;
        else if (record_fields[i].kind == RECORD_BOOL)
            *(int *)member = RECORD_UNKNOWN_BOOL;
    }
    r->schema_version = RECORD_SCHEMA_VERSION;
}

accel_status record_new_id(arena *a, record *r, accel_error *err) {
    uint8_t b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return error_set(err, ACCEL_IO, "the system gave no random bytes for a record's id");
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    r->record_id = arena_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                                b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
                                b[12], b[13], b[14], b[15]);
    return r->record_id ? ACCEL_OK : error_no_memory(err, "a record's id", 37);
}

/* ---- validation ---------------------------------------------------------------------------------------------------- */

static accel_status invalid(accel_error *err, const char *path, const char *why) {
    return error_set(err, ACCEL_BAD_FILE, "record: %s %s", path, why);
}

/* x: hexadecimal digit, 0: decimal digit, anything else stands for itself. */
static bool has_form(const char *text, const char *form) {
    for (; *form; form++, text++) {
        bool digit = *text >= '0' && *text <= '9', letter = *text >= 'a' && *text <= 'f';
        if (*form == 'x' ? !(digit || letter) : *form == '0' ? !digit : *text != *form)
            return false;
    }
    return true;
}

static bool is_uuid(const char *text) {
    const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return has_form(text, form) && strlen(text) == sizeof form - 1;
}

/* 2026-11-23T02:11:00Z, with or without a fraction. */
static bool is_utc(const char *text) {
    if (!has_form(text, "0000-00-00T00:00:00"))
        return false;
    text += strlen("0000-00-00T00:00:00");
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9';)
            text++;
    return str_equal(text, "Z");
}

static bool is_one_of(const char *text, const char *names) {
    size_t length = strlen(text);
    for (const char *at = names; (at = strstr(at, text)) != NULL; at++) {
        bool begins = at == names || at[-1] == ' ', ends = at[length] == ' ' || at[length] == '\0';
        if (begins && ends && length > 0)
            return true;
    }
    return false;
}

static accel_status check_lists(const record *r, accel_error *err) {
    platform p;
    if (!r->provenance || !is_one_of(r->provenance, "measured predicted imported simulated"))
        return invalid(err, "provenance", "must be measured, predicted, imported or simulated");
    if (r->platform && !platform_from_name(r->platform, &p))
        return invalid(err, "platform", "is no platform that is known here");
    if (r->model_source && !is_one_of(r->model_source, "file hf generated"))
        return invalid(err, "model.source", "must be file, hf or generated");
    if (r->mode && !is_one_of(r->mode, "inference prefill decode training"))
        return invalid(err, "mode", "must be inference, prefill, decode or training");
    if (r->scenario && !is_one_of(r->scenario, "single-stream offline server"))
        return invalid(err, "scenario", "must be single-stream, offline or server");
    if (r->started_at && !is_utc(r->started_at))
        return invalid(err, "started_at", "must be UTC as 2026-11-23T02:11:00Z");
    return ACCEL_OK;
}

static bool is_figure(const record_field *f) {
    return str_starts_with(f->path, "latency_ms.") || str_starts_with(f->path, "throughput") ||
           str_starts_with(f->path, "tokens_per") || str_equal(f->path, "energy_j");
}

static accel_status check_json(const record_field *f, const char *text, accel_error *err) {
    yyjson_doc *doc = NULL;
    ACCEL_TRY(json_parse(text, strlen(text), SIZE_MAX, f->path, &doc, err));
    bool is_object = yyjson_is_obj(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return is_object ? ACCEL_OK : invalid(err, f->path, "must be an object");
}

static accel_status check_field(const record *r, const record_field *f, bool ok, accel_error *err) {
    const void *member = (const char *)r + f->offset;
    if (f->kind == RECORD_REAL) {
        double value = *(const double *)member;
        if (isinf(value))
            return invalid(err, f->path, "is infinite");
        if (value < 0.0)
            return invalid(err, f->path, "is negative");
        if (!ok && is_figure(f) && !isnan(value))
            return invalid(err, f->path, "must be absent when the status is not ok");
    } else if (f->kind == RECORD_INT) {
        int64_t value = *(const int64_t *)member;
        if (value < 0 && value != RECORD_NONE && !str_equal(f->path, "seed"))
            return invalid(err, f->path, "is negative");
    } else if (f->kind == RECORD_TEXT) {
        const char *text = *(const char *const *)member;
        if (text && !str_utf8_valid(text, strlen(text)))
            return invalid(err, f->path, "is not UTF-8");
    } else if (f->kind == RECORD_JSON && *(const char *const *)member) {
        return check_json(f, *(const char *const *)member, err);
    }
    return ACCEL_OK;
}

accel_status record_validate(const record *r, accel_error *err) {
    case_status status;
    if (r->schema_version < 1)
        return invalid(err, "schema_version", "is missing");
    if (!r->record_id || !is_uuid(r->record_id))
        return invalid(err, "record_id", "must be a UUID in lower case");
    if (!r->status || !case_status_from_name(r->status, &status))
        return invalid(err, "status", "is missing or unknown");
    if (status != CASE_OK && (!r->error || !*r->error))
        return invalid(err, "error", "must say in a sentence why the status is not ok");
    if (status != CASE_OK && r->samples_ns_count > 0)
        return invalid(err, "samples_ns", "must be empty when the status is not ok");
    for (size_t i = 0; i < r->samples_ns_count; i++)
        if (r->samples_ns[i] < 0)
            return invalid(err, "samples_ns", "holds a negative time");
    ACCEL_TRY(check_lists(r, err));
    for (size_t i = 0; i < record_field_count; i++)
        ACCEL_TRY(check_field(r, &record_fields[i], status == CASE_OK, err));
    return ACCEL_OK;
}
