// A worker that the engine's threads run on: the same module on the same memory, with a stack of its own. It waits in C for work, for ever.
import { imports } from "./imports.js";

async function start({ module, memory, stack }) {
  const { exports } = await WebAssembly.instantiate(module, imports(memory));
  exports.__stack_pointer.value = stack;
  exports.__wasm_init_tls(stack);
  return exports;
}

self.onmessage = async ({ data: thread }) => {
  const exports = await start(thread).catch((error) => self.postMessage({ failed: error.message }));
  if (!exports) return;
  try {
    exports.page_thread_run(thread.index);
  } catch (error) {
    exports.page_thread_failed();
    throw error;
  }
};
