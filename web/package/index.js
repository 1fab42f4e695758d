// The package's door: models that run in workers of their own. index.d.ts says what each function takes and gives.
import { chooseBuild, compileBuild } from "./builds.js";
import { handOver } from "./early.js";
import { AccelError, within } from "./errors.js";
import { cpus, isolated, relaxedSimd, simd, threadsWork } from "./features.js";
import { Remote } from "./remote.js";

export { AccelError };
export const version = "0.1.0";
const STORAGE_MS = 5000; // the browser's storage answers within it, or there is none

/** As the promise; once the signal is aborted, its reason. */
function unlessAborted(signal, promise) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
  });
}

class Model {
  #remote;
  #facts;
  #texts = 0;

  constructor(remote, facts) {
    this.#remote = remote;
    this.#facts = facts;
  }

  get inputs() { return this.#facts.inputs; }
  get outputs() { return this.#facts.outputs; }
  get platform() { return this.#facts.platform; }
  get variant() { return this.#facts.variant; }
  get threads() { return this.#facts.threads; }
  get precision() { return this.#facts.precision; }
  get devices() { return this.#facts.devices; }
  get adapter() { return this.#facts.adapter; }
  get figures() { return this.#facts.figures; }

  async #ask(request) {
    const result = await this.#remote.ask(request);
    if (result.figures) Object.assign(this.#facts, { figures: result.figures, devices: result.devices }); // both follow from the shapes
    return result;
  }

  async bind(feeds) {
    await this.#ask({ do: "bind", feeds });
  }

  async seed(options) {
    await this.#ask({ do: "seed", ...options });
  }

  async run(feeds) {
    return (await this.#ask({ do: "run", feeds })).outputs;
  }

  async *generate(feeds, { signal, ...options } = {}) {
    const text = ++this.#texts, tokens_ms = [];
    const ask = (request) => unlessAborted(signal, this.#ask({ ...request, text }));
    signal?.throwIfAborted();
    try {
      await ask({ do: "generate", feeds, options });
      for (let next = {}; !next.done;) {
        next = await ask({ do: "nextTokens" });
        tokens_ms.push(next.ms);
        yield next.tokens;
      }
      return { tokens_ms };
    } finally {
      this.#ask({ do: "endText", text }).catch(() => {}); // a model that ended wrote no further anyway
    }
  }

  sample(options) {
    return this.#ask({ do: "sample", ...options });
  }

  async profile() {
    const { rows } = await this.#ask({ do: "profile" });
    return rows.map(([node, op_type, kernel, time_ns, flops, bytes]) => ({ node, op_type, kernel, time_ns, flops, bytes }));
  }

  async memory() {
    const [engine, page_bytes] = await Promise.all([this.#ask({ do: "memory" }), pageBytes()]);
    return { ...engine, page_bytes };
  }

  async dispose() {
    this.#remote.end(new AccelError("invalid_argument", "this model was disposed of: load it again"));
  }
}

/** Of the whole page; browsers give it to isolated pages only, and some take their time: then it is not known. */
async function pageBytes() {
  if (!isolated() || !performance.measureUserAgentSpecificMemory) return null;
  const late = new Promise((resolve) => setTimeout(resolve, 5000, null));
  return Promise.race([performance.measureUserAgentSpecificMemory().then(({ bytes }) => bytes, () => null), late]);
}

/** What a worker can be given: an absolute address, or bytes. */
function portable(source) {
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof Uint8Array) return source;
  if (typeof source === "string" && /^(zoo|audio):/.test(source)) return source;
  if (typeof source === "string" || source instanceof URL) return new URL(source, document.baseURI).href;
  throw new AccelError("invalid_argument", "a model is given by its address, an ArrayBuffer or a Uint8Array");
}

const mapped = (object = {}, key, value) => Object.fromEntries(Object.entries(object).map(([k, v]) => [key(k), value(v)]));

/** The front end of an audio model is computed where the feature computeShaders says, when no platform is named. */
const placed = (model, options) =>
  String(model).startsWith("audio:") && options.features?.computeShaders && !options.platform ? { ...options, platform: "webgpu" } : options;

export async function load(source, { progress = () => {}, signal, base, ...given } = {}) {
  const { model, data } = source?.model ? source : { model: source };
  const options = placed(model, given);
  signal?.throwIfAborted();
  // Hashes are known by the address as it is asked for, or by the file's name in `data`.
  const sha256 = { ...options.sha256, ...mapped(options.sha256, (name) => new URL(name, document.baseURI).href, (hash) => hash) };
  const build = chooseBuild(options);
  const request = { do: "load", build, model: portable(model), data: mapped(data, (name) => name, portable), options: { ...options, sha256 } };
  const compiling = compileBuild(build.name, base); // it, the worker and the model's first bytes come at the same time
  const remote = new Remote(base, progress);
  const cancel = () => remote.end(signal.reason);
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    const loaded = remote.ask({ ...request, early: handOver(request, remote) });
    compiling.then((compiled) => remote.give(compiled), (error) => remote.end(error));
    return new Model(remote, await loaded);
  } catch (error) {
    remote.end(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

/** A component as load takes it: {model, data} and options of its own. */
function component(given) {
  const isSource = typeof given === "string" || given instanceof URL || given instanceof ArrayBuffer || given instanceof Uint8Array;
  if (isSource) return { source: given, options: {} };
  const { model, data, ...options } = given;
  return { source: { model, data }, options };
}

export async function loadAll(components, { progress = () => {}, signal, ...common } = {}) {
  const ending = new AbortController(), loading = {}, models = {};
  signal?.throwIfAborted();
  const cancel = () => ending.abort(signal.reason);
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    for (const [name, given] of Object.entries(components)) {
      const { source, options } = component(given);
      const tell = (told) => progress({ component: name, ...told });
      loading[name] = load(source, { ...common, ...options, features: { ...common.features, ...options.features }, progress: tell, signal: ending.signal });
      loading[name].catch((error) => ending.abort(error)); // one that failed ends the others
      if (common.features?.parallelLoading === false) await loading[name];
    }
    for (const name of Object.keys(loading)) models[name] = await loading[name];
    return models;
  } catch (error) {
    for (const { value } of await Promise.allSettled(Object.values(loading))) value?.dispose();
    throw signal?.aborted ? signal.reason : ending.signal.reason ?? error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

/** Whether the browser's storage for files can be had here. */
async function hasOpfs() {
  try {
    return Boolean(await within(STORAGE_MS, navigator.storage.getDirectory()));
  } catch {
    return false;
  }
}

function wasmPlatform() {
  const available = simd();
  return { name: "wasm", available, reason: available ? null : "this browser has no WebAssembly SIMD", devices: available ? ["cpu"] : [] };
}

/** WebNN's context for each kind of device; what it really uses shows when a model is built. */
async function webnnPlatform() {
  if (!navigator.ml) return { name: "webnn", available: false, reason: isSecureContext ? "this browser has no WebNN (navigator.ml)" : "WebNN is given to secure pages only (https or localhost)", devices: [] };
  const devices = [];
  let reason = null;
  for (const deviceType of ["cpu", "gpu", "npu"]) {
    try {
      (await navigator.ml.createContext({ deviceType })).destroy?.();
      devices.push(deviceType);
    } catch (error) {
      reason ??= `WebNN gives no context: ${error.message}`;
    }
  }
  return { name: "webnn", available: devices.length > 0, reason: devices.length > 0 ? null : reason, devices };
}

async function webgpuPlatform() {
  try {
    const { describeAdapter, findAdapter } = await import("./webgpu_device.js");
    const adapter = describeAdapter(await findAdapter());
    return { name: "webgpu", available: true, reason: null, devices: [adapter.name], adapter };
  } catch (error) {
    return { name: "webgpu", available: false, reason: error.message, devices: [], adapter: null };
  }
}

export async function capabilities() {
  return {
    platforms: [wasmPlatform(), ...(await Promise.all([webnnPlatform(), webgpuPlatform()]))],
    simd: simd(), relaxed_simd: relaxedSimd(), threads: threadsWork(), isolated: isolated(), cpus: cpus(),
    memory_gb: navigator.deviceMemory ?? null, opfs: await hasOpfs(),
  };
}
