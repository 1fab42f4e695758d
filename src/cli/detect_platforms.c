#include "cli/detect_platforms.h"

#include "report/table.h"

static void describe_columns(table *t) {
    table_column(t, "platform", NULL, false);
    table_column(t, "engine", NULL, false);
    table_column(t, "version", NULL, false);
    table_column(t, "device", NULL, false);
    table_column(t, "available", NULL, false);
    table_column(t, "name", NULL, false);
    table_column(t, "driver", NULL, false);
    table_column(t, "memory_bytes", "memory", true);
    table_column(t, "precisions", NULL, false);
    table_column(t, "evidence", NULL, false);
}

static void precision_names(uint32_t bits, str_buf *out) {
    for (int p = 0; p < PRECISION_COUNT; p++) {
        if ((bits >> p & 1U) != 0)
            str_appendf(out, "%s%s", out->length > 0 ? " " : "", precision_name((precision)p));
    }
}

static void evidence_text(const probe_entry *e, const engine_device *d, str_buf *out) {
    const engine_report *report = &e->report;
    if (!d->available) {
        str_append(out, d->reason != NULL ? d->reason : "no reason given");
    } else {
        str_append(out, report->library != NULL ? report->library : "");
    }
    if (d->note != NULL)
        str_appendf(out, "%s%s", out->length > 0 ? "; " : "", d->note);
    if (e->kind == PROBE_REMEMBERED)
        str_appendf(out, "%sas it last answered", out->length > 0 ? "; " : "");
}

static void device_row(table *t, const probe_entry *e, const engine_device *d) {
    char text[32];
    str_buf names = {0}, evidence = {0};
    table_row(t);
    table_text(t, platform_name(d->platform));
    table_text(t, e->engine->name);
    table_text(t, e->report.version);
    table_text(t, d->id);
    table_bool(t, d->available);
    table_display(t, "%s", d->available ? "yes" : "absent");
    table_text(t, d->name);
    table_text(t, d->driver);
    if (d->memory_bytes > 0) {
        table_integer(t, (int64_t)d->memory_bytes);
        table_display(t, "%s", str_bytes(text, sizeof text, (double)d->memory_bytes));
    } else {
        table_null(t);
    }
    precision_names(d->precisions, &names);
    table_text(t, names.length > 0 ? str_text(&names) : NULL);
    evidence_text(e, d, &evidence);
    table_text(t, evidence.length > 0 ? str_text(&evidence) : NULL);
    str_free(&names);
    str_free(&evidence);
}

static void row_without_device(table *t, const char *platform_text, const char *engine, bool asked,
                               const char *reason) {
    table_row(t);
    table_text(t, platform_text);
    table_text(t, engine);
    table_null(t);
    table_null(t);
    if (asked)
        table_bool(t, 0);
    else
        table_null(t);
    table_display(t, asked ? "absent" : "not probed");
    for (int i = 0; i < 4; i++)
        table_null(t);
    table_text(t, reason);
}

/* A runtime whose library lies here, and which was not loaded to ask what it drives. */
static void unasked_row(table *t, const probe_entry *e) {
    char text[4352];
    const char *library = e->report.library != NULL ? e->report.library : "";
    str_format(text, sizeof text, "present, not probed%s%s; `accel detect --all` asks it",
               *library != 0 ? ": " : "", library);
    row_without_device(t, NULL, e->engine->name, false, text);
}

static bool platform_seen(const probe_list *probes, platform p) {
    for (size_t i = 0; i < probes->count; i++) {
        const engine_report *r = &probes->entries[i].report;
        for (size_t d = 0; r->present && d < r->device_count; d++) {
            if (r->devices[d].platform == p)
                return true;
        }
    }
    return false;
}

/* What would make a platform present. */
static const char *what_it_needs(platform p) {
    switch (p) {
    case PLATFORM_CUDA:
        return "an NVIDIA GPU with its driver, and an ONNX Runtime built for CUDA (pip install onnxruntime-gpu[cuda,cudnn])";
    case PLATFORM_ROCM:
        return "an AMD GPU with ROCm, and AMD's onnxruntime-rocm or onnxruntime-migraphx";
    case PLATFORM_MPS:
        return "an Apple computer, and the onnxruntime of macOS";
    case PLATFORM_OPENVINO:
        return "OpenVINO (pip install openvino)";
    case PLATFORM_QNN:
        return "a Qualcomm processor with its NPU's driver, and onnxruntime-qnn";
    case PLATFORM_WEBNN:
    case PLATFORM_WEBGPU:
    case PLATFORM_WASM:
        return "a browser";
    case PLATFORM_VULKAN:
        return "a GPU with a Vulkan driver, and wgpu-native (make deps brings it)";
    case PLATFORM_DX12:
        return "Windows";
    default:
        return NULL;
    }
}

/* No engine that was asked drives it; while others were not, nobody knows. */
static void unseen_platform(table *t, platform p, bool all_were_asked) {
    char text[256];
    const char *needs = what_it_needs(p);
    str_format(text, sizeof text, "%s%s%s",
               all_were_asked ? "no engine found here drives it"
                              : "`accel detect --all` asks the engines that may drive it",
               needs != NULL ? "; it needs " : "", needs != NULL ? needs : "");
    row_without_device(t, platform_name(p), NULL, all_were_asked, text);
}

static bool all_asked(const probe_list *probes) {
    for (size_t i = 0; i < probes->count; i++)
        if (probes->entries[i].kind == PROBE_NOT_ASKED)
            return false;
    return true;
}

table *platform_table(const probe_list *probes, bool only_available) {
    table *t = table_create();
    if (t == NULL)
        return NULL;
    describe_columns(t);
    for (size_t i = 0; i < probes->count; i++) {
        const probe_entry *e = &probes->entries[i];
        if (!e->report.present) {
            if (!only_available)
                row_without_device(t, NULL, e->engine->name, true, e->report.reason);
            continue;
        }
        if (e->kind == PROBE_NOT_ASKED)
            unasked_row(t, e);
        for (size_t d = 0; d < e->report.device_count; d++) {
            if (e->report.devices[d].available || !only_available)
                device_row(t, e, &e->report.devices[d]);
        }
    }
    for (int p = 0; p < PLATFORM_COUNT && !only_available; p++) {
        if (!platform_seen(probes, (platform)p))
            unseen_platform(t, (platform)p, all_asked(probes));
    }
    return t;
}
