// A worker that the engine's threads run on: the same module on the same memory, with a stack of its own. It waits in C for work, for ever.
import { imports } from "./engine.js";

self.onmessage = async ({ data: { module, memory, stack, index } }) => {
  const instance = await WebAssembly.instantiate(module, imports(memory));
  const { __stack_pointer, __wasm_init_tls, page_thread_run, page_thread_failed } = instance.exports;
  __stack_pointer.value = stack;
  __wasm_init_tls(stack);
  self.postMessage("ready");
  try {
    page_thread_run(index);
  } catch (error) {
    page_thread_failed();
    throw error;
  }
};
