#include "cli/detect_measure.h"

#include "report/table.h"

accel_status measured_machine_make(arena *a, const hw_report *machine, measured_machine *out,
                                   accel_error *err) {
    const int most = machine->allowance.usable_threads > 1 ? (int)machine->allowance.usable_threads : 1;
    const int threads[] = {1, most};
    const size_t count = most > 1 ? 2 : 1;
    *out = (measured_machine){.runs = ARENA_ARRAY(a, capability, count)};
    if (out->runs == NULL)
        return error_no_memory(err, "what was measured", count * sizeof *out->runs);
    for (; out->count < count; out->count++)
        ACCEL_TRY(capability_measure(&machine->cpu, threads[out->count], &out->runs[out->count], err));
    return ACCEL_OK;
}

static void figure(table *t, double value) {
    table_number(t, value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

static void peak_rows(table *t, const measured_machine *m) {
    for (int i = 0; i < CAPABILITY_PEAKS; i++) {
        const precision p = m->runs[0].peaks[i].precision;
        table_row(t);
        table_textf(t, "product of 1024³, %s", precision_name(p));
        table_text(t, p == PRECISION_INT8 ? "Gop/s" : "GFLOP/s");
        for (size_t k = 0; k < m->count; k++)
            figure(t, m->runs[k].peaks[i].gflops);
    }
}

/* Caches are counted in powers of two. */
static void level_name(table *t, const capability_level *level) {
    const int64_t mib = 1 << 20;
    if (level->cache_bytes == HW_UNKNOWN)
        table_textf(t, "triad in %s", level->name);
    else if (level->cache_bytes >= mib)
        table_textf(t, "triad in %s (%lld MiB)", level->name, (long long)(level->cache_bytes / mib));
    else
        table_textf(t, "triad in %s (%lld KiB)", level->name, (long long)(level->cache_bytes / 1024));
}

static void level_rows(table *t, const measured_machine *m) {
    for (size_t i = 0; i < m->runs[0].level_count; i++) {
        table_row(t);
        level_name(t, &m->runs[0].levels[i]);
        table_text(t, "GB/s");
        for (size_t k = 0; k < m->count; k++)
            figure(t, m->runs[k].levels[i].gb_per_s);
    }
}

static void copy_row(table *t, const hw_device *d, const char *direction, int64_t mb_per_s) {
    if (mb_per_s < 0)
        return;
    table_row(t);
    table_textf(t, "copies %s %s", direction, d->pci ? d->pci : d->id);
    table_text(t, "GB/s");
    figure(t, (double)mb_per_s / 1000);
}

table *measured_machine_table(const measured_machine *m, const hw_report *machine) {
    table *t = table_create();
    if (t == NULL || m->count == 0)
        return t;
    table_column(t, "measured", NULL, false);
    table_column(t, "unit", NULL, false);
    for (size_t k = 0; k < m->count; k++) {
        char name[32];
        str_format(name, sizeof name, "%d thread%s", m->runs[k].threads, m->runs[k].threads == 1 ? "" : "s");
        table_column(t, name, NULL, true);
    }
    peak_rows(t, m);
    level_rows(t, m);
    table_row(t);
    table_text(t, "waking a thread");
    table_text(t, "µs");
    for (size_t k = 0; k < m->count; k++)
        figure(t, m->runs[k].wake_us);
    for (size_t i = 0; i < machine->device_count; i++) {
        const hw_device *d = &machine->devices[i];
        copy_row(t, d, "to", d->copy_to_mb_per_s);
        copy_row(t, d, "from", d->copy_from_mb_per_s);
    }
    return t;
}

void measured_machine_json(const measured_machine *m, str_buf *out) {
    str_append(out, "[");
    for (size_t i = 0; i < m->count; i++) {
        str_append(out, i > 0 ? ",\n " : "");
        capability_write_json(&m->runs[i], out);
    }
    str_append(out, "]");
}
