export function openSession(ort, model, threads) {
  Object.assign(ort.env.wasm, { numThreads: threads, proxy: false, wasmPaths: "/peer/" });
  return ort.InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
}

/** Tensors made once: all binding that the peer has for inputs on this provider. */
export function feedsOf(ort, inputs) {
  return Object.fromEntries(Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new ort.Tensor(type, data, dims)]));
}
