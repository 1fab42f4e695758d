/* A text that a page writes: the job `generate` of docs/agent-protocol.md. The page opens the user's own files, for it makes the graphs itself. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engines/browser/session.h"
#include "engines/vendor.h"

static const double TEXT_TIMEOUT_S = 24 * 3600;
static const double MOST_TOKEN = 1 << 30;

/* ---- the model ---------------------------------------------------------------------------------------------------------- */

typedef struct weight_files {
    tab *tab;
    const char *folder;
    bool whole; /* all weights are in model.safetensors */
    str_buf *out;
} weight_files;

/* "name": address */
static accel_status append_file(const weight_files *w, const char *name, accel_error *err) {
    str_buf path = {0}, url = {0};
    file_join(&path, w->folder, name);
    accel_status status = tab_serve_file(w->tab, str_text(&path), &url, err);
    str_append(w->out, w->out->data[w->out->length - 1] == '{' ? "" : ",");
    json_append_text(w->out, name);
    str_append_char(w->out, ':');
    json_append_text(w->out, str_text(&url));
    str_free(&path);
    str_free(&url);
    return status;
}

static accel_status take_file(void *context, const char *name, accel_error *err) {
    const weight_files *w = context;
    bool index = str_equal(name, "model.safetensors.index.json");
    bool wanted =
        w->whole ? str_equal(name, "model.safetensors") : str_ends_with(name, ".safetensors") || index;
    return wanted ? append_file(w, name, err) : ACCEL_OK;
}

/* The model by an address that ends in the file's name, which tells what it is. */
static accel_status append_address(tab *t, const char *path, const char *name, str_buf *out,
                                   accel_error *err) {
    str_buf url = {0};
    accel_status status = tab_serve_file(t, path, &url, err);
    str_append_char(&url, '/');
    str_append(&url, name);
    str_append(out, "\"model\":");
    json_append_text(out, str_text(&url));
    str_append(out, ",\"data\":{");
    str_free(&url);
    return status;
}

static accel_status append_model(tab *t, const engine_text *text, str_buf *out, accel_error *err) {
    const zoo_model *m = text->model;
    if (m->source == ZOO_GENERATED && *m->path == '\0') {
        str_append(out, "\"model\":\"zoo:");
        str_append(out, m->name);
        str_append(out, "\",\"data\":{");
    } else if (m->source == ZOO_FILE) {
        ACCEL_TRY(append_address(t, m->path, "model.gguf", out, err));
    } else {
        str_buf path = {0};
        file_join(&path, m->path, "config.json");
        accel_status status = append_address(t, str_text(&path), "config.json", out, err);
        str_free(&path);
        ACCEL_TRY(status);
        weight_files w = {.tab = t, .folder = m->path, .out = out};
        file_join(&path, m->path, "model.safetensors");
        w.whole = file_exists(str_text(&path));
        str_free(&path);
        ACCEL_TRY(file_list(m->path, take_file, &w, err));
    }
    str_append_char(out, '}');
    return ACCEL_OK;
}

/* ---- the job -------------------------------------------------------------------------------------------------------------- */

static void append_inputs(tab *t, const engine_text *text, str_buf *out, accel_status *status,
                          accel_error *err) {
    str_append(out, ",\"inputs\":[");
    for (size_t i = 0; i < text->count && *status == ACCEL_OK; i++) {
        str_append(out, i > 0 ? "," : "");
        *status = page_append_input(t, text->names[i], &text->values[i], out, err);
    }
    str_append_char(out, ']');
}

static void append_seeded(const zoo_input_options *shapes, str_buf *out) {
    str_appendf(out, "\"seeded\":{\"batch\":%lld,\"sequence\":%lld,\"seed\":%llu,\"dims\":{",
                (long long)shapes->batch, (long long)shapes->sequence, (unsigned long long)shapes->seed);
    for (size_t i = 0; i < shapes->dim_count; i++) {
        str_append(out, i > 0 ? "," : "");
        json_append_text(out, shapes->dims[i].name);
        str_appendf(out, ":%lld", (long long)shapes->dims[i].value);
    }
    str_append(out, "}}");
}

static void append_options(const engine_text *text, str_buf *out) {
    str_appendf(out, ",\"seed\":%llu,\"options\":{\"maxNewTokens\":%lld,\"topK\":%lld,\"seed\":%llu,",
                (unsigned long long)text->weight_seed, (long long)text->max_new_tokens,
                (long long)text->top_k, (unsigned long long)text->seed);
    if (text->stop_token >= 0)
        str_appendf(out, "\"eosTokenId\":%lld,", (long long)text->stop_token);
    str_append(out, "\"temperature\":");
    json_append_real(out, text->temperature);
    str_append(out, ",\"topP\":");
    json_append_real(out, text->top_p);
    str_append_char(out, ',');
    append_seeded(text->shapes, out);
    str_append_char(out, '}');
}

static accel_status describe(tab *t, const engine_text *text, const engine_device *device,
                             const engine_options *options, str_buf *out, accel_error *err) {
    accel_status status = append_model(t, text, out, err);
    append_inputs(t, text, out, &status, err);
    append_options(text, out);
    page_append_tuning(t, device, options, out);
    str_appendf(out, ",\"platform\":\"%s\",\"precision\":\"%s\",\"threads\":%d",
                platform_name(device->platform), precision_name(options->precision), vendor_threads(options));
    return status == ACCEL_OK && out->failed ? error_no_memory(err, "a job", out->length) : status;
}

/* ---- what it tells ---------------------------------------------------------------------------------------------------------- */

static bool take_column(yyjson_val *column, int64_t batch, int64_t at, int64_t columns, int64_t *ids) {
    yyjson_val *token;
    size_t row, n;
    if (yyjson_arr_size(column) != (size_t)batch)
        return false;
    yyjson_arr_foreach(column, row, n, token) {
        double id = yyjson_is_num(token) ? yyjson_get_num(token) : -1;
        if (!(id >= 0 && id <= MOST_TOKEN))
            return false;
        ids[(int64_t)row * columns + at] = (int64_t)id;
    }
    return true;
}

static accel_status take_text(yyjson_val *result, int64_t most, engine_written *out, accel_error *err) {
    yyjson_val *tokens = yyjson_obj_get(result, "tokens"), *times = yyjson_obj_get(result, "tokens_ms");
    const size_t columns = yyjson_arr_size(tokens), batch = yyjson_arr_size(yyjson_arr_get_first(tokens));
    bool ok = columns > 0 && columns <= (size_t)most && batch > 0 && yyjson_arr_size(times) == columns;
    if (ok) {
        shape s = {.rank = 2, .dims = {(int64_t)batch, (int64_t)columns}};
        ACCEL_TRY(tensor_create(DTYPE_I64, &s, &out->ids, err));
        out->token_ns = mem_calloc(columns, sizeof *out->token_ns);
        if (out->token_ns == NULL)
            return error_no_memory(err, "the times of tokens", columns * sizeof *out->token_ns);
    }
    yyjson_val *column, *time;
    size_t i, n;
    yyjson_arr_foreach(tokens, i, n, column) ok =
        ok && take_column(column, (int64_t)batch, (int64_t)i, (int64_t)columns, out->ids.data);
    yyjson_arr_foreach(times, i, n, time) {
        double ms = yyjson_is_num(time) ? yyjson_get_num(time) : -1;
        ok = ok && ms >= 0 && ms < 1e10;
        if (ok)
            out->token_ns[i] = (uint64_t)(ms * 1e6);
    }
    return ok ? ACCEL_OK : error_set(err, ACCEL_RUNTIME, "the page's text cannot be read");
}

accel_status page_generate(const engine_text *text, const engine_device *device,
                           const engine_options *options, engine_written *out, accel_error *err) {
    tab *t = NULL;
    str_buf job = {0};
    yyjson_doc *answer = NULL;
    *out = (engine_written){0};
    ACCEL_TRY(tab_open(options->context, device->id, &t, err));
    accel_status status = describe(t, text, device, options, &job, err);
    if (status == ACCEL_OK)
        status = tab_job(t, "generate", str_text(&job), TEXT_TIMEOUT_S, &answer, err);
    if (status == ACCEL_OK)
        status =
            take_text(yyjson_obj_get(yyjson_doc_get_root(answer), "result"), text->max_new_tokens, out, err);
    yyjson_doc_free(answer);
    str_free(&job);
    tab_close(t);
    if (status != ACCEL_OK) {
        tensor_free(&out->ids);
        mem_free(out->token_ns);
        *out = (engine_written){0};
    }
    return status;
}
