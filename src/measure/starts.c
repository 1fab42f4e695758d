/* Starts of a case with and without features of the start: asked of its child one by one, verified, paired. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "measure/run.h"

enum { MOST_PAIRS = 1000 };

double feature_run_ms(const case_feature *f, const feature_run *r) {
    return f->feature == WEB_COMPUTE_SHADERS ? r->run_ms : r->start_ms;
}

/* ---- what the child tells: nothing of it is believed unseen ------------------------------------------------------------- */

static double figure_of(yyjson_val *root, const char *key) {
    bool ok = true;
    double value = json_get_real(root, key, (double)NAN, &ok);
    return ok && isfinite(value) && value >= 0.0 ? value : (double)NAN;
}

/* True where the start itself was told; else f->why_not says why there is none. */
static bool read_run(yyjson_val *root, arena *a, case_feature *f, feature_run *out) {
    bool ok = yyjson_is_obj(root);
    f->why_not = json_get_text(root, "why_not", a, &ok);
    if (f->why_not)
        return false;
    f->components = json_get_int(root, "components", 0, &ok);
    f->audio_s = figure_of(root, "audio_s");
#define TAKE(name) out->name = figure_of(root, #name)
    TAKE(start_ms);
    TAKE(load_ms);
    TAKE(run_ms);
    TAKE(download_ms);
    TAKE(plan_ms);
    TAKE(upload_ms);
    TAKE(pipeline_ms);
    TAKE(shader_ms);
    TAKE(shaders);
    TAKE(shaders_listed);
    TAKE(shaders_compiled);
    TAKE(relative_l2);
#undef TAKE
    const char *reference = json_get_text(root, "reference", a, &ok);
    f->reference = reference ? reference : f->reference;
    ok = ok && f->components > 0 && !isnan(feature_run_ms(f, out)) && !isnan(out->load_ms);
    f->why_not = ok ? NULL : "the child's start cannot be read";
    return ok;
}

/* Outputs that the child has not judged itself lie in its file. */
static bool verify_run_outputs(runner *run, case_run *k, case_feature *f, feature_run *r) {
    output_list outputs = {0};
    str_buf why = {0};
    accel_error err = {0};
    bool good = true;
    if (!isnan(r->relative_l2)) {
        good = r->relative_l2 <= verify_limit(PRECISION_FP32);
        if (!good)
            str_appendf(&why, "its outputs differ from %s by %.3g (relative L2); %.3g is allowed",
                        f->reference, r->relative_l2, verify_limit(PRECISION_FP32));
    } else if (run->settings->verify) {
        good = outputs_read(k->outputs, &outputs, &err) == ACCEL_OK;
        if (!good)
            str_append(&why, err.message);
        else
            good = reference_compare(run, run->facts, k, &outputs, &r->relative_l2, &f->reference, &why);
    }
    if (!good)
        f->why_not =
            arena_printf(k->arena, "a start %s the feature: %s", r->on ? "with" : "without", str_text(&why));
    outputs_free(&outputs);
    str_free(&why);
    return good;
}

/* ---- one after the other --------------------------------------------------------------------------------------------------- */

static bool ask(runner *run, case_run *k, case_feature *f, bool on, feature_run *out) {
    char utc[CLOCK_UTC_TEXT_BYTES];
    const wire_start how = {(uint32_t)f->feature, on};
    process_message m = {0};
    accel_error err = {0};
    yyjson_doc *doc = NULL;
    *out = (feature_run){.on = on, .started_at = arena_strdup(k->arena, clock_utc_text(clock_utc_us(), utc))};
    (void)process_send(&k->p, WIRE_START, &how, sizeof how, NULL);
    case_status status = process_receive(&k->p, run->settings->timeout_s, run->cancel, NULL, NULL, &m, &err);
    if (status != CASE_OK) {
        f->why_not = arena_strdup(k->arena, err.message);
        k->alive = false;
    } else if (m.kind != WIRE_STARTED ||
               json_parse(m.body.data, m.body.length, WIRE_MOST_BYTES, "a start", &doc, NULL) != ACCEL_OK) {
        f->why_not = "the child answered out of turn";
    } else if (read_run(yyjson_doc_get_root(doc), k->arena, f, out)) {
        (void)verify_run_outputs(run, k, f, out);
    }
    yyjson_doc_free(doc);
    process_message_free(&m);
    return f->why_not == NULL && out->started_at != NULL;
}

/* A start with the feature goes before and is not kept: what one leaves for the next is there in all pairs. */
static void take_pairs(runner *run, case_run *k, case_feature *f) {
    int64_t pairs = run->settings->feature_pairs;
    pairs = pairs < 1 ? 1 : pairs > MOST_PAIRS ? MOST_PAIRS : pairs;
    feature_run first;
    f->runs = ARENA_ARRAY(k->arena, feature_run, (size_t)(2 * pairs));
    f->why_not = f->runs ? NULL : "memory ended";
    bool good = f->runs && ask(run, k, f, true, &first);
    for (int64_t i = 0; good && i < pairs; i++) {
        bool on = rng_below(&run->random, 2) != 0;
        for (int turn = 0; good && turn < 2; turn++, on = !on) {
            runner_progress(run, k->c, "%s: start %lld of %lld", web_feature_name(f->feature),
                            (long long)(2 * i + turn + 1), (long long)(2 * pairs));
            good = ask(run, k, f, on, &f->runs[f->count]);
            f->count += good;
        }
    }
    if (f->why_not)
        f->count = 0;
}

void starts_take(runner *run, case_run *k) {
    output_list own = {0};
    if (k->c->platform != PLATFORM_WEBGPU || outputs_read(k->outputs, &own, NULL) != ACCEL_OK)
        return; /* the case itself will say what is wrong with its outputs */
    k->features = ARENA_ARRAY(k->arena, case_feature, WEB_FEATURE_COUNT);
    for (int f = 0; f < WEB_FEATURE_COUNT && k->features && k->alive && !runner_cancelled(run); f++) {
        if ((run->settings->features >> f & 1) == 0)
            continue;
        case_feature *feature = &k->features[k->feature_count++];
        *feature = (case_feature){.feature = (web_feature)f, .audio_s = (double)NAN};
        take_pairs(run, k, feature);
    }
    if (outputs_write(k->outputs, own.tensors, own.count, NULL) != ACCEL_OK)
        case_warn(k, "the outputs could not be kept");
    outputs_free(&own);
}

accel_status starts_deliver(runner *run, case_run *k, accel_error *err) {
    const plan_callbacks *callbacks = run->callbacks;
    if (k->status != CASE_OK || !callbacks || !callbacks->on_feature)
        return ACCEL_OK;
    for (size_t i = 0; i < k->feature_count; i++)
        ACCEL_TRY(callbacks->on_feature(callbacks->context, k->c, &k->r, &k->features[i], err));
    return ACCEL_OK;
}
