// Weights that are packed into their own place, in MiniLM: node packed.mjs VARIANT FOLDER. The outputs at several shapes, one after the other, must be those of weights
// that stay as they came; the file's bytes must change, and memory must hold the packed weights once. Prints a line of JSON.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { openModel, relativeL2, runModel, startEngine } from "./host.mjs";

const [variant, folder] = process.argv.slice(2);
const LENGTHS = [1, 128, 7, 128, 32, 1];
const ids = (length) => ({ type: "int64", dims: [1, length], data: BigInt64Array.from({ length }, (_, i) => BigInt((i * 37 + 101) % 20000)) });
const texts = Object.fromEntries(readdirSync(folder, { recursive: true }).filter((name) => name.endsWith(".json")).map((name) => [`model/${name}`, readFileSync(`${folder}/${name}`)]));
const weights = readFileSync(`${folder}/model.safetensors`);

async function run(packInPlace) {
  const engine = await startEngine(variant), at = engine.put(weights), outputs = [];
  engine.do("page_add_file", "model/model.safetensors", at, weights.length);
  const model = await openModel(engine, "model", texts, { packInPlace });
  for (const length of LENGTHS) outputs.push(Object.values(await runModel(model, { input_ids: ids(length) }))[0].data);
  return { outputs, changed: Buffer.compare(Buffer.from(engine.bytes(at, weights.length)), weights) !== 0, bytes: engine.memory.buffer.byteLength };
}

const came = await run(false), packed = await run(true);
assert(!came.changed && packed.changed);
console.log(JSON.stringify({ distance: Math.max(...packed.outputs.map((output, i) => relativeL2(output, came.outputs[i]))), saved: came.bytes - packed.bytes }));
