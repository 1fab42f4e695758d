// ONNX's cases in one variant: node conformance.mjs VARIANT FOLDER. FOLDER/cases.json and FOLDER/inputs.bin are read, FOLDER/outputs.json and
// FOLDER/outputs.bin written: see test_package.py.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { openModel, runModel, startEngine } from "./host.mjs";
import { arrays } from "../../web/package/native.js";

const [variant, folder] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(`${folder}/cases.json`));
const inputs = readFileSync(`${folder}/inputs.bin`);
const out = openSync(`${folder}/outputs.bin`, "w");
const results = [];
let written = 0, engine = await startEngine(variant);

function feedsOf(tensors) {
  return Object.fromEntries(tensors.map(({ name, type, dims, at, bytes }) =>
    [name, { type, dims, data: new arrays[type](new Uint8Array(inputs.subarray(at, at + bytes)).buffer) }]));
}

for (const { name, model, sets } of cases) {
  const result = { name, sets: [] };
  try {
    const opened = await openModel(engine, "case.onnx", { "case.onnx": readFileSync(model) });
    for (const set of sets) {
      const outputs = {};
      for (const [output, { type, dims, data }] of Object.entries(await runModel(opened, feedsOf(set)))) {
        outputs[output] = { type, dims, at: written, bytes: data.byteLength };
        written += writeSync(out, new Uint8Array(data.buffer));
      }
      result.sets.push(outputs);
    }
  } catch (error) {
    result.error = `${error.status}: ${error.message}`;
    if (error.status === "crashed" || !error.status) engine = await startEngine(variant);
  }
  if (!result.error?.startsWith("crashed")) engine.call("page_close");
  results.push(result);
}
closeSync(out);
writeFileSync(`${folder}/outputs.json`, JSON.stringify(results));
