/* The native engine's session: made ready, run, and what comes out. */
#include "base/json.h"
#include "base/mem.h"
#include "page/generate.h"
#include "page/page.h"
#include "page/state.h"

extern const engine_def engine_native;
const engine_def *const page_engine = &engine_native;

void page_drop_session(void) {
    engine_native.unload(page.session);
    page.session = NULL;
}

accel_status page_make_session(accel_error *err) {
    const graph *g = page.model.graph;
    engine_model model = {.graph = g};
    engine_options options = {.precision = page.precision, .threads = page.threads};
    ACCEL_TRY(engine_native.load(&model, NULL, &options, &page.session, err));
    return engine_native.bind(page.session, page.inputs, g->input_count, err);
}

/* ---- running ------------------------------------------------------------------------------------------------------------- */

static accel_status need_session(void) {
    return page.session != NULL ? ACCEL_OK
                                : error_set(&page.error, ACCEL_INVALID_ARGUMENT,
                                            "the model has no inputs yet: bind them first");
}

accel_status page_run(void) {
    ACCEL_TRY(need_session());
    return engine_native.run(page.session, &page.error);
}

static accel_status append_outputs(str_buf *out, accel_error *err) {
    const graph *g = page.model.graph;
    ACCEL_TRY(need_session());
    tensor *views = mem_calloc(g->output_count + 1, sizeof *views);
    if (views == NULL) {
        return error_no_memory(err, "the outputs", g->output_count * sizeof *views);
    }
    accel_status status = engine_native.outputs(page.session, views, g->output_count, err);
    if (status == ACCEL_OK) {
        page_append_tensors(out, g->outputs, views, g->output_count);
    }
    mem_free(views);
    return status;
}

const char *page_outputs(void) {
    return page_text_end(append_outputs(page_text_start(), &page.error));
}

const char *page_memory(void) {
    engine_memory memory = {0};
    if (page.session != NULL) {
        engine_native.memory(page.session, &memory);
    }
    str_appendf(page_text_start(), "{\"model_bytes\":%llu,\"activation_bytes\":%llu}",
                (unsigned long long)memory.model_bytes, (unsigned long long)memory.activation_bytes);
    return page_text_end(ACCEL_OK);
}

const char *page_ran(void) {
    engine_ran ran = {.precision = page.precision, .threads = page.threads};
    str_buf *out = page_text_start();
    if (page.session != NULL) {
        engine_native.ran(page.session, &ran);
    }
    str_appendf(out, "{\"precision\":\"%s\",\"threads\":%d,\"options\":", precision_name(ran.precision),
                ran.threads);
    json_append_text(out, ran.options);
    str_append_char(out, '}');
    return page_text_end(ACCEL_OK);
}

/* ---- writing text ---------------------------------------------------------------------------------------------------------- */

accel_status page_generate_prepare(void) {
    generation *g;
    bool fresh;
    ACCEL_TRY(page_need_generation(&g, &page.error));
    return generation_ready(g, &fresh, &page.error);
}

static accel_status run_generation(str_buf *out, accel_error *err) {
    generation *g;
    bool chosen = false;
    ACCEL_TRY(page_need_generation(&g, err));
    if (generation_stage(g)->session.session == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "nothing is ready to run: page_generate_prepare comes first");
    generation_write(g);
    ACCEL_TRY(generate_stage_run(generation_stage(g), err));
    ACCEL_TRY(generation_take(g, &chosen, err));
    page_append_tokens(g, chosen, out);
    return ACCEL_OK;
}

const char *page_generate_run(void) {
    return page_text_end(run_generation(page_text_start(), &page.error));
}
