/* All probes, one after another. */
#include "hw/answers.h"
#include "hw/probes.h"

/* A probe asks right after it has looked, so that a later one has the last word on a device. A capture has the answers of its machine. */
static accel_status run(const hw_probe *probe, hw_source *source, const hw_options *options,
                        answer_book *book, hw_report *r, accel_error *err) {
    hw_source_kind kind = hw_source_kind_of(source);
    ACCEL_TRY(probe->run(source, options, r, err));
    if (!probe->questions)
        return ACCEL_OK;
    const char *base = book->path ? answers_base(source, r, probe) : NULL;
    if (!options->all && kind != HW_SOURCE_CAPTURE)
        ACCEL_TRY(answers_recall(book, source, r, probe, base, err));
    ACCEL_TRY(hw_ask(source, probe, options, r, err));
    if (options->all)
        answers_keep(book, source, r, probe, base);
    return ACCEL_OK;
}

accel_status hw_detect(hw_source *source, const hw_options *options, hw_report **out, accel_error *err) {
    static const hw_options plain = {0};
    answer_book book;
    hw_report *r = hw_report_create();
    accel_status status = r ? ACCEL_OK : error_no_memory(err, "the machine's report", sizeof *r);
    options = options ? options : &plain;
    answers_open(&book, hw_source_kind_of(source) == HW_SOURCE_LIVE ? options->cache : NULL);
    for (size_t i = 0; status == ACCEL_OK && i < hw_probe_count(); i++) {
        status = run(hw_probe_at(i), source, options, &book, r, err);
        if (status == ACCEL_OUT_OF_MEMORY)
            error_no_memory(err, "the machine's report", 1);
    }
    answers_close(&book, status == ACCEL_OK);
    if (status == ACCEL_OK)
        *out = r;
    else
        hw_report_destroy(r);
    return status;
}

int64_t hw_usable_bytes(void) {
    static const hw_options plain = {0};
    hw_source *s = NULL;
    int64_t bytes = HW_UNKNOWN;
    hw_report *r = hw_source_open(NULL, &s, NULL) == ACCEL_OK ? hw_report_create() : NULL;
    if (r && probe_memory.run(s, &plain, r, NULL) == ACCEL_OK &&
        probe_allowance.run(s, &plain, r, NULL) == ACCEL_OK)
        bytes = r->allowance.usable_bytes;
    hw_report_destroy(r);
    hw_source_close(s);
    return bytes;
}
