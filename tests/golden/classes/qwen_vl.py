"""Qwen2-VL and Qwen3-VL: text alone, one image, several images in padded prompts, videos."""

import torch
from transformers import (Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen3VLConfig, Qwen3VLForConditionalGeneration)

from .kit import Case, never_said, published_rope
from .llava import prompts

START, END, IMAGE, VIDEO = 96, 97, 98, 99
IDS = dict(image_token_id=IMAGE, video_token_id=VIDEO, vision_start_token_id=START, vision_end_token_id=END)
PATCH, MERGE = 4, 2
ROW = 3 * 2 * PATCH * PATCH  # values of a patch: channels, frames, height, width
TEXT = dict(vocab_size=100, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, intermediate_size=40,
            max_position_embeddings=128, bos_token_id=None, eos_token_id=None)
VISION = dict(num_heads=2, patch_size=PATCH, temporal_patch_size=2, spatial_merge_size=MERGE, in_channels=3)


def image(grid):
    return [(START, 1), (IMAGE, grid[1] * grid[2] // MERGE**2), (END, 1)]


def video_whole(grid):
    return [(START, 1), (VIDEO, grid[0] * grid[1] * grid[2] // MERGE**2), (END, 1)]


def video_by_frames(grid):
    """Qwen3-VL: every temporal patch between its own start and end, after a timestamp (here two tokens of text)."""
    return [part for _ in range(grid[0]) for part in (2, *video_whole((1, *grid[1:])))]


def case(draw, parts, images=(), videos=()):
    inputs = prompts(draw, parts)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    optional = ["attention_mask"] if mask.all() else []
    if images or videos:
        inputs["mm_token_type_ids"] = (ids == IMAGE).long() + 2 * (ids == VIDEO).long()
        optional.append("mm_token_type_ids")
    for pixels, grids, name in (("pixel_values", "image_grid_thw", images), ("pixel_values_videos", "video_grid_thw", videos)):
        if name:
            inputs[grids] = torch.tensor(name)
            inputs[pixels] = draw.normal(int(inputs[grids].prod(1).sum()), ROW)
    return Case(inputs, ("logits",), tuple(optional), kept={"logits": mask}, generates=True)


def cases(video):
    def make(draw):
        wide, tall, small = (1, 4, 6), (1, 8, 2), (1, 2, 2)
        film, long = (2, 4, 6), (3, 2, 4)  # the long one has more temporal patches than it is wide
        return [
            case(draw, [[7], [12], [3]]),
            case(draw, [[3, *image(wide), 4]], [wide]),
            case(draw, [[2, *image(tall), 3, *image(wide), 1], [*image(small), 2], [5]], [tall, wide, small]),
            case(draw, [[2, *video(film), 3], [1, *video(long), 4]], videos=[film, long]),
            case(draw, [[1, *video(long), 2, *image(wide), 2]], [wide], [long]),
        ]
    return make


def make_qwen2(goldens):
    def model():
        rope = dict(rope_type="default", rope_theta=1e6, mrope_section=[2, 3, 3])
        return Qwen2VLForConditionalGeneration(Qwen2VLConfig(
            text_config=dict(TEXT, hidden_size=32, rms_norm_eps=1e-6, rope_parameters=rope, use_sliding_window=False),
            vision_config=dict(VISION, depth=2, embed_dim=16, mlp_ratio=2, hidden_size=32), tie_word_embeddings=True, **IDS,
            attn_implementation="eager"))

    goldens.add("qwen2-vl", model, cases(video_whole), gain=1.6, tweak=never_said(IMAGE, VIDEO))

    def flat(fields):
        """The published config.json: text fields at the top level, rope_scaling of type mrope."""
        text = published_rope(dict(fields.pop("text_config")))
        text["rope_scaling"] = {"type": "mrope", "mrope_section": [2, 3, 3]}
        for key in ("model_type", "layer_types", "dtype"):
            text.pop(key, None)
        vision = dict(fields.pop("vision_config"), model_type="qwen2_vl", in_chans=3, spatial_patch_size=PATCH)
        vision.pop("in_channels")
        return dict(text, **fields, vision_config=vision, torch_dtype=fields.pop("dtype"))

    goldens.variant("qwen2-vl-old", "qwen2-vl", flat)
    goldens.in_memory("qwen2-vl-new", "qwen2-vl")


def make_qwen3(goldens):
    def model():
        rope = dict(rope_type="default", rope_theta=5e6, mrope_section=[4, 2, 2], mrope_interleaved=True)
        return Qwen3VLForConditionalGeneration(Qwen3VLConfig(
            text_config=dict({k: v for k, v in TEXT.items() if k not in ("bos_token_id", "eos_token_id")}, hidden_size=24,
                             head_dim=16, rope_parameters=rope),
            vision_config=dict(VISION, depth=3, hidden_size=16, intermediate_size=24, out_hidden_size=24,
                               num_position_embeddings=25, deepstack_visual_indexes=[0, 2]),
            tie_word_embeddings=True, **IDS, attn_implementation="eager"))

    goldens.add("qwen3-vl", model, cases(video_by_frames), gain=1.6, tweak=never_said(IMAGE, VIDEO))

    def old(fields):
        return dict(fields, text_config=published_rope(dict(fields["text_config"])), torch_dtype=fields.pop("dtype"))

    goldens.variant("qwen3-vl-old", "qwen3-vl", old)


def make(goldens):
    make_qwen2(goldens)
    make_qwen3(goldens)
