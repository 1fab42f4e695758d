"""X-CLIP: videos and texts."""

import torch
from transformers import XCLIPConfig, XCLIPModel

from .clip import TEXT, VISION, texts
from .kit import Case, published_dtype

OUTPUTS = ("logits_per_video", "logits_per_text", "text_embeds", "video_embeds")
FRAMES = 3


def cases(draw):
    made = []
    for lengths, videos in (([6, 13, 3], 2), ([11], 1), ([7, 7], 3)):
        inputs = {**texts(draw, lengths, 99), "pixel_values": draw.normal(videos, FRAMES, 3, 16, 16)}
        made.append(Case(inputs, OUTPUTS, ("attention_mask",) if inputs["attention_mask"].all() else ()))
    return made


def make(goldens):
    vision = dict(VISION, image_size=16, num_frames=FRAMES, mit_hidden_size=20, mit_intermediate_size=32,
                  mit_num_attention_heads=4)
    goldens.add("xclip", lambda: XCLIPModel(XCLIPConfig(
        text_config=dict(TEXT), vision_config=vision, projection_dim=20, prompt_layers=2, prompt_num_attention_heads=4,
        attn_implementation="eager")), cases)

    def with_positions(tensors):
        tensors["text_model.embeddings.position_ids"] = torch.arange(14)[None]
        tensors["vision_model.embeddings.position_ids"] = torch.arange(5)[None]

    goldens.variant("xclip-old", "xclip", published_dtype, tensors=with_positions)
