#include "measure/energy.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/library.h"
#include "base/mem.h"

enum { MOST_PACKAGES = 16 };

typedef struct rapl_package {
    char path[128];
    double range_j, last_j, sum_j; /* the counter wraps at range_j */
} rapl_package;

/* NVML's ABI, from its documentation: nvmlReturn_t is an int (0: success), a device is a pointer. */
typedef int (*nvml_init_function)(void);
typedef int (*nvml_handle_function)(unsigned index, void **device);
typedef int (*nvml_energy_function)(void *device, unsigned long long *millijoules);

struct energy_meter {
    rapl_package packages[MOST_PACKAGES];
    size_t package_count;
    nvml_energy_function nvml_energy;
    void *nvml_device;
    double nvml_start_j;
};

/* sysfs files have no size: read through the file layer's bounded read. */
static bool read_micro(const char *folder, const char *name, double *joules) {
    str_buf path = {0};
    char *text = NULL;
    size_t length = 0;
    int64_t value = 0;
    file_join(&path, folder, name);
    bool ok = !path.failed && file_read(str_text(&path), 64, &text, &length, NULL) == ACCEL_OK;
    if (ok && length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
    ok = ok && str_to_i64(text, &value);
    mem_free(text);
    str_free(&path);
    *joules = (double)value * 1e-6;
    return ok;
}

static void open_rapl(energy_meter *m) {
    for (int i = 0; i < MOST_PACKAGES; i++) {
        rapl_package *p = &m->packages[m->package_count];
        str_format(p->path, sizeof p->path, "/sys/class/powercap/intel-rapl:%d", i);
        if (!read_micro(p->path, "energy_uj", &p->last_j) ||
            !read_micro(p->path, "max_energy_range_uj", &p->range_j))
            continue;
        p->sum_j = 0.0;
        m->package_count++;
    }
}

static void open_nvml(energy_meter *m, const engine_device *device) {
    library *nvml = NULL;
    nvml_init_function init = NULL;
    nvml_handle_function handle = NULL;
    nvml_energy_function energy = NULL;
    unsigned long long start = 0;
    const char *colon = device->id ? strrchr(device->id, ':') : NULL;
    int64_t index = 0;
    if (colon && !str_to_i64(colon + 1, &index))
        index = 0;
    if (library_open("libnvidia-ml.so.1", &nvml, NULL) != ACCEL_OK)
        return;
    if (!library_find(nvml, "nvmlInit_v2", &init) ||
        !library_find(nvml, "nvmlDeviceGetHandleByIndex_v2", &handle) ||
        !library_find(nvml, "nvmlDeviceGetTotalEnergyConsumption", &energy))
        return;
    if (init() != 0 || handle((unsigned)index, &m->nvml_device) != 0 || energy(m->nvml_device, &start) != 0)
        return;
    m->nvml_energy = energy;
    m->nvml_start_j = (double)start * 1e-3;
}

energy_meter *energy_open(const engine_device *device) {
    energy_meter *m = mem_calloc(1, sizeof *m);
    if (!m)
        return NULL;
    open_rapl(m);
    if (device->platform == PLATFORM_CUDA)
        open_nvml(m, device);
    if (m->package_count > 0 || m->nvml_energy)
        return m;
    mem_free(m);
    return NULL;
}

double energy_since_open_j(energy_meter *m) {
    double sum = 0.0;
    if (!m)
        return (double)NAN;
    for (size_t i = 0; i < m->package_count; i++) {
        rapl_package *p = &m->packages[i];
        double now;
        if (!read_micro(p->path, "energy_uj", &now))
            return (double)NAN;
        p->sum_j += now >= p->last_j ? now - p->last_j : now + p->range_j - p->last_j;
        p->last_j = now;
        sum += p->sum_j;
    }
    unsigned long long millijoules = 0;
    if (m->nvml_energy && m->nvml_energy(m->nvml_device, &millijoules) == 0)
        sum += (double)millijoules * 1e-3 - m->nvml_start_j;
    return sum;
}

void energy_close(energy_meter *m) {
    mem_free(m);
}
