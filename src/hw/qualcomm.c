/* Qualcomm's Hexagon processors: their remote processors in /sys, FastRPC's device files, and the QNN library for them. Untested on hardware. */
#include <string.h>

#include "base/str.h"
#include "hw/vendor.h"

#define QUALCOMM_PROBE "qualcomm"
#define REMOTE         "/sys/class/remoteproc"

static const char *const names[] = {"libQnnHtp.so", NULL};

typedef struct machine {
    const char *family, *soc; /* "Snapdragon", "QCS9100" */
    const char *processor;    /* the folder of the compute DSP among the remote processors */
    const char *state;        /* of it: "running" */
    const char *node;         /* "/dev/fastrpc-cdsp" */
    bool library;
} machine;

/* ---- looking --------------------------------------------------------------------------------------------------------------------- */

/* Networks run on the compute DSP, "cdsp" ("cdsp1" beside it on large parts); adsp and slpi are for sound and sensors. */
static accel_status find_processor(hw_source *s, hw_report *r, machine *m) {
    const char *const *folders = hw_list(s, REMOTE);
    for (size_t i = 0; folders && folders[i] && !m->processor; i++) {
        const char *folder = arena_printf(r->arena, REMOTE "/%s", folders[i]);
        const char *path = folder ? arena_printf(r->arena, "%s/name", folder) : NULL;
        const char *name = path ? hw_read(s, path) : NULL;
        if (!name || !strstr(name, "cdsp"))
            continue;
        m->processor = folder;
        path = arena_printf(r->arena, "%s/state", folder);
        m->state = path ? hw_read(s, path) : NULL;
    }
    return hw_report_evidence(r, QUALCOMM_PROBE, m->processor != NULL, m->processor ? m->processor : REMOTE,
                              "%s%s", m->processor ? "compute DSP, " : "no compute DSP (cdsp)",
                              !m->processor ? ""
                              : m->state    ? m->state
                                            : "state unknown");
}

static accel_status find_node(hw_source *s, hw_report *r, machine *m) {
    static const char *const nodes[] = {"/dev/fastrpc-cdsp", "/dev/fastrpc-cdsp-secure", "/dev/adsprpc-smd"};
    for (size_t i = 0; i < sizeof nodes / sizeof nodes[0] && !m->node; i++)
        m->node = hw_exists(s, nodes[i]) ? nodes[i] : NULL;
    return hw_report_evidence(r, QUALCOMM_PROBE, m->node != NULL, m->node ? m->node : nodes[0], "%s",
                              m->node ? "present" : "absent: no program can call the DSP (FastRPC)");
}

/* ---- telling --------------------------------------------------------------------------------------------------------------------- */

static void judge(hw_report *r, const machine *m, hw_device *d) {
    if (m->state && !str_equal(m->state, "running"))
        vendor_set_state(
            d, HW_NO_DRIVER, arena_printf(r->arena, "its processor is %s", m->state),
            arena_printf(r->arena, "install its firmware and start it: echo start > %s/state", m->processor));
    else if (!m->node)
        vendor_set_state(d, HW_NO_DRIVER, "there is no FastRPC device file for it",
                         "load the kernel module fastrpc; in a container: pass /dev/fastrpc-cdsp in");
    else if (!m->library)
        vendor_set_state(d, HW_NO_DRIVER, "Qualcomm's library libQnnHtp.so is not found",
                         "install Qualcomm AI Engine Direct (QNN) and add its folder to LD_LIBRARY_PATH");
    else
        vendor_set_state(d, HW_NOT_PROBED,
                         "whether QNN runs on it is known only by running a model; untested on hardware",
                         "accel bench --on qnn");
}

static accel_status add_device(hw_report *r, const machine *m) {
    hw_device *d = hw_report_device(r, NULL);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->kind = HW_NPU;
    d->probe = QUALCOMM_PROBE;
    d->vendor = "Qualcomm";
    d->name = arena_printf(r->arena, "Hexagon compute DSP%s%s%s", m->soc ? " of " : "", m->soc ? m->soc : "",
                           m->family && m->soc ? arena_printf(r->arena, " (%s)", m->family) : "");
    d->driver = m->node ? "fastrpc" : NULL;
    d->precisions = "fp16 int8 int4";
    d->memory_shared = true;
    judge(r, m, d);
    ACCEL_TRY(hw_report_fact(r, d, "tested", "untested on hardware"));
    return m->library ? hw_report_interface(r, d, "qnn") : ACCEL_OK;
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    machine m = {.family = hw_read(s, "/sys/devices/soc0/family"),
                 .soc = hw_read(s, "/sys/devices/soc0/machine")};
    (void)err; /* only memory can end it */
    ACCEL_TRY(find_processor(s, r, &m));
    ACCEL_TRY(find_node(s, r, &m));
    ACCEL_TRY(vendor_note_library(s, options, r, QUALCOMM_PROBE, names, &m.library));
    if (m.processor || m.node)
        return add_device(r, &m);
    return hw_report_evidence(r, QUALCOMM_PROBE, false, "platform qnn",
                              "no Hexagon processor: to have it, a Snapdragon or Dragonwing machine with the "
                              "kernel's fastrpc driver, and QNN (libQnnHtp.so)");
}

/* ---- the library: its own declarations are ours, from the QNN API reference --------------------------------------------------------------- */

typedef struct qnn_version {
    uint32_t major, minor, patch;
} qnn_version;

typedef struct qnn_provider { /* QnnInterface_t; its table of functions follows */
    uint32_t backend;
    const char *name;
    qnn_version core, own;
} qnn_provider;

static accel_status ask(hw_report *r, accel_error *err) {
    library *l = NULL;
    const char *name = NULL;
    uint64_t (*get_providers)(const qnn_provider ***providers, uint32_t *count) = NULL;
    const qnn_provider **providers = NULL;
    uint32_t count = 0;
    (void)err;
    ACCEL_TRY(vendor_open(r, QUALCOMM_PROBE, names, &l, &name));
    if (!l)
        return ACCEL_OK;
    if (!library_find(l, "QnnInterface_getProviders", &get_providers))
        return hw_report_evidence(r, QUALCOMM_PROBE, false, name,
                                  "is no QNN backend: it lacks QnnInterface_getProviders");
    uint64_t error = get_providers(&providers, &count);
    if (error != 0 || count == 0 || !providers || !providers[0])
        return hw_report_evidence(r, QUALCOMM_PROBE, false, name, "QNN error %llu: it offers no interface",
                                  (unsigned long long)error);
    const qnn_provider *p = providers[0];
    const char *provider = p->name ? vendor_text(r->arena, p->name, 64) : NULL;
    return hw_report_evidence(r, QUALCOMM_PROBE, true, name, "%s, QNN API %u.%u.%u, backend %u.%u.%u",
                              provider ? provider : "without a name", p->core.major, p->core.minor,
                              p->core.patch, p->own.major, p->own.minor, p->own.patch);
}

static const hw_question question = {.name = "qnn", .libraries = names, .ask = ask};
static const hw_question *const questions[] = {&question, NULL};

const hw_probe probe_qualcomm = {
    .name = QUALCOMM_PROBE,
    .priority = 63,
    .summary = "Qualcomm's Hexagon processors: remoteproc, FastRPC, QNN",
    .run = run,
    .questions = questions,
};
