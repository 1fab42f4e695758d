/* Checks that follow from the schema's description: one question a column and rule. DuckDB keeps most of them itself; a file that another
 * program wrote, or that was damaged, need not. */
#include <string.h>

#include "engines/engine.h"
#include "store/examine.h"
#include "store/schema.h"

/* What a column's values must be, beyond its type: a SQL condition that good ones fulfil. */
static const struct {
    const char *table, *column, *condition, *text;
} domains[] = {
#define NAME(symbol, name) "'" name "', "
    {"performance_results", "status", "status IN (" CASE_STATUS_LIST(NAME) "'')", "is no status of a case"},
    {"performance_results", "record_id",
     "regexp_full_match(CAST(record_id AS VARCHAR), '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')",
     "is no UUID"},
    {"performance_results", "average_latency_ms",
     "status = 'ok' OR (average_latency_ms IS NULL AND throughput_items_per_second IS NULL AND memory_peak_mb IS NULL AND samples_ns IS NULL)",
     "is a figure of a case that is not ok"},
    {"performance_results", "iterations", "samples_ns IS NULL OR iterations = len(samples_ns)",
     "is not the number of samples"},
    {"performance_results", "samples_ns", "samples_ns IS NULL OR list_min(samples_ns) >= 0",
     "holds a negative time"},
    {"performance_results", "batch_size", "batch_size > 0", "is below 1"},
    {"hardware_platforms", "hardware_type", "hardware_type IN (" PLATFORM_LIST(NAME) "'')",
     "is no platform that is known here"},
#undef NAME
    {"models", "modality", "modality IN ('text', 'image', 'audio', 'video', 'multimodal')", "is no modality"},
    {"models", "source", "source IN ('file', 'hf', 'generated')", "is not file, hf or generated"},
    {"test_runs", "test_type", "test_type IN ('performance', 'hardware', 'compatibility', 'integration')",
     "is no type of test"},
    {"test_runs", "completed_at", "completed_at >= started_at", "is before the run's start"},
    {"hardware_compatibility", "compatibility_score", "compatibility_score BETWEEN 0 AND 1",
     "is not between 0 and 1"},
    {"shader_compilation_stats", "cache_hit_rate", "cache_hit_rate BETWEEN 0 AND 1",
     "is not between 0 and 1"},
};

static accel_status ask(examination *x, const char *check, const schema_table *t, const char *column,
                        const char *text, const char *where, accel_error *err) {
    const char *sentence = arena_printf(x->arena, "%s %s", column, text);
    if (sentence == NULL)
        return error_no_memory(err, "findings", 0);
    return examine_count(x, check, t->name, sentence, false, err, "SELECT count(*) FROM %s WHERE %s", t->name,
                         where);
}

static accel_status check_reference(examination *x, const schema_table *t, const schema_column *c,
                                    accel_error *err) {
    const char *target = strstr(c->type, "REFERENCES ");
    if (target == NULL)
        return ACCEL_OK;
    target += strlen("REFERENCES ");
    size_t name = strcspn(target, "("), column = strcspn(target + name, ")");
    const char *where = arena_printf(x->arena, "%s IS NOT NULL AND %s NOT IN (SELECT %.*s FROM %.*s)",
                                     c->name, c->name, (int)column - 1, target + name + 1, (int)name, target);
    return where != NULL ? ask(x, "orphans", t, c->name, "names a row that is not there", where, err)
                         : error_no_memory(err, "a statement", 0);
}

/* Not through the key's own index, which might be what is wrong. */
static accel_status check_unique(examination *x, const schema_table *t, const schema_column *c,
                                 accel_error *err) {
    if (strstr(c->type, "UNIQUE") == NULL && strstr(c->type, "PRIMARY KEY") == NULL)
        return ACCEL_OK;
    const char *sentence = arena_printf(x->arena, "%s is there more than once", c->name);
    if (sentence == NULL)
        return error_no_memory(err, "findings", 0);
    return examine_count(
        x, "keys", t->name, sentence, false, err,
        "SELECT count(*) FROM (SELECT %s FROM %s WHERE %s IS NOT NULL GROUP BY %s HAVING count(*) > 1)",
        c->name, t->name, c->name, c->name);
}

static accel_status check_type(examination *x, const schema_table *t, const schema_column *c,
                               accel_error *err) {
    const struct {
        const char *begins, *check, *text, *form;
    } rules[] = {
        {"JSON", "json", "is no JSON", "NOT json_valid(CAST(%s AS VARCHAR))"},
        {"TIMESTAMP", "domains", "is no time", "NOT isfinite(%s)"},
        {"DOUBLE", "domains", "is not finite", "NOT isfinite(%s)"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        str_buf where = {0};
        if (!str_starts_with(c->type, rules[i].begins))
            continue;
        str_append(&where, "");
        for (const char *p = rules[i].form; *p != '\0'; p++) {
            if (str_starts_with(p, "%s"))
                str_append(&where, c->name), p++;
            else
                str_append_char(&where, *p);
        }
        accel_status status = where.failed
                                  ? error_no_memory(err, "a statement", where.length)
                                  : ask(x, rules[i].check, t, c->name, rules[i].text, where.data, err);
        str_free(&where);
        ACCEL_TRY(status);
    }
    return ACCEL_OK;
}

static accel_status check_column(examination *x, const schema_table *t, const schema_column *c,
                                 accel_error *err) {
    if (strstr(c->type, "NOT NULL") != NULL || strstr(c->type, "PRIMARY KEY") != NULL) {
        const char *where = arena_printf(x->arena, "%s IS NULL", c->name);
        ACCEL_TRY(where != NULL ? ask(x, "nulls", t, c->name, "is missing", where, err)
                                : error_no_memory(err, "a statement", 0));
    }
    const char *condition = strstr(c->type, "CHECK ");
    if (condition != NULL) {
        const char *where = arena_printf(x->arena, "NOT %s", condition + strlen("CHECK "));
        ACCEL_TRY(where != NULL
                      ? ask(x, "domains", t, c->name, "is none of the values it may have", where, err)
                      : error_no_memory(err, "a statement", 0));
    }
    ACCEL_TRY(check_unique(x, t, c, err));
    ACCEL_TRY(check_reference(x, t, c, err));
    return check_type(x, t, c, err);
}

static accel_status check_domains(examination *x, const schema_table *t, accel_error *err) {
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        if (!str_equal(domains[i].table, t->name))
            continue;
        const char *where =
            arena_printf(x->arena, "%s IS NOT NULL AND NOT (%s)", domains[i].column, domains[i].condition);
        ACCEL_TRY(where != NULL ? ask(x, "domains", t, domains[i].column, domains[i].text, where, err)
                                : error_no_memory(err, "a statement", 0));
    }
    for (size_t c = 0; c < t->column_count; c++)
        if (str_equal(t->columns[c].name, "provenance"))
            ACCEL_TRY(ask(x, "domains", t, "provenance", "is not measured, predicted, imported or simulated",
                          "provenance NOT IN ('measured', 'predicted', 'imported', 'simulated')", err));
    return ACCEL_OK;
}

accel_status examine_columns(examination *x, accel_error *err) {
    for (size_t i = 0; i < schema_table_count; i++) {
        const schema_table *t = &schema_tables[i];
        for (size_t c = 0; c < t->column_count; c++)
            ACCEL_TRY(check_column(x, t, &t->columns[c], err));
        ACCEL_TRY(check_domains(x, t, err));
    }
    return ACCEL_OK;
}
