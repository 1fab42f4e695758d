#include "report/scope.h"

#include <string.h>

#include "store/store.h"

/* What is no measurement says so, whatever its source. */
#define PROVENANCE(of)                                                                                       \
    "CASE WHEN " of ".is_simulated AND " of ".provenance <> 'simulated' THEN " of                            \
    ".provenance || ' (simulated)' ELSE " of ".provenance END AS provenance"
#define MODEL                                                                                                   \
    "m.model_name, m.model_family, m.source AS model_source, m.model_name || CASE WHEN m.source = 'generated' " \
    "THEN ' (generated weights)' ELSE '' END AS model"
#define HARDWARE "h.hardware_type, h.device_name"
#define SETTING(of)                                                                                          \
    "concat_ws(', ', 'batch ' || " of ".batch_size, CASE WHEN " of                                           \
    ".sequence_length > 0 THEN 'sequence ' || " of ".sequence_length END, " of ".precision, CASE WHEN " of   \
    ".threads = 1 THEN '1 thread' ELSE " of ".threads || ' threads' END, CASE WHEN " of                      \
    ".mode <> 'inference' "                                                                                  \
    "THEN " of ".mode END, CASE WHEN " of ".scenario <> 'single-stream' THEN " of                            \
    ".scenario END) AS setting, concat_ws(', ', CASE WHEN m.source = 'generated' THEN 'generated weights' END, setting) AS model_setting"
#define RUNNER(of)                                                                                           \
    "CASE WHEN " of ".engine IS NULL THEN h.hardware_type WHEN h.hardware_type IN ('cpu', " of               \
    ".engine) THEN " of ".engine ELSE " of ".engine || ' ' || h.hardware_type END AS runner"
#define JOIN_MODEL    " JOIN models m USING (model_id)"
#define JOIN_HARDWARE " JOIN hardware_platforms h USING (hardware_id)"
#define JOIN_RUN      " JOIN test_runs r USING (run_id)"

static const struct source {
    const char *name;
    const char *select;
    const char *model, *platform, *engine; /* the columns that filters hold for; NULL: there is none */
} sources[] = {
    {"results",
     "SELECT p.* EXCLUDE (samples_ns, metrics) REPLACE (" PROVENANCE(
         "p") "), " MODEL ", " HARDWARE
              ", r.started_at, r.git_commit, " SETTING("p") ", " RUNNER(
                  "p") " FROM performance_results p" JOIN_MODEL JOIN_HARDWARE JOIN_RUN,
     "model_name", "hardware_type", "engine"},
    {"latest",
     "SELECT l.*, i.* EXCLUDE (identity_id, natural_key, created_at) REPLACE (" PROVENANCE(
         "i") "), " MODEL ", " HARDWARE
              ", " SETTING("i") ", " RUNNER(
                  "i") " FROM latest_results l JOIN performance_identities i USING (identity_id)" JOIN_MODEL
                  JOIN_HARDWARE,
     "model_name", "hardware_type", "engine"},
    {"compatibility",
     "SELECT c.* REPLACE (" PROVENANCE(
         "c") "), " MODEL ", " HARDWARE
              ", r.started_at FROM hardware_compatibility c" JOIN_MODEL JOIN_HARDWARE JOIN_RUN,
     "model_name", "hardware_type", NULL},
    {"tests",
     "SELECT t.* REPLACE (" PROVENANCE("t") "), " MODEL ", " HARDWARE
                                            ", r.started_at FROM integration_test_results t LEFT" JOIN_MODEL
                                            " LEFT" JOIN_HARDWARE JOIN_RUN,
     "model_name", "hardware_type", NULL},
    {"web",
     "SELECT w.* REPLACE (" PROVENANCE(
         "w") "), " MODEL ", " HARDWARE
              ", r.started_at FROM web_platform_results w" JOIN_MODEL JOIN_HARDWARE JOIN_RUN,
     "model_name", "platform", "browser"},
    {"optimizations",
     "SELECT o.* REPLACE (" PROVENANCE(
         "o") "), o.model_name AS model, o.test_datetime AS started_at FROM web_platform_optimizations o",
     "model_name", "hardware_type", "browser"},
    {"regressions",
     "SELECT g.*, " PROVENANCE("i") ", " MODEL ", " HARDWARE ", " SETTING("i") ", " RUNNER(
         "i") ", g.found_at AS started_at "
              "FROM performance_regressions g JOIN performance_identities i USING (identity_id)" JOIN_MODEL
                  JOIN_HARDWARE,
     "model_name", "hardware_type", NULL},
    {"detections",
     "SELECT *, detected_at AS started_at, CASE WHEN is_simulated THEN 'simulated' ELSE 'measured' END AS provenance "
     "FROM hardware_availability_log",
     NULL, "hardware_type", NULL},
    {"events",
     "SELECT *, detected_at AS started_at, 'measured' AS provenance FROM hardware_availability_events", NULL,
     "hardware_type", NULL},
};

/* ---- checks ------------------------------------------------------------------------------------------------------------- */

static const char *const provenances[] = {"measured", "predicted", "imported", "simulated"};
enum { PROVENANCES = sizeof provenances / sizeof *provenances };

/* A day, or a moment in UTC. */
static bool is_date(const char *text) {
    char moment[32];
    str_format(moment, sizeof moment, "%.10sT00:00:00Z", text);
    return store_is_utc(strlen(text) == 10 ? moment : text);
}

accel_status report_scope_check(const report_scope *s, accel_error *err) {
    if (s->since != NULL && !is_date(s->since)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "'%s' is no date: since takes 2026-11-23 or 2026-11-23T02:11:00Z", s->since);
    }
    for (size_t i = 0; i < s->provenance_count; i++) {
        bool known = false;
        for (size_t k = 0; k < PROVENANCES; k++)
            known = known || str_equal(provenances[k], s->provenances[i]);
        if (!known)
            return error_set(err, ACCEL_INVALID_ARGUMENT,
                             "there is no provenance '%s': measured, predicted, imported, simulated",
                             s->provenances[i]);
    }
    return ACCEL_OK;
}

/* ---- SQL ---------------------------------------------------------------------------------------------------------------- */

static void one_of(str_buf *sql, const char *column, const char *const *values, size_t count) {
    if (column == NULL || count == 0)
        return;
    str_appendf(sql, " AND %s IN (", column);
    for (size_t i = 0; i < count; i++) {
        str_append(sql, i > 0 ? ", " : "");
        sql_append_text(sql, values[i]);
    }
    str_append(sql, ")");
}

static void of_provenance(str_buf *sql, const report_scope *s) {
    static const char *const usual[] = {"measured"};
    size_t count = s->provenance_count > 0 ? s->provenance_count : 1;
    const char *const *asked = s->provenance_count > 0 ? s->provenances : usual;
    one_of(sql, "provenance", asked, count);
    for (size_t i = 0; i < count; i++) /* "imported (simulated)" too */
        if (str_equal(asked[i], "simulated"))
            str_append(sql, " OR provenance LIKE '%simulated%'");
}

void report_scope_sources(const report_scope *s, str_buf *sql) {
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const struct source *from = &sources[i];
        str_appendf(sql, "%s all_%s AS NOT MATERIALIZED (SELECT * FROM (%s) WHERE true",
                    i == 0 ? "WITH" : ",", from->name, from->select);
        one_of(sql, from->model, s->models, s->model_count);
        one_of(sql, from->platform, s->platforms, s->platform_count);
        one_of(sql, from->engine, s->engines, s->engine_count);
        if (s->since != NULL) {
            str_append(sql, " AND started_at >= CAST(replace(");
            sql_append_text(sql, s->since);
            str_append(sql, ", 'Z', '') AS TIMESTAMP)");
        }
        str_appendf(sql, "), %s AS NOT MATERIALIZED (SELECT * FROM all_%s WHERE (true", from->name,
                    from->name);
        of_provenance(sql, s);
        str_append(sql, "))");
    }
    str_append(sql, "\n");
}
