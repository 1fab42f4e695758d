#!/usr/bin/env python3
"""The package with platform "webnn", as a page uses it, in a browser that has WebNN: the same outputs as with platform "wasm"; shapes that
change; errors in words. Needs scripts/deps.sh web and what `make web` builds."""

import unittest

from webnn_browser import skip_without_browser
from package_page import PACKAGE, PackagePage, model_of_det


class Package(PackagePage):
    platform = "webnn"

    def test_outputs_are_those_of_wasm(self):
        self.check_outputs_are_those_of_wasm(("bert-tiny", "t5-tiny", "llama-tiny"))

    def test_shapes_may_change_and_facts_are_told(self):
        told = self.page("""
          const model = await load("zoo:bert-tiny", { platform: "webnn", deviceType: "cpu", shapes: { input_ids: [1, 8], attention_mask: [1, 8], token_type_ids: [1, 8] } });
          const first = model.devices;
          const short = await model.run({ input_ids: ids([1, 6], 90) });
          const long = await model.run({ input_ids: ids([2, 9], 90) });
          const samples = await model.sample({ duration_ms: 50 });
          const memory = await model.memory();
          await model.dispose();
          return { first, variant: model.variant, precision: model.precision, short: Object.values(short)[0].dims, long: Object.values(long)[0].dims,
                   samples: samples.samples_ms.length, figures: model.figures, weights: memory.model_bytes };""")
        self.assertEqual((told["first"], told["variant"], told["precision"]), (["cpu"], "webnn", "fp32"))
        self.assertEqual((told["short"][:2], told["long"][:2]), ([1, 6], [2, 9]))
        self.assertGreater(told["samples"], 0)
        self.assertGreater(told["figures"]["compile_ms"], 0)
        self.assertGreater(told["weights"], 10_000_000)

    def test_what_webnn_lacks_is_named_before_anything_is_built(self):
        self.assertRegex(self.refusal(f"await load({model_of_det()}, {{ platform: 'webnn' }});"),
                         r"unsupported: 1 part of the model .*\(Det\): WebNN has no such operator")

    GRAPH = """
      const { createContext, WebnnGraph } = await import("/webnn_graph.js");
      const context = await createContext("cpu");
      const told = { name: "x", id: 0, type: "int32", dims: [2], given: "int64" };
      const graph = await WebnnGraph.build(context, { inputs: [told], outputs: [{ ...told, name: "y", id: 1 }], constants: [], calls: [["identity", ["#0"], [1], "n"]] });
    """

    def test_wide_integers_go_through_narrow_ones(self):
        self.assertEqual(self.page(f"{self.GRAPH} await graph.write({{ x: BigInt64Array.of(-5n, 7n) }}); await graph.run(); return graph.read().y.data.join(' ');"), "-5 7")
        self.assertRegex(self.refusal(f"{self.GRAPH} await graph.write({{ x: BigInt64Array.of(2n ** 31n, 7n) }});"),
                         "unsupported: input 'x' holds 2147483648, and this browser's WebNN has 32-bit integers only")

    def test_a_lost_device_is_told(self):
        said = self.refusal(f"{self.GRAPH} await graph.write({{ x: BigInt64Array.of(1n, 2n) }}); context.destroy(); await context.lost; await graph.run();")
        self.assertRegex(said, r"^error: the browser's WebNN device was lost \(.*\): load the model again$")

    def test_a_refused_call_names_its_node(self):
        said = self.refusal(f"{self.GRAPH} await WebnnGraph.build(context, {{ inputs: [told], outputs: [], constants: [], calls: [['gelu', ['#0'], [1], 'layer.7/relu']] }});")
        self.assertRegex(said, "unsupported: node 'layer.7/relu': the browser refuses gelu: ")

    def test_a_device_that_is_not_there_or_no_webnn_is_absent(self):
        self.assertRegex(self.refusal("await load('zoo:bert-tiny', { platform: 'webnn', deviceType: 'abacus' });"), "absent: .*abacus")

    def test_texts_are_refused(self):
        said = self.refusal("await (await load('zoo:qwen2-tiny', { platform: 'webnn' })).generate({ input_ids: ids([1, 4], 90) }, { maxNewTokens: 2 }).next();")
        self.assertEqual(said, 'unsupported: no text is written on webnn: load the model with platform "wasm" or "webgpu"')

    def test_a_run_without_inputs_is_refused(self):
        self.assertRegex(self.refusal("await (await load('zoo:bert-tiny', { platform: 'webnn' })).run();"), "invalid_argument: .*bind")


if __name__ == "__main__":
    skip_without_browser((PACKAGE / "accel-webnn.wasm", "make web"))
    unittest.main()
