/* AMD GPUs and NPUs, by the files of the kernel's drivers (amdgpu with its compute part kfd, amdxdna). What ROCm's libraries say is in
 * amd_smi.c and amd_hip.c. */
#include "hw/amd.h"

#include <string.h>

#include "base/str.h"
#include "hw/report.h"
#include "hw/visible.h"

#define NODES "/sys/class/kfd/kfd/topology/nodes"

/* "gfx942" of the kernel's gfx_target_version 90402; NULL for 0 and below. */
static const char *gfx_name(arena *a, int64_t version) {
    return version > 0 ? arena_printf(a, "gfx%lld%llx%llx", (long long)(version / 10000),
                                      (long long)(version / 100 % 100), (long long)(version % 100))
                       : NULL;
}

/* What a GPU of this gfx_target_version computes in, by ROCm's table of data types; NULL: not known. */
static const char *precisions_of(int64_t v) {
    static const struct {
        int64_t from;
        const char *precisions;
    } rows[] = {{120000, "fp64 fp32 fp16 bf16 float8e4m3fn float8e5m2 int8 int4"}, /* RDNA 4 */
                {110000, "fp64 fp32 fp16 bf16 int8 int4"},                         /* RDNA 3: WMMA */
                {100300, "fp64 fp32 fp16 int8 int4"},                              /* RDNA 2: dot products */
                {100000, "fp64 fp32 fp16"},
                {90500, "fp64 fp32 fp16 bf16 float8e4m3fn float8e5m2 float4e2m1 int8"}, /* CDNA 4 */
                {90400, "fp64 fp32 fp16 bf16 float8e4m3fnuz float8e5m2fnuz int8"},      /* CDNA 3 */
                {90010, "fp64 fp32 fp16 bf16 int8"},                                    /* CDNA 2 */
                {90009, "fp64 fp32 fp16"},
                {90008, "fp64 fp32 fp16 bf16 int8"}, /* CDNA */
                {90006, "fp64 fp32 fp16 int8"},
                {90000, "fp64 fp32 fp16"},
                {80000, "fp64 fp32 fp16"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (v >= rows[i].from)
            return rows[i].precisions;
    return NULL;
}

hw_device *amd_device(hw_report *r, const char *pci, int64_t partition) {
    hw_device *d = hw_report_part(r, pci, partition);
    if (d) {
        d->kind = HW_GPU;
        d->probe = AMD_PROBE;
        d->vendor = "AMD";
        d->driver = "amdgpu";
    }
    return d;
}

hw_device *amd_device_at(hw_report *r, uint64_t domain, uint64_t bus, uint64_t device, uint64_t function) {
    const char *pci = vendor_pci(r->arena, domain, bus, device, 0);
    bool is_part =
        pci && (function & 7) > 0 && report_find(r, pci, (int64_t)(function & 7), NULL, NULL) != NULL;
    return is_part ? amd_device(r, pci, (int64_t)(function & 7))
                   : amd_device(r, vendor_pci(r->arena, domain, bus, device, function), HW_UNKNOWN);
}

/* ---- compute nodes ----------------------------------------------------------------------------------------------------------- */

typedef struct compute_node {
    const char *folder;
    const char *text; /* its properties */
    const char *pci;
    int64_t partition; /* of a GPU that is cut into several nodes at one address; HW_UNKNOWN: it is whole */
    const char *uuid;  /* as ROCR_VISIBLE_DEVICES takes it */
} compute_node;

enum { MOST_NODES = 256 }; /* a capture may claim any number */

typedef struct machine {
    compute_node *nodes; /* in ROCm's order */
    const char **uuids;  /* of the nodes; NULL unless all are known */
    size_t node_count;
    class_device *cards;
    size_t card_count;
    const char *driver_version;
    bool kfd, hip;
} machine;

static bool read_node(hw_source *s, hw_report *r, const char *name, compute_node *n) {
    *n = (compute_node){.folder = arena_printf(r->arena, NODES "/%s", name)};
    const char *path = n->folder ? arena_printf(r->arena, "%s/properties", n->folder) : NULL;
    n->text = path ? hw_read(s, path) : NULL;
    int64_t location = vendor_line_number(n->text, "location_id"),
            domain = vendor_line_number(n->text, "domain");
    if (vendor_line_number(n->text, "simd_count") <= 0 || location < 0)
        return false; /* a processor, or a GPU that this control group may not read */
    n->partition = location >> 28 & 0xf;
    n->pci = vendor_pci(r->arena, domain > 0 ? (uint64_t)domain : 0, (uint64_t)location >> 8 & 0xff,
                        (uint64_t)location >> 3 & 0x1f, (uint64_t)location & 7);
    uint64_t unique = vendor_line_unsigned(n->text, "unique_id");
    n->uuid = unique != 0 ? arena_printf(r->arena, "GPU-%016llx", (unsigned long long)unique) : NULL;
    return n->pci != NULL;
}

/* The name with the least number above `after`; NULL: none. Folders are sorted as texts, but ROCm counts nodes as numbers. */
static const char *next_node(const char *const *names, int64_t after, int64_t *number) {
    const char *next = NULL;
    for (size_t i = 0; names && names[i]; i++) {
        int64_t value = 0;
        if (str_to_i64(names[i], &value) && value > after && (!next || value < *number)) {
            next = names[i];
            *number = value;
        }
    }
    return next;
}

/* A node alone at its address is no partition, though it counts as number 0. */
static void mark_whole(machine *m) {
    for (size_t i = 0; i < m->node_count; i++) {
        size_t there = 0;
        for (size_t k = 0; k < m->node_count; k++)
            there += str_equal(m->nodes[k].pci, m->nodes[i].pci);
        if (there == 1 && m->nodes[i].partition == 0)
            m->nodes[i].partition = HW_UNKNOWN;
    }
}

static accel_status read_nodes(hw_source *s, hw_report *r, machine *m) {
    const char *const *names = hw_list(s, NODES);
    int64_t number = -1;
    m->nodes = ARENA_ARRAY(r->arena, compute_node, MOST_NODES);
    m->uuids = ARENA_ARRAY(r->arena, const char *, MOST_NODES);
    if (!m->nodes || !m->uuids)
        return ACCEL_OUT_OF_MEMORY;
    for (const char *name; m->node_count < MOST_NODES && (name = next_node(names, number, &number));)
        if (read_node(s, r, name, &m->nodes[m->node_count]))
            m->node_count++;
    mark_whole(m);
    for (size_t i = 0; i < m->node_count && m->uuids; i++) {
        m->uuids[i] = m->nodes[i].uuid;
        m->uuids = m->uuids[i] ? m->uuids : NULL;
    }
    return hw_report_evidence(r, AMD_PROBE, m->node_count > 0, NODES, "%s",
                              !names              ? "absent: no kernel driver with AMD's compute part (kfd)"
                              : m->node_count > 0 ? arena_printf(r->arena, "%zu GPU nodes", m->node_count)
                                                  : "no GPU among the nodes");
}

/* Memory of a node: what the heaps "frame buffer, public" (1) and "private" (2) hold together. */
static void add_memory(hw_source *s, hw_report *r, const compute_node *n, hw_device *d) {
    const char *folder = arena_printf(r->arena, "%s/mem_banks", n->folder);
    const char *const *banks = folder ? hw_list(s, folder) : NULL;
    int64_t sum = 0;
    for (size_t i = 0; banks && banks[i]; i++) {
        const char *path = arena_printf(r->arena, "%s/%s/properties", folder, banks[i]);
        const char *text = path ? hw_read(s, path) : NULL;
        int64_t heap = vendor_line_number(text, "heap_type"),
                bytes = vendor_line_number(text, "size_in_bytes");
        if ((heap != 1 && heap != 2) || bytes <= 0 || bytes > INT64_MAX - sum)
            continue;
        sum += bytes;
        int64_t mhz = vendor_line_number(text, "mem_clk_max");
        if (mhz > 0)
            vendor_set_figure(&d->memory_max_mhz, mhz);
    }
    if (sum > 0)
        vendor_set_figure(&d->memory_bytes, sum);
}

static accel_status add_node(hw_source *s, hw_report *r, const compute_node *n, hw_device **out) {
    int64_t version = vendor_line_number(n->text, "gfx_target_version"),
            simds = vendor_line_number(n->text, "simd_count"),
            each = vendor_line_number(n->text, "simd_per_cu"),
            mhz = vendor_line_number(n->text, "max_engine_clk_fcompute"),
            dies = vendor_line_number(n->text, "num_xcc");
    hw_device *d = amd_device(r, n->pci, n->partition);
    *out = d;
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    d->partition = n->partition; /* its card may have been found before, as a whole */
    vendor_set_text(&d->id, n->uuid);
    vendor_set_text(&d->architecture, gfx_name(r->arena, version));
    vendor_set_text(&d->precisions, precisions_of(version));
    vendor_set_figure(&d->units, each > 0 ? simds / each : HW_UNKNOWN);
    vendor_set_figure(&d->max_mhz, mhz > 0 ? mhz : HW_UNKNOWN);
    add_memory(s, r, n, d);
    d->memory_shared |= vendor_line_number(n->text, "cpu_cores_count") > 0;
    return dies > 1 ? hw_report_fact(r, d, "compute dies", "%lld", (long long)dies) : ACCEL_OK;
}

/* ---- cards ------------------------------------------------------------------------------------------------------------------- */

static accel_status add_card(hw_source *s, hw_report *r, const class_device *c, const char *driver_version) {
    static const char *const caps[] = {"power1_cap", NULL};
    hw_device *d = amd_device(r, c->pci, HW_UNKNOWN);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    int64_t total = class_number(s, r, c, "mem_info_vram_total"),
            used = class_number(s, r, c, "mem_info_vram_used");
    if (total > 0) {
        d->memory_bytes = total;
        d->memory_free_bytes = used >= 0 && used <= total ? total - used : HW_UNKNOWN;
    }
    const char *product = class_text(s, r, c, "product_name");
    d->name = product ? product : d->name;
    vendor_set_text(&d->driver_version, driver_version);
    vendor_set_figure(&d->max_mhz, class_highest_mhz(s, r, c, "pp_dpm_sclk"));
    vendor_set_figure(&d->memory_max_mhz, class_highest_mhz(s, r, c, "pp_dpm_mclk"));
    vendor_set_figure(&d->power_limit_mw, class_power_mw(s, r, c, caps));
    vendor_set_figure(&d->numa_node, class_number(s, r, c, "numa_node"));
    const char *partition = class_text(s, r, c, "current_compute_partition");
    return partition ? hw_report_fact(r, d, "compute partition", "%s", partition) : ACCEL_OK;
}

/* ---- what this process may use --------------------------------------------------------------------------------------------------- */

typedef struct selection {
    const char *variable, *value;
} selection;

/* HIP counts what ROCR leaves; HIP also takes CUDA's variable. */
static selection what_hides(hw_source *s, const machine *m, size_t index) {
    static const char *const variables[] = {"HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"};
    hw_visible rocr = {.value = hw_variable_value(s, "ROCR_VISIBLE_DEVICES"),
                       .names = m->uuids,
                       .count = m->node_count,
                       .indexed = m->node_count};
    if (rocr.value && str_starts_with(rocr.value, "GPU-") && !m->uuids)
        return (selection){NULL, NULL}; /* whose UUIDs they are is not known */
    int place = hw_visible_place(&rocr, index), left = 0;
    if (place < 0)
        return (selection){"ROCR_VISIBLE_DEVICES", rocr.value};
    for (size_t i = 0; i < m->node_count; i++)
        left += hw_visible_place(&rocr, i) >= 0;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        hw_visible hip = {
            .value = hw_variable_value(s, variables[i]), .count = (size_t)left, .indexed = (size_t)left};
        if (hip.value)
            return hw_visible_place(&hip, (size_t)place) < 0 ? (selection){variables[i], hip.value}
                                                             : (selection){NULL, NULL};
    }
    return (selection){NULL, NULL};
}

static const class_device *card_at(const machine *m, const char *pci) {
    for (size_t i = 0; i < m->card_count; i++)
        if (str_equal(m->cards[i].pci, pci))
            return &m->cards[i];
    return NULL;
}

static void judge(hw_source *s, hw_report *r, const machine *m, size_t index, hw_device *d) {
    const class_device *card = card_at(m, m->nodes[index].pci);
    selection hiding = what_hides(s, m, index);
    if (!m->kfd || (card && !card->node_here))
        vendor_set_state(d, HW_HIDDEN,
                         arena_printf(r->arena, "%s is missing here",
                                      !m->kfd      ? "/dev/kfd"
                                      : card->node ? card->node
                                                   : "its render node of /dev/dri"),
                         "in a container: pass /dev/kfd and /dev/dri in (--device); else load amdgpu anew");
    else if (hiding.variable)
        vendor_hide(r, d, hiding.variable, hiding.value);
    else if (!m->hip)
        vendor_set_state(d, HW_NO_DRIVER, "ROCm's runtime libamdhip64.so is not found",
                         "install ROCm's HIP runtime, or add its folder to LD_LIBRARY_PATH");
    else
        vendor_await(r, d, "ROCm's library");
}

/* A card without a compute node: too old for ROCm, or its kernel has no kfd. */
static void judge_card_alone(const machine *m, hw_device *d, const char *pci) {
    for (size_t i = 0; i < m->node_count; i++)
        if (str_equal(m->nodes[i].pci, pci))
            return;
    vendor_set_state(
        d, HW_NO_DRIVER, "the kernel gives it no compute node (kfd)",
        "a kernel with CONFIG_HSA_AMD and a GPU that ROCm supports; Vulkan may drive it as it is");
}

/* ---- NPUs ------------------------------------------------------------------------------------------------------------------------- */

static accel_status add_npus(hw_source *s, hw_report *r) {
    static const char *const drivers[] = {"amdxdna", NULL};
    class_device *npus = NULL;
    size_t count = 0;
    ACCEL_TRY(class_accel(s, r, drivers, &npus, &count));
    for (size_t i = 0; i < count; i++) {
        hw_device *d = amd_device(r, npus[i].pci, HW_UNKNOWN);
        if (!d)
            return ACCEL_OUT_OF_MEMORY;
        d->kind = HW_NPU;
        d->driver = "amdxdna";
        const char *name = class_text(s, r, &npus[i], "vbnv");
        d->name = name ? name : d->name;
        vendor_set_text(&d->precisions, "int8 bf16");
        vendor_set_state(d, npus[i].node_here ? HW_NOT_PROBED : HW_HIDDEN,
                         npus[i].node_here ? "no library of its runtime (XRT) is asked"
                                           : arena_printf(r->arena, "%s is missing here", npus[i].node),
                         npus[i].node_here ? "onnxruntime's VitisAI provider drives it"
                                           : "in a container: pass /dev/accel in (--device)");
        const char *firmware = class_text(s, r, &npus[i], "fw_version");
        if (firmware)
            ACCEL_TRY(hw_report_fact(r, d, "firmware", "%s", firmware));
        ACCEL_TRY(
            hw_report_evidence(r, AMD_PROBE, true, npus[i].folder, "amdxdna, %s", d->name ? d->name : "NPU"));
    }
    return ACCEL_OK;
}

/* ---- run ---------------------------------------------------------------------------------------------------------------------------- */

static accel_status read_machine(hw_source *s, const hw_options *options, hw_report *r, machine *m) {
    static const char *const drivers[] = {"amdgpu", NULL};
    bool smi = false;
    m->driver_version = vendor_version_in(r->arena, hw_read(s, "/sys/module/amdgpu/version"));
    ACCEL_TRY(class_drm(s, r, drivers, &m->cards, &m->card_count));
    ACCEL_TRY(hw_report_evidence(r, AMD_PROBE, m->card_count > 0, "/sys/class/drm", "%zu cards of amdgpu",
                                 m->card_count));
    ACCEL_TRY(read_nodes(s, r, m));
    ACCEL_TRY(
        vendor_note_path(s, r, AMD_PROBE, "/dev/kfd", "absent: no program can compute by ROCm", &m->kfd));
    ACCEL_TRY(vendor_note_library(s, options, r, AMD_PROBE, amd_hip.libraries, &m->hip));
    return vendor_note_library(s, options, r, AMD_PROBE, amd_smi.libraries, &smi);
}

static accel_status run(hw_source *s, const hw_options *options, hw_report *r, accel_error *err) {
    (void)err; /* only memory can end it */
    machine m = {0};
    ACCEL_TRY(read_machine(s, options, r, &m));
    for (size_t i = 0; i < m.card_count; i++) {
        ACCEL_TRY(add_card(s, r, &m.cards[i], m.driver_version));
        if (m.cards[i].pci)
            judge_card_alone(&m, hw_report_device(r, m.cards[i].pci), m.cards[i].pci);
    }
    for (size_t i = 0; i < m.node_count; i++) {
        hw_device *d = NULL;
        ACCEL_TRY(add_node(s, r, &m.nodes[i], &d));
        judge(s, r, &m, i, d);
        if (m.hip)
            ACCEL_TRY(hw_report_interface(r, d, "rocm"));
    }
    ACCEL_TRY(add_npus(s, r));
    if (m.card_count + m.node_count > 0)
        return ACCEL_OK;
    return hw_report_evidence(
        r, AMD_PROBE, false, "platform rocm",
        "no GPU of amdgpu: to have it, an AMD GPU that ROCm supports, the kernel's driver amdgpu "
        "with kfd, and ROCm (libamdhip64.so)");
}

static const hw_question *const questions[] = {&amd_smi, &amd_hip, NULL};

const hw_probe probe_amd = {
    .name = AMD_PROBE,
    .priority = 61,
    .summary = "AMD GPUs and NPUs: kfd and amdgpu in /sys, AMD SMI or ROCm SMI, HIP",
    .run = run,
    .questions = questions,
};
