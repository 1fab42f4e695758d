// Sentence embeddings with all-MiniLM-L6-v2: the mean of the last hidden states over the sentence's tokens, of length 1.
import { load } from "../package/index.js";
import { WordPiece } from "./wordpiece.js";

const LENGTHS = [32, 128]; // a sentence is padded to one of these, so that the model is made ready for two shapes only

export class Embedder {
  /** folder: URL of the model's Hugging Face folder (config.json, model.safetensors, vocab.txt). */
  static async load(folder, options) {
    const answer = await fetch(new URL("vocab.txt", folder));
    if (!answer.ok) throw new Error(`There is no model at ${folder}: put all-MiniLM-L6-v2 there, or name its folder with ?model=ADDRESS/.`);
    const tokenizer = new WordPiece(await answer.text());
    const shape = [1, LENGTHS[0]];
    const shapes = { input_ids: shape, attention_mask: shape, token_type_ids: shape };
    return new Embedder(await load(new URL("config.json", folder), { shapes, ...options }), tokenizer);
  }

  constructor(model, tokenizer) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.known = new Map();
  }

  async #embed(ids) {
    const length = LENGTHS.find((n) => n >= ids.length);
    const tensor = (value) => ({ type: "int64", dims: [1, length], data: BigInt64Array.from({ length }, (_, i) => BigInt(i < ids.length ? value(i) : 0)) });
    const { last_hidden_state: { dims: [, , width], data } } = await this.model.run({ input_ids: tensor((i) => ids[i]), attention_mask: tensor(() => 1) });
    const mean = new Float32Array(width);
    for (let i = 0; i < ids.length; i++) for (let c = 0; c < width; c++) mean[c] += data[i * width + c];
    const size = Math.hypot(...mean) || 1;
    return mean.map((x) => x / size);
  }

  /** Embeddings of texts, in their order; those seen before are not computed again. */
  async embed(texts) {
    const ids = new Map(texts.filter((text) => !this.known.has(text)).map((text) => [text, this.tokenizer.encode(text, LENGTHS.at(-1))]));
    for (const [text, list] of [...ids].sort((a, b) => a[1].length - b[1].length)) this.known.set(text, await this.#embed(list));
    return texts.map((text) => this.known.get(text));
  }
}

/** Of two embeddings of length 1. */
export const cosine = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
