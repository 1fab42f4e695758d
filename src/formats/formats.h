/* Files of models: ONNX, safetensors, GGUF, Hugging Face folders, .npy. Untrusted bytes in, a graph (or
 * tensors) or an error out.
 *
 * Every size and count that a file states is checked against the bytes that are present before anything is
 * allocated. Weights are not copied, but for some of GGUF: graphs and tables point into the mapped files,
 * which they own. An error sentence names the file, and the node, tensor or field that it is about. Nothing
 * here keeps global state. */
#ifndef ACCEL_FORMATS_FORMATS_H
#define ACCEL_FORMATS_FORMATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "graph/graph.h"
#include "graph/tensor.h"

/* ---- ONNX: reading ---------------------------------------------------------------------------------------
 *
 * ir_version 3 and above, ai.onnx opset 6 to graph_opset(); older opsets are read too, as far as their forms
 * are known. The graph that comes out holds the newest form of each operator (upgrade.c), has its model-local
 * functions expanded, its nodes in topological order, and has passed graph_check. Its shapes are those that
 * the file declares: graph_infer is the caller's next step.
 *
 * An operator that the table does not know is no error here (node->op is NULL). Refused, with the tensor or
 * node named, are: string tensors that a node uses, dense forms of sparse tensors above 64 MiB, and models
 * whose functions expand to more than 2^18 nodes. */
accel_status onnx_read(const char *path, graph **out, accel_error *err);

/* The same from memory. The bytes must outlive the graph: its weights point into them. `folder` holds the
 * external data files; NULL refuses external data. `name` stands for the file in error sentences. */
accel_status onnx_read_bytes(const void *bytes, size_t length, const char *name, const char *folder,
                             graph **out, accel_error *err);

/* The external files that the model's weights lie in, each once, as paths below its folder; texts and list live in `a`. The names are as the
 * file says: unchecked, they may lead anywhere. */
accel_status onnx_external_names(const void *bytes, size_t length, arena *a, const char ***names,
                                 size_t *count, accel_error *err);

/* ---- ONNX: writing ------------------------------------------------------------------------------------ */

/* A file of weights beside several models that are written one after the other: what one of them has put there, the next refers to. Contents
 * are the same where they are the same bytes in memory, or generated from the same stream; they must stay while the file is open. It goes on in
 * further files, PATH.1, PATH.2, … where it is told to. */
typedef struct onnx_weights onnx_weights;
accel_status onnx_weights_open(const char *path, onnx_weights **out, accel_error *err);
/* No file becomes larger than this, unless one weight is. 0, as at first: there is one file. */
void onnx_weights_limit(onnx_weights *w, uint64_t most_bytes);
/* What is put from now on does not lie in the files so far. */
accel_status onnx_weights_next_file(onnx_weights *w, accel_error *err);
/* The models are whole from now on. Destroys w, also on failure. */
accel_status onnx_weights_commit(onnx_weights *w, accel_error *err);
void onnx_weights_abort(onnx_weights *w); /* destroys w, removes the file; accepts NULL */

typedef struct onnx_write_options {
    /* Weights that have more bytes than this in all go to PATH.data beside the model. 0: 1 GiB. */
    uint64_t external_threshold_bytes;
    uint64_t
        external_file_bytes; /* no such file becomes larger, unless one weight is (PATH.data.1, …); 0: there is one */
    bool all_external; /* weights of 1 KiB and more go to PATH.data whatever their sum */
    /* ai.onnx opset to declare; 0: graph_opset(). The graph must be in that opset's forms (pass_to_form). */
    int64_t opset;
    int64_t ir_version;   /* 0: the least that the opset and the element types allow */
    const char *producer; /* producer_name; NULL: "accel" */
    onnx_weights *shared; /* takes the place of PATH.data; in the model's folder. May be NULL */
    bool scratch;         /* of use only while this program runs: does not wait for the disk */
} onnx_write_options;

/* Writes the model; either the whole file (and its .data) appears or nothing. Generated weights are made
 * and streamed one by one. options may be NULL. */
accel_status onnx_write(const graph *g, const char *path, const onnx_write_options *options,
                        accel_error *err);
/* The same into memory, weights inside (below 2 GB in all). */
accel_status onnx_write_bytes(const graph *g, const onnx_write_options *options, str_buf *out,
                              accel_error *err);

/* ---- ONNX: single values (test data) ------------------------------------------------------------------ */

/* A tensor, a sequence of tensors or an optional of either. Owns its tensors. */
typedef struct onnx_value {
    char *name; /* as the file says; "" when it does not */
    value_container container;
    bool present;  /* false: an empty optional */
    dtype type;    /* of the items; DTYPE_UNDEFINED for an empty sequence that does not say */
    tensor *items; /* one for a tensor */
    size_t count;
} onnx_value;

/* Reads a serialised TensorProto. */
accel_status onnx_read_tensor_pb(const char *path, tensor *out, accel_error *err);
/* Reads a TensorProto, SequenceProto or OptionalProto: the file does not say which, the caller (the
 * model's declared type) does. String tensors, maps and sparse tensors are ACCEL_UNSUPPORTED. */
accel_status onnx_read_value_pb(const char *path, value_container container, onnx_value *out,
                                accel_error *err);
void onnx_value_free(onnx_value *v); /* leaves it zero; accepts a zero one */
accel_status onnx_write_tensor_pb(const char *path, const char *name, const tensor *t, accel_error *err);

/* ---- NumPy's .npy ------------------------------------------------------------------------------------- */

/* Versions 1 to 3, little- and big-endian, C order; Fortran order is converted. Types without a NumPy
 * number (bfloat16, float8, int4…) are known by the names that ml_dtypes gives them, and, since numpy.save
 * writes those as plain void, also '|V1' and '|V2' as uint8 and bfloat16. The tensor owns its data:
 * tensor_free it. */
accel_status npy_read(const char *path, tensor *out, accel_error *err);
accel_status npy_read_bytes(const void *bytes, size_t length, const char *name, tensor *out,
                            accel_error *err);
/* Version 1, C order. bfloat16 and the float8 kinds are written as void of their size, as numpy.save does;
 * sub-byte types are widened to one byte an element ([u]int8; float4 as its bits). Strings are refused. */
accel_status npy_write(const char *path, const tensor *t, accel_error *err);

/* ---- safetensors -------------------------------------------------------------------------------------- */

/* One file, or the shards of a model.safetensors.index.json, opened and validated whole: header of at most
 * 100 MB, offsets contiguous without holes or overlap and ending with the file, no duplicate names, length
 * = dtype x shape. */
typedef struct safetensors safetensors;

typedef struct safetensors_entry {
    const char *name;
    dtype type;
    shape shape;
    const uint8_t *bytes; /* in the mapped file; may be unaligned */
    size_t size_bytes;
} safetensors_entry;

/* path: a .safetensors file, or an index .json whose shards lie beside it. */
accel_status safetensors_open(const char *path, safetensors **out, accel_error *err);
/* One file from memory that outlives it. */
accel_status safetensors_open_bytes(const void *bytes, size_t length, const char *name, safetensors **out,
                                    accel_error *err);
void safetensors_close(safetensors *s); /* accepts NULL; fits graph_own through safetensors_close_handle */
void safetensors_close_handle(void *s);
size_t safetensors_count(const safetensors *s);
const safetensors_entry *safetensors_at(const safetensors *s, size_t index); /* file order */
const safetensors_entry *safetensors_find(const safetensors *s,
                                          const char *name); /* NULL when absent; hashed */

/* ---- Hugging Face folders ----------------------------------------------------------------------------- */

/* config.json. Getters never fail at once: the first field of a wrong type or range is remembered, the
 * getter gives its fallback, and hf_config_check reports it. So a model class reads its configuration
 * without a check on every line. Keys may be dotted ("text_config.hidden_size"). A field that is missing
 * or null gives the fallback. */
typedef struct hf_config hf_config;

accel_status hf_config_read(const char *path, hf_config **out, accel_error *err);
accel_status hf_config_parse(const char *json, size_t length, const char *name, hf_config **out,
                             accel_error *err);
void hf_config_destroy(hf_config *c);                    /* accepts NULL */
bool hf_config_has(const hf_config *c, const char *key); /* there, and not null */
/* HF_REQUIRED as fallback makes a missing field an error. Values outside [low, high] are errors. */
#define HF_REQUIRED INT64_MIN
int64_t hf_config_int(hf_config *c, const char *key, int64_t fallback, int64_t low, int64_t high);
double hf_config_float(hf_config *c, const char *key, double fallback);
bool hf_config_bool(hf_config *c, const char *key, bool fallback);
const char *hf_config_string(hf_config *c, const char *key, const char *fallback); /* lives as long as c */
/* Integers of an array (at most `capacity`, the rest is an error); a single number is an array of one.
 * Returns the count; 0 when missing. */
size_t hf_config_ints(hf_config *c, const char *key, int64_t *out, size_t capacity);
size_t hf_config_floats(hf_config *c, const char *key, double *out, size_t capacity);
/* A list of lists of two, as image_grid_pinpoints is. */
size_t hf_config_pairs(hf_config *c, const char *key, int64_t (*out)[2], size_t capacity);
size_t hf_config_size(const hf_config *c,
                      const char *key); /* entries of an object or a list; 0 when missing */
/* Whether the field holds this JSON value; a missing one is null. */
bool hf_config_is(hf_config *c, const char *key, const char *json);
/* The object below key ("text_config") as a configuration of its own, an empty one where it is missing. It lives
 * as long as c, and its faults are c's. */
hf_config *hf_config_child(hf_config *c, const char *key);
accel_status hf_config_check(const hf_config *c, accel_error *err);
/* Fields that changed their place: rope_parameters.rope_theta or rope_theta; dtype or torch_dtype
 * ("float32" when neither). prefix: "" or "text_config.". */
double hf_config_rope_theta(hf_config *c, const char *prefix, double fallback);
const char *hf_config_dtype(hf_config *c, const char *prefix);
const char *hf_config_architecture(hf_config *c); /* architectures[0], "" when none */

typedef struct gguf gguf;

/* A folder: config.json, weights when there are any, and what sentence-transformers adds. */
typedef struct hf_folder {
    char *path;
    hf_config *config;
    safetensors *weights;  /* NULL: none in the folder (or only pickled ones, which are never read) */
    gguf *packed;          /* of hf_folder_open_gguf; else NULL */
    bool has_pickle;       /* pytorch_model.bin is there: for the error sentence */
    bool mean_pooling;     /* modules.json and 1_Pooling/config.json ask for the mean over kept tokens */
    bool cls_pooling;      /* … for the first token */
    bool normalize;        /* 2_Normalize: L2 norm at the end */
    char *unknown_pooling; /* a pooling mode or module that we do not know; NULL when all is known */
} hf_folder;

accel_status hf_folder_open(const char *path, hf_folder *out, accel_error *err);
void hf_folder_close(hf_folder *f); /* leaves it zero; accepts a zero one */

/* org/name in a local cache folder laid out as huggingface_hub does (models--ORG--NAME/refs/main →
 * snapshots/HASH). ACCEL_NOT_FOUND names the folder looked into. The path is appended to *out. */
accel_status hf_cache_find(const char *cache_folder, const char *repository, str_buf *out, accel_error *err);

/* ---- GGUF --------------------------------------------------------------------------------------------- */

/* The file of llama.cpp: metadata, a table of tensors, their bytes. Versions 2 and 3, little-endian.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Opened and validated whole: tensors lie in the
 * file in the order of the table, each at the next multiple of the alignment, as ggml demands too; every
 * length is checked against the bytes present; keys and names stand once. Arrays of arrays are
 * ACCEL_UNSUPPORTED, and so are types of tensors that are not among F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1,
 * Q8_0, Q2_K, Q3_K, Q4_K, Q5_K and Q6_K. */
typedef struct gguf_type gguf_type;

typedef struct gguf_tensor {
    const char *name; /* as the file says: "blk.0.attn_q.weight" */
    const gguf_type *type;
    shape shape;          /* outermost dimension first: a linear weight is [out, in] */
    const uint8_t *bytes; /* in the mapped file */
    size_t size_bytes;
} gguf_tensor;

accel_status gguf_open(const char *path, gguf **out, accel_error *err);
/* The same from memory that outlives it. */
accel_status gguf_open_bytes(const void *bytes, size_t length, const char *name, gguf **out,
                             accel_error *err);
void gguf_close(gguf *g); /* accepts NULL; fits graph_own through gguf_close_handle */
void gguf_close_handle(void *g);
size_t gguf_count(const gguf *g);
const gguf_tensor *gguf_at(const gguf *g, size_t index); /* file order; NULL beyond */
const char *gguf_type_name(const gguf_type *type);       /* "Q4_K" */
/* All elements of whole blocks of a type, the same to the bit as the gguf package's dequantize. */
void gguf_to_f32(const gguf_type *type, const uint8_t *bytes, size_t size_bytes, float *out);

/* Metadata, read as config.json is (hf_config): a fault is remembered and reported by gguf_check, a missing
 * key gives the fallback. Keys are whole ("llama.block_count"). */
bool gguf_has_key(const gguf *g, const char *key);
int64_t gguf_int(gguf *g, const char *key, int64_t fallback, int64_t low, int64_t high); /* HF_REQUIRED */
double gguf_float(gguf *g, const char *key, double fallback);
bool gguf_bool(gguf *g, const char *key, bool fallback);
const char *gguf_string(gguf *g, const char *key, const char *fallback); /* lives as long as g */
accel_status gguf_check(const gguf *g, accel_error *err);

/* What the config.json of the same model would say, from the metadata and the tensors. Architectures llama,
 * qwen2 and qwen3; another, and a key or tensor that changes the mathematics in a way that is not known
 * here, is ACCEL_UNSUPPORTED and named. Must come before gguf_has and gguf_find. */
accel_status gguf_config(gguf *g, hf_config **out, accel_error *err);
/* Tensors by their Hugging Face names ("model.layers.0.self_attn.q_proj.weight"). */
bool gguf_has(const gguf *g, const char *hf_name);
/* The tensor in the order of elements that the transformers package has: llama files hold the rows of q and k in
 * the order of ggml's rotary, which is undone. F32, F16 and BF16 stay what they are (and, but for q and k,
 * where they are); quantised tensors become F32. What is made lives as long as g. ACCEL_NOT_FOUND when it is
 * not there. */
accel_status gguf_find(gguf *g, const char *hf_name, safetensors_entry *out, accel_error *err);
bool gguf_in_file(const gguf *g, const uint8_t *bytes); /* in the mapped file, not made */
/* The file as a folder: its path, configuration and tensors (hf_folder.packed). */
accel_status hf_folder_open_gguf(const char *path, hf_folder *out, accel_error *err);

#endif
