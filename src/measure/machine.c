/* The machine as a record names it: enough to compare results, nothing that tells whose it is. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/thread.h"
#include "measure/measure.h"

static char *read_small(const char *path) {
    char *text = NULL;
    size_t length = 0;
    return file_read(path, 1 << 22, &text, &length, NULL) == ACCEL_OK ? text : NULL;
}

/* The rest of the line that begins with key, without blanks, colons, equals signs and quotes around it. */
static const char *line_value(arena *a, const char *text, const char *key) {
    for (const char *line = text; line && *line;) {
        if (str_starts_with(line, key)) {
            line += strlen(key);
            line += strspn(line, " \t:=\"");
            size_t length = strcspn(line, "\"\n");
            while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
                length--;
            return length > 0 ? arena_strndup(a, line, length) : NULL;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return NULL;
}

static const char *value_in_file(arena *a, const char *path, const char *key) {
    char *text = read_small(path);
    const char *value = line_value(a, text, key);
    mem_free(text);
    return value;
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

static const char *hypervisor(arena *a) {
#if defined(__x86_64__) || defined(__i386__)
    unsigned eax, ebx, ecx, edx;
    char signature[13] = {0};
    const unsigned hypervisor_bit = 1u << 31, hypervisor_leaf = 0x40000000u;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & hypervisor_bit))
        return "none";
    __cpuid(hypervisor_leaf, eax, ebx, ecx, edx);
    memcpy(signature, &ebx, 4);
    memcpy(signature + 4, &ecx, 4);
    memcpy(signature + 8, &edx, 4);
    if (str_equal(signature, "KVMKVMKVM"))
        return "kvm";
    if (str_equal(signature, "Microsoft Hv"))
        return "hyper-v";
    if (str_equal(signature, "VMwareVMware"))
        return "vmware";
    if (str_equal(signature, "XenVMMXenVMM"))
        return "xen";
    for (char *c = signature; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return *signature ? arena_strdup(a, signature) : "unknown";
#else
    return file_exists("/sys/hypervisor/type") ? value_in_file(a, "/sys/hypervisor/type", "") : NULL;
#endif
}

accel_status machine_describe(arena *a, record *r, accel_error *err) {
    struct utsname system;
    r->machine_cpu = value_in_file(a, "/proc/cpuinfo", "model name");
    if (!r->machine_cpu)
        r->machine_cpu = value_in_file(a, "/proc/device-tree/model", "");
    r->machine_cores = thread_cpu_count();
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0)
        r->machine_memory_bytes = (int64_t)pages * page_bytes;
    r->machine_os = value_in_file(a, "/etc/os-release", "PRETTY_NAME");
    if (uname(&system) == 0) {
        if (!r->machine_os)
            r->machine_os = arena_strdup(a, system.sysname);
        r->machine_kernel = arena_strdup(a, system.release);
    }
    r->machine_virtualised = hypervisor(a);
    r->machine_id = machine_id(a, r);
    return r->machine_id ? ACCEL_OK : error_no_memory(err, "the machine's description", 1);
}
