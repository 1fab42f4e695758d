/** An agent's work: connects to accel over a WebSocket and does the jobs that it sends (docs/agent-protocol.md). */

import { capabilities, load, loadAll } from "../package/index.js";
import { compareTunings } from "./tune.js";

const PROTOCOL = 1;
const ALIVE_MS = 2000;
const MAX_INPUT_BYTES = 2 ** 31;

const ARRAYS = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, bfloat16: Uint16Array,
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array,
  int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
};

/** An error with the name of a status that accel knows. */
function failure(status, message) {
  return Object.assign(new Error(message), { status });
}

/** A path on the server that this page came from; anything else is refused. */
function own(path) {
  const url = new URL(path, location.href);
  if (url.origin !== location.origin) throw failure("invalid_argument", `${path} does not lie on this page's server`);
  return url.href;
}

/** A model by its path, or by a name that nothing is fetched for. */
const ownModel = (model) => (/^(zoo|audio):/.test(model) ? model : own(model));

const ownAll = (paths = {}) => Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, own(path)]));

function shapeBytes(type, dims) {
  const array = ARRAYS[type];
  if (!array || !Array.isArray(dims) || !dims.every((d) => Number.isSafeInteger(d) && d >= 0))
    throw failure("invalid_argument", `an input of type ${type} with dims ${JSON.stringify(dims)} cannot be taken`);
  const bytes = dims.reduce((n, d) => n * d, array.BYTES_PER_ELEMENT);
  if (bytes > MAX_INPUT_BYTES) throw failure("limit", `an input of ${bytes} bytes is above the limit of ${MAX_INPUT_BYTES}`);
  return bytes;
}

async function fetchTensor({ name, type, dims, url }, signal) {
  const bytes = shapeBytes(type, dims);
  const response = await fetch(own(url), { signal });
  if (!response.ok) throw failure("io_error", `input ${name}: the server answered ${response.status}`);
  const data = await response.arrayBuffer();
  if (data.byteLength !== bytes)
    throw failure("bad_file", `input ${name} has ${data.byteLength} bytes where its type and dims ask for ${bytes}`);
  return { type, dims, data: new ARRAYS[type](data) };
}

function theModel(state) {
  if (!state.model) throw failure("invalid_argument", "no model is loaded");
  return state.model;
}

async function unload(state) {
  const model = state.model;
  state.model = null;
  if (model) await model.dispose();
  return {};
}

/** Sends these outputs to `put`/INDEX and describes them. */
async function deliver(put, results, names, signal) {
  const described = [];
  for (const [index, name] of names.entries()) {
    const { type, dims, data } = results[name] ?? {};
    if (!data) throw failure("runtime", `the model gave no output ${name}`);
    const body = new Blob([new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()]);
    const response = await fetch(own(`${put}/${index}`), { method: "PUT", body, signal });
    if (!response.ok) throw failure("io_error", `output ${name}: the server answered ${response.status}`);
    described.push({ name, type, dims });
  }
  return described;
}

/** Each component on its own inputs and on what those before it gave. */
async function runAll(models, feeds, components) {
  const results = {};
  for (const [index, { takes = [] }] of components.entries()) {
    const taken = Object.fromEntries(takes.map((name) => [name, results[name]]));
    Object.assign(results, await models[index].run({ ...feeds[index], ...taken }));
  }
  return results;
}

/** What accel can ask for: name -> (state, job, context) -> result. */
const JOBS = {
  async load(state, job, { progress, signal }) {
    await unload(state);
    const { platform, threads, precision, variant, shapes, tuning, features, profile } = job;
    const model = await load(
      { model: own(job.model), data: ownAll(job.data) },
      { platform, threads, precision, variant, shapes, tuning, features, profile, deviceType: job.device_type, sha256: ownKeys(job.sha256), progress, signal });
    state.model = model;
    return {
      inputs: model.inputs, outputs: model.outputs, figures: model.figures, variant: model.variant,
      threads: model.threads, devices: model.devices, adapter: model.adapter ?? null, precision: model.precision ?? "fp32",
    };
  },

  async bind(state, job, { signal }) {
    const model = theModel(state);
    const feeds = {};
    for (const input of job.inputs ?? []) feeds[input.name] = await fetchTensor(input, signal);
    await model.bind(feeds);
    return {};
  },

  async run(state) {
    const model = theModel(state);
    const before = performance.now();
    await model.run();
    return { run_ms: performance.now() - before, figures: model.figures };
  },

  sample: (state, job) =>
    theModel(state).sample({
      lead_in_ms: job.lead_in_ms, duration_ms: job.duration_ms, least: job.least, most: job.most,
    }),

  /** Of one more run on the bound inputs, after the samples: the outputs are those of the code that was measured. */
  async outputs(state, job, { signal }) {
    const model = theModel(state);
    const results = await model.run();
    return { outputs: await deliver(job.put, results, model.outputs.map(({ name }) => name), signal) };
  },

  /** A text by a model that is loaded for it. */
  async generate(state, job, { progress, signal }) {
    await unload(state);
    const { platform, threads, precision, tuning, seed, inputs, options } = job;
    const feeds = {}, tokens = [];
    for (const input of inputs ?? []) feeds[input.name] = await fetchTensor(input, signal);
    const model = await load({ model: ownModel(job.model), data: ownAll(job.data) }, { platform, threads, precision, tuning, seed, progress, signal });
    try {
      const text = model.generate(feeds, { ...options, signal });
      for (;;) {
        const { value, done } = await text.next();
        if (done) return { tokens, ...value };
        tokens.push(value);
      }
    } finally {
      model.dispose();
    }
  },

  /** From nothing to the first outputs, as a page of an application does it: components loaded, and run in their order. Inputs are here before. */
  async start(state, job, { signal }) {
    await unload(state);
    const components = {}, feeds = [];
    for (const [index, { model, data, shapes, platform, inputs }] of job.components.entries()) {
      components[index] = { model: ownModel(model), data: ownAll(data), shapes, platform };
      feeds[index] = {};
      for (const input of inputs ?? []) feeds[index][input.name] = await fetchTensor(input, signal);
    }
    const { features, precision, threads } = job;
    const begin = performance.now();
    const models = Object.values(await loadAll(components, { features, precision, threads, signal }));
    const load_ms = performance.now() - begin;
    try {
      let results = await runAll(models, feeds, job.components);
      const start_ms = performance.now() - begin, runs_ms = [];
      for (let i = 0; i < (job.runs ?? 0); i++) {
        const before = performance.now();
        results = await runAll(models, feeds, job.components);
        runs_ms.push(performance.now() - before);
      }
      const outputs = await deliver(job.put, results, job.outputs, signal);
      return { start_ms, load_ms, runs_ms, outputs, figures: models.map(({ figures }) => figures), devices: models.map(({ devices }) => devices.join()) };
    } finally {
      for (const model of models) model.dispose();
    }
  },

  profile: async (state) => ({ rows: await theModel(state).profile() }),
  memory: (state) => theModel(state).memory(),
  unload,

  /** One model under several tunings of its kernels, in turns. */
  async tune(state, job, context) {
    await unload(state);
    const feeds = {};
    for (const input of job.inputs ?? []) feeds[input.name] = await fetchTensor(input, context.signal);
    return compareTunings({ ...job, model: own(job.model), data: ownAll(job.data) }, feeds, context);
  },
};

const ownKeys = (sums) => sums && Object.fromEntries(Object.entries(sums).map(([path, hex]) => [own(path), hex]));

async function hello(name) {
  const battery = await navigator.getBattery?.().catch(() => null);
  return {
    type: "hello", protocol: PROTOCOL, agent: name, user_agent: navigator.userAgent,
    capabilities: {
      ...(await capabilities()),
      screen: [screen.width, screen.height], mobile: navigator.userAgentData?.mobile ?? matchMedia("(pointer: coarse)").matches,
      battery: battery?.level ?? null, visibility: document.visibilityState,
    },
  };
}

/**
 * Connects to `url` (a WebSocket address with its token) and works until the socket closes.
 * onState({connection, job, progress, finished, error}) tells the page what goes on. Returns {close()}.
 */
export function startAgent({ url, name = "page", onState = () => {} }) {
  const socket = new WebSocket(url);
  const state = { model: null };
  let current = null;
  let alive = 0;
  const send = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
  const sayAlive = () => send({ type: "alive", visibility: document.visibilityState, busy: current !== null });

  async function work(job) {
    const { id } = job;
    if (current) return send({ type: "failed", id, status: "busy", error: `job ${current.id} is not done yet` });
    if (!Object.hasOwn(JOBS, job.do))
      return send({ type: "failed", id, status: "unsupported", error: `this page knows no job "${job.do}"` });
    const abort = new AbortController();
    current = { id, abort };
    onState({ job: job.do });
    try {
      const progress = (p) => {
        send({ type: "progress", id, ...p });
        onState({ job: job.do, progress: p });
      };
      const result = await JOBS[job.do](state, job, { progress, signal: abort.signal });
      send({ type: "done", id, result });
      onState({ job: null, finished: { do: job.do, result } });
    } catch (error) {
      const status = error.status ?? (abort.signal.aborted ? "cancelled" : "error");
      send({ type: "failed", id, status, error: String(error.message ?? error) });
      onState({ job: null, error: String(error.message ?? error) });
    } finally {
      current = null;
    }
  }

  socket.onopen = async () => {
    onState({ connection: "open" });
    send(await hello(name));
    alive = setInterval(sayAlive, ALIVE_MS);
  };
  socket.onmessage = ({ data }) => {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message?.type === "job" && Number.isSafeInteger(message.id)) work(message);
    else if (message?.type === "cancel" && current?.id === message.id) current.abort.abort();
  };
  socket.onclose = () => {
    clearInterval(alive);
    current?.abort.abort();
    unload(state).catch(() => {});
    onState({ connection: "closed" });
  };
  document.addEventListener("visibilitychange", sayAlive);
  return { close: () => socket.close() };
}
