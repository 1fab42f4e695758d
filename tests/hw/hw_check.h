/* What the tests of hw share: a folder that stands for a machine, and a report's parts as one line of text each. */
#ifndef ACCEL_TESTS_HW_CHECK_H
#define ACCEL_TESTS_HW_CHECK_H

#include "support/test.h"

#include <unistd.h>

#include "base/file.h"
#include "hw/source.h"
#include "support/temp_folder.h"

/* A file of the made-up machine in *state. */
static inline void put(void **state, const char *path, const char *text) {
    str_buf folder = {0};
    file_dir_name(&folder, path + 1);
    assert_int_equal(file_make_folders(temp_path(state, str_text(&folder)), NULL), ACCEL_OK);
    str_free(&folder);
    temp_file(state, path + 1, text);
}

static inline void put_link(void **state, const char *path, const char *target) {
    str_buf folder = {0};
    file_dir_name(&folder, path + 1);
    assert_int_equal(file_make_folders(temp_path(state, str_text(&folder)), NULL), ACCEL_OK);
    str_free(&folder);
    assert_int_equal(symlink(target, temp_path(state, path + 1)), 0);
}

static inline hw_report *detect_in(const char *root) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = NULL;
    assert_ok(hw_source_open(root, &s, &err));
    assert_ok(hw_detect(s, NULL, &r, &err));
    hw_source_close(s);
    return r;
}

static inline hw_report *detect_capture(const char *path) {
    accel_error err = {0};
    hw_source *s = NULL;
    hw_report *r = NULL;
    assert_ok(hw_source_open_capture(path, &s, &err));
    assert_ok(hw_detect(s, NULL, &r, &err));
    hw_source_close(s);
    return r;
}

/* The report's JSON, to compare whole reports; mem_free it by str_free. */
static inline str_buf report_text(const hw_report *r) {
    str_buf out = {0};
    hw_report_write_json(r, &out);
    assert_false(out.failed);
    return out;
}

/* "2 packages, 16 cores, 16 threads, 0 off-line" */
static inline const char *shape_line(const hw_report *r, str_buf *out) {
    str_free(out);
    str_appendf(out, "%lld packages, %lld cores, %lld threads, %lld off-line", (long long)r->cpu.packages,
                (long long)r->cpu.cores, (long long)r->cpu.threads, (long long)r->cpu.threads_offline);
    return str_text(out);
}

/* "performance 6/12@5000 efficient 8/8@3900": cores / threads @ MHz; "" for one kind. */
static inline const char *kinds_line(const hw_report *r, str_buf *out) {
    str_free(out);
    for (size_t i = 0; r->cpu.kind_count > 1 && i < r->cpu.kind_count; i++) {
        const hw_core_kind *k = &r->cpu.kinds[i];
        str_appendf(out, "%s%s %lld/%lld", i > 0 ? " " : "", k->name ? k->name : "?", (long long)k->cores,
                    (long long)k->threads);
        if (k->max_mhz >= 0)
            str_appendf(out, "@%lld", (long long)k->max_mhz);
    }
    return str_text(out);
}

/* "1d 16x32 1i 16x32 2u 16x256 3u 2x20480": level and type, count x KiB */
static inline const char *caches_line(const hw_report *r, str_buf *out) {
    str_free(out);
    for (size_t i = 0; i < r->cpu.cache_count; i++) {
        const hw_cache *c = &r->cpu.caches[i];
        str_appendf(out, "%s%d%c %lldx%lld", i > 0 ? " " : "", c->level, c->type, (long long)c->count,
                    (long long)(c->bytes / 1024));
    }
    return str_text(out);
}

/* "0:16747124 1:16777216": index : KiB, and the kind where there is one */
static inline const char *nodes_line(const hw_report *r, str_buf *out) {
    str_free(out);
    for (size_t i = 0; i < r->cpu.node_count; i++) {
        const hw_node *n = &r->cpu.nodes[i];
        str_appendf(out, "%s%lld:%lld%s", i > 0 ? " " : "", (long long)n->index, (long long)(n->bytes / 1024),
                    n->kind ? n->kind : "");
    }
    return str_text(out);
}

static inline const char *features_line(const hw_report *r, str_buf *out) {
    str_free(out);
    for (size_t i = 0; i < r->cpu.feature_count; i++)
        str_appendf(out, "%s%s", i > 0 ? " " : "", r->cpu.features[i]);
    return str_text(out);
}

/* "gpu 10de:2330 no driver": a device a line, browsers left out */
static inline const char *devices_line(const hw_report *r, str_buf *out) {
    str_free(out);
    for (size_t i = 0; i < r->device_count; i++) {
        const hw_device *d = &r->devices[i];
        if (d->kind == HW_BROWSER)
            continue;
        str_appendf(out, "%s%s %s %s %s %s", out->length > 0 ? "; " : "", d->pci ? d->pci : "-",
                    hw_kind_name(d->kind), d->vendor ? d->vendor : "-", hw_state_name(d->state),
                    d->driver ? d->driver : "-");
    }
    return str_text(out);
}

static inline const hw_evidence *evidence_of(const hw_report *r, const char *probe, const char *word) {
    for (size_t i = 0; i < r->evidence_count; i++)
        if (strcmp(r->evidence[i].probe, probe) == 0 &&
            (strstr(r->evidence[i].finding, word) || strstr(r->evidence[i].subject, word)))
            return &r->evidence[i];
    return NULL;
}

#endif
