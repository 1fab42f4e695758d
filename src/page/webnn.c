/* In the build for WebNN, in place of session.c: this instance reads the model, follows shapes, and says how the browser builds the graph. */
#include "engines/webnn/webnn.h"

#include "page/page.h"
#include "page/state.h"

static webnn_limits *limits;
static webnn_description description;

/* Nothing runs here: the page asks for the description when it wants it. */
accel_status page_make_session(accel_error *err) {
    (void)err;
    return ACCEL_OK;
}

void page_drop_session(void) {
    page_webnn_forget();
}

void page_drop_generation(void) {}

accel_status page_webnn_start(const char *json, size_t length) {
    webnn_limits_destroy(limits);
    limits = NULL;
    return webnn_limits_read(json, length, &limits, &page.error);
}

void page_webnn_forget(void) {
    webnn_description_free(&description);
}

static accel_status describe(accel_error *err) {
    ACCEL_TRY(page_need_model(err));
    page_webnn_forget();
    if (limits == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "what the browser's WebNN can do is not known: page_webnn_start comes first");
    return webnn_describe(page.model.graph, limits, &description, err);
}

const char *page_webnn_describe(void) {
    return describe(&page.error) == ACCEL_OK ? str_text(&description.json) : NULL;
}

const char *page_webnn_inputs(void) {
    str_buf *out = page_text_start();
    if (page.inputs == NULL)
        return page_text_end(
            error_set(&page.error, ACCEL_INVALID_ARGUMENT, "the model has no inputs yet: bind them first"));
    page_append_tensors(out, page.model.graph->inputs, page.inputs, page.model.graph->input_count);
    return page_text_end(ACCEL_OK);
}
