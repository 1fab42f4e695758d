/* The machine as a record names it: enough to compare results, nothing that tells whose it is. */
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "hw/source.h"
#include "measure/measure.h"

static char *read_small(const char *path) {
    char *text = NULL;
    size_t length = 0;
    return file_read(path, 1 << 22, &text, &length, NULL) == ACCEL_OK ? text : NULL;
}

/* Two hashes deep and salted with the project's name: results of one machine belong together, its machine-id stays its own. */
static const char *machine_id(arena *a, const record *r) {
    char hex[SHA256_HEX_BYTES];
    str_buf facts = {0};
    char *id = read_small("/etc/machine-id");
    str_append(&facts, "accel machine 1\n");
    if (id && strlen(id) >= 32)
        str_append(&facts, id);
    else
        str_appendf(&facts, "%s\n%lld", r->machine_cpu ? r->machine_cpu : "",
                    (long long)r->machine_memory_bytes);
    mem_free(id);
    bool ok = !facts.failed && sha256_bytes(facts.data, facts.length, hex, NULL) == ACCEL_OK &&
              sha256_bytes(hex, strlen(hex), hex, NULL) == ACCEL_OK;
    str_free(&facts);
    return ok ? arena_strndup(a, hex, 16) : NULL;
}

static void take_report(arena *a, record *r, const hw_report *hw) {
    r->machine_cpu = arena_strdup(a, hw->cpu.model ? hw->cpu.model : hw->machine);
    r->machine_cores = hw->allowance.usable_threads;
    if (hw->memory.total_bytes != HW_UNKNOWN)
        r->machine_memory_bytes = hw->memory.total_bytes;
    r->machine_os = arena_strdup(a, hw->os ? hw->os : "Linux");
    r->machine_kernel = arena_strdup(a, hw->kernel);
    r->machine_virtualised = arena_strdup(a, hw->cpu.hypervisor);
}

accel_status machine_describe(arena *a, record *r, accel_error *err) {
    hw_source *source = NULL;
    hw_report *hw = NULL;
    accel_status status = hw_source_open(NULL, &source, err);
    if (status == ACCEL_OK)
        status = hw_detect(source, NULL, &hw, err);
    if (status == ACCEL_OK)
        take_report(a, r, hw);
    hw_report_destroy(hw);
    hw_source_close(source);
    if (status != ACCEL_OK)
        return status;
    r->machine_id = machine_id(a, r);
    return r->machine_id ? ACCEL_OK : error_no_memory(err, "the machine's description", 1);
}
