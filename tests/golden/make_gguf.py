#!/usr/bin/env python3
"""Makes gguf/: a GGUF file with a tensor of every type that accel reads, and what the gguf package makes of each.

    V/bin/python tests/golden/make_gguf.py tests/golden/gguf     (V: see make_minilm.py, and gguf)

Run by hand, not in CI. The blocks are random bytes, so that every bit of a layout counts; only their scales, which are float16, are
made finite. llama.gguf is a small Llama with Llama 3's rotary scaling as llama.cpp's convert_hf_to_gguf.py writes it, llama.safetensors
its tensors before that, llama_logits.npy what transformers computes with them for llama_ids.npy.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type, GGUFWriter, dequantize, quantize
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

ROWS, COLUMNS = 3, 512
# Where in a block the float16 numbers are.
SCALES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82],
          Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}


def random_blocks(random, kind):
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (ROWS, COLUMNS // elements, size), np.uint8)
    for at in SCALES.get(kind, []):
        scales = random.normal(0, 0.02, (ROWS, COLUMNS // elements, 1)).astype(np.float16)
        scales[0, 0] = np.float16(3e-7)  # below the normal numbers
        blocks[:, :, at:at + 2] = scales.view(np.uint8)
    return blocks.reshape(ROWS, -1)


def write_types(folder):
    random = np.random.default_rng(5)
    writer = GGUFWriter(folder / "types.gguf", "llama")
    wanted = {}
    for kind in [Type.F32, Type.F16, Type.BF16, *SCALES]:
        if kind in SCALES:
            data = random_blocks(random, kind)
        else:
            data = quantize(random.normal(0, 1, (ROWS, COLUMNS)).astype(np.float32), kind)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
        wanted[kind.name] = dequantize(data, kind).reshape(ROWS, COLUMNS)
    finish(writer)
    save_file(wanted, folder / "types.safetensors")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleaved(rows, heads):
    """As convert_hf_to_gguf.py has it: LlamaModel.permute."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def rope_factors(config, head):
    """What divides each frequency: the tensor rope_freqs.weight."""
    plain = 1 / config.rope_parameters["rope_theta"] ** (torch.arange(0, head, 2).float() / head)
    return (plain / ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")[0]).numpy()


def write_logits(folder, config, tensors):
    model = LlamaForCausalLM(config).eval()
    missing, unexpected = model.load_state_dict({name: torch.from_numpy(t.copy()) for name, t in tensors.items()}, strict=False)
    assert missing == ["lm_head.weight"] and not unexpected
    model.tie_weights()
    ids = np.array([[3, 1, 20, 7, 7, 11, 0, 23, 5], [2, 4, 6, 8, 10, 12, 14, 16, 18]], np.int64)
    with torch.no_grad():
        np.save(folder / "llama_logits.npy", model(torch.from_numpy(ids)).logits.numpy())
    np.save(folder / "llama_ids.npy", ids)


def write_llama(folder):
    random = np.random.default_rng(6)
    hidden, inner, words, heads, kv_heads, head = 32, 64, 24, 4, 2, 8
    scaling = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 8192}
    config = LlamaConfig(vocab_size=words, hidden_size=hidden, num_hidden_layers=1, intermediate_size=inner, num_attention_heads=heads,
                         num_key_value_heads=kv_heads, head_dim=head, rms_norm_eps=1e-5, rope_parameters=scaling,
                         max_position_embeddings=64, tie_word_embeddings=True)
    shapes = {"token_embd": ("model.embed_tokens", words, hidden), "output_norm": ("model.norm", hidden),
              "blk.0.attn_norm": ("model.layers.0.input_layernorm", hidden),
              "blk.0.attn_q": ("model.layers.0.self_attn.q_proj", heads * head, hidden),
              "blk.0.attn_k": ("model.layers.0.self_attn.k_proj", kv_heads * head, hidden),
              "blk.0.attn_v": ("model.layers.0.self_attn.v_proj", kv_heads * head, hidden),
              "blk.0.attn_output": ("model.layers.0.self_attn.o_proj", hidden, heads * head),
              "blk.0.ffn_norm": ("model.layers.0.post_attention_layernorm", hidden),
              "blk.0.ffn_gate": ("model.layers.0.mlp.gate_proj", inner, hidden),
              "blk.0.ffn_up": ("model.layers.0.mlp.up_proj", inner, hidden),
              "blk.0.ffn_down": ("model.layers.0.mlp.down_proj", hidden, inner)}
    kinds = {"blk.0.attn_q": Type.Q8_0, "blk.0.attn_k": Type.F16, "blk.0.ffn_up": Type.Q4_0, "token_embd": Type.BF16}
    writer = GGUFWriter(folder / "llama.gguf", "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(500000.0)
    writer.add_token_list([f"token {i}" for i in range(words)])
    wanted = {}
    for name, (ours, *shape) in shapes.items():
        kind = kinds.get(name, Type.F32)
        data = quantize(random.normal(0, 0.3, shape).astype(np.float32), kind)
        wanted[f"{ours}.weight"] = dequantize(data, kind).reshape(shape)
        if name in ("blk.0.attn_q", "blk.0.attn_k"):
            data = interleaved(data, heads if name.endswith("q") else kv_heads)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=kind)
    writer.add_tensor("rope_freqs.weight", rope_factors(config, head))
    finish(writer)
    save_file(wanted, folder / "llama.safetensors")
    write_logits(folder, config, wanted)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_types(folder)
    write_llama(folder)


main()
