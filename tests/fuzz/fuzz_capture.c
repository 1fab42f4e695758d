/* A capture from a stranger, as `accel detect --from` takes it: read, detected, written, merged. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hw/source.h"

/* What is written of a report can be merged into another one. */
static void check_report(const hw_report *r) {
    str_buf text = {0};
    hw_report *other = hw_report_create();
    hw_report_write_json(r, &text);
    if (other && !text.failed && text.length <= HW_ANSWER_BYTES && r->device_count < 1000 &&
        hw_report_merge_json(other, text.data, text.length, NULL) == ACCEL_BAD_FILE)
        abort(); /* our own words were refused */
    hw_report_destroy(other);
    str_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hw_source *s = NULL;
    hw_report *r = NULL;
    if (hw_source_parse_capture((const char *)data, size, &s, NULL) == ACCEL_OK) {
        if (hw_detect(s, NULL, &r, NULL) == ACCEL_OK)
            check_report(r);
        hw_report_destroy(r);
        hw_source_close(s);
    }
    r = hw_report_create();
    if (r)
        (void)hw_report_merge_json(r, (const char *)data, size, NULL);
    hw_report_destroy(r);
    return 0;
}
