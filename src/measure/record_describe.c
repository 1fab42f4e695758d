/* What RECORD_FIELDS says, for machines (JSON Schema) and for people (the table of docs/record.md). */
#include <string.h>

#include "base/json.h"
#include "measure/record.h"

static const char *json_type(record_kind kind) {
    switch (kind) {
    case RECORD_TEXT:
        return "[\"string\",\"null\"]";
    case RECORD_INT:
        return "[\"integer\",\"null\"]";
    case RECORD_REAL:
        return "[\"number\",\"null\"]";
    case RECORD_BOOL:
        return "[\"boolean\",\"null\"]";
    case RECORD_JSON:
        return "[\"object\",\"null\"]";
    case RECORD_INTS:
        return "\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0}";
    }
    return "\"null\"";
}

static void append_property(str_buf *out, const record_field *f, const char *name, bool first) {
    str_append(out, first ? "" : ",");
    json_append_text(out, name);
    str_appendf(out, ":{\"type\":%s,\"description\":", json_type(f->kind));
    str_buf text = {0};
    str_appendf(&text, "%s%s%s%s", f->text, *f->unit ? " [" : "", f->unit, *f->unit ? "]" : "");
    json_append_text(out, str_text(&text));
    out->failed |= text.failed;
    str_free(&text);
    if (str_equal(f->path, "status")) {
        str_append(out, ",\"enum\":[");
        for (int s = 0; s < CASE_STATUS_COUNT; s++)
            str_appendf(out, "%s\"%s\"", s ? "," : "", case_status_name((case_status)s));
        str_append_char(out, ']');
    }
    str_append_char(out, '}');
}

void record_write_schema(str_buf *out) {
    str_appendf(
        out,
        "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":\"accel result record\","
        "\"description\":\"One measured, predicted, imported or simulated case. Absent is null, never 0.\","
        "\"type\":\"object\",\"required\":[\"schema_version\",\"record_id\",\"provenance\",\"status\"],"
        "\"properties\":{");
    const char *open = ""; /* the group being written */
    size_t open_length = 0;
    for (size_t i = 0; i < record_field_count; i++) {
        const record_field *f = &record_fields[i];
        const char *dot = strchr(f->path, '.');
        size_t length = dot ? (size_t)(dot - f->path) : 0;
        bool same = length == open_length && memcmp(f->path, open, length) == 0;
        if (!same && open_length > 0)
            str_append(out, "}}");
        if (!same && length > 0) {
            str_append_char(out, ',');
            str_append_json(out, f->path, length);
            str_append(out, ":{\"type\":[\"object\",\"null\"],\"properties\":{");
        }
        append_property(out, f, dot ? dot + 1 : f->path, i == 0 || (!same && length > 0));
        open = f->path;
        open_length = length;
    }
    str_append(out, open_length > 0 ? "}}}}" : "}}");
}

static const char *kind_name(record_kind kind) {
    static const char *const names[] = {
        [RECORD_TEXT] = "text",       [RECORD_INT] = "integer",   [RECORD_REAL] = "number",
        [RECORD_BOOL] = "true/false", [RECORD_INTS] = "integers", [RECORD_JSON] = "object"};
    return names[kind];
}

void record_write_markdown(str_buf *out) {
    str_append(out, "| field | type | unit | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < record_field_count; i++) {
        const record_field *f = &record_fields[i];
        str_appendf(out, "| `%s` | %s | %s | %s |\n", f->path, kind_name(f->kind), f->unit, f->text);
    }
}
