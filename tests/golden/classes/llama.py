"""Causal text models: Llama, Mistral, OPT, GPT-2, Qwen2, Qwen3."""

import torch
from transformers import (GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM,
                          OPTConfig, OPTForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

from .kit import Case, left_padded, prompt_positions, published_dtype, published_rope, right_padded

SIZES = dict(vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             intermediate_size=28, max_position_embeddings=64, attn_implementation="eager")


def causal_cases(positions=True):
    """Prompts padded on the left (continued), padded on the right (not), one of odd length and one of one token.
    positions: the model takes position_ids; given so that padding counts for nothing, as in generate()."""
    def make(draw):
        cases = []
        for mask, generates in ((left_padded([7, 12, 3]), True), (right_padded([5, 2, 9]), False),
                                (right_padded([11]), True), (right_padded([1]), True)):
            ids = draw.ids(*mask.shape, low=3).where(mask == 1, torch.tensor(0))
            extra = {"position_ids": prompt_positions(mask)} if positions else {}
            optional = ("attention_mask",) if mask.all() else ()
            cases.append(Case({"input_ids": ids, "attention_mask": mask}, ("logits",), optional, kept={"logits": mask},
                              extra=extra, generates=generates))
        return cases
    return make


def make_llama(goldens):
    def llama(**more):
        return lambda: LlamaForCausalLM(LlamaConfig(**{**SIZES, "tie_word_embeddings": False, **more}))

    goldens.add("llama", llama(rms_norm_eps=1e-5), causal_cases())
    goldens.add("llama-1kv", llama(num_key_value_heads=1, rms_norm_eps=1e-6, tie_word_embeddings=True), causal_cases(),
                gain=1.6)
    rope = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                original_max_position_embeddings=16)
    goldens.add("llama3-rope", llama(rope_parameters=rope, hidden_size=32, num_attention_heads=2, num_key_value_heads=1),
                causal_cases())
    goldens.add("llama-bf16", llama(), causal_cases(), stored=torch.bfloat16)
    goldens.add("llama-f16", llama(), causal_cases(), stored=torch.float16)
    goldens.add("mistral", lambda: MistralForCausalLM(MistralConfig(**SIZES, sliding_window=None)), causal_cases())
    goldens.variant("llama-old", "llama", published_rope)
    goldens.variant("llama3-rope-old", "llama3-rope", published_rope)


def make_opt(goldens):
    sizes = dict(vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, ffn_dim=28,
                 max_position_embeddings=64, pad_token_id=1, bos_token_id=2, eos_token_id=2, attn_implementation="eager")
    goldens.add("opt", lambda: OPTForCausalLM(OPTConfig(**sizes, word_embed_proj_dim=16)), causal_cases(False), gain=1.6)
    goldens.add("opt-350m-form", lambda: OPTForCausalLM(OPTConfig(**sizes, word_embed_proj_dim=12,
                                                                  do_layer_norm_before=False)), causal_cases(False),
                gain=1.6)
    goldens.variant("opt-old", "opt", published_dtype, lambda n: n.removeprefix("model."))


def make_gpt2(goldens):
    def gpt2():
        return GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=16, n_layer=2, n_head=4, n_positions=48, n_inner=28,
                                          bos_token_id=99, eos_token_id=99, attn_implementation="eager"))

    # Without position_ids its forward counts padding, and so do these logits; generate() does not.
    goldens.add("gpt2", gpt2, causal_cases(False), gain=1.6)
    goldens.add("gpt2-sharded", gpt2, causal_cases(False), gain=1.6, shard="12KB")

    def with_masks(tensors):
        """The published file holds each layer's causal mask."""
        for i in range(2):
            tensors[f"transformer.h.{i}.attn.bias"] = torch.ones(48, 48).tril()[None, None]

    goldens.variant("gpt2-old", "gpt2", published_dtype, lambda n: n.removeprefix("transformer."), with_masks)


def make_qwen(goldens):
    goldens.add("qwen2", lambda: Qwen2ForCausalLM(Qwen2Config(
        **SIZES, rms_norm_eps=1e-6, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        use_sliding_window=False, sliding_window=4)), causal_cases(), gain=1.6)
    goldens.add("qwen3", lambda: Qwen3ForCausalLM(Qwen3Config(
        **SIZES, head_dim=6, rms_norm_eps=1e-6, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6})), causal_cases(), gain=1.6)
    goldens.add("qwen3-untied", lambda: Qwen3ForCausalLM(Qwen3Config(
        **{**SIZES, "num_key_value_heads": 1}, head_dim=8, tie_word_embeddings=False)), causal_cases())
    goldens.variant("qwen2-old", "qwen2", lambda c: dict(published_rope(c), use_sliding_window=False, sliding_window=4))
    goldens.variant("qwen3-old", "qwen3", published_rope)


def make(goldens):
    make_llama(goldens)
    make_opt(goldens)
    make_gpt2(goldens)
    make_qwen(goldens)
