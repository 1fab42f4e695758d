/** Runs ONNX and Hugging Face models in a page: accel's engine as WebAssembly or on the browser's WebGPU, or the browser's WebNN. */

export type Platform = "wasm" | "webnn" | "webgpu";
export type ElementType =
  | "float32" | "float16" | "bfloat16" | "float64" | "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32"
  | "int64" | "uint64" | "bool";
export type TypedArray =
  | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array
  | BigInt64Array | BigUint64Array;

/** float16 and bfloat16 are the bits in a Uint16Array, bool is a Uint8Array of 0 and 1. */
export interface Tensor { type: ElementType; dims: number[]; data: TypedArray }
/** A dimension that is not known yet is its name, or null when it has none. */
export interface ValueInfo { name: string; type: ElementType; dims: (number | string | null)[] }

export interface Progress {
  phase: "download" | "compile" | "load";
  /** bytes of the model and its weights so far, and all of them when known */
  loaded: number; total?: number;
}

export interface LoadOptions {
  platform?: Platform;
  /** Of the wasm engine. Default: as many as CPUs when the page is cross-origin isolated, else 1. */
  threads?: number;
  /** What products of fp32 models compute in; default fp32. A quantised model runs as it is. On webgpu fp16 needs a GPU with "shader-f16" (Adapter.features):
   * values are held in it, sums stay fp32; there is no bf16. */
  precision?: "fp32" | "fp16" | "bf16";
  /** What WebNN is asked for; what it took is in Model.devices. */
  deviceType?: "cpu" | "gpu" | "npu";
  /** wasm: weights of products are packed into their own place in the files' memory, so that they are there once. Default: of files that have more than 256 MiB
   * together. */
  packInPlace?: boolean;
  /** Shapes that inputs will have, by input name; or values of named dimensions. Others follow from the first run. */
  shapes?: Record<string, number[]>;
  dims?: Record<string, number>;
  progress?: (p: Progress) => void;
  /** Ends loading; what was downloaded whole stays in the cache. */
  signal?: AbortSignal;
  /** Keep files in the browser's own storage (OPFS) under the SHA-256 of their content. Needs `sha256`; default true where given. */
  cache?: boolean;
  /** By a file's address, or its name in `data`: what the content must be; another is an error. */
  sha256?: Record<string, string>;
  /** Folder that accel's .wasm and worker files lie in, ended by /; default: this module's. */
  base?: string | URL;
  /** Of "zoo:NAME": of its generated weights; default 0. */
  seed?: number;
  /** Of webgpu: which variants of its kernels to take for which shapes, as `accel tune webgpu` found them for this adapter; the rest is as usual. */
  tuning?: string;
  /** What is done at the start to be ready sooner; the outputs are the same with and without. */
  features?: Features;
  /** WebGPU: take the time of each kernel, for Model.profile. Runs are slower with it. */
  profile?: boolean;
  /** Take this build of the engine instead of the best that the browser runs (for measuring). */
  variant?: "baseline" | "relaxed" | "baseline-threads" | "relaxed-threads";
}

export interface Features {
  /** WebGPU: keep the texts of a model's shaders in the browser's own storage (OPFS), and compile them while the model is downloaded the next time.
   *  For models that are given by address. Default false. */
  shaderPrecompile?: boolean;
  /** Fetch the files of a model, and load the components of loadAll, at the same time. Default true. */
  parallelLoading?: boolean;
  /** Compute "audio:…" front ends by compute shaders (platform "webgpu") instead of on the CPU, where no platform is named. Default false. */
  computeShaders?: boolean;
}

/** Milliseconds; null: did not happen or is not known. */
export interface Figures {
  download_ms: number | null;   /* model and weights, from the first request to the last byte */
  engine_ms: number | null;     /* accel's own .wasm: fetched, compiled, started */
  load_ms: number | null;       /* bytes to graph */
  compile_ms: number | null;    /* passes, packing, planning; WebNN: build(); WebGPU: until everything is on the device, with these parts: */
  plan_ms?: number | null;      /* passes, planning */
  upload_ms?: number | null;    /* memory made, weights on the device; at the same time: */
  pipeline_ms?: number | null;  /* all shaders compiled */
  tuned?: string | null;        /* WebGPU: how many choices of kernels the tuning made, and which variants run: "tuned=3 of 7, gemm/tile-8x16 12" */
  shaders?: number;             /* WebGPU: shaders of the model; of them: */
  shaders_listed?: number;      /* begun before the plan, with shaderPrecompile; the others: */
  shaders_compiled?: number;
  shader_ms?: number;           /* how long shaders were being compiled, whatever else went on */
  first_ms: number | null;      /* first inference */
  downloaded_bytes: number; cached_bytes: number;
}

export interface Samples {
  /** one a run, by performance.now() of the worker; runs shorter than ten of the clock's steps are timed together and then stand as their mean */
  samples_ms: number[];
  elapsed_ms: number; lead_in_runs: number; runs_per_sample: number;
  /** the smallest step that the worker's clock was seen to make */
  clock_resolution_ms: number;
  /** WebGPU: the median of what the device itself needed for a run, by its timestamps; null where it has none. */
  gpu_ms?: number | null;
}

export interface Memory { model_bytes: number; activation_bytes: number | null; wasm_bytes: number; page_bytes: number | null }

/** The GPUAdapter that models run on, as the browser tells of it; some tell no names. */
export interface Adapter {
  name: string;
  vendor: string; architecture: string; device: string; description: string;
  /** software on the CPU; null: the browser does not tell */
  fallback: boolean | null;
  subgroup_sizes: [number, number] | null;
  /** Of a loaded model: the browser looks for finished work from time to time only, so that it is asked; found by measuring. */
  polled?: boolean;
  features: string[];
  limits: Record<string, number>;
}

export interface GenerateOptions {
  /** How many tokens are written, unless all rows have met `eosTokenId` before. */
  maxNewTokens: number;
  /** The token that ends a text; a row that met it goes on with it. Default: none, all tokens are written. */
  eosTokenId?: number;
  /** 0, the default: the likeliest token each time. Above it tokens are drawn: among the `topK` likeliest (default 0: all), and of these among the fewest
   *  that hold `topP` of the probability together (default 1: all). On webgpu with a `topK` of 1 to 256 the GPU draws itself, else the logits are read. */
  temperature?: number;
  topK?: number;
  topP?: number;
  /** Of what is drawn; default 0. The same seed gives the same tokens on every platform, and with `accel run --seed`. */
  seed?: number;
  /** Ends the text; the model goes on as before. */
  signal?: AbortSignal;
}

export interface Model {
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  readonly platform: Platform;
  readonly variant: string;            /* of the engine's build */
  readonly threads: number;
  readonly precision: string;          /* that it computes in */
  readonly devices: string[];          /* WebNN: what it says that it uses; WebGPU: the adapter's name */
  readonly adapter: Adapter | null;    /* of WebGPU */
  readonly figures: Figures;
  /** Inputs for the runs to come, in place of run's own. */
  bind(feeds: Record<string, Tensor>): Promise<void>;
  /** Inputs that the model can take, made from a seed, the same on every platform: for measuring. Dimensions that are not given are usual ones. */
  seed(options?: { batch?: number; sequence?: number; seed?: number }): Promise<void>;
  /** One inference; the outputs are copies and the caller's. Errors name the input, node or limit. Of a Hugging Face model, attention_mask,
   *  position_ids and token_type_ids may be left out. The first run with other shapes makes the model ready for them again. */
  run(feeds?: Record<string, Tensor>): Promise<Record<string, Tensor>>;
  /** Writes on after a prompt, with the model's cache of keys and values kept where it runs; wasm and webgpu. Feeds as for run, by the names of the
   *  transformers package (`input_ids`, `attention_mask`, `pixel_values`, …; of an encoder-decoder those of the encoder and, if another start is wanted,
   *  `decoder_input_ids`); prompts of a batch are padded on the left. Models of Hugging Face folders, GGUF files and the zoo, where their class writes.
   *  Gives the next token of each row of the batch; in the end (as a generator's return value) how long the runs of each took, loading left out.
   *  One text is written at a time: another call ends the one before. */
  generate(feeds: Record<string, Tensor>, options: GenerateOptions): AsyncGenerator<number[], { tokens_ms: number[] }, void>;
  /** Many inferences on the bound inputs, timed in the worker without messages between them. */
  sample(options: { lead_in_ms?: number; duration_ms: number; least?: number; most?: number }): Promise<Samples>;
  /** Of a model loaded with `profile`: the kernels of the last run, by the device's timestamps, whose steps some browsers make coarse. flops and bytes of
   *  the operator stand at the first of its kernels. */
  profile(): Promise<{ node: string; op_type: string; kernel: string; time_ns: number; flops: number; bytes: number }[]>;
  memory(): Promise<Memory>;
  /** Frees everything of this model, whatever it is doing; others are not touched. */
  dispose(): Promise<void>;
}

export type Source = string | URL | ArrayBuffer | Uint8Array;
/** A .onnx file (its external data beside it, or given by name in `data`), a .gguf file, or the config.json of a Hugging Face folder with the
 *  weights beside it as safetensors. "zoo:NAME" is a model of accel's zoo with generated weights, for trying and measuring: "zoo:bert-tiny".
 *  "audio:whisper" and "audio:clap" are front ends: `samples` [batch, samples] at the model's rate (16 and 48 kHz), as many as it takes, to its input_features.
 *  Rejects with AccelError, and with the signal's reason when it was cancelled. */
export function load(model: Source | { model: Source; data?: Record<string, Source> }, options?: LoadOptions): Promise<Model>;

export type Component = Source | ({ model: Source; data?: Record<string, Source> } & Omit<LoadOptions, "progress" | "signal">);
/** Several models that belong together (an image and a text encoder, a tower and a decoder), each with a worker of its own: fetched, compiled and
 *  uploaded at the same time. All of them or none: the first that fails ends the others. Options are for all, a component's own go before them. */
export function loadAll<Name extends string>(
  components: Record<Name, Component>,
  options?: Omit<LoadOptions, "progress"> & { progress?: (p: Progress & { component: Name }) => void },
): Promise<Record<Name, Model>>;

export interface Capabilities {
  platforms: { name: Platform; available: boolean; reason: string | null; devices: string[]; adapter?: Adapter | null }[];
  simd: boolean; relaxed_simd: boolean; threads: boolean; isolated: boolean; cpus: number; memory_gb: number | null; opfs: boolean;
}
/** What this page can do, with the reason for what it cannot. */
export function capabilities(): Promise<Capabilities>;
export const version: string;

export class AccelError extends Error {
  /** "bad_file", "out_of_memory", "unsupported", "invalid_argument", "not_found", "io_error", "absent", …; "crashed" when the engine stopped
   *  or the GPU was lost, which ends this model: load it again. */
  readonly status: string;
}
