/* How fast a GPU of CUDA copies to and from the host: the PCIe link's, or NVLink's to the processor, as a program meets it. The declarations are ours,
 * from NVIDIA's CUDA Driver API reference. */
#include "hw/copy.h"
#include "hw/nvml.h"

enum { MOST_DEVICES = 64 };

typedef struct copy_api {
    int (*retain)(void **context, int device);
    int (*release)(int device);
    int (*use)(void *context);
    int (*host_alloc)(void **host, size_t bytes, unsigned flags);
    int (*host_free)(void *host);
    int (*alloc)(uint64_t *memory, size_t bytes);
    int (*free)(uint64_t memory);
    int (*to)(uint64_t memory, const void *host, size_t bytes);
    int (*from)(void *host, uint64_t memory, size_t bytes);
} copy_api;

#define TAKE(field, name) {offsetof(copy_api, field), name, NULL}
static const vendor_symbol symbols[] = {
    TAKE(retain, "cuDevicePrimaryCtxRetain"),
    TAKE(release, "cuDevicePrimaryCtxRelease_v2"),
    TAKE(use, "cuCtxSetCurrent"),
    TAKE(host_alloc, "cuMemHostAlloc"),
    TAKE(host_free, "cuMemFreeHost"),
    TAKE(alloc, "cuMemAlloc_v2"),
    TAKE(free, "cuMemFree_v2"),
    TAKE(to, "cuMemcpyHtoD_v2"),
    TAKE(from, "cuMemcpyDtoH_v2"),
};
#undef TAKE

typedef struct copying {
    const copy_api *api;
    void *host;
    uint64_t memory;
} copying;

static int copy_to(void *context) {
    const copying *c = context;
    return c->api->to(c->memory, c->host, COPY_BYTES);
}

static int copy_from(void *context) {
    const copying *c = context;
    return c->api->from(c->host, c->memory, COPY_BYTES);
}

/* In the device's context. The error number. */
static int measure(const copy_api *api, hw_device *d) {
    copying c = {api, NULL, 0};
    int error = api->host_alloc(&c.host, COPY_BYTES, 0);
    if (error == 0 && (error = api->alloc(&c.memory, COPY_BYTES)) == 0) {
        d->copy_to_mb_per_s = copy_mb_per_s(copy_to, &c, &error);
        if (error == 0)
            d->copy_from_mb_per_s = copy_mb_per_s(copy_from, &c, &error);
        (void)api->free(c.memory);
    }
    if (c.host)
        (void)api->host_free(c.host);
    return error;
}

static accel_status ask_device(const cuda_api *c, const copy_api *api, hw_report *r, int ordinal) {
    void *context = NULL;
    int device = 0, error = c->device(&device, ordinal);
    hw_device *d = error == 0 ? nvidia_cuda_device(c, r, device) : NULL;
    if (error == 0 && !d)
        return ACCEL_OUT_OF_MEMORY;
    if (error == 0 && (error = api->retain(&context, device)) == 0) {
        error = api->use(context);
        error = error == 0 ? measure(api, d) : error;
        (void)api->release(device);
    }
    return error == 0 ? ACCEL_OK
                      : hw_report_evidence(r, NVIDIA_PROBE, false, c->name, "copies with device %d: %s",
                                           ordinal, nvidia_cuda_words(c, r->arena, error));
}

static accel_status ask(hw_report *r, accel_error *err) {
    cuda_api c = {0};
    copy_api api = {0};
    const char *lacks = NULL;
    int count = 0;
    (void)err; /* only memory can end it */
    ACCEL_TRY(nvidia_open_cuda(r, &c, &lacks));
    if (!c.library)
        return ACCEL_OK;
    const char *missing = vendor_bind(c.library, symbols, sizeof symbols / sizeof symbols[0], &api, r->arena);
    if (missing || !c.init || !c.count || !c.device)
        return hw_report_evidence(r, NVIDIA_PROBE, false, c.name, "copies are not measured: it lacks %s",
                                  missing ? missing : lacks);
    int error = c.init(0);
    error = error == 0 ? c.count(&count) : error;
    if (error != 0)
        return hw_report_evidence(r, NVIDIA_PROBE, false, c.name, "copies are not measured: %s",
                                  nvidia_cuda_words(&c, r->arena, error));
    for (int i = 0; i < count && i < MOST_DEVICES; i++)
        ACCEL_TRY(ask_device(&c, &api, r, i));
    return ACCEL_OK;
}

static const char *const names[] = {"libcuda.so.1", NULL};
const hw_question nvidia_copy = {.name = "cuda_copy", .libraries = names, .ask = ask, .measures = true};
