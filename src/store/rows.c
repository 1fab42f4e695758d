/* What a row must satisfy before the database sees it. */
#include "store/rows.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "engines/engine.h"

typedef enum rule_kind {
    RULE_NEEDED, /* text that must be there */
    RULE_CHOICE, /* text, when it is there, from a list; separated and enclosed by spaces */
    RULE_JSON,   /* text, when it is there, must be a JSON object */
    RULE_UTC,    /* text, when it is there, must be a time */
    RULE_HARDWARE,
    RULE_FLAG,   /* a BOOL that must be known */
    RULE_NUMBER, /* REAL, when it is there, is finite and not negative */
    RULE_SIGNED, /* REAL, when it is there, is finite */
    RULE_SHARE,  /* REAL from 0 to 1 */
    RULE_COUNT   /* INT, when it is there, is not negative */
} rule_kind;

typedef struct rule {
    const char *name;
    size_t offset;
    rule_kind kind;
    const char *choices;
} rule;

#define RULE(type, name, kind)      {#name, offsetof(store_##type, name), kind, NULL}
#define CHOICE(type, name, choices) {#name, offsetof(store_##type, name), RULE_CHOICE, choices}
#define PROVENANCES                 " measured predicted imported simulated "
#define PROVENANCE_RULES(type)      RULE(type, provenance, RULE_NEEDED), CHOICE(type, provenance, PROVENANCES)
#define SOURCE_RULE(type)           CHOICE(type, model_source, " file hf generated ")

static const rule run_rules[] = {
    RULE(run, test_name, RULE_NEEDED),
    CHOICE(run, test_type, " performance hardware compatibility integration "),
    RULE(run, started_at, RULE_NEEDED),
    RULE(run, started_at, RULE_UTC),
    RULE(run, completed_at, RULE_UTC),
    RULE(run, execution_time_seconds, RULE_NUMBER),
    RULE(run, metadata, RULE_JSON),
};
static const rule compatibility_rules[] = {
    RULE(compatibility, model_name, RULE_NEEDED),
    RULE(compatibility, hardware_type, RULE_NEEDED),
    RULE(compatibility, hardware_type, RULE_HARDWARE),
    SOURCE_RULE(compatibility),
    RULE(compatibility, is_compatible, RULE_FLAG),
    RULE(compatibility, detection_success, RULE_FLAG),
    RULE(compatibility, initialization_success, RULE_FLAG),
    RULE(compatibility, compatibility_score, RULE_SHARE),
    RULE(compatibility, metadata, RULE_JSON),
    PROVENANCE_RULES(compatibility),
};
static const rule integration_rules[] = {
    RULE(integration, test_module, RULE_NEEDED),
    RULE(integration, test_name, RULE_NEEDED),
    RULE(integration, status, RULE_NEEDED),
    CHOICE(integration, status, " pass fail error skip "),
    RULE(integration, hardware_type, RULE_HARDWARE),
    SOURCE_RULE(integration),
    RULE(integration, execution_time_seconds, RULE_NUMBER),
    RULE(integration, metadata, RULE_JSON),
    PROVENANCE_RULES(integration),
};
static const rule assertion_rules[] = {
    RULE(assertion, assertion_name, RULE_NEEDED),
    RULE(assertion, passed, RULE_FLAG),
};
static const rule web_rules[] = {
    RULE(web, model_name, RULE_NEEDED),
    RULE(web, hardware_type, RULE_NEEDED),
    RULE(web, hardware_type, RULE_HARDWARE),
    SOURCE_RULE(web),
    RULE(web, platform, RULE_NEEDED),
    CHOICE(web, platform, " webnn webgpu wasm "),
    CHOICE(web, browser, " chrome chromium edge firefox safari webkit "),
    RULE(web, load_time_ms, RULE_NUMBER),
    RULE(web, initialization_time_ms, RULE_NUMBER),
    RULE(web, inference_time_ms, RULE_NUMBER),
    RULE(web, total_time_ms, RULE_NUMBER),
    RULE(web, shader_compilation_time_ms, RULE_NUMBER),
    RULE(web, memory_usage_mb, RULE_NUMBER),
    RULE(web, metrics, RULE_JSON),
    PROVENANCE_RULES(web),
};
static const rule webgpu_rules[] = {
    CHOICE(webgpu, memory_optimization_level, " none low medium high "),
    RULE(webgpu, workgroup_size, RULE_COUNT),
    RULE(webgpu, components_loaded, RULE_COUNT),
    RULE(webgpu, compute_pipeline_time_ms, RULE_NUMBER),
    RULE(webgpu, parallel_loading_speedup, RULE_NUMBER),
    RULE(webgpu, component_loading_time_ms, RULE_NUMBER),
};
static const rule optimization_rules[] = {
    RULE(optimization, test_datetime, RULE_UTC),
    RULE(optimization, test_type, RULE_NEEDED),
    RULE(optimization, model_name, RULE_NEEDED),
    RULE(optimization, optimization_enabled, RULE_FLAG),
    RULE(optimization, execution_time_ms, RULE_NUMBER),
    RULE(optimization, initialization_time_ms, RULE_NUMBER),
    RULE(optimization, improvement_percent, RULE_SIGNED),
    RULE(optimization, audio_length_seconds, RULE_NUMBER),
    RULE(optimization, component_count, RULE_COUNT),
    RULE(optimization, hardware_type, RULE_HARDWARE),
    RULE(optimization, environment, RULE_JSON),
    PROVENANCE_RULES(optimization),
};
static const rule shader_rules[] = {
    RULE(shader, test_datetime, RULE_UTC),         RULE(shader, shader_count, RULE_COUNT),
    RULE(shader, cached_shaders_used, RULE_COUNT), RULE(shader, new_shaders_compiled, RULE_COUNT),
    RULE(shader, cache_hit_rate, RULE_SHARE),      RULE(shader, total_compilation_time_ms, RULE_NUMBER),
    RULE(shader, peak_memory_mb, RULE_NUMBER),
};
static const rule loading_rules[] = {
    RULE(loading, test_datetime, RULE_UTC),
    RULE(loading, components_loaded, RULE_COUNT),
    RULE(loading, sequential_load_time_ms, RULE_NUMBER),
    RULE(loading, parallel_load_time_ms, RULE_NUMBER),
    RULE(loading, memory_peak_mb, RULE_NUMBER),
    RULE(loading, loading_speedup, RULE_NUMBER),
};
static const rule seen_rules[] = {
    RULE(seen, hardware_type, RULE_NEEDED),    RULE(seen, is_available, RULE_FLAG),
    RULE(seen, detection_method, RULE_NEEDED), RULE(seen, detection_details, RULE_JSON),
    RULE(seen, detected_at, RULE_NEEDED),      RULE(seen, detected_at, RULE_UTC),
    RULE(seen, machine_id, RULE_NEEDED),       RULE(seen, device, RULE_NEEDED),
};
static const rule source_rules[] = {
    RULE(source, file_path, RULE_NEEDED),
    RULE(source, file_hash, RULE_NEEDED),
    RULE(source, file_size, RULE_COUNT),
    RULE(source, status, RULE_NEEDED),
    CHOICE(source, status, " imported skipped rejected "),
    RULE(source, records_imported, RULE_COUNT),
};

/* Every text of a kind, to be checked for UTF-8. */
typedef struct kind_rules {
    const char *name;
    const rule *rules;
    size_t rule_count;
    const size_t *texts;
    size_t text_count;
} kind_rules;
#define TEXT_OF_TEXT(type, name) offsetof(store_##type, name),
#define TEXT_OF_JSON(type, name) offsetof(store_##type, name),
#define TEXT_OF_INT(type, name)
#define TEXT_OF_REAL(type, name)
#define TEXT_OF_BOOL(type, name)
#define T_run(kind, name)           TEXT_OF_##kind(run, name)
#define T_compatibility(kind, name) TEXT_OF_##kind(compatibility, name)
#define T_integration(kind, name)   TEXT_OF_##kind(integration, name)
#define T_assertion(kind, name)     TEXT_OF_##kind(assertion, name)
#define T_web(kind, name)           TEXT_OF_##kind(web, name)
#define T_webgpu(kind, name)        TEXT_OF_##kind(webgpu, name)
#define T_optimization(kind, name)  TEXT_OF_##kind(optimization, name)
#define T_shader(kind, name)        TEXT_OF_##kind(shader, name)
#define T_loading(kind, name)       TEXT_OF_##kind(loading, name)
#define T_seen(kind, name)          TEXT_OF_##kind(seen, name)
#define T_source(kind, name)        TEXT_OF_##kind(source, name)
#define KIND(type, fields)                                                                                   \
    static const size_t type##_texts[] = {fields(T_##type)};                                                 \
    static const kind_rules type##_kind = {#type, type##_rules, sizeof type##_rules / sizeof *type##_rules,  \
                                           type##_texts, sizeof type##_texts / sizeof *type##_texts};
STORE_ROW_KINDS(KIND)

static accel_status bad(const kind_rules *k, const char *name, const char *what, accel_error *err) {
    return error_set(err, ACCEL_BAD_FILE, "%s.%s %s", k->name, name, what);
}

/* 2026-11-23T02:11:00Z, with or without a fraction. DuckDB would also take "infinity", which would be the newest for ever. */
bool store_is_utc(const char *text) {
    static const char form[] = "0000-00-00T00:00:00";
    size_t i = 0;
    for (; form[i] != '\0'; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    if (text[i] == '.')
        i += 1 + strspn(text + i + 1, "0123456789");
    return text[i] == 'Z' && text[i + 1] == '\0';
}

static bool is_choice(const char *text, const char *choices) {
    size_t length = strlen(text);
    for (const char *at = choices; length > 0 && (at = strstr(at, text)) != NULL; at++)
        if (at[-1] == ' ' && at[length] == ' ')
            return true;
    return false;
}

static bool is_object(const char *text) {
    yyjson_doc *doc = NULL;
    bool object = json_parse(text, strlen(text), SIZE_MAX, "a value", &doc, NULL) == ACCEL_OK &&
                  yyjson_is_obj(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return object;
}

static accel_status check_text(const kind_rules *k, const rule *r, const char *text, accel_error *err) {
    platform p;
    if (r->kind == RULE_NEEDED)
        return text != NULL ? ACCEL_OK : bad(k, r->name, "is missing", err);
    if (text == NULL)
        return ACCEL_OK;
    if (r->kind == RULE_CHOICE && !is_choice(text, r->choices))
        return error_set(err, ACCEL_BAD_FILE, "%s.%s is '%.40s', not one of:%s", k->name, r->name, text,
                         r->choices);
    if (r->kind == RULE_JSON && !is_object(text))
        return bad(k, r->name, "is no JSON object", err);
    if (r->kind == RULE_UTC && !store_is_utc(text))
        return bad(k, r->name, "is no time in UTC as 2026-11-23T02:11:00Z", err);
    if (r->kind == RULE_HARDWARE && !platform_from_name(text, &p))
        return error_set(err, ACCEL_BAD_FILE, "%s.%s is '%.40s', no platform that is known here", k->name,
                         r->name, text);
    return ACCEL_OK;
}

static accel_status check_rule(const kind_rules *k, const rule *r, const void *row, accel_error *err) {
    const void *member = (const char *)row + r->offset;
    switch (r->kind) {
    case RULE_FLAG:
        return *(const int *)member >= 0 ? ACCEL_OK : bad(k, r->name, "is missing", err);
    case RULE_NUMBER:
    case RULE_SIGNED:
    case RULE_SHARE: {
        double value = *(const double *)member;
        if (isinf(value) || (r->kind != RULE_SIGNED && value < 0))
            return bad(k, r->name, isinf(value) ? "is infinite" : "is negative", err);
        return r->kind == RULE_SHARE && value > 1 ? bad(k, r->name, "is above 1", err) : ACCEL_OK;
    }
    case RULE_COUNT: {
        int64_t value = *(const int64_t *)member;
        return value < 0 && value != RECORD_NONE ? bad(k, r->name, "is negative", err) : ACCEL_OK;
    }
    default:
        return check_text(k, r, *(const char *const *)member, err);
    }
}

static accel_status check_row(const kind_rules *k, const void *row, accel_error *err) {
    for (size_t i = 0; i < k->rule_count; i++)
        ACCEL_TRY(check_rule(k, &k->rules[i], row, err));
    for (size_t i = 0; i < k->text_count; i++) {
        const char *text = *(const char *const *)(const void *)((const char *)row + k->texts[i]);
        if (text != NULL && !str_utf8_valid(text, strlen(text)))
            return error_set(err, ACCEL_BAD_FILE, "a text of %s is not UTF-8", k->name);
    }
    return ACCEL_OK;
}

static accel_status check_parent(const char *kind, int64_t parent, size_t count, accel_error *err) {
    if (parent >= 0 && (uint64_t)parent < count)
        return ACCEL_OK;
    return error_set(err, ACCEL_BAD_FILE, "%s.parent is no row of this batch", kind);
}

accel_status store_batch_validate(const store_batch *b, accel_error *err) {
    bool needs_run = b->record_count + b->compatibility_count + b->integration_count + b->web_count > 0;
    if (b->run.uuid != NULL)
        ACCEL_TRY(check_row(&run_kind, &b->run, err));
    else if (needs_run)
        return error_set(err, ACCEL_BAD_FILE, "results need a run that they belong to");
    for (size_t i = 0; i < b->record_count; i++) {
        ACCEL_TRY(record_validate(&b->records[i], err));
        if (b->records[i].platform == NULL)
            return error_set(err, ACCEL_BAD_FILE, "platform is missing");
    }
#define CHECK_ROWS(type)                                                                                     \
    for (size_t i = 0; i < b->type##_count; i++)                                                             \
        ACCEL_TRY(check_row(&type##_kind, &b->type##_rows[i], err));
    CHECK_ROWS(compatibility)
    CHECK_ROWS(integration)
    CHECK_ROWS(assertion)
    CHECK_ROWS(web)
    CHECK_ROWS(webgpu)
    CHECK_ROWS(optimization)
    CHECK_ROWS(shader)
    CHECK_ROWS(loading)
    CHECK_ROWS(seen)
#define CHECK_PARENTS(type, parents)                                                                         \
    for (size_t i = 0; i < b->type##_count; i++)                                                             \
        ACCEL_TRY(check_parent(#type, b->type##_rows[i].parent, b->parents##_count, err));
    CHECK_PARENTS(assertion, integration)
    CHECK_PARENTS(webgpu, web)
    CHECK_PARENTS(shader, optimization)
    CHECK_PARENTS(loading, optimization)
    return b->source != NULL ? store_source_validate(b->source, err) : ACCEL_OK;
}

accel_status store_source_validate(const store_source *source, accel_error *err) {
    return check_row(&source_kind, source, err);
}

accel_status store_uuid_of(const char *text, size_t length, char uuid[37], accel_error *err) {
    char hex[SHA256_HEX_BYTES];
    ACCEL_TRY(sha256_bytes(text, length, hex, err));
    hex[12] = '8'; /* version 8 of RFC 9562: made by a rule of one's own */
    hex[16] = "89ab"[(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) & 3];
    str_format(uuid, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return ACCEL_OK;
}
