/* llama-bench of llama.cpp, -o json, jsonl and csv. A row is a test: processing a prompt of n_prompt tokens, writing n_gen tokens one by one, or
 * both. Its times are of the whole test. */
#include "import/foreign/foreign.h"

#include <math.h>
#include <string.h>

#include "import/times.h"

/* ---- what it ran on --------------------------------------------------------------------------------------------------- */

typedef struct renaming {
    const char *theirs, *ours; /* NULL: has no name here */
} renaming;

/* "CUDA", "Metal,BLAS": the device's backend goes before the processor's libraries. NULL: none of ours, or two devices at once. */
static const char *platform_of(const char *backends, int64_t gpu_layers, bool *unknown) {
    static const renaming known[] = {{"CUDA", "cuda"},    {"ROCm", "rocm"}, {"HIP", "rocm"},
                                     {"Metal", "mps"},    {"MTL", "mps"},   {"Vulkan", "vulkan"},
                                     {"WebGPU", "webgpu"}};
    static const char *const of_processor[] = {"CPU", "BLAS", "Accelerate", "RPC"};
    const char *device = NULL;
    size_t devices = 0;
    *unknown = false;
    for (const char *at = backends; *at != '\0';) {
        size_t length = strcspn(at, ",+ ");
        bool is_processor = length == 0;
        for (size_t i = 0; i < sizeof of_processor / sizeof *of_processor; i++)
            is_processor |= strlen(of_processor[i]) == length && memcmp(of_processor[i], at, length) == 0;
        if (!is_processor) {
            const char *platform = NULL;
            for (size_t i = 0; i < sizeof known / sizeof *known; i++)
                if (strlen(known[i].theirs) == length && memcmp(known[i].theirs, at, length) == 0)
                    platform = known[i].ours;
            *unknown |= platform == NULL;
            devices++;
            device = platform;
        }
        at += length;
        at += strspn(at, ",+ ");
    }
    if (devices == 0 || (gpu_layers == 0 && !*unknown))
        return "cpu";
    return devices == 1 ? device : NULL;
}

/* Older versions have a flag a backend instead of a list. */
static const char *platform_of_flags(yyjson_val *row, int64_t gpu_layers) {
    static const renaming flags[] = {{"cuda", "cuda"}, {"metal", "mps"}, {"vulkan", "vulkan"},
                                     {"opencl", NULL}, {"sycl", NULL},   {"kompute", NULL}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        yyjson_val *v = yyjson_obj_get(row, flags[i].theirs);
        int on = 0;
        int64_t number = 0;
        if (value_count(v, &number))
            on = number == 1;
        else
            (void)value_flag(v, &on);
        if (on)
            return flags[i].ours != NULL && gpu_layers == 0 ? "cpu" : flags[i].ours;
    }
    return yyjson_obj_get(row, "cuda") != NULL ? "cpu" : NULL;
}

static void set_device(import_context *c, value_reader *r, record *row) {
    const char *backends = json_text(value_any(r->object, "backends"));
    int64_t layers = RECORD_NONE;
    bool unknown = false;
    (void)value_count(value_any(r->object, "n_gpu_layers"), &layers);
    row->platform =
        backends != NULL ? platform_of(backends, layers, &unknown) : platform_of_flags(r->object, layers);
    if (row->platform == NULL)
        return;
    bool cpu = str_equal(row->platform, "cpu");
    row->device_name = value_text(c, value_any(r->object, cpu ? "cpu_info" : "gpu_info"));
    row->machine_cpu = value_take_text(r, "cpu_info");
    if (cpu && backends != NULL && layers == 0 && !str_equal(backends, "CPU") && !str_equal(backends, "BLAS"))
        row->warnings =
            "n_gpu_layers is 0: the weights were on the processor, but a build for a device may have used it for large products";
}

/* ---- what it ran ------------------------------------------------------------------------------------------------------- */

/* "llama 7B Q4_0", "qwen2 1.5B Q4_K - Medium", "gpt2 0.1B all F32 (guessed)": class, size, format of the weights. Only unquantised formats are surely what was
 * computed in; others stay by their name. */
static const char *format_of(import_context *c, const char *type) {
    static const renaming formats[] = {{"F32", "fp32"}, {"F16", "fp16"}, {"BF16", "bf16"}};
    static const char *const fillers[] = {"all ", "mostly "};
    for (int word = 0; word < 2; word++) {
        type += strcspn(type, " ");
        type += strspn(type, " ");
    }
    for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++)
        if (str_starts_with(type, fillers[i]))
            type += strlen(fillers[i]);
    size_t length = strcspn(type, "(");
    while (length > 0 && type[length - 1] == ' ')
        length--;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strlen(formats[i].theirs) == length && memcmp(formats[i].theirs, type, length) == 0)
            return formats[i].ours;
    return length > 0 ? arena_strndup(c->arena, type, length) : NULL;
}

static void set_model(import_context *c, value_reader *r, record *row) {
    const char *file = value_text(c, value_any(r->object, "model_filename"));
    const char *type = value_text(c, value_any(r->object, "model_type"));
    row->model_source = file != NULL ? "file" : NULL;
    row->model_modality = "text";
    row->model_parameters = value_take_count(r, "model_n_params");
    row->model_weight_bytes = value_take_count(r, "model_size");
    if (file != NULL) {
        for (const char *at = file; *at != '\0'; at++) /* Windows, too */
            if (*at == '/' || *at == '\\')
                file = at + 1;
        row->model_name = file;
    }
    if (type == NULL)
        return;
    if (row->model_name == NULL)
        row->model_name = type;
    row->model_family = arena_strndup(c->arena, type, strcspn(type, " "));
    row->precision_asked = row->precision_ran = format_of(c, type);
}

/* A series is one configuration: settings that llama-bench is used to sweep tell tests apart as shapes do. */
static void set_shapes(import_context *c, value_reader *r, record *row) {
    static const char *const settings[] = {"n_prompt",   "n_gen",         "n_depth",    "n_batch",
                                           "n_ubatch",   "type_k",        "type_v",     "n_gpu_layers",
                                           "split_mode", "main_gpu",      "flash_attn", "tensor_split",
                                           "use_mmap",   "no_kv_offload", "embeddings"};
    str_buf json = {0};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        yyjson_val *v = yyjson_obj_get(r->object, settings[i]);
        if (v == NULL || yyjson_is_null(v))
            continue;
        value_used(r, v);
        str_appendf(&json, "%s\"%s\":", json.length > 0 ? "," : "{", settings[i]);
        const char *text = value_json(c, v);
        str_append(&json, text != NULL ? text : "null");
    }
    str_append_char(&json, '}');
    row->shapes = json.length > 1 && !json.failed ? arena_strdup(c->arena, json.data) : NULL;
    str_free(&json);
}

/* avg_ts is the mean of the repetitions' rates, so near to what the mean time gives; a unit that is wrong is 1000 off. */
static accel_status check_rate(const record *row, double ns, double tokens, accel_error *err) {
    double rate = tokens / ns * 1e9;
    if (isnan(row->tokens_per_s) || (row->tokens_per_s < 2 * rate && row->tokens_per_s > rate / 2))
        return ACCEL_OK;
    return error_set(err, ACCEL_BAD_FILE,
                     "%.80s: %.6g tokens in %.6g ns are not avg_ts = %.6g tokens per second", row->model_name,
                     tokens, ns, row->tokens_per_s);
}

/* A step of decoding is one token: the times of a whole test divided by its tokens, without samples, since those are no single steps. */
static accel_status set_figures(import_context *c, value_reader *r, record *row, accel_error *err) {
    int64_t prompt = value_take_count(r, "n_prompt"), generated = value_take_count(r, "n_gen"),
            depth = value_take_count(r, "n_depth");
    double ns = value_take_number(r, "avg_ns"), deviation = value_take_number(r, "stddev_ns");
    double tokens = (double)(prompt > 0 ? prompt : 0) + (double)(generated > 0 ? generated : 0);
    row->tokens_per_s = value_take_number(r, "avg_ts");
    row->mode = generated > 0 ? (prompt > 0 ? "inference" : "decode") : "prefill";
    row->scenario = "single-stream";
    row->batch = 1;
    if (str_equal(row->mode, "prefill"))
        row->sequence = prompt;
    else if (depth > 0)
        row->sequence = depth;
    ACCEL_TRY(check_rate(row, ns, tokens, err));
    bool decode = str_equal(row->mode, "decode");
    double ms = decode ? 1e-6 / tokens : 1e-6;
    row->latency_mean_ms = ns * ms;
    if (decode) {
        value_unused(r, value_any(r->object, "stddev_ns"));
        return ACCEL_OK;
    }
    ACCEL_TRY(foreign_samples(c, value_any(r->object, "samples_ns"), 1, row, err));
    if (row->samples_ns_count > 0)
        (void)value_take(r, "samples_ns");
    row->latency_std_ms = row->samples_ns_count == 0 ? deviation * ms : (double)NAN;
    return ACCEL_OK;
}

static bool is_usable(import_context *c, yyjson_val *object, const record *row) {
    double ns = (double)NAN;
    int64_t prompt = 0, generated = 0;
    (void)value_number(value_any(object, "avg_ns"), &ns);
    (void)value_count(value_any(object, "n_prompt"), &prompt);
    (void)value_count(value_any(object, "n_gen"), &generated);
    const char *name = row->model_name != NULL ? row->model_name : "a test";
    if (!(ns > 0))
        import_note(c, "%.80s: avg_ns is no time above 0", name);
    else if (prompt + generated == 0)
        import_note(c, "%.80s: neither n_prompt nor n_gen says what it did", name);
    return ns > 0 && prompt + generated > 0;
}

static accel_status add(import_context *c, yyjson_val *object, import_rows *rows, accel_error *err) {
    value_reader r = value_reader_of(c, object);
    record about;
    record_init(&about);
    set_model(c, &r, &about);
    set_device(c, &r, &about);
    if (!foreign_about(c, &about) || !is_usable(c, object, &about))
        return ACCEL_OK;
    about.provenance = "imported";
    about.is_simulated = 0;
    about.engine_name = "llama.cpp";
    const char *commit = value_text(c, value_any(object, "build_commit"));
    int64_t build = value_take_count(&r, "build_number");
    if (commit != NULL)
        about.engine_version =
            build > 0 ? arena_printf(c->arena, "b%lld %s", (long long)build, commit) : commit;
    about.threads = value_take_count(&r, "n_threads");
    ACCEL_TRY(set_figures(c, &r, &about, err));
    set_shapes(c, &r, &about);
    about.started_at = times_utc(c, value_any(object, "test_time"));
    record *row = import_add_record(rows);
    *row = about;
    return foreign_finish(c, row, value_rest(&r), err);
}

static accel_status read(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    size_t i, n;
    yyjson_val *object;
    if (yyjson_is_obj(root))
        return add(c, root, rows, err);
    yyjson_arr_foreach(root, i, n, object) ACCEL_TRY(add(c, object, rows, err));
    if (n == 0)
        c->skip = "it holds no test";
    return ACCEL_OK;
}

static bool is_test(yyjson_val *v) {
    return yyjson_is_obj(v) && yyjson_obj_get(v, "build_commit") != NULL &&
           yyjson_obj_get(v, "avg_ns") != NULL && yyjson_obj_get(v, "model_type") != NULL;
}

static bool matches(yyjson_val *root) {
    return is_test(root) || (yyjson_is_arr(root) && is_test(yyjson_arr_get_first(root)));
}

const import_shape shape_llama_bench = {"llama-bench", "performance", matches, read};

/* ---- as CSV, and one object a line ------------------------------------------------------------------------------------- */

static bool matches_csv(const char *bytes, size_t length) {
    return foreign_columns(bytes, length, "build_commit|model_type|n_prompt|n_gen|avg_ns|avg_ts");
}

static accel_status read_csv(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    ACCEL_TRY(foreign_table(c, TABLE_CSV, err));
    return read(c, c->root, rows, err);
}

const import_text_shape shape_llama_bench_csv = {{"llama-bench CSV", "performance", NULL, read_csv},
                                                 matches_csv};

/* More than one line, the first an object that says it is llama-bench's. */
static bool matches_lines(const char *bytes, size_t length) {
    static const char begin[] = "{\"build_commit\"";
    const char *end = length > 0 ? memchr(bytes, '\n', length) : NULL;
    if (end == NULL || length < sizeof begin || memcmp(bytes, begin, sizeof begin - 1) != 0)
        return false;
    size_t rest = length - (size_t)(end - bytes) - 1;
    return rest > 0 && end[1] == '{';
}

static accel_status read_lines(import_context *c, yyjson_val *root, import_rows *rows, accel_error *err) {
    (void)root;
    str_buf all = {0};
    const char *at = c->bytes, *end = c->bytes + c->length;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop != NULL ? stop : end) - at);
        if (length > 1 || (length == 1 && *at != '\r')) {
            str_append_char(&all, all.length > 0 ? ',' : '[');
            str_append_bytes(&all, at, length);
        }
        at += length + 1;
    }
    str_append_char(&all, ']');
    accel_status status = foreign_document(c, &all, err);
    str_free(&all);
    ACCEL_TRY(status);
    return read(c, c->root, rows, err);
}

const import_text_shape shape_llama_bench_lines = {{"llama-bench lines", "performance", NULL, read_lines},
                                                   matches_lines};
