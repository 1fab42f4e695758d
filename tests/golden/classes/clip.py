"""CLIP in its two ways of finding a text's end: the largest id (eos_token_id 2), or the first eos_token_id."""

import torch
from transformers import CLIPConfig, CLIPModel

from .kit import Case, published_dtype, right_padded

OUTPUTS = ("logits_per_image", "logits_per_text", "text_embeds", "image_embeds")
TEXT = dict(vocab_size=100, hidden_size=16, intermediate_size=28, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=14)
VISION = dict(hidden_size=24, intermediate_size=28, num_hidden_layers=2, num_attention_heads=2, image_size=24, patch_size=8)


def texts(draw, lengths, end, pad=1, repeat_end=False):
    """Texts of ids below 90 with the id `end` at the last kept place, and for repeat_end once more after a larger id."""
    mask = right_padded(lengths)
    ids = draw.ids(*mask.shape, low=3, high=90)
    for row, length in enumerate(lengths):
        ids[row, length - 1] = end
        if repeat_end and length > 4:
            ids[row, length - 4], ids[row, length - 3] = end, 99
    return {"input_ids": ids.where(mask == 1, torch.tensor(pad)), "attention_mask": mask}


def cases(end, repeat_end):
    def make(draw):
        made = []
        for lengths, images in (([6, 13, 3], 2), ([11], 1), ([7, 7], 3)):
            inputs = {**texts(draw, lengths, end, repeat_end=repeat_end), "pixel_values": draw.normal(images, 3, 24, 24)}
            made.append(Case(inputs, OUTPUTS, ("attention_mask",) if inputs["attention_mask"].all() else ()))
        return made
    return make


def make(goldens):
    def clip(eos, act):
        return lambda: CLIPModel(CLIPConfig(text_config=dict(TEXT, eos_token_id=eos, pad_token_id=1, hidden_act=act),
                                            vision_config=dict(VISION, hidden_act=act), projection_dim=20,
                                            attn_implementation="eager"))

    goldens.add("clip", clip(2, "quick_gelu"), cases(99, False))
    goldens.add("clip-eos-id", clip(95, "gelu"), cases(95, True))

    def with_positions(tensors):
        tensors["text_model.embeddings.position_ids"] = torch.arange(14)[None]
        tensors["vision_model.embeddings.position_ids"] = torch.arange(10)[None]

    goldens.variant("clip-old", "clip", published_dtype, tensors=with_positions)
