/* Memory, files and the model of the page. */
#include "page/page.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/version.h"
#include "base/wasm/files.h"
#include "base/wasm/workers.h"
#include "page/state.h"

page_state page;
static sha256 *hash;

const char *page_status(void) {
    return accel_status_name(page.error.status);
}

const char *page_message(void) {
    return page.error.message;
}

const char *page_version(void) {
    return accel_version_text();
}

str_buf *page_text_start(void) {
    str_free(&page.text);
    return &page.text;
}

const char *page_text_end(accel_status status) {
    if (status == ACCEL_OK && page.text.failed) {
        status = error_no_memory(&page.error, "a text", page.text.length);
    }
    return status == ACCEL_OK ? str_text(&page.text) : NULL;
}

accel_status page_need_model(accel_error *err) {
    return page.model.graph != NULL
               ? ACCEL_OK
               : error_set(err, ACCEL_INVALID_ARGUMENT, "no model is open: page_open comes first");
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

void *page_allocate(size_t size_bytes) {
    void *pointer = mem_alloc(size_bytes);
    if (pointer == NULL) {
        error_no_memory(&page.error, "a file or a text of the page", size_bytes);
    }
    return pointer;
}

void *page_resize(void *pointer, size_t size_bytes) {
    void *resized = mem_realloc(pointer, size_bytes);
    if (resized == NULL) {
        error_no_memory(&page.error, "a file of the page", size_bytes);
    }
    return resized;
}

void page_free(void *pointer) {
    mem_free(pointer);
}

accel_status page_hash_start(void) {
    sha256_destroy(hash);
    hash = sha256_create();
    return hash != NULL ? ACCEL_OK : error_no_memory(&page.error, "a SHA-256", 0);
}

void page_hash_update(const void *bytes, size_t length) {
    if (hash != NULL) {
        sha256_update(hash, bytes, length);
    }
}

const char *page_hash_finish(void) {
    static char hex[SHA256_HEX_BYTES];
    if (hash == NULL) {
        return NULL;
    }
    sha256_finish(hash, hex);
    hash = NULL;
    return hex;
}

/* ---- the model --------------------------------------------------------------------------------------------------------- */

accel_status page_add_file(const char *name, size_t name_length, void *bytes, size_t size_bytes) {
    return memory_file_add(name, name_length, bytes, size_bytes, &page.error);
}

void page_pack_in_place(int when) {
    memory_files_reuse(when == 1 ? REUSE_NEVER : when == 2 ? REUSE_ALWAYS : REUSE_OF_LARGE);
}

const char *page_missing(void) {
    return memory_file_missing();
}

static void drop_model(void) {
    page_drop_generation();
    page_drop_inputs();
    str_free(&page.reference);
    zoo_model_free(&page.model);
}

void page_close(void) {
    drop_model();
    memory_files_drop();
    str_free(&page.text);
}

/* text is a copy of the page's bytes that ends in NUL. */
static accel_status copy_text(const char *bytes, size_t length, str_buf *text, accel_error *err) {
    str_append_bytes(text, bytes, length);
    if (text->failed) {
        return error_no_memory(err, "a name", length);
    }
    return strlen(str_text(text)) == length
               ? ACCEL_OK
               : error_set(err, ACCEL_INVALID_ARGUMENT, "a name has a NUL inside");
}

static accel_status open_model(const str_buf *reference, const str_buf *precision, int threads, double seed,
                               accel_error *err) {
    drop_model();
    page.threads = threads;
    page.zoo = (zoo_options){.seed = seed >= 0 ? (uint64_t)seed : 0};
    str_append(&page.reference, str_text(reference));
    if (page.reference.failed) {
        return error_no_memory(err, "a name", reference->length);
    }
    if (!precision_from_name(str_text(precision), &page.precision)) {
        return error_set(err, ACCEL_INVALID_ARGUMENT, "no precision is called '%s'; fp32 is one",
                         str_text(precision));
    }
    return zoo_load(str_text(reference), &page.zoo, &page.model, err);
}

accel_status page_open(const char *reference, size_t length, int threads, const char *precision,
                       size_t precision_length, double seed) {
    str_buf name = {0}, precision_text = {0};
    accel_status status = copy_text(reference, length, &name, &page.error);
    if (status == ACCEL_OK) {
        status = copy_text(precision, precision_length, &precision_text, &page.error);
    }
    if (status == ACCEL_OK) {
        status = open_model(&name, &precision_text, threads, seed, &page.error);
    }
    str_free(&name);
    str_free(&precision_text);
    return status;
}

/* ---- its description --------------------------------------------------------------------------------------------------- */

static void append_dims(str_buf *out, const graph_value *v) {
    str_append(out, ",\"dims\":[");
    for (int d = 0; d < v->type.shape.rank; d++) {
        str_append(out, d > 0 ? "," : "");
        if (v->type.shape.dims[d] >= 0) {
            str_appendf(out, "%lld", (long long)v->type.shape.dims[d]);
        } else {
            json_append_text(out, v->dim_names[d]);
        }
    }
    str_append(out, "]}");
}

static void append_values(str_buf *out, const char *what, const graph *g, const value_id *ids, size_t count) {
    str_appendf(out, "\"%s\":[", what);
    for (size_t i = 0; i < count; i++) {
        const graph_value *v = &g->values[ids[i]];
        str_append(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        json_append_text(out, v->name);
        str_appendf(out, ",\"type\":\"%s\"",
                    v->type.container == CONTAINER_TENSOR ? dtype_name(v->type.type)
                                                          : "sequence or optional");
        append_dims(out, v);
    }
    str_append_char(out, ']');
}

const char *page_describe(void) {
    str_buf *out = page_text_start();
    accel_status status = page_need_model(&page.error);
    if (status == ACCEL_OK) {
        const graph *g = page.model.graph;
        str_append_char(out, '{');
        append_values(out, "inputs", g, g->inputs, g->input_count);
        str_append_char(out, ',');
        append_values(out, "outputs", g, g->outputs, g->output_count);
        str_append_char(out, '}');
    }
    return page_text_end(status);
}
