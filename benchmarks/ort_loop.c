/* The shortest honest loop around ONNX Runtime: what accel's figures of that runtime are compared with (harness_truth.sh).
 *   ort_loop LIBRARY MODEL THREADS SECONDS BATCH SEQUENCE   a free first dim is BATCH, any other free dim SEQUENCE.
 * Prints: median_ms mean_ms runs. Every input element is 1. */
#include <dlfcn.h>
#include <onnxruntime_c_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_VALUES = 16, MAX_RUNS = 1 << 22, MAX_RANK = 8 };
#define CHECK(call)                                                                                          \
    do {                                                                                                     \
        OrtStatus *status_ = (call);                                                                         \
        if (status_)                                                                                         \
            return fprintf(stderr, "%s\n", ort->GetErrorMessage(status_)), 1;                                \
    } while (0)

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void set_ones(void *data, size_t count, ONNXTensorElementDataType type) {
    for (size_t i = 0; i < count; i++) {
        if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64)
            ((int64_t *)data)[i] = 1;
        else
            ((float *)data)[i] = 1;
    }
}

int main(int argc, char **argv) {
    if (argc < 6)
        return fprintf(stderr, "usage: ort_loop LIBRARY MODEL THREADS SECONDS DIM...\n"), 2;
    static double seconds[MAX_RUNS];
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library)
        return fprintf(stderr, "%s\n", dlerror()), 1;
    const OrtApiBase *(*base)(void);
    *(void **)&base = dlsym(library, "OrtGetApiBase");
    const OrtApi *ort = base()->GetApi(17);
    OrtEnv *env;
    OrtSessionOptions *options;
    OrtSession *session;
    OrtAllocator *allocator;
    OrtIoBinding *binding;
    OrtMemoryInfo *host;
    size_t inputs, outputs;
    CHECK(ort->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "loop", &env));
    CHECK(ort->CreateSessionOptions(&options));
    CHECK(ort->SetIntraOpNumThreads(options, atoi(argv[3])));
    CHECK(ort->CreateSession(env, argv[2], options, &session));
    CHECK(ort->GetAllocatorWithDefaultOptions(&allocator));
    CHECK(ort->CreateIoBinding(session, &binding));
    CHECK(ort->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &host));
    CHECK(ort->SessionGetInputCount(session, &inputs));
    CHECK(ort->SessionGetOutputCount(session, &outputs));
    for (size_t i = 0; i < inputs; i++) {
        OrtTypeInfo *type;
        const OrtTensorTypeAndShapeInfo *info;
        ONNXTensorElementDataType element;
        OrtValue *value;
        char *name;
        void *data;
        int64_t dims[MAX_RANK];
        size_t rank, count = 1;
        CHECK(ort->SessionGetInputName(session, i, allocator, &name));
        CHECK(ort->SessionGetInputTypeInfo(session, i, &type));
        CHECK(ort->CastTypeInfoToTensorInfo(type, &info));
        CHECK(ort->GetTensorElementType(info, &element));
        CHECK(ort->GetDimensionsCount(info, &rank));
        CHECK(ort->GetDimensions(info, dims, rank));
        for (size_t d = 0; d < rank; count *= (size_t)dims[d++]) {
            if (dims[d] < 0)
                dims[d] = atoll(argv[d == 0 ? 5 : 6]);
        }
        CHECK(ort->CreateTensorAsOrtValue(allocator, dims, rank, element, &value));
        CHECK(ort->GetTensorMutableData(value, &data));
        set_ones(data, count, element);
        CHECK(ort->BindInput(binding, name, value));
    }
    for (size_t i = 0; i < outputs; i++) {
        char *name;
        CHECK(ort->SessionGetOutputName(session, i, allocator, &name));
        CHECK(ort->BindOutputToDevice(binding, name, host));
    }
    size_t runs = 0;
    double sum = 0, begin = now(), warm = 0.3;
    for (double t = begin; t - begin < warm + atof(argv[4]) && runs < MAX_RUNS;) {
        double start = now();
        CHECK(ort->RunWithBinding(session, NULL, binding));
        t = now();
        if (t - begin > warm)
            sum += seconds[runs++] = t - start;
    }
    qsort(seconds, runs, sizeof *seconds, ascending);
    printf("%.6f %.6f %zu\n", seconds[runs / 2] * 1e3, sum / (double)runs * 1e3, runs);
    return 0;
}
