#include "cli/detect_machine.h"

#include <string.h>

#include "report/table.h"

static void label(str_buf *out, const char *name) {
    str_appendf(out, "  %-13s", name);
}

static void counted(str_buf *out, int64_t count, const char *one, const char *many) {
    if (count >= 0)
        str_appendf(out, "%lld %s", (long long)count, count == 1 ? one : many);
    else
        str_appendf(out, "unknown number of %s", many);
}

/* Caches are powers of two. */
static void binary_bytes(str_buf *out, int64_t bytes) {
    const int64_t kib = 1024, mib = 1024 * 1024;
    if (bytes < 0)
        str_append(out, "?");
    else if (bytes >= mib && bytes % (mib / 2) == 0)
        str_appendf(out, "%.3g MiB", (double)bytes / (double)mib);
    else
        str_appendf(out, "%.4g KiB", (double)bytes / (double)kib);
}

static void bytes(str_buf *out, int64_t count) {
    char text[32];
    str_append(out, count < 0 ? "unknown" : str_bytes(text, sizeof text, (double)count));
}

static void head(const hw_report *r, str_buf *out) {
    const hw_cpu *c = &r->cpu;
    if (r->machine)
        str_appendf(out, "%s: ", r->machine);
    str_appendf(out, "%s", c->model ? c->model : c->vendor ? c->vendor : "a processor without a name");
    if (c->architecture)
        str_appendf(out, " (%s)", c->architecture);
    str_append(out, ", ");
    counted(out, c->packages, "package", "packages");
    str_append(out, ", ");
    counted(out, c->cores, "core", "cores");
    str_append(out, ", ");
    counted(out, c->threads, "thread", "threads");
    if (c->threads_offline > 0)
        str_appendf(out, ", %lld off-line", (long long)c->threads_offline);
    if (c->hypervisor && !str_equal(c->hypervisor, "none"))
        str_appendf(out, "; virtual machine (%s)", c->hypervisor);
    str_append_char(out, '\n');
}

static void kinds(const hw_cpu *c, str_buf *out) {
    if (c->kind_count < 2)
        return;
    label(out, "kinds");
    for (size_t i = 0; i < c->kind_count; i++) {
        const hw_core_kind *k = &c->kinds[i];
        str_appendf(out, "%s%lld %s", i > 0 ? ", " : "", (long long)k->cores, k->name ? k->name : "cores");
        str_appendf(out, " (%lld threads", (long long)k->threads);
        if (k->max_mhz > 0)
            str_appendf(out, ", up to %.2f GHz", (double)k->max_mhz / 1000);
        str_append_char(out, ')');
    }
    str_append_char(out, '\n');
}

static void caches(const hw_cpu *c, str_buf *out) {
    if (c->cache_count == 0)
        return;
    label(out, "caches");
    for (size_t i = 0; i < c->cache_count; i++) {
        const hw_cache *cache = &c->caches[i];
        str_appendf(out, "%sL%d%s %lld x ", i > 0 ? ", " : "", cache->level,
                    cache->type == 'd'   ? "d"
                    : cache->type == 'i' ? "i"
                                         : "",
                    (long long)cache->count);
        binary_bytes(out, cache->bytes);
    }
    str_append_char(out, '\n');
}

static void features(const hw_cpu *c, str_buf *out) {
    if (c->feature_count == 0)
        return;
    label(out, "instructions");
    for (size_t i = 0; i < c->feature_count; i++)
        str_appendf(out, "%s%s", i > 0 ? " " : "", c->features[i]);
    str_append_char(out, '\n');
}

static void frequencies(const hw_cpu *c, str_buf *out) {
    if (c->max_mhz < 0)
        return;
    label(out, "frequencies");
    if (c->min_mhz >= 0)
        str_appendf(out, "%.2f to ", (double)c->min_mhz / 1000);
    str_appendf(out, "%.2f GHz", (double)c->max_mhz / 1000);
    if (c->governor)
        str_appendf(out, ", governor %s", c->governor);
    str_append_char(out, '\n');
}

static void memory(const hw_report *r, str_buf *out) {
    const hw_memory *m = &r->memory;
    if (m->total_bytes < 0 && m->installed_bytes < 0)
        return;
    label(out, "memory");
    bytes(out, m->total_bytes);
    str_append(out, " managed by the kernel, ");
    bytes(out, m->available_bytes);
    str_append(out, " available");
    if (m->installed_bytes >= 0) {
        str_append(out, "; ");
        bytes(out, m->installed_bytes);
        str_append(out, " in ");
        counted(out, (int64_t)r->cpu.node_count, "NUMA node", "NUMA nodes");
    }
    if (m->swap_bytes > 0) {
        str_append(out, "; swap ");
        bytes(out, m->swap_bytes);
    }
    str_append_char(out, '\n');
}

static void nodes(const hw_cpu *c, str_buf *out) {
    if (c->node_count < 2)
        return;
    label(out, "NUMA nodes");
    for (size_t i = 0; i < c->node_count; i++) {
        const hw_node *n = &c->nodes[i];
        str_appendf(out, "%s%lld: ", i > 0 ? ", " : "", (long long)n->index);
        bytes(out, n->bytes);
        if (n->kind)
            str_appendf(out, " %s", n->kind);
    }
    str_append_char(out, '\n');
}

static void allowance(const hw_allowance *a, str_buf *out) {
    label(out, "may use");
    counted(out, a->usable_threads, "thread", "threads");
    if (a->threads > a->usable_threads)
        str_appendf(out, " of %lld", (long long)a->threads);
    if (a->cpu_quota >= 0)
        str_appendf(out, " (a control group allows %.3g CPUs)", a->cpu_quota);
    str_append(out, ", ");
    if (a->usable_bytes >= 0)
        bytes(out, a->usable_bytes);
    else
        str_append(out, "an unknown amount");
    str_append(out, " of memory");
    if (a->memory_limit_bytes >= 0) {
        str_append(out, " (a control group allows ");
        bytes(out, a->memory_limit_bytes);
        str_append_char(out, ')');
    }
    if (a->container)
        str_appendf(out, "; container: %s", a->container);
    str_append_char(out, '\n');
}

void machine_lines(const hw_report *r, str_buf *out) {
    head(r, out);
    kinds(&r->cpu, out);
    caches(&r->cpu, out);
    features(&r->cpu, out);
    frequencies(&r->cpu, out);
    memory(r, out);
    nodes(&r->cpu, out);
    allowance(&r->allowance, out);
    if (r->os || r->kernel) {
        label(out, "system");
        str_appendf(out, "%s%s%s\n", r->os ? r->os : "", r->os && r->kernel ? ", " : "",
                    r->kernel ? r->kernel : "");
    }
    for (size_t i = 0; i < r->variable_count; i++) {
        label(out, i == 0 ? "variables" : "");
        str_appendf(out, "%s=%s: %s\n", r->variables[i].name, r->variables[i].value, r->variables[i].effect);
    }
}

/* "asked at 2026-11-29 20:15 UTC" of a remembered answer's "2026-11-29T20:15:03.123456Z"; nothing of one of now. */
static void append_asked(const char *asked_at, const char *before, str_buf *out) {
    enum { DAY = 10, MINUTE = 16 };
    if (asked_at && strlen(asked_at) > MINUTE)
        str_appendf(out, "%sasked at %.*s %.*s UTC", before, DAY, asked_at, MINUTE - DAY - 1,
                    asked_at + DAY + 1);
}

static void why_cell(table *t, const hw_device *d) {
    str_buf out = {0};
    str_appendf(&out, "%s%s%s", d->reason ? d->reason : "", d->reason && d->remedy ? "; " : "",
                d->reason && d->remedy ? d->remedy : "");
    append_asked(d->asked_at, out.length > 0 ? "; " : "", &out);
    table_text(t, out.length > 0 ? str_text(&out) : NULL);
    str_free(&out);
}

static void device_row(table *t, const hw_device *d) {
    char text[32];
    table_row(t);
    table_text(t, hw_kind_name(d->kind));
    /* Vendors' libraries begin a name with their own: "NVIDIA H100", "Intel(R) Arc(TM)". */
    bool apart = d->vendor && !(d->name && str_starts_with(d->name, d->vendor));
    table_textf(t, "%s%s%s", apart ? d->vendor : "", apart && d->name ? " " : "", d->name ? d->name : "");
    table_text(t, hw_state_name(d->state));
    if (d->driver || d->driver_version)
        table_textf(t, "%s%s%s", d->driver ? d->driver : "", d->driver && d->driver_version ? " " : "",
                    d->driver_version ? d->driver_version : "");
    else
        table_null(t);
    if (d->memory_bytes >= 0) {
        table_integer(t, d->memory_bytes);
        table_display(t, "%s%s", str_bytes(text, sizeof text, (double)d->memory_bytes),
                      d->memory_shared ? " shared" : "");
    } else {
        table_null(t);
    }
    table_text(t, d->architecture);
    table_text(t, d->precisions);
    if (d->pci && d->partition >= 0)
        table_textf(t, "%s part %lld", d->pci, (long long)d->partition);
    else
        table_text(t, d->pci ? d->pci : d->id);
    why_cell(t, d);
}

table *machine_devices(const hw_report *r, bool only_usable) {
    table *t = table_create();
    if (!t)
        return NULL;
    table_column(t, "kind", NULL, false);
    table_column(t, "hardware", NULL, false);
    table_column(t, "state", NULL, false);
    table_column(t, "driver", NULL, false);
    table_column(t, "memory_bytes", "memory", true);
    table_column(t, "architecture", NULL, false);
    table_column(t, "precisions", NULL, false);
    table_column(t, "place", NULL, false);
    table_column(t, "why", NULL, false);
    for (size_t i = 0; i < r->device_count; i++)
        if (!only_usable || r->devices[i].state == HW_USABLE || r->devices[i].state == HW_NOT_PROBED)
            device_row(t, &r->devices[i]);
    return t;
}

table *machine_absences(const hw_report *r) {
    table *t = table_create();
    if (!t)
        return NULL;
    table_column(t, "probe", NULL, false);
    table_column(t, "looked_for", "looked for", false);
    table_column(t, "finding", NULL, false);
    for (size_t i = 0; i < r->evidence_count; i++) {
        const hw_evidence *e = &r->evidence[i];
        if (e->found)
            continue;
        str_buf finding = {0};
        str_append(&finding, e->finding);
        append_asked(e->asked_at, "; ", &finding);
        table_row(t);
        table_text(t, e->probe);
        table_text(t, e->subject);
        table_text(t, str_text(&finding));
        str_free(&finding);
    }
    return t;
}
