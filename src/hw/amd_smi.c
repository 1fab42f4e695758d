/* What AMD SMI (libamd_smi.so) says, or its predecessor ROCm SMI (librocm_smi64.so): every GPU of the driver amdgpu, also those that HIP
 * hides from this process. The declarations are ours, from both libraries' API references; every function returns 0 or an error number. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "hw/amd.h"

#define AMD_SMI_NAMES                                                                                        \
    "libamd_smi.so", "libamd_smi.so.26", "libamd_smi.so.25", "libamd_smi.so.24", "/opt/rocm/lib/libamd_smi.so"
#define ROCM_SMI_NAMES                                                                                       \
    "librocm_smi64.so", "librocm_smi64.so.7", "librocm_smi64.so.1", "/opt/rocm/lib/librocm_smi64.so"

enum { MOST_SOCKETS = 64, MOST_GPUS = 256 };
enum { SMI_INIT_GPUS = 1 << 1, SMI_NOT_SUPPORTED = 2, SMI_NO_PERMISSION = 10, SMI_DRIVER_NOT_LOADED = 34 };
enum { ROCM_NOT_SUPPORTED = 2, ROCM_PERMISSION = 4, ROCM_INIT_ERROR = 8 };
enum { VRAM = 0 }; /* of both libraries' kinds of memory */

typedef struct smi_version { /* the first three numbers alike in all: year and major, or major and minor, … */
    uint32_t first, second, third, fourth;
    const char *build;
    uint32_t reserved[8];
} smi_version;

/* amdsmi_asic_info_t and amdsmi_power_cap_info_t differ from version to version; the one field read of each has always been the first. */
typedef struct smi_asic {
    char market_name[256];
    char later[1024];
} smi_asic;
typedef struct smi_power_cap {
    uint64_t microwatts;
    uint64_t later[15];
} smi_power_cap;

typedef struct smi_api {
    library *library;
    const char *name;
    int (*init)(uint64_t flags);
    int (*shut_down)(void);
    int (*status_string)(int error, const char **text);
    int (*lib_version)(smi_version *version);
    int (*sockets)(uint32_t *count, void **sockets);
    int (*processors)(void *socket, uint32_t *count, void **processors);
    int (*bdf)(void *gpu, uint64_t *bdf);
    int (*uuid)(void *gpu, unsigned *length, char *uuid);
    int (*asic)(void *gpu, smi_asic *asic);
    int (*memory_total)(void *gpu, int kind, uint64_t *bytes);
    int (*memory_used)(void *gpu, int kind, uint64_t *bytes);
    int (*power_cap)(void *gpu, uint32_t sensor, smi_power_cap *cap);
} smi_api;

#define TAKE(field, name) {offsetof(smi_api, field), name, NULL}
static const vendor_symbol smi_symbols[] = {
    TAKE(init, "amdsmi_init"),
    TAKE(shut_down, "amdsmi_shut_down"),
    TAKE(status_string, "amdsmi_status_code_to_string"),
    TAKE(lib_version, "amdsmi_get_lib_version"),
    TAKE(sockets, "amdsmi_get_socket_handles"),
    TAKE(processors, "amdsmi_get_processor_handles"),
    TAKE(bdf, "amdsmi_get_gpu_device_bdf"),
    TAKE(uuid, "amdsmi_get_gpu_device_uuid"),
    TAKE(asic, "amdsmi_get_gpu_asic_info"),
    TAKE(memory_total, "amdsmi_get_gpu_memory_total"),
    TAKE(memory_used, "amdsmi_get_gpu_memory_usage"),
    TAKE(power_cap, "amdsmi_get_power_cap_info"),
};
#undef TAKE

typedef struct rocm_api {
    library *library;
    const char *name;
    int (*init)(uint64_t flags);
    int (*shut_down)(void);
    int (*status_string)(int error, const char **text);
    int (*lib_version)(smi_version *version); /* major, minor, patch */
    int (*count)(uint32_t *count);
    int (*device_name)(uint32_t index, char *text, size_t size);
    int (*bdf)(uint32_t index, uint64_t *bdf);
    int (*unique_id)(uint32_t index, uint64_t *id);
    int (*memory_total)(uint32_t index, int kind, uint64_t *bytes);
    int (*memory_used)(uint32_t index, int kind, uint64_t *bytes);
    int (*power_cap)(uint32_t index, uint32_t sensor, uint64_t *microwatts);
} rocm_api;

#define TAKE(field, name) {offsetof(rocm_api, field), name, NULL}
static const vendor_symbol rocm_symbols[] = {
    TAKE(init, "rsmi_init"),
    TAKE(shut_down, "rsmi_shut_down"),
    TAKE(status_string, "rsmi_status_string"),
    TAKE(lib_version, "rsmi_version_get"),
    TAKE(count, "rsmi_num_monitor_devices"),
    TAKE(device_name, "rsmi_dev_name_get"),
    TAKE(bdf, "rsmi_dev_pci_id_get"),
    TAKE(unique_id, "rsmi_dev_unique_id_get"),
    TAKE(memory_total, "rsmi_dev_memory_total_get"),
    TAKE(memory_used, "rsmi_dev_memory_usage_get"),
    TAKE(power_cap, "rsmi_dev_power_cap_get"),
};
#undef TAKE

/* ---- what both need -------------------------------------------------------------------------------------------------------------- */

static const char *words(int (*status_string)(int, const char **), const char *library_name, arena *a,
                         int error) {
    const char *said = NULL;
    if (status_string)
        (void)status_string(error, &said);
    const char *text = said ? vendor_text(a, said, 256) : NULL;
    return arena_printf(a, "%s error %d%s%s", library_name, error, text ? ": " : "", text ? text : "");
}

static const char *remedy_of(bool permission, bool driver) {
    return permission ? "add the user to the groups render and video"
           : driver   ? "load the kernel's driver (modprobe amdgpu)"
                      : "see what amd-smi or rocm-smi says";
}

static void set_memory(hw_device *d, uint64_t total, bool has_used, uint64_t used) {
    if (total == 0 || total > INT64_MAX)
        return;
    d->memory_bytes = (int64_t)total;
    d->memory_free_bytes = has_used && used <= total ? (int64_t)(total - used) : HW_UNKNOWN;
}

static accel_status note_version(hw_report *r, const char *name, int (*get)(smi_version *), size_t count,
                                 const char *missing) {
    smi_version v = {0};
    bool known = get && get(&v) == 0;
    const char *text =
        known ? arena_printf(r->arena, "version %u.%u.%u", v.first, v.second, v.third) : "of unknown version";
    return hw_report_evidence(r, AMD_PROBE, count > 0, name, "%s, %zu GPU%s%s%s", text ? text : "", count,
                              count == 1 ? "" : "s", missing ? "; an old library without " : "",
                              missing ? missing : "");
}

/* bdf: the lower 16 bits have bus, device and function. A GPU that no file has judged awaits HIP's word. */
static hw_device *add_gpu(hw_report *r, uint64_t domain, uint64_t bdf, uint64_t function) {
    hw_device *d = amd_device_at(r, domain, bdf >> 8 & 0xff, bdf >> 3 & 0x1f, function);
    if (d && d->state == HW_NOT_PROBED)
        vendor_await(r, d, "ROCm's library");
    return d;
}

/* ---- AMD SMI ----------------------------------------------------------------------------------------------------------------------- */

static accel_status smi_gpu(const smi_api *m, hw_report *r, void *gpu) {
    uint64_t bdf = 0, total = 0, used = 0;
    smi_asic asic = {{0}, {0}};
    smi_power_cap cap = {0, {0}};
    char uuid[64] = "";
    unsigned length = sizeof uuid;
    int error = m->bdf ? m->bdf(gpu, &bdf) : SMI_NOT_SUPPORTED;
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, m->name, "the address of a GPU: %s",
                                  words(m->status_string, "AMD SMI", r->arena, error));
    hw_device *d = add_gpu(r, bdf >> 16, bdf, bdf & 7);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    if (m->asic && (error = m->asic(gpu, &asic)) == 0)
        vendor_set_text(&d->name, vendor_text(r->arena, asic.market_name, sizeof asic.market_name));
    if (error != 0 && error != SMI_NOT_SUPPORTED)
        ACCEL_TRY(hw_report_evidence(r, AMD_PROBE, false, m->name, "the name of GPU %s: %s", d->pci,
                                     words(m->status_string, "AMD SMI", r->arena, error)));
    if (m->uuid && m->uuid(gpu, &length, uuid) == 0) {
        const char *text = vendor_text(r->arena, uuid, sizeof uuid);
        if (text)
            ACCEL_TRY(hw_report_fact(r, d, "uuid", "%s", text)); /* not what ROCR_VISIBLE_DEVICES takes */
    }
    bool has_used = m->memory_used && m->memory_used(gpu, VRAM, &used) == 0;
    if (m->memory_total && m->memory_total(gpu, VRAM, &total) == 0)
        set_memory(d, total, has_used, used);
    if (m->power_cap && m->power_cap(gpu, 0, &cap) == 0 && cap.microwatts > 0)
        vendor_set_figure(&d->power_limit_mw, (int64_t)(cap.microwatts / 1000));
    return ACCEL_OK;
}

/* A first call tells the number, a second one fills the array. */
static accel_status smi_socket(const smi_api *m, hw_report *r, void *socket, size_t *count) {
    void *gpus[MOST_GPUS] = {NULL};
    uint32_t n = 0;
    int error = m->processors(socket, &n, NULL);
    n = n < MOST_GPUS ? n : MOST_GPUS;
    if (error == 0 && n > 0)
        error = m->processors(socket, &n, gpus);
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, m->name, "the GPUs of a socket: %s",
                                  words(m->status_string, "AMD SMI", r->arena, error));
    for (uint32_t i = 0; i < n && i < MOST_GPUS; i++)
        ACCEL_TRY(smi_gpu(m, r, gpus[i]));
    *count += n;
    return ACCEL_OK;
}

static accel_status smi_all(const smi_api *m, hw_report *r, const char *missing) {
    void *sockets[MOST_SOCKETS] = {NULL};
    uint32_t n = 0;
    size_t count = 0;
    int error = m->sockets(&n, NULL);
    n = n < MOST_SOCKETS ? n : MOST_SOCKETS;
    if (error == 0 && n > 0)
        error = m->sockets(&n, sockets);
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, m->name, "the list of sockets: %s",
                                  words(m->status_string, "AMD SMI", r->arena, error));
    for (uint32_t i = 0; i < n && i < MOST_SOCKETS; i++)
        ACCEL_TRY(smi_socket(m, r, sockets[i], &count));
    return note_version(r, m->name, m->lib_version, count, missing);
}

static accel_status ask_amd_smi(hw_report *r, bool *answered) {
    static const char *const names[] = {AMD_SMI_NAMES, NULL};
    smi_api m = {0};
    ACCEL_TRY(vendor_open(r, AMD_PROBE, names, &m.library, &m.name));
    if (!m.library)
        return ACCEL_OK;
    const char *missing =
        vendor_bind(m.library, smi_symbols, sizeof smi_symbols / sizeof smi_symbols[0], &m, r->arena);
    if (!m.init || !m.sockets || !m.processors)
        return hw_report_evidence(r, AMD_PROBE, false, m.name, "is no AMD SMI that lists GPUs: it lacks %s",
                                  missing);
    int error = m.init(SMI_INIT_GPUS);
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, m.name, "%s; %s",
                                  words(m.status_string, "AMD SMI", r->arena, error),
                                  remedy_of(error == SMI_NO_PERMISSION, error == SMI_DRIVER_NOT_LOADED));
    *answered = true;
    accel_status status = smi_all(&m, r, missing);
    if (m.shut_down)
        (void)m.shut_down();
    return status;
}

/* ---- ROCm SMI ---------------------------------------------------------------------------------------------------------------------- */

static accel_status rocm_gpu(const rocm_api *m, hw_report *r, uint32_t index) {
    uint64_t bdf = 0, id = 0, total = 0, used = 0, cap = 0;
    char name[256] = "";
    int error = m->bdf ? m->bdf(index, &bdf) : ROCM_NOT_SUPPORTED;
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, m->name, "the address of GPU %u: %s", index,
                                  words(m->status_string, "ROCm SMI", r->arena, error));
    hw_device *d = add_gpu(r, bdf >> 32, bdf, bdf & 7 ? bdf & 7 : bdf >> 28 & 0xf);
    if (!d)
        return ACCEL_OUT_OF_MEMORY;
    if (m->device_name && (error = m->device_name(index, name, sizeof name)) == 0)
        vendor_set_text(&d->name, vendor_text(r->arena, name, sizeof name));
    if (error != 0 && error != ROCM_NOT_SUPPORTED)
        ACCEL_TRY(hw_report_evidence(r, AMD_PROBE, false, m->name, "the name of GPU %u: %s", index,
                                     words(m->status_string, "ROCm SMI", r->arena, error)));
    if (m->unique_id && m->unique_id(index, &id) == 0 && id != 0)
        vendor_set_text(&d->id, arena_printf(r->arena, "GPU-%016llx", (unsigned long long)id));
    bool has_used = m->memory_used && m->memory_used(index, VRAM, &used) == 0;
    if (m->memory_total && m->memory_total(index, VRAM, &total) == 0)
        set_memory(d, total, has_used, used);
    if (m->power_cap && m->power_cap(index, 0, &cap) == 0 && cap > 0 && cap <= INT64_MAX)
        vendor_set_figure(&d->power_limit_mw, (int64_t)(cap / 1000));
    return ACCEL_OK;
}

static accel_status rocm_all(const rocm_api *m, hw_report *r, const char *missing) {
    uint32_t n = 0;
    int error = m->count(&n);
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, m->name, "the number of GPUs: %s",
                                  words(m->status_string, "ROCm SMI", r->arena, error));
    for (uint32_t i = 0; i < n && i < MOST_GPUS; i++)
        ACCEL_TRY(rocm_gpu(m, r, i));
    return note_version(r, m->name, m->lib_version, n, missing);
}

static accel_status ask_rocm_smi(hw_report *r) {
    static const char *const names[] = {ROCM_SMI_NAMES, NULL};
    rocm_api m = {0};
    ACCEL_TRY(vendor_open(r, AMD_PROBE, names, &m.library, &m.name));
    if (!m.library)
        return ACCEL_OK;
    const char *missing =
        vendor_bind(m.library, rocm_symbols, sizeof rocm_symbols / sizeof rocm_symbols[0], &m, r->arena);
    if (!m.init || !m.count)
        return hw_report_evidence(r, AMD_PROBE, false, m.name, "is no ROCm SMI that lists GPUs: it lacks %s",
                                  missing);
    int error = m.init(0);
    if (error != 0)
        return hw_report_evidence(r, AMD_PROBE, false, m.name, "%s; %s",
                                  words(m.status_string, "ROCm SMI", r->arena, error),
                                  remedy_of(error == ROCM_PERMISSION, error == ROCM_INIT_ERROR));
    accel_status status = rocm_all(&m, r, missing);
    if (m.shut_down)
        (void)m.shut_down();
    return status;
}

/* The commonest fault of a fresh ROCm: the device file is there and the user is not in its group. */
static accel_status ask_permission(hw_report *r) {
    if (access("/dev/kfd", R_OK | W_OK) == 0)
        return hw_report_evidence(r, AMD_PROBE, true, "/dev/kfd", "may be read and written");
    if (errno == ENOENT)
        return ACCEL_OK; /* as `run` says */
    return hw_report_evidence(r, AMD_PROBE, false, "/dev/kfd", "refused: %s",
                              errno == EACCES ? "permission denied; add the user to the group render"
                                              : strerror(errno));
}

static accel_status ask(hw_report *r, accel_error *err) {
    bool answered = false;
    (void)err; /* only memory can end it */
    ACCEL_TRY(ask_permission(r));
    ACCEL_TRY(ask_amd_smi(r, &answered));
    return answered ? ACCEL_OK : ask_rocm_smi(r);
}

static const char *const names[] = {AMD_SMI_NAMES, ROCM_SMI_NAMES, NULL};
const hw_question amd_smi = {.name = "amd_smi", .libraries = names, .ask = ask};
