#!/usr/bin/env python3
"""Every model class of the zoo at its smallest, on WebGPU in Chromium: its outputs are those of the package's WebAssembly, or what the kernels lack is
named. Needs Chromium and what `make web` builds. ctest: timeout 600

    tests/web/test_webgpu_zoo.py [NAME[:SEQUENCE] …]
"""

import sys

from browser import Chromium, Server, find_chromium
from package_page import HELPERS, PACKAGE

LIMIT = 1e-4
MODELS = """bert-tiny distilbert-tiny roberta-tiny llama-tiny qwen2-tiny qwen3-tiny mistral-tiny opt-tiny gpt2-tiny t5-tiny whisper-tiny-random clip-tiny:12
    xclip-tiny:12 vit-tiny resnet-tiny detr-tiny wav2vec2-tiny clap-tiny llava-tiny llava-next-tiny:48 qwen2-vl-tiny:96 qwen3-vl-tiny:96""".split()
RUN = """
  const outputs = async (options) => {
    const model = await load(`zoo:${name}`, options);
    try {
      await model.seed({ sequence, seed: 1 });
      return [await model.run(), model.figures];
    } finally {
      await model.dispose();
    }
  };
  const worst = (got, expected) => Math.max(...Object.keys(expected).map((key) => apart(Array.from(got[key].data, Number), Array.from(expected[key].data, Number))));
  try {
    const [got, figures] = await outputs({ platform: "webgpu" }), [expected] = await outputs({ threads: 1 });
    return [worst(got, expected), `pipelines ${figures.pipeline_ms.toFixed(0)} ms, first ${figures.first_ms.toFixed(0)} ms`];
  } catch (error) {
    return [error.status === "unsupported" ? null : 1e30, `${error.status}: ${error.message}`];
  }
"""


def main():
    if not (PACKAGE / "accel-webgpu.wasm").exists() or not find_chromium():
        print("skipped: Chromium, or build/web (make web), is missing")
        sys.exit(77)
    (PACKAGE / "zoo.html").write_text("<!doctype html><title>WebGPU</title>")
    server, browser, bad = Server(PACKAGE), Chromium("--enable-unsafe-webgpu", "--disable-dev-shm-usage"), 0
    try:
        browser.open(f"{server.url}/zoo.html")
        for word in sys.argv[1:] or MODELS:
            name, sequence = [*word.split(":"), "16"][:2]
            worst, sentence = browser.evaluate(f"(async () => {{ {HELPERS} const name = '{name}', sequence = {sequence}; {RUN} }})()", timeout_s=300)
            failed = worst is not None and not worst <= LIMIT
            bad += failed
            status = "failed" if failed else "unsupported" if worst is None else "passed"
            print(f"{name:20} {status:12} {'' if worst is None else f'{worst:.1e}':8} {sentence[:200]}", flush=True)
    finally:
        browser.stop()
        server.stop()
        (PACKAGE / "zoo.html").unlink()
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
