/* The model run by the browser's WebNN: this instance reads its files, follows shapes, and says how the graph is built. */
#include "base/json.h"
#include "page/page.h"
#include "page/state.h"

static webnn_description description;

accel_status page_webnn_start(const char *limits, size_t length) {
    page_drop_webnn();
    return webnn_limits_read(limits, length, &page.webnn, &page.error);
}

void page_webnn_forget(void) {
    webnn_description_free(&description);
}

void page_drop_webnn(void) {
    page_webnn_forget();
    webnn_limits_destroy(page.webnn);
    page.webnn = NULL;
}

static accel_status describe(accel_error *err) {
    ACCEL_TRY(page_need_model(err));
    page_webnn_forget();
    if (page.webnn == NULL)
        return error_set(err, ACCEL_INVALID_ARGUMENT,
                         "what the browser's WebNN can do is not known: page_webnn_start comes first");
    return webnn_describe(page.model.graph, page.webnn, &description, err);
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
