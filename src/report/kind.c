/* The kinds, and asking what they ask. */
#include "report/kind.h"

#include <string.h>

#include "base/mem.h"
#include "report/kind_derive.h"

static const report_kind *const kinds[] = {
#define KIND_POINTER(name) &kind_##name,
    REPORT_KINDS(KIND_POINTER)
#undef KIND_POINTER
};

size_t report_kind_count(void) {
    return sizeof kinds / sizeof *kinds;
}

const report_kind *report_kind_at(size_t index) {
    return kinds[index];
}

const report_kind *report_kind_find(const char *name) {
    for (size_t i = 0; i < report_kind_count(); i++)
        if (str_equal(kinds[i]->name, name))
            return kinds[i];
    return NULL;
}

bool kind_format_from_name(const char *name, kind_format *out) {
    static const char *const names[] = {
#define KIND_FORMAT_NAME(symbol, text) text,
        KIND_FORMAT_LIST(KIND_FORMAT_NAME)
#undef KIND_FORMAT_NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (str_equal(name, names[i])) {
            *out = (kind_format)i;
            return true;
        }
    }
    return false;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------- */

static accel_status ask(store_reader *reader, const report_scope *scope, const char *question,
                        store_result **out, accel_error *err) {
    str_buf sql = {0};
    report_scope_sources(scope, &sql);
    str_append(&sql, question);
    accel_status status = sql.failed ? error_no_memory(err, "a question", sql.length)
                                     : store_reader_ask(reader, sql.data, 0, out, err);
    str_free(&sql);
    return status;
}

static accel_status ask_section(store_reader *reader, const kind_report *r, size_t section,
                                accel_error *err) {
    const report_section *s = &r->kind->sections[section];
    accel_status status = ask(reader, r->scope, s->sql, &r->answers[section], err);
    if (status == ACCEL_OK)
        status = kind_derive(s, r->answers[section], err);
    return status == ACCEL_OK ? status : error_prefix(err, status, "%s, %s", r->kind->name, s->key);
}

static accel_status ask_provenances(store_reader *reader, kind_report *r, accel_error *err) {
    str_buf sql = {0};
    str_append(&sql, "SELECT provenance, count(*) AS rows FROM (");
    for (const char *const *source = r->kind->sources; *source != NULL; source++)
        str_appendf(&sql, "%sSELECT provenance FROM all_%s", source == r->kind->sources ? "" : " UNION ALL ",
                    *source);
    str_append(&sql, ") GROUP BY provenance ORDER BY provenance");
    accel_status status = sql.failed ? error_no_memory(err, "a question", sql.length)
                                     : ask(reader, r->scope, sql.data, &r->provenances, err);
    str_free(&sql);
    return status;
}

accel_status kind_report_ask(const report_kind *kind, const char *database, const report_scope *scope,
                             kind_report *out, accel_error *err) {
    store_reader *reader = NULL;
    *out = (kind_report){.kind = kind, .scope = scope, .database = database};
    ACCEL_TRY(report_scope_check(scope, err));
    out->answers = mem_calloc(kind->section_count, sizeof(store_result *));
    accel_status status = out->answers != NULL ? store_reader_open(database, &reader, err)
                                               : error_no_memory(err, "a report", kind->section_count);
    if (status == ACCEL_OK)
        status = ask_provenances(reader, out, err);
    for (size_t s = 0; s < kind->section_count && status == ACCEL_OK; s++)
        status = ask_section(reader, out, s, err);
    store_reader_close(reader);
    if (status != ACCEL_OK)
        kind_report_free(out);
    return status;
}

void kind_report_free(kind_report *r) {
    for (size_t s = 0; r->answers != NULL && s < r->kind->section_count; s++)
        store_result_destroy(r->answers[s]);
    mem_free(r->answers);
    store_result_destroy(r->provenances);
    *r = (kind_report){0};
}

/* ---- when there is nothing ------------------------------------------------------------------------------------------------ */

bool kind_report_is_empty(const kind_report *r) {
    for (size_t s = 0; s < r->kind->section_count; s++)
        if (!r->kind->sections[s].is_background && r->answers[s]->row_count > 0)
            return false;
    return true;
}

bool kind_report_shows(const kind_report *r, const char *provenance) {
    if (r->kind->all_provenances)
        return true;
    for (size_t i = 0; i < r->scope->provenance_count; i++)
        if (str_equal(r->scope->provenances[i], provenance) ||
            (str_equal(r->scope->provenances[i], "simulated") && strstr(provenance, "simulated") != NULL))
            return true;
    return r->scope->provenance_count == 0 && str_equal(provenance, "measured");
}

void kind_report_advice(const kind_report *r, str_buf *out) {
    for (size_t row = 0; row < r->provenances->row_count; row++) {
        const store_cell *cells = &r->provenances->cells[2 * row];
        if (cells[0].type == STORE_NULL || kind_report_shows(r, cells[0].text))
            continue;
        const char *option = strstr(cells[0].text, "simulated") != NULL ? "simulated" : cells[0].text;
        str_appendf(out, "accel report %s --provenance %s\tshows %s rows that are %s, not measured\n",
                    r->kind->name, option, cells[1].text, cells[0].text);
    }
    for (const report_advice *a = r->kind->to_run; a->command != NULL; a++)
        str_appendf(out, "%s\t%s\n", a->command, a->what_for);
}

bool kind_advice_next(const char **text, advice_line *out) {
    size_t command = strcspn(*text, "\t"), length = strcspn(*text, "\n");
    if (length == 0)
        return false;
    *out = (advice_line){*text, *text + command + 1, (int)command, (int)(length - command - 1)};
    *text += length + 1; /* each line ends in one */
    return true;
}

/* ---- what is shown -------------------------------------------------------------------------------------------------------- */

static void append_list(str_buf *out, const char *before, const char *const *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        str_appendf(out, "%s%s", i == 0 ? before : ", ", values[i]);
}

void kind_report_scope(const kind_report *r, str_buf *out) {
    const report_scope *s = r->scope;
    bool any = false;
    for (size_t i = 0; i < r->provenances->row_count; i++) { /* shown first */
        const store_cell *cells = &r->provenances->cells[2 * i];
        if (cells[0].type == STORE_NULL || !kind_report_shows(r, cells[0].text))
            continue;
        str_appendf(out, "%s%s %s", any ? ", " : "Rows that this report is about: ", cells[1].text,
                    cells[0].text);
        any = true;
    }
    str_append(out, any ? "." : "No row that this report is about is shown.");
    for (size_t i = 0; i < r->provenances->row_count; i++) {
        const store_cell *cells = &r->provenances->cells[2 * i];
        if (cells[0].type != STORE_NULL && !kind_report_shows(r, cells[0].text))
            str_appendf(out, " %s more are %s and not shown: --provenance %s shows them.", cells[1].text,
                        cells[0].text,
                        strstr(cells[0].text, "simulated") != NULL ? "simulated" : cells[0].text);
    }
    if (s->model_count + s->platform_count + s->engine_count > 0 || s->since != NULL)
        str_append(out, " Chosen:");
    append_list(out, " models ", s->models, s->model_count);
    append_list(out, " platforms ", s->platforms, s->platform_count);
    append_list(out, " engines ", s->engines, s->engine_count);
    if (s->since != NULL)
        str_appendf(out, " since %s", s->since);
}
