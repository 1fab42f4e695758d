// From a plan that the engine made to a graph on the GPU, with the bytes that the engine has for it.
import { GpuGraph } from "./webgpu_graph.js";

/** Bytes that a function of src/page/page.h gives, good until the next call. */
export function engineBytes(engine, length, name, ...values) {
  const at = engine.call(name, ...values);
  if (at === 0) throw engine.failure();
  return engine.bytes(at, length);
}

/** options: of GpuGraph.build. */
export async function buildPlan(engine, gpu, plan, options) {
  try {
    return await GpuGraph.build(gpu, plan, {
      parameters: () => engineBytes(engine, plan.steps.length * 256, "page_webgpu_parameters"),
      constant: (index) => engineBytes(engine, plan.constants[index][2], "page_webgpu_constant", index),
    }, options);
  } finally {
    engine.call("page_webgpu_forget");
  }
}
