#include "store/questions.h"

#include <string.h>

#include "store/question_answer.h"
#include "store/question_sql.h"
#include "store/question_words.h"

/* ---- what does not fit ------------------------------------------------------------------------------------------------------------ */

enum { MOST_NAMES = 10000 };

/* A statement of words, as it stands. */
static accel_status ask_words(store_reader *r, question_sql *w, store_result **out, accel_error *err) {
    ACCEL_TRY(query_begin(r, out, err));
    return query_end(r, question_sql_run(r, w, NULL, *out, err), out);
}

/* Whether each name is there at all; else the sentence names the nearest. */
static accel_status check_names(store_reader *r, const char *what, const question_names *names,
                                const char *column, const char *all_sql, accel_error *err) {
    for (size_t i = 0; i < names->count; i++) {
        question_sql w = {0};
        store_result *found = NULL;
        str_appendf(&w.text, "SELECT %s FROM (%s) WHERE ", column, all_sql);
        question_sql_name(&w, column, names->names[i]);
        str_append(&w.text, " LIMIT 1");
        accel_status status = ask_words(r, &w, &found, err);
        size_t rows = status == ACCEL_OK ? found->row_count : 0;
        store_result_destroy(found);
        str_free(&w.text);
        ACCEL_TRY(status);
        if (rows > 0)
            continue;
        const char *known[MOST_NAMES];
        size_t count = 0;
        str_appendf(&w.text, "SELECT DISTINCT %s FROM (%s) WHERE %s IS NOT NULL LIMIT %d", column, all_sql,
                    column, MOST_NAMES);
        w.count = 0;
        status = ask_words(r, &w, &found, err);
        str_free(&w.text);
        ACCEL_TRY(status);
        for (; count < found->row_count; count++)
            known[count] = found->cells[count].text;
        const char *near = str_nearest(names->names[i], known, count);
        status = near != NULL
                     ? error_set(err, ACCEL_NOT_FOUND, "%s has no %s '%s'; did you mean '%s'?", r->path, what,
                                 names->names[i], near)
                     : error_set(err, ACCEL_NOT_FOUND, "%s has no %s '%s'", r->path, what, names->names[i]);
        store_result_destroy(found);
        return status;
    }
    return ACCEL_OK;
}

static accel_status check_all_names(store_reader *r, const question *q, accel_error *err) {
    ACCEL_TRY(check_names(r, "model", &q->models, "model_name", "SELECT model_name FROM models", err));
    ACCEL_TRY(
        check_names(r, "model family", &q->families, "model_family", "SELECT model_family FROM models", err));
    return check_names(
        r, "hardware", &q->hardware, "name",
        "SELECT hardware_type AS name FROM hardware_platforms UNION SELECT device_name FROM hardware_platforms",
        err);
}

/* Rows of the same question for each of the other provenances. */
static accel_status remark_others(store_reader *r, const question *q, unsigned asked, str_buf *remark,
                                  accel_error *err) {
    str_buf found = {0}, names = {0}, asked_names = {0};
    question counted = *q;
    counted.limit = 0;
    accel_status status = ACCEL_OK;
    for (size_t i = 0; i < PROVENANCE_COUNT && status == ACCEL_OK; i++) {
        if (asked & question_provenances[i].bit) {
            str_appendf(&asked_names, "%s%s", asked_names.length > 0 ? " or " : "",
                        question_provenances[i].name);
            continue;
        }
        store_result *others = NULL;
        status =
            question_answer(r, &counted, question_provenances[i].bit, QUESTION_MOST_SERIES, &others, err);
        if (status == ACCEL_OK && others->row_count > 0) {
            str_appendf(&found, "%s%zu %s", found.length > 0 ? " and " : "", others->row_count,
                        question_provenances[i].name);
            str_appendf(&names, "%s%s", names.length > 0 ? "," : "", question_provenances[i].name);
        }
        store_result_destroy(others);
    }
    if (status == ACCEL_OK && found.length > 0)
        str_appendf(remark, "Nothing %s fits, but %s rows do: --provenance %s shows them.",
                    str_text(&asked_names), str_text(&found), str_text(&names));
    else if (status == ACCEL_OK)
        str_append(remark, "No result fits.");
    remark->failed |= found.failed || names.failed || asked_names.failed;
    str_free(&found);
    str_free(&names);
    str_free(&asked_names);
    return status;
}

/* A date or a time of UTC, and one that there is. */
static accel_status check_since(store_reader *r, const char *text, accel_error *err) {
    char whole[48];
    question_sql w = {0};
    store_result *answer = NULL;
    str_format(whole, sizeof whole, "%sT00:00:00Z", text);
    bool fine = store_is_utc(text) || store_is_utc(whole);
    if (fine) {
        str_append(&w.text, "SELECT TRY_CAST(replace(?, 'Z', '') AS TIMESTAMP) IS NOT NULL");
        question_sql_parameter(&w, text);
        accel_status status = ask_words(r, &w, &answer, err);
        str_free(&w.text);
        ACCEL_TRY(status);
        fine = answer->cells[0].integer != 0;
        store_result_destroy(answer);
    }
    return fine ? ACCEL_OK
                : error_set(err, ACCEL_INVALID_ARGUMENT,
                            "a date is written 2026-01-31 or 2026-01-31T10:00:00Z, not '%s'", text);
}

accel_status store_ask(store_reader *r, const question *q, store_result **out, str_buf *remark,
                       accel_error *err) {
    *out = NULL;
    unsigned set = q->provenances != 0 ? q->provenances : PROVENANCE_MEASURED;
    if (q->since != NULL)
        ACCEL_TRY(check_since(r, q->since, err));
    if (q->kind == QUESTION_TREND && q->models.count == 0)
        return error_set(err, ACCEL_INVALID_ARGUMENT, "a trend needs the model whose series are shown");
    ACCEL_TRY(question_answer(r, q, set, QUESTION_MOST_SERIES, out, err));
    if ((*out)->row_count > 0)
        return ACCEL_OK;
    accel_status status = check_all_names(r, q, err);
    if (status == ACCEL_OK && remark != NULL)
        status = remark_others(r, q, set, remark, err);
    if (status != ACCEL_OK) {
        store_result_destroy(*out);
        *out = NULL;
    }
    return status;
}
