// The engine's builds: which one this browser is given, fetched and compiled. The page does it while the worker starts.
import { AccelError } from "./errors.js";
import { cpus, relaxedSimd, simd, threadsWork } from "./features.js";

const builds = {
  baseline: new URL("./accel-baseline.wasm", import.meta.url),
  relaxed: new URL("./accel-relaxed.wasm", import.meta.url),
  "baseline-threads": new URL("./accel-baseline-threads.wasm", import.meta.url),
  "relaxed-threads": new URL("./accel-relaxed-threads.wasm", import.meta.url),
  webnn: new URL("./accel-webnn.wasm", import.meta.url), // without kernels, and so is
  webgpu: new URL("./accel-webgpu.wasm", import.meta.url),
};

const ownBuild = (name) => name === "webnn" || name === "webgpu";

/** {name, threads} of what these options ask for. */
export function chooseBuild({ variant, threads, platform = "wasm" }) {
  if (!simd()) throw new AccelError("absent", "this browser has no WebAssembly SIMD: use one of 2023 or later");
  if (!["wasm", "webnn", "webgpu"].includes(platform)) throw new AccelError("invalid_argument", `no platform is called '${platform}'; there are wasm, webnn and webgpu`);
  if (ownBuild(platform)) return { name: platform, threads: 1 };
  const wanted = threads ?? (threadsWork() && (variant?.endsWith("-threads") ?? true) ? cpus() : 1);
  const needsThreads = variant?.endsWith("-threads") ?? wanted > 1;
  const needsRelaxed = variant?.startsWith("relaxed") ?? relaxedSimd();
  if (variant && (!(variant in builds) || ownBuild(variant)))
    throw new AccelError("invalid_argument", `no build for the platform wasm is called '${variant}'; there are ${Object.keys(builds).filter((name) => !ownBuild(name)).join(", ")}`);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 64) throw new AccelError("invalid_argument", `threads must be a number from 1 to 64, not ${wanted}`);
  if (wanted > 1 && !needsThreads) throw new AccelError("invalid_argument", `the build ${variant} has one thread; ${wanted} were asked for`);
  if (needsThreads && !threadsWork())
    throw new AccelError("absent", "threads need a cross-origin isolated page: send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp with it");
  if (needsRelaxed && !relaxedSimd()) throw new AccelError("absent", "this browser has no relaxed SIMD: leave `variant` out");
  return { name: (needsRelaxed ? "relaxed" : "baseline") + (needsThreads ? "-threads" : ""), threads: wanted };
}

const compiling = new Map(); // models that are loaded together, or after each other, share the module

/** {module, compiled_ms}: fetched and compiled. base: where the builds lie, if not beside this file. */
export async function compileBuild(name, base) {
  const start = performance.now(), url = base ? new URL(`accel-${name}.wasm`, new URL(base, location.href)) : builds[name];
  const module = compiling.get(url.href) ?? fetchBuild(url);
  compiling.set(url.href, module);
  module.catch(() => compiling.delete(url.href));
  return { module: await module, compiled_ms: performance.now() - start };
}

async function fetchBuild(url) {
  const response = await fetch(url);
  if (!response.ok) throw new AccelError("absent", `the engine ${url} cannot be loaded: the server answers ${response.status}`);
  const streams = response.headers.get("content-type") === "application/wasm";
  return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}
