#!/usr/bin/env python3
"""Writes a Llama, Qwen2 or Qwen3 as GGUF, for accel and llama.cpp to read alike.

    V/bin/python benchmarks/make_gguf.py FOLDER OUT.gguf [--type F16]          a Hugging Face folder (config.json, model.safetensors)
    V/bin/python benchmarks/make_gguf.py --random qwen2-0.5b OUT.gguf [...]    seeded random weights in that model's shapes

V: a Python environment with gguf, numpy and safetensors. Matrices get the type (F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 or Q5_1: what the
gguf package can write), norms and biases stay F32. llama.cpp loads no model without a tokenizer, so there is one of as many made-up
tokens as the model has.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType, quantize
from safetensors.numpy import load_file

BASE = {"rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": True}
SHAPES = {
    "qwen2-0.5b": {**BASE, "model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896, "num_hidden_layers": 24,
                   "num_attention_heads": 14, "num_key_value_heads": 2, "intermediate_size": 4864, "max_position_embeddings": 32768},
    "qwen3-0.6b": {**BASE, "model_type": "qwen3", "vocab_size": 151936, "hidden_size": 1024, "num_hidden_layers": 28, "head_dim": 128,
                   "num_attention_heads": 16, "num_key_value_heads": 8, "intermediate_size": 3072, "max_position_embeddings": 40960},
    # TinyLlama's widths with a quarter of its layers.
    "tinyllama-quarter": {**BASE, "model_type": "llama", "vocab_size": 32000, "hidden_size": 2048, "num_hidden_layers": 6,
                          "num_attention_heads": 32, "num_key_value_heads": 4, "intermediate_size": 5632, "rms_norm_eps": 1e-5,
                          "rope_theta": 1e4, "max_position_embeddings": 2048, "tie_word_embeddings": False},
}
for kind in ("llama", "qwen2", "qwen3"):
    SHAPES[f"{kind}-small"] = {**BASE, "model_type": kind, "vocab_size": 512, "hidden_size": 256, "num_hidden_layers": 2,
                               "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 512,
                               "max_position_embeddings": 512, "tie_word_embeddings": kind != "llama"}
PARTS = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
         "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def head_size(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def theta(config):
    return (config.get("rope_parameters") or config).get("rope_theta", 10000.0)


def check_scaling(config):
    scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if scaling.get("rope_type", scaling.get("type", "default")) != "default":
        raise SystemExit("a model with scaled rotary positions is not written")


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)
    if stem in WHOLE:
        return f"{WHOLE[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{PARTS[part]}.{kind}"


# ---- where the tensors come from


def shapes_of(config):
    hidden, inner, head = config["hidden_size"], config["intermediate_size"], head_size(config)
    rows, kv_rows = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        yield f"{at}.input_layernorm.weight", (hidden,)
        for part, out in (("q", rows), ("k", kv_rows), ("v", kv_rows)):
            yield f"{at}.self_attn.{part}_proj.weight", (out, hidden)
            if config["model_type"] == "qwen2":
                yield f"{at}.self_attn.{part}_proj.bias", (out,)
        yield f"{at}.self_attn.o_proj.weight", (hidden, rows)
        if config["model_type"] == "qwen3":
            yield f"{at}.self_attn.q_norm.weight", (head,)
            yield f"{at}.self_attn.k_norm.weight", (head,)
        yield f"{at}.post_attention_layernorm.weight", (hidden,)
        yield f"{at}.mlp.gate_proj.weight", (inner, hidden)
        yield f"{at}.mlp.up_proj.weight", (inner, hidden)
        yield f"{at}.mlp.down_proj.weight", (hidden, inner)
    yield "model.norm.weight", (hidden,)
    if not config.get("tie_word_embeddings"):
        yield "lm_head.weight", (config["vocab_size"], hidden)


def random_tensors(config):
    """Of the size that keeps activations finite: norms near one, matrices 1/sqrt(inputs)."""
    random = np.random.default_rng(1)
    for name, shape in shapes_of(config):
        values = random.standard_normal(shape, np.float32)
        if len(shape) > 1:
            values /= np.float32(np.sqrt(shape[-1]))
        elif name.endswith("norm.weight"):
            values = 1 + values * np.float32(0.02)
        else:
            values *= np.float32(0.02)
        yield name, values


def folder_tensors(folder):
    for file in sorted(folder.glob("*.safetensors")):
        for name, values in load_file(file).items():
            yield name, values.astype(np.float32)


# ---- the file


def interleaved(rows, heads):
    """The order of rows that ggml's rotary wants of a llama: convert_hf_to_gguf.py, LlamaModel.permute."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def add_keys(writer, config):
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(head_size(config))
    writer.add_value_length(head_size(config))
    writer.add_rope_dimension_count(head_size(config))
    writer.add_rope_freq_base(theta(config))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    words = config["vocab_size"]
    writer.add_vocab_size(words)
    tokens = ["<unk>", "<s>", "</s>"] + [f"t{i}" for i in range(3, words)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * words)
    writer.add_token_types([TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL] + [TokenType.NORMAL] * (words - 3))
    for set_token, number in ((writer.add_unk_token_id, 0), (writer.add_bos_token_id, 1), (writer.add_eos_token_id, 2)):
        set_token(number)


def write_gguf(path, config, tensors, kind):
    writer = GGUFWriter(path, config["model_type"])
    add_keys(writer, config)
    for name, values in tensors:
        if config["model_type"] == "llama" and ".q_proj." in name:
            values = interleaved(values, config["num_attention_heads"])
        if config["model_type"] == "llama" and ".k_proj." in name:
            values = interleaved(values, config["num_key_value_heads"])
        its = kind if values.ndim > 1 else GGMLQuantizationType.F32
        writer.add_tensor(gguf_name(name), quantize(np.ascontiguousarray(values), its), raw_dtype=its)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", choices=SHAPES)
    parser.add_argument("--type", default="F16")
    parser.add_argument("paths", nargs="+", type=Path)
    options = parser.parse_args()
    *folder, out = options.paths
    if len(folder) != (not options.random):
        parser.error("give a folder or --random NAME, and the file to write")
    config = SHAPES[options.random] if options.random else json.loads((folder[0] / "config.json").read_text())
    check_scaling(config)
    tensors = random_tensors(config) if options.random else folder_tensors(folder[0])
    write_gguf(out, config, tensors, GGMLQuantizationType[options.type])


if __name__ == "__main__":
    main()
