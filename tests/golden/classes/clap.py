"""CLAP, unfused and fused. Three Swin stages of 16, 8 and 4 cells a side with windows of 4: the last one has one window."""

import torch
from transformers import ClapConfig, ClapModel

from .kit import Case, right_padded

OUTPUTS = ("logits_per_audio", "logits_per_text", "text_embeds", "audio_embeds")
TEXT = dict(vocab_size=100, hidden_size=16, intermediate_size=28, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=20, pad_token_id=1)
AUDIO = dict(window_size=4, num_mel_bins=16, spec_size=64, patch_size=4, patch_stride=[4, 4], hidden_size=32,
             depths=[2, 2, 2], num_attention_heads=[2, 2, 4], patch_embeds_hidden_size=8, num_hidden_layers=3,
             mlp_ratio=2.0)


def cases(fused):
    """The time axis is stretched to 256 from 125, from 100 or not at all."""
    def make(draw):
        made = []
        for lengths, longer, frames in (([6, 13, 3], [1, 0], 125), ([11], [0], 100), ([7, 5], [1], 256)):
            mask = right_padded(lengths)
            inputs = {"input_ids": draw.ids(*mask.shape, low=3).where(mask == 1, torch.tensor(1)), "attention_mask": mask,
                      "input_features": draw.normal(len(longer), 4 if fused else 1, frames, 16)}
            if fused:
                inputs["is_longer"] = torch.tensor(longer).bool()[:, None]
            made.append(Case(inputs, OUTPUTS, ("attention_mask",) if mask.all() else ()))
        return made
    return make


def make(goldens):
    def clap(**audio):
        return lambda: ClapModel(ClapConfig(text_config=dict(TEXT), audio_config=dict(AUDIO, **audio), projection_dim=20,
                                            attn_implementation="eager"))

    goldens.add("clap", clap(), cases(False))
    goldens.add("clap-fused", clap(enable_fusion=True, fusion_type="aff_2d"), cases(True))
