#include "store/question_answer.h"

#include "store/question_compare.h"
#include "store/question_join.h"
#include "store/question_rows.h"
#include "store/question_sql.h"

/* ---- its rows ------------------------------------------------------------------------------------------------------------------- */

static accel_status put_in_order(store_result *answer, const question *q, accel_error *err) {
    switch (q->kind) {
    case QUESTION_LATEST:
        return question_order(answer, "first identity_id", 2, q->limit, err);
    case QUESTION_COMPARE_HARDWARE:
    case QUESTION_COMPARE_MODELS:
        return ACCEL_OK; /* compare does it */
    case QUESTION_TREND:
        return question_order(answer, "series started_at result_id", 0, 0, err);
    case QUESTION_COMPATIBILITY:
        return question_order(
            answer, "model weights family platform devices compatible_devices tests passed_tests provenance",
            0, 0, err);
    }
    return ACCEL_OK;
}

static accel_status ask_by_sql(store_reader *r, const question *q, unsigned set, store_result **out,
                               accel_error *err) {
    question_sql w = {0};
    const read_part how = {0};
    ACCEL_TRY(query_begin(r, out, err));
    question_sql_write(&w, q, set);
    accel_status status = question_sql_run(r, &w, &how, *out, err);
    str_free(&w.text);
    if (status == ACCEL_OK)
        status = put_in_order(*out, q, err);
    return query_end(r, status, out);
}

/* *out stays NULL where too many series fit. */
static accel_status ask_by_join(store_reader *r, const question *q, unsigned set, size_t most_series,
                                store_result **out, accel_error *err) {
    bool fits = false;
    ACCEL_TRY(query_begin(r, out, err));
    accel_status status = question_join(r, q, set, most_series, *out, &fits, err);
    ACCEL_TRY(query_end(r, status, out));
    if (!fits) {
        store_result_destroy(*out);
        *out = NULL;
    }
    return ACCEL_OK;
}

/* The names have a limit together, which is that of one statement. */
static bool can_be_joined(const question *q, size_t most_series) {
    size_t names = q->models.count + q->families.count + 2 * q->hardware.count;
    return most_series > 0 && q->kind != QUESTION_COMPATIBILITY && names < QUESTION_MOST_PARAMETERS;
}

/* ---- its comparisons and texts ------------------------------------------------------------------------------------------------------ */

static accel_status compare(store_result *answer, const question *q, accel_error *err) {
    comparison c = {
        .same = "model weights model_id precision batch sequence shapes threads mode scenario provenance",
        .different = "platform engine device",
        .newest = "-started_at -result_id",
        .hidden = 2,
        .limit = q->limit,
        .less_is_better = question_metric_less_is_better(q->metric)};
    if (q->kind == QUESTION_COMPARE_MODELS) {
        c.same = "platform engine device precision batch threads mode scenario provenance";
        c.different = "model weights model_id sequence shapes";
    }
    return question_compare(answer, &c, err);
}

static accel_status finish(store_reader *r, const question *q, store_result *answer, accel_error *err) {
    if (q->kind == QUESTION_COMPARE_HARDWARE || q->kind == QUESTION_COMPARE_MODELS)
        ACCEL_TRY(compare(answer, q, err));
    ACCEL_TRY(
        question_write_times(answer, q->kind == QUESTION_COMPATIBILITY ? "last_tested" : "started_at", err));
    ACCEL_TRY(read_rows_write_texts(answer, err));
    return read_rows_check(answer->row_count, arena_used_bytes(answer->arena), &r->limits, err);
}

accel_status question_answer(store_reader *r, const question *q, unsigned set, size_t most_series,
                             store_result **out, accel_error *err) {
    *out = NULL;
    if (can_be_joined(q, most_series))
        ACCEL_TRY(ask_by_join(r, q, set, most_series, out, err));
    if (*out == NULL)
        ACCEL_TRY(ask_by_sql(r, q, set, out, err));
    accel_status status = finish(r, q, *out, err);
    if (status != ACCEL_OK) {
        store_result_destroy(*out);
        *out = NULL;
    }
    return status;
}
