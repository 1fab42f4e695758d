/* All probes, one after another. */
#include "hw/probes.h"

/* A probe asks right after it has looked, so that a later one has the last word on a device. */
static accel_status run(const hw_probe *probe, hw_source *source, const hw_options *options, hw_report *r,
                        accel_error *err) {
    ACCEL_TRY(probe->run(source, options, r, err));
    return options->all && probe->ask ? hw_ask(source, probe, options, r, err) : ACCEL_OK;
}

accel_status hw_detect(hw_source *source, const hw_options *options, hw_report **out, accel_error *err) {
    static const hw_options plain = {0};
    hw_report *r = hw_report_create();
    accel_status status = r ? ACCEL_OK : error_no_memory(err, "the machine's report", sizeof *r);
    for (size_t i = 0; status == ACCEL_OK && i < hw_probe_count(); i++) {
        status = run(hw_probe_at(i), source, options ? options : &plain, r, err);
        if (status == ACCEL_OUT_OF_MEMORY)
            error_no_memory(err, "the machine's report", 1);
    }
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
