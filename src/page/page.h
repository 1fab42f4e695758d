/* What a page calls in the WebAssembly build: from bytes that it wrote into this memory to a model that runs. web/package/engine.js is the
 * other side of this page.
 *
 * One instance of the module holds one model: so its memory is given back whole when the model goes, and a trap harms no other. Functions
 * that can fail return an accel_status (0: done), or NULL where they give a pointer; page_message then has the sentence. Texts go in as UTF-8
 * bytes and a length, and come out ended by NUL, valid until the next call. Numbers that may pass 2^31 are doubles.
 *
 *   page_allocate, write, page_add_file …   the model's files
 *   page_open, page_missing, page_describe  bytes → graph
 *   page_shapes                             what is known of the inputs' shapes beforehand
 *   page_bind                               inputs, and all that follows from their shapes: passes, packing, planning
 *   page_run | page_sample, page_outputs
 *   page_webnn_start, page_webnn_describe   instead of running: how WebNN builds the graph
 *   page_webgpu_start, page_webgpu_plan …   instead of running: what a GPU is to do, and numbers as it holds them
 *
 * In builds with threads each further worker instantiates the module on the same memory, sets the global __stack_pointer and calls
 * __wasm_init_tls with what page_thread gave for it, and then calls page_thread_run, which does not return. */
#ifndef ACCEL_PAGE_PAGE_H
#define ACCEL_PAGE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define PAGE_EXPORT(name) __attribute__((export_name(#name))) name

/* The last failure: its status's name as in accel/status.h ("bad_file"), and its sentence. */
const char *PAGE_EXPORT(page_status)(void);
const char *PAGE_EXPORT(page_message)(void);
const char *PAGE_EXPORT(page_version)(void);

/* Memory that the page writes into. page_resize may move it and gives NULL when memory ends; then the old one stays. */
void *PAGE_EXPORT(page_allocate)(size_t size_bytes);
void *PAGE_EXPORT(page_resize)(void *pointer, size_t size_bytes);
void PAGE_EXPORT(page_free)(void *pointer);

/* SHA-256 of bytes as they come. finish gives 64 digits and ends it; NULL when none was started. */
accel_status PAGE_EXPORT(page_hash_start)(void);
void PAGE_EXPORT(page_hash_update)(const void *bytes, size_t length);
const char *PAGE_EXPORT(page_hash_finish)(void);

/* Takes over what page_allocate gave, as the file of this name. Weights stay where they are, packed or as they came. */
accel_status PAGE_EXPORT(page_add_file)(const char *name, size_t name_length, void *bytes, size_t size_bytes);

/* Whether a weight that one product alone reads is packed into its own place in the file (base/wasm/files.h): 0, as at first: of files that have more than
 * 256 MiB together; 1: never; 2: always. Before the model is made ready for any shapes. */
void PAGE_EXPORT(page_pack_in_place)(int when);

/* reference: the name of an .onnx or .gguf file among those that were added, a folder of them with a config.json, or the name of a zoo
 * model whose weights are generated ("bert-tiny"). ACCEL_NOT_FOUND with page_missing: add that file and open again. threads: at most one more than
 * workers wait; precision as contracts.md names it ("fp32"); seed: of generated weights. */
accel_status PAGE_EXPORT(page_open)(const char *reference, size_t length, int threads, const char *precision,
                                    size_t precision_length, double seed);
const char *PAGE_EXPORT(page_missing)(void); /* NULL: no file was asked for in vain */
/* {"inputs":[{"name","type","dims":[2,"sequence",null]}],"outputs":[…]}, types by their names in numpy. */
const char *PAGE_EXPORT(page_describe)(void);

/* {"shapes":{"input_ids":[1,128]},"dims":{"batch":1}}, both may be missing. When all inputs have shapes then, the model is made ready for
 * them, and inputs are zeros until they are written. */
accel_status PAGE_EXPORT(page_shapes)(const char *json, size_t length);
/* [{"name","type","dims","at"}]: the inputs, row-major elements at an address, which are copied. Where the shapes are those of before that is
 * all; else the model is made ready for them. All inputs of an .onnx must be given; of a Hugging Face model, by the names of the transformers
 * package, masks of ones, positions and token types of 0 may be left out. */
accel_status PAGE_EXPORT(page_bind)(const char *json, size_t length);
/* Inputs that the model can take, made from a seed as zoo_make_inputs does, the same bytes on every platform: for measuring. batch and
 * sequence 0: what is usual. */
accel_status PAGE_EXPORT(page_seed)(int batch, int sequence, double seed);
double PAGE_EXPORT(page_prepared_ms)(void); /* what the last making ready took */

accel_status PAGE_EXPORT(page_run)(void);
/* [{"name","type","dims","at","bytes"}] of the last run; `at` is an address, good until the next call. */
const char *PAGE_EXPORT(page_outputs)(void);
/* Runs for lead_in_ms, then keeps the times of runs for duration_ms, at least `least` and at most `most` samples (0: 65536):
 * {"samples_ms":[…],"elapsed_ms","lead_in_runs","runs_per_sample","clock_resolution_ms"}. A sample is as many runs as it takes to last ten
 * steps of the page's clock. */
const char *PAGE_EXPORT(page_sample)(double lead_in_ms, double duration_ms, size_t least, size_t most);
/* {"model_bytes","activation_bytes"}: weights as the engine holds them, planned arena. Zeros before the model is ready for shapes. */
const char *PAGE_EXPORT(page_memory)(void);
/* What runs: {"precision","threads","options"}. */
const char *PAGE_EXPORT(page_ran)(void);

/* Writing text, of models that do (zoo.h, zoo_mode); not in the build for WebNN. {"inputs": as of page_bind, by the names of the transformers package,
 * "maxNewTokens", "eosTokenId", "temperature", "topK", "topP", "seed"; "seeded": {"batch","sequence","seed","dims"}: inputs that are not given are made
 * from a seed}. Graphs of their own are opened over the same weights; one text is written at a time, and another start ends it. */
accel_status PAGE_EXPORT(page_generate_start)(const char *json, size_t length);
void PAGE_EXPORT(page_generate_end)(void);
/* Before each run: makes its graph ready where it is not. The run: {"tokens": [the next token of each row], or null after a run that gives none,
 * "done": all are written}. */
accel_status PAGE_EXPORT(page_generate_prepare)(void);
const char *PAGE_EXPORT(page_generate_run)(void);

/* The build for WebNN has these in place of all from page_run to page_ran. limits is the JSON of MLContext.opSupportLimits(). */
accel_status PAGE_EXPORT(page_webnn_start)(const char *limits, size_t length);
/* The calls that build the graph for the shapes that its inputs have now: engines/webnn/webnn.h has the form. Its constants lie in this memory
 * until page_webnn_forget. */
const char *PAGE_EXPORT(page_webnn_describe)(void);
void PAGE_EXPORT(page_webnn_forget)(void);
/* What page_bind was given and what follows from it, for all inputs of the model, in the form of page_outputs. */
const char *PAGE_EXPORT(page_webnn_inputs)(void);

/* The build for WebGPU has these in place of all from page_run to page_ran, of page_generate_prepare and page_generate_run. Limits of the GPUDevice: maxBufferSize, maxStorageBufferBindingSize,
 * maxComputeWorkgroupsPerDimension; the size of its adapter's smallest subgroups, 0 without the feature "subgroups"; whether it has the feature "shader-f16". */
void PAGE_EXPORT(page_webgpu_start)(double buffer_bytes, double binding_bytes, uint32_t groups,
                                    uint32_t subgroup, int f16);
/* Which variants of kernels plans take from now on (engines/webgpu/tuning.h); none until then. */
accel_status PAGE_EXPORT(page_webgpu_tune)(const char *text, size_t length);
/* The plan (engines/webgpu/gpu_plan.h) for the shapes that the inputs have now, which lasts until they change:
 *   {"buffers":   [bytes, …], "weight_bytes", "value_bytes", "tuned": the variants of kernels, for people
 *    "shaders":   [{"name", "text", "written": [a bool a storage binding]}]   binding 0 is a step's parameters, uniform
 *    "steps":     [[node, index of the shader, [x, y, z] workgroups, [buffer, offset, bytes, …] of the storage bindings]]
 *    "constants", "inputs", "outputs": [[buffer, offset, bytes], …]}          bytes 0: nothing to write
 *                                                                             a fourth, true: held (gpu_plan.h); of a constant a text: one that lasts,
 *                                                                             which other plans of the model name by the same text */
const char *PAGE_EXPORT(page_webgpu_plan)(void);
/* Parameters of all steps, 256 bytes each; a constant or an input as the GPU holds it, of which the plan says how many. Each lies here until the next of these
 * calls or page_webgpu_forget; NULL: failed. */
const void *PAGE_EXPORT(page_webgpu_parameters)(void);
const void *PAGE_EXPORT(page_webgpu_constant)(size_t index);
const void *PAGE_EXPORT(page_webgpu_input)(size_t index);
void PAGE_EXPORT(page_webgpu_forget)(void);
/* [["MatMul", flops, bytes]]: operator and cost of each step; the cost of a node stands at its first step, 0 where it is not known. */
const char *PAGE_EXPORT(page_webgpu_costs)(void);
/* Outputs in the form of page_outputs, of what the GPU made: all of them one behind the other, of as many bytes as the plan says. */
const char *PAGE_EXPORT(page_webgpu_outputs)(const uint32_t *elements);

/* What the functions above are about from now on, but for page_webgpu_plan: 0, as at first: the model; else the stage of a text that page_generate_ready
 * told of. */
void PAGE_EXPORT(page_webgpu_use)(int generation);
/* A run of a text that is written: {"stage": "prefill" or "decode", "plan": as page_webgpu_plan gives it, or null: that of before}. With a plan of decode come
 *   "caches": [[buffer, offset, buffer, offset, rows, bytes, bytes], …]   what the prompt's run left at the first, to the second (which is zeros so
 *                                                                         far): rows of so many bytes, that many apart there
 * Held inputs are not written. The page runs it, and gives the outputs that are not held, as page_webgpu_outputs takes them; the answer is
 * page_generate_run's. */
const char *PAGE_EXPORT(page_generate_ready)(void);
const char *PAGE_EXPORT(page_generate_take)(const uint32_t *elements);

/* Drops the model and the files. */
void PAGE_EXPORT(page_close)(void);

#ifdef __wasm_atomics__
/* For a worker that is about to start, with an index of its own below 64: the end of its stack, which is also where its thread-local variables
 * begin. NULL when memory ends. From now on it counts as a thread; until it calls page_thread_run the others do its share. */
void *PAGE_EXPORT(page_thread)(int worker);
void PAGE_EXPORT(page_thread_run)(int worker);
void PAGE_EXPORT(page_thread_failed)(void); /* it trapped: whoever waits for it traps too */
int PAGE_EXPORT(page_threads_waiting)(void);
#endif

#endif
