/* What tests of the vendors' probes share: stub libraries by LD_LIBRARY_PATH, machines by trees of files. */
#ifndef ACCEL_TESTS_HW_VENDOR_CHECK_H
#define ACCEL_TESTS_HW_VENDOR_CHECK_H

#include "support/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "hw/hw.h"
#include "hw/source.h"
#include "support/temp_folder.h"

static inline const hw_probe *probe_named(const char *name) {
    for (size_t i = 0; i < hw_probe_count(); i++)
        if (str_equal(hw_probe_at(i)->name, name))
            return hw_probe_at(i);
    fail_msg("there is no probe %s", name);
    return NULL;
}

/* ---- stub libraries ------------------------------------------------------------------------------------------------------------- */

/* The libraries of tests/hw/stubs/FOLDER, answering as gpus and mode tell (NULL: as ever). They are found in children only. */
static inline void use_stubs(const char *folder, const char *gpus, const char *mode) {
    static const char *usual;
    static bool known;
    char path[4096];
    const char *build = getenv("ACCEL_BUILD_DIR");
    assert_non_null(build);
    if (!known)
        usual = getenv("LD_LIBRARY_PATH") ? strdup(getenv("LD_LIBRARY_PATH")) : NULL;
    known = true;
    snprintf(path, sizeof path, "%s/tests/stubs/%s%s%s", build, folder, usual ? ":" : "", usual ? usual : "");
    setenv("LD_LIBRARY_PATH", path, 1);
    setenv("STUB_GPUS", gpus ? gpus : "1", 1);
    setenv("STUB_MODE", mode ? mode : "", 1);
}

/* What the probe's library says, in a child as the product asks it. hw_report_destroy it. */
static inline hw_report *ask_within(const char *probe, double timeout_s) {
    accel_error err = {0};
    hw_source *source = NULL;
    hw_report *r = hw_report_create();
    assert_non_null(r);
    assert_ok(hw_source_open(NULL, &source, &err));
    assert_ok(
        hw_ask(source, probe_named(probe), &(hw_options){.all = true, .timeout_s = timeout_s}, r, &err));
    hw_source_close(source);
    return r;
}

/* What stub libraries say in place of the probe's. */
static inline hw_report *ask_stubs(const char *probe, const char *folder, const char *gpus,
                                   const char *mode) {
    use_stubs(folder, gpus, mode);
    return ask_within(probe, 20);
}

/* What they say of a report that holds what was found before. */
static inline void ask_stubs_about(hw_report *r, const char *probe, const char *folder, const char *gpus,
                                   const char *mode) {
    accel_error err = {0};
    hw_source *source = NULL;
    use_stubs(folder, gpus, mode);
    assert_ok(hw_source_open(NULL, &source, &err));
    assert_ok(hw_ask(source, probe_named(probe), &(hw_options){.all = true, .timeout_s = 20}, r, &err));
    hw_source_close(source);
}

/* ---- machines by their files -------------------------------------------------------------------------------------------------------- */

static inline void make_folders(char *path, size_t root_length) {
    for (char *at = path + root_length + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        (void)mkdir(path, 0755);
        *at = '/';
    }
}

static inline FILE *tree_entry(const char *root, char *line) {
    char path[4096];
    char *arrow = strstr(line, " -> ");
    size_t length = strlen(line);
    if (arrow)
        *arrow = '\0';
    else if (line[length - 1] == ':')
        line[length - 1] = '\0';
    snprintf(path, sizeof path, "%s%s", root, line);
    make_folders(path, strlen(root));
    if (arrow) {
        assert_int_equal(symlink(arrow + 4, path), 0);
        return NULL;
    }
    return line[strlen(line) - 1] == '/' ? NULL : fopen(path, "w");
}

/* Unpacks tests/data/hw/NAME.tree into the test's folder: "/path:" with its indented lines below it, "/path -> target", "/folder/". Returns the root. */
static inline const char *tree(void **state, const char *name) {
    char path[4096], line[4096];
    const char *root = temp_path(state, name), *source = getenv("ACCEL_SOURCE_DIR");
    FILE *out = NULL;
    assert_int_equal(mkdir(root, 0755), 0);
    snprintf(path, sizeof path, "%s/tests/data/hw/%s.tree", source ? source : ".", name);
    FILE *in = fopen(path, "r");
    if (!in)
        fail_msg("%s: cannot be read", path);
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == ' ' && out) {
            fprintf(out, "%s\n", line + 2);
        } else if (line[0] == '/') {
            if (out)
                fclose(out);
            out = tree_entry(root, line);
        }
    }
    if (out)
        fclose(out);
    fclose(in);
    return root;
}

static inline hw_report *run_probe(hw_source *source, const char *probe) {
    accel_error err = {0};
    hw_report *r = hw_report_create();
    assert_non_null(r);
    assert_ok(probe_named(probe)->run(source, &(hw_options){0}, r, &err));
    return r;
}

/* The source is closed before the report is read: nothing in it may lie there. */
static inline hw_report *run_and_close(hw_source *source, const char *probe) {
    hw_report *r = run_probe(source, probe);
    hw_source_close(source);
    return r;
}

/* What the probe finds in the files of a tree. */
static inline hw_report *run_tree(const char *root, const char *probe) {
    accel_error err = {0};
    hw_source *source = NULL;
    assert_ok(hw_source_open(root, &source, &err));
    return run_and_close(source, probe);
}

/* The capture of what the probe reads there, as text of the test's own. */
static inline char *capture_text(void **state, const char *root, const char *probe) {
    static char text[1 << 20];
    accel_error err = {0};
    hw_source *source = NULL;
    const char *path = temp_path(state, "capture.json");
    assert_ok(hw_source_open(root, &source, &err));
    hw_report_destroy(run_probe(source, probe));
    assert_ok(hw_source_save(source, path, &err));
    hw_source_close(source);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* The same machine with a variable set: its capture, with the variable written into it. */
static inline hw_report *run_with_variable(void **state, const char *root, const char *probe,
                                           const char *name, const char *value) {
    static const char section[] = "\"variables\": {";
    accel_error err = {0};
    hw_source *source = NULL;
    str_buf json = {0};
    char *text = capture_text(state, root, probe), *variables = strstr(text, section);
    assert_non_null(variables);
    variables += strlen(section);
    str_append_bytes(&json, text, (size_t)(variables - text));
    str_appendf(&json, "\"%s\": \"%s\"%s%s", name, value, *variables == '}' ? "" : ",", variables);
    assert_ok(hw_source_parse_capture(json.data, json.length, &source, &err));
    str_free(&json);
    return run_and_close(source, probe);
}

/* ---- what is in a report -------------------------------------------------------------------------------------------------------------- */

static inline const hw_device *at_pci(const hw_report *r, const char *pci) {
    for (size_t i = 0; i < r->device_count; i++)
        if (str_equal(r->devices[i].pci, pci))
            return &r->devices[i];
    fail_msg("no device at %s", pci);
    return NULL;
}

static inline const char *fact(const hw_device *d, const char *name) {
    for (size_t i = 0; i < d->fact_count; i++)
        if (str_equal(d->facts[i].name, name))
            return d->facts[i].value;
    return "";
}

static inline size_t count_state(const hw_report *r, hw_state state) {
    size_t count = 0;
    for (size_t i = 0; i < r->device_count; i++)
        count += r->devices[i].state == state;
    return count;
}

static inline bool has_interface(const hw_device *d, const char *name) {
    for (size_t i = 0; i < d->interface_count; i++)
        if (str_equal(d->interfaces[i], name))
            return true;
    return false;
}

static inline void assert_contains(const char *text, const char *part) {
    if (!text || !strstr(text, part))
        fail_msg("\"%s\" does not say \"%s\"", text ? text : "(nothing)", part);
}

/* Some line of evidence says so; subject NULL: whatever it is about. */
static inline void assert_evidence(const hw_report *r, const char *subject, const char *part) {
    str_buf all = {0};
    for (size_t i = 0; i < r->evidence_count; i++) {
        const hw_evidence *e = &r->evidence[i];
        if ((!subject || str_equal(e->subject, subject)) && strstr(e->finding, part)) {
            str_free(&all);
            return;
        }
        str_appendf(&all, "\n  %s: %s", e->subject, e->finding);
    }
    fail_msg("no evidence of %s says \"%s\"; there is:%s", subject ? subject : "anything", part,
             str_text(&all));
}

/* A library of this probe that crashes, hangs, exits, prints or forks: `library` is the one that the stubs of this folder let do so. */
static inline void expect_misbehaviour_to_be_told(const char *probe, const char *library) {
    static const char *const faults[][2] = {{"crash", "crashed with SIGSEGV"},
                                            {"exit", "exit code 7"},
                                            {"hang", "did not answer within 0.5 s and was ended"}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        uint64_t start = clock_now_ns();
        use_stubs(probe, "1", faults[i][0]);
        hw_report *r = ask_within(probe, 0.5);
        assert_evidence(r, library, faults[i][1]);
        assert_true(clock_now_ns() - start < UINT64_C(10000000000));
        hw_report_destroy(r);
    }
    hw_report *r = ask_stubs(probe, probe, "1", "print fork");
    assert_int_equal(count_state(r, HW_USABLE), 1);
    hw_report_destroy(r);
}

/* As many devices as GPUs, all of them usable. */
static inline void expect_all_usable(const char *probe, const char *gpus, size_t count) {
    hw_report *r = ask_stubs(probe, probe, gpus, NULL);
    assert_int_equal(r->device_count, count);
    assert_int_equal(count_state(r, HW_USABLE), count);
    hw_report_destroy(r);
}

/* The program is its own child: hw_ask starts it as `program __hw QUESTION`. */
#define VENDOR_MAIN(tests)                                                                                   \
    int main(int argc, char **argv) {                                                                        \
        if (argc == 3 && strcmp(argv[1], HW_CHILD_ARGUMENT) == 0)                                            \
            return hw_child_main(NULL, 0, argv[2]);                                                          \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                    \
    }

#endif
