// The engine, in a worker of its own: one model, its memory, its threads. index.js is the other side of the messages.
import { AccelError } from "./errors.js";
import { Engine } from "./engine.js";
import { NativeModel } from "./native.js";
import { Early, take } from "./download.js";

const MOST_SHARDS = 1000;
let model = null; // NativeModel, WebnnModel of webnn.js or WebgpuModel of webgpu.js
let figures, facts;
let text = 0; // the one that is being written; 0: none

/* ---- the engine ---- */

/** What the page gives meanwhile, past the queue of requests: the module, and the beginning of the model's file. */
let giveModule;
const given = { module: new Promise((give) => { giveModule = give; }), early: new Early() };

function takeGiven({ module, compiled_ms, early }) {
  if (module) giveModule({ module, compiled_ms });
  if (early) given.early.take(early);
}

/** The page starts workers for them, which come when they are ready: the engine goes without until then. */
function expectThreads(engine, count) {
  for (let index = 0; index < count; index++) self.postMessage({ thread: engine.thread(index) });
}

/** All of them: what is measured is measured with them. */
async function allThreads() {
  while (facts.threads > 1 && model.engine.call("page_threads_waiting") < facts.threads - 1) await new Promise((later) => setTimeout(later, 0));
}

/* ---- loading ---- */

const isUrl = (source) => typeof source === "string";

/** What the engine is to call the model's file. Of an address that does not show what it is: ONNX. */
function nameOf(source) {
  const last = isUrl(source) ? decodeURIComponent(new URL(source).pathname.split("/").at(-1)) : "";
  return /\.(onnx|gguf)$/.test(last) || last === "config.json" ? last : "model.onnx";
}

/** Tells the page of progress, but not more often than it can be seen. */
function progressTeller(phase) {
  const seen = { phase, loaded: 0 };
  let told = 0;
  const tell = (least) => {
    if (performance.now() - told < least) return;
    told = performance.now();
    self.postMessage({ progress: { ...seen } });
  };
  return {
    bytes: (n) => { seen.loaded += n; tell(50); },
    total: (n) => { seen.total = (seen.total ?? 0) + n; },
    now: () => tell(0),
  };
}

/** {at, size} of what was added, the engine's from now on. */
async function addFile(engine, name, source, options, teller) {
  const begun = source === given.address ? given.early : null;
  if (begun) given.address = null; // its pieces come once
  const hash = options.sha256?.[source] ?? options.sha256?.[name];
  const { at, size, cached } = await take(engine, source, { hash, cache: options.cache, begun, onBytes: teller.bytes, onTotal: teller.total });
  figures[cached ? "cached_bytes" : "downloaded_bytes"] += isUrl(source) ? size : 0;
  try {
    engine.do("page_add_file", name, at, size);
  } catch (error) {
    engine.free(at);
    throw error;
  }
  return { at, size };
}

const beside = (name, base) => new URL(name.split("/").map(encodeURIComponent).join("/"), base).href;

/** Opens the model; files that it asks for lie beside it, where the page has not given them. */
async function open(engine, reference, folder, base, threads, options, teller) {
  const brought = new Set();
  for (;;) {
    try {
      const start = performance.now();
      engine.do("page_open", reference, threads, options.precision ?? "fp32", options.seed ?? 0);
      figures.load_ms = performance.now() - start;
      return;
    } catch (error) {
      const missing = error.status === "not_found" ? engine.text(engine.call("page_missing")) : null;
      if (!missing || !base || brought.has(missing)) throw error;
      brought.add(missing);
      await addFile(engine, missing, beside(missing.slice(folder.length), base), options, teller);
    }
  }
}

/** Files that none of them waits for another: at once, or with the feature parallelLoading off one after the other. */
async function addFiles(engine, files, options, teller) {
  const adding = [];
  for (const [name, source] of files) {
    adding.push(addFile(engine, name, source, options, teller));
    if (options.features?.parallelLoading === false) await adding.at(-1);
  }
  await Promise.all(adding);
}

/** The shards that an index names, as they lie beside it. What is no plain file name stays for the engine to refuse. */
function shardsOf(engine, { at, size }) {
  try {
    const { weight_map } = JSON.parse(new TextDecoder().decode(engine.bytes(at, size).slice()));
    return [...new Set(Object.values(weight_map))].filter((name) => typeof name === "string" && /^[\w.-]+\.safetensors$/.test(name)).slice(0, MOST_SHARDS);
  } catch {
    return [];
  }
}

/** A configuration without weights would be a model with generated ones, which nobody asked for here. */
async function addWeights(engine, folder, data, base, options, teller) {
  const names = ["model.safetensors", "model.safetensors.index.json"];
  if (names.some((name) => name in data)) return;
  if (!base) throw new AccelError("not_found", `config.json was given without weights: give ${names[0]} in data`);
  try {
    await addFile(engine, folder + names[0], beside(names[0], base), options, teller);
  } catch (error) {
    if (error.status !== "not_found") throw error;
    const index = await addFile(engine, folder + names[1], beside(names[1], base), options, teller);
    await addFiles(engine, shardsOf(engine, index).map((name) => [folder + name, beside(name, base)]), options, teller);
  }
}

async function bring(engine, { model: source, data, options, build: { threads } }) {
  const teller = progressTeller("download");
  const start = performance.now();
  if (isUrl(source) && /^(zoo|audio):/.test(source)) {
    return open(engine, source.replace(/^zoo:/, ""), "", null, threads, options, teller);
  }
  const name = nameOf(source), folder = name === "config.json" ? "model/" : "";
  const base = isUrl(source) ? source : null;
  await addFiles(engine, Object.entries({ [name]: source, ...data }).map(([file, from]) => [folder + file, from]), options, teller);
  if (folder) await addWeights(engine, folder, data, base, options, teller);
  await open(engine, folder ? "model" : name, folder, base, threads, options, teller);
  figures.download_ms = performance.now() - start - figures.load_ms;
  teller.now();
}

async function load(request) {
  const { options, build } = request;
  given.address = request.early;
  figures = { download_ms: null, engine_ms: null, load_ms: null, compile_ms: null, first_ms: null, downloaded_bytes: 0, cached_bytes: 0 };
  const openModel = startPlatform(request);
  const { module, compiled_ms } = await given.module, came = performance.now();
  const engine = await Engine.start(module, build.name.endsWith("-threads"));
  figures.engine_ms = compiled_ms + performance.now() - came;
  expectThreads(engine, build.threads - 1);
  if (options.packInPlace !== undefined) engine.call("page_pack_in_place", options.packInPlace ? 2 : 1);
  await bring(engine, request);
  self.postMessage({ progress: { phase: "compile", loaded: 0 } });
  const opened = await openModel(engine, options);
  await opened.prepare(options);
  model = opened;
  facts = { platform: options.platform ?? "wasm", variant: build.name, threads: build.threads, devices: model.devices, adapter: model.adapter ?? null, precision: model.precision() };
  return { ...engine.ask("page_describe"), ...facts, figures: currentFigures() };
}

/** A function that makes the model of an engine. What takes its time begins now, while the model is downloaded. */
function startPlatform(request) {
  const { platform } = request.options;
  if (platform === "webgpu") return startWebgpu(request);
  if (platform === "webnn")
    return async (engine, options) => (await import("./webnn.js")).WebnnModel.open(engine, options);
  return (engine) => new NativeModel(engine);
}

function startWebgpu(request) {
  const device = import("./webgpu_device.js").then(({ GpuDevice }) => GpuDevice.open());
  const module = import("./webgpu.js");
  const shaders = Promise.all([device, module]).then(([gpu, { startShaders }]) => startShaders(gpu, request));
  for (const promise of [device, module, shaders]) promise.catch(() => {}); // told when it is waited for
  return async (engine, { precision, tuning, profile }) => {
    const gpu = await device;
    return new (await module).WebgpuModel(engine, gpu, { precision, tuning, shaders: await shaders, profile });
  };
}

/* ---- what the page asks for ---- */

const currentFigures = () => ({ ...figures, compile_ms: model.preparedMs() || null, ...model.figures?.() });

async function run({ feeds }) {
  if (feeds) await model.bind(feeds);
  const start = performance.now();
  await model.run();
  const took = performance.now() - start;
  figures.first_ms ??= took;
  return took;
}

const answers = {
  load,
  async bind({ feeds }) {
    await model.bind(feeds);
    return { devices: model.devices, figures: currentFigures() };
  },
  async seed(request) {
    await model.seed(request);
    return { devices: model.devices, figures: currentFigures() };
  },
  async run(request) {
    const run_ms = await run(request);
    return { outputs: await model.outputs(), run_ms, devices: model.devices, figures: currentFigures() };
  },
  async sample(request) {
    await allThreads();
    return model.sample(request);
  },
  async generate({ feeds, options, text: begun }) {
    if (!model.generate) throw new AccelError("unsupported", `no text is written on ${facts.platform}: load the model with platform "wasm" or "webgpu"`);
    text = 0;
    await model.generate(feeds, options);
    text = begun;
    return {};
  },
  async nextTokens({ text: asked }) {
    if (asked !== text) throw new AccelError("invalid_argument", "this text is not written any further: another one was begun on the same model");
    const next = await model.nextTokens();
    if (next.done) answers.endText({ text });
    return next;
  },
  endText({ text: ended }) {
    if (ended === text) {
      model.endText();
      text = 0;
    }
    return {};
  },
  async profile() {
    if (!model.profile) throw new AccelError("unsupported", `on ${facts.platform} a page is not told the times of nodes: load the model with platform "webgpu" and profile`);
    return { rows: model.profile() };
  },
  memory: async () => ({ ...model.memory(), wasm_bytes: model.engine.memory.buffer.byteLength }),
};

/** One after the other, in the order of their coming. */
let last = Promise.resolve();
self.onmessage = ({ data: { given: more, ...request } }) => {
  if (more) return takeGiven(more);
  last = last.then(() => answer(request));
};

async function answer(request) {
  try {
    if (!model && request.do !== "load") throw new AccelError("invalid_argument", "no model is loaded");
    const result = await answers[request.do](request);
    self.postMessage({ id: request.id, result }, request.do === "run" ? Object.values(result.outputs).map(({ data }) => data.buffer) : []);
  } catch (error) {
    self.postMessage({ id: request.id, failed: { status: error.status ?? "error", message: error.message } });
  }
}
