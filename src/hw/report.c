/* The report: what probes append to it. */
#include "hw/report.h"

#include <stdarg.h>
#include <string.h>

#include "base/mem.h"

const char *hw_kind_name(hw_kind k) {
    static const char *const names[HW_KIND_COUNT] = {"gpu", "npu", "accelerator", "browser"};
    return (unsigned)k < HW_KIND_COUNT ? names[k] : "unknown";
}

const char *hw_state_name(hw_state s) {
    static const char *const names[] = {"usable", "hidden", "no driver", "not probed", "broken"};
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown";
}

hw_report *hw_report_create(void) {
    arena *a = arena_create();
    hw_report *r = a ? ARENA_NEW(a, hw_report) : NULL;
    if (!r) {
        arena_destroy(a);
        return NULL;
    }
    r->arena = a;
    r->cpu = (hw_cpu){.packages = HW_UNKNOWN,
                      .cores = HW_UNKNOWN,
                      .threads = HW_UNKNOWN,
                      .threads_offline = HW_UNKNOWN,
                      .min_mhz = HW_UNKNOWN,
                      .max_mhz = HW_UNKNOWN};
    r->memory = (hw_memory){HW_UNKNOWN, HW_UNKNOWN, HW_UNKNOWN, HW_UNKNOWN};
    r->allowance = (hw_allowance){.threads = HW_UNKNOWN,
                                  .cores = HW_UNKNOWN,
                                  .nodes = HW_UNKNOWN,
                                  .cpu_quota = -1,
                                  .usable_threads = 1,
                                  .memory_limit_bytes = HW_UNKNOWN,
                                  .usable_bytes = HW_UNKNOWN};
    return r;
}

void hw_report_destroy(hw_report *r) {
    if (!r)
        return;
    mem_free(r->devices);
    mem_free(r->evidence);
    mem_free(r->variables);
    arena_destroy(r->arena); /* r itself lies in it */
}

hw_device *report_find(hw_report *r, const char *pci, int64_t partition, const char *probe, const char *id) {
    for (size_t i = 0; i < r->device_count; i++) {
        hw_device *d = &r->devices[i];
        int64_t part = d->partition > 0 ? d->partition : 0;
        if (pci ? str_equal(d->pci, pci) && part == (partition > 0 ? partition : 0)
                : id && !d->pci && str_equal(d->id, id) && str_equal(d->probe, probe))
            return d;
    }
    return NULL;
}

hw_device *hw_report_device(hw_report *r, const char *pci) {
    return hw_report_part(r, pci, HW_UNKNOWN);
}

hw_device *hw_report_part(hw_report *r, const char *pci, int64_t partition) {
    hw_device *d = report_find(r, pci, partition, NULL, NULL);
    if (d)
        return d;
    const char *copy = arena_strdup(r->arena, pci);
    if ((pci && !copy) || r->device_count >= HW_MOST_DEVICES ||
        !mem_grow((void **)&r->devices, &r->device_capacity, r->device_count + 1, sizeof *r->devices))
        return NULL;
    d = &r->devices[r->device_count++];
    *d = (hw_device){.kind = HW_ACCELERATOR,
                     .state = HW_NOT_PROBED,
                     .pci = copy,
                     .partition = partition,
                     .memory_bytes = HW_UNKNOWN,
                     .memory_free_bytes = HW_UNKNOWN,
                     .units = HW_UNKNOWN,
                     .max_mhz = HW_UNKNOWN,
                     .memory_max_mhz = HW_UNKNOWN,
                     .power_limit_mw = HW_UNKNOWN,
                     .copy_to_mb_per_s = HW_UNKNOWN,
                     .copy_from_mb_per_s = HW_UNKNOWN,
                     .numa_node = HW_UNKNOWN};
    return d;
}

static char *text_of(arena *a, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = str_formatv(NULL, 0, format, again);
    va_end(again);
    char *text = length >= 0 ? arena_alloc(a, (size_t)length + 1) : NULL;
    if (text)
        str_formatv(text, (size_t)length + 1, format, arguments);
    return text;
}

accel_status hw_report_evidence(hw_report *r, const char *probe, bool found, const char *subject,
                                const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hw_evidence e = {arena_strdup(r->arena, probe), arena_strdup(r->arena, subject),
                     text_of(r->arena, format, arguments), found, NULL};
    va_end(arguments);
    if (!e.probe || !e.subject || !e.finding || r->evidence_count >= HW_MOST_EVIDENCE ||
        !mem_grow((void **)&r->evidence, &r->evidence_capacity, r->evidence_count + 1, sizeof e))
        return ACCEL_OUT_OF_MEMORY;
    r->evidence[r->evidence_count++] = e;
    return ACCEL_OK;
}

/* Arrays of devices lie in the arena; one more element is a new array, which few devices notice. */
static void *one_more(arena *a, const void *array, size_t count, size_t element_bytes) {
    char *grown = arena_array(a, count + 1, element_bytes);
    if (grown && count > 0)
        memcpy(grown, array, count * element_bytes);
    return grown;
}

accel_status hw_report_fact(hw_report *r, hw_device *d, const char *name, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    hw_fact fact = {arena_strdup(r->arena, name), text_of(r->arena, format, arguments)};
    va_end(arguments);
    hw_fact *facts = one_more(r->arena, d->facts, d->fact_count, sizeof *facts);
    if (!fact.name || !fact.value || !facts)
        return ACCEL_OUT_OF_MEMORY;
    for (size_t i = 0; i < d->fact_count; i++) {
        if (str_equal(facts[i].name, name)) { /* the later word holds */
            facts[i] = fact;
            d->facts = facts;
            return ACCEL_OK;
        }
    }
    if (d->fact_count >= HW_MOST_FACTS)
        return ACCEL_OUT_OF_MEMORY;
    facts[d->fact_count++] = fact;
    d->facts = facts;
    return ACCEL_OK;
}

const char *report_fact(const hw_device *d, const char *name) {
    for (size_t i = 0; i < d->fact_count; i++)
        if (str_equal(d->facts[i].name, name))
            return d->facts[i].value;
    return NULL;
}

accel_status hw_report_interface(hw_report *r, hw_device *d, const char *interface) {
    for (size_t i = 0; i < d->interface_count; i++)
        if (str_equal(d->interfaces[i], interface))
            return ACCEL_OK;
    const char **all = one_more(r->arena, d->interfaces, d->interface_count, sizeof *all);
    const char *copy = arena_strdup(r->arena, interface);
    if (!all || !copy || d->interface_count >= HW_MOST_FACTS)
        return ACCEL_OUT_OF_MEMORY;
    all[d->interface_count++] = copy;
    d->interfaces = all;
    return ACCEL_OK;
}

accel_status hw_report_variable(hw_report *r, const char *name, const char *value, const char *effect) {
    hw_variable v = {arena_strdup(r->arena, name), arena_strdup(r->arena, value),
                     arena_strdup(r->arena, effect)};
    if (!v.name || !v.value || !v.effect ||
        !mem_grow((void **)&r->variables, &r->variable_capacity, r->variable_count + 1, sizeof v))
        return ACCEL_OUT_OF_MEMORY;
    r->variables[r->variable_count++] = v;
    return ACCEL_OK;
}
