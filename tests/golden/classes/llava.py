"""LLaVA 1.5, NeXT and OneVision. A tile has 3 x 3 features; a prompt holds as many image tokens as features follow."""

import math

import torch
from transformers import (LlavaConfig, LlavaForConditionalGeneration, LlavaNextConfig, LlavaNextForConditionalGeneration,
                          LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration)
from transformers.image_processing_utils import select_best_resolution

from .kit import Case, never_said, published_rope

IMAGE, VIDEO = 98, 99
SIDE, GRID = 12, 3  # pixels and features of a tile
TEXT = dict(vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            intermediate_size=28, max_position_embeddings=400)
CLIP = dict(model_type="clip_vision_model", hidden_size=20, intermediate_size=32, num_hidden_layers=3,
            num_attention_heads=2, image_size=SIDE, patch_size=4, projection_dim=16)
SIGLIP = dict(model_type="siglip_vision_model", hidden_size=20, intermediate_size=32, num_hidden_layers=2,
              num_attention_heads=2, image_size=SIDE, patch_size=4, vision_use_head=False)


def prompts(draw, parts):
    """parts: for each prompt a list of a number (of text tokens) or (token, count). Padded on the left."""
    rows = []
    for prompt in parts:
        row = []
        for part in prompt:
            row += draw.ids(part, low=3, high=90).tolist() if isinstance(part, int) else [part[0]] * part[1]
        rows.append(row)
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def case(draw, parts, outputs=("logits",), optional=(), generates=True, **images):
    inputs = {**prompts(draw, parts), **images}
    if inputs["attention_mask"].all():
        optional = ("attention_mask", *optional)
    return Case(inputs, outputs, tuple(optional), kept={"logits": inputs["attention_mask"]}, generates=generates)


# LLaVA 1.5

def with_features(model, result, inputs):
    values = {"logits": result.logits}
    if "pixel_values" in inputs:
        features = result.image_outputs.pooler_output
        values["image_hidden_states"] = features if torch.is_tensor(features) else torch.stack(list(features))
    return values


def llava_cases(per_image):
    def make(draw):
        image = (IMAGE, per_image)
        return [case(draw, [[3, image, 4], [image, 2, image, 7], [5]], with_features,
                     pixel_values=draw.normal(3, 3, SIDE, SIDE)),
                case(draw, [[2, image, 5]], with_features, pixel_values=draw.normal(1, 3, SIDE, SIDE)),
                case(draw, [[9]], with_features)]
    return make


def make_llava(goldens):
    def llava(**more):
        return lambda: LlavaForConditionalGeneration(LlavaConfig(
            text_config=dict(TEXT, model_type="llama"), vision_config=dict(CLIP), image_token_index=IMAGE,
            image_seq_length=GRID * GRID, attn_implementation="eager", **more))

    goldens.add("llava", llava(), llava_cases(GRID * GRID), tweak=never_said(IMAGE))
    goldens.add("llava-full", llava(vision_feature_layer=-1, vision_feature_select_strategy="full",
                                    multimodal_projector_bias=False), llava_cases(GRID * GRID + 1),
                tweak=never_said(IMAGE))
    goldens.variant("llava-old", "llava", published_config, published_name)
    goldens.in_memory("llava-new", "llava")


def published_name(name):
    """As the checkpoints were published: the text model whole under language_model, the tower with its vision_model."""
    if name.startswith("vision_tower.") and not name.startswith("vision_tower.vision_model."):
        return name.replace("vision_tower.", "vision_tower.vision_model.", 1)
    return name


def published_config(fields):
    fields = dict(fields, text_config=published_rope(dict(fields["text_config"])), torch_dtype=fields.pop("dtype"))
    return fields


# LLaVA NeXT and OneVision: tiles

def tiles(size, pinpoints):
    height, width = select_best_resolution(size, pinpoints)
    return height // SIDE, width // SIDE


def grid_after_unpad(size, pinpoints):
    """Rows and columns of the features of all tiles, without those that see only padding (the rule of zoo.md)."""
    rows, columns = (GRID * n for n in tiles(size, pinpoints))
    height, width = size
    if width / height > columns / rows:
        rows -= 2 * ((rows - int(round(height * (columns / width), 7))) // 2)
    else:
        columns -= 2 * ((columns - int(round(width * (rows / height), 7))) // 2)
    return rows, columns


def tokens(size, pinpoints, most_tiles=None):
    rows, columns = grid_after_unpad(size, pinpoints)
    ratio = math.sqrt(rows * columns / (most_tiles * GRID**2)) if most_tiles else 0
    if ratio > 1.1:
        rows, columns = int(rows // ratio), int(columns // ratio)
    return GRID * GRID + rows * (columns + 1)


def tiled_images(draw, sizes, pinpoints, untiled=()):
    """pixel_values [N,P,3,side,side] with tiles beyond an image's own as padding, and image_sizes."""
    counts = [1 if i in untiled else 1 + math.prod(tiles(s, pinpoints)) for i, s in enumerate(sizes)]
    pixels = torch.zeros(len(sizes), max(counts), 3, SIDE, SIDE)
    for i, count in enumerate(counts):
        pixels[i, :count] = draw.normal(count, 3, SIDE, SIDE)
    return {"pixel_values": pixels, "image_sizes": torch.tensor(sizes)}


NEXT_PINPOINTS = [[12, 24], [24, 12], [24, 24], [36, 12], [12, 36]]


def next_cases(draw):
    """Wide and tall, cut in height and in width, and an image that needs no cut."""
    def image(size):
        return IMAGE, tokens(size, NEXT_PINPOINTS)

    made = []
    for sizes in ([(10, 31)], [(33, 8)], [(20, 24), (24, 16), (9, 9)], [(19, 25), (11, 24)]):
        if len(sizes) == 2:
            parts = [[2, image(sizes[0]), 3, image(sizes[1]), 4]]  # two images in one prompt
        else:
            parts = [[2 + i, image(s), 5] for i, s in enumerate(sizes)]
        made.append(case(draw, parts, **tiled_images(draw, sizes, NEXT_PINPOINTS)))
    made.append(case(draw, [[4], [7]]))
    return made


def make_next(goldens):
    goldens.add("llava-next", lambda: LlavaNextForConditionalGeneration(LlavaNextConfig(
        text_config=dict(TEXT, model_type="mistral", sliding_window=None), vision_config=dict(CLIP),
        image_token_index=IMAGE, image_grid_pinpoints=NEXT_PINPOINTS, image_seq_length=GRID * GRID,
        attn_implementation="eager")), next_cases, tweak=never_said(IMAGE))
    goldens.variant("llava-next-old", "llava-next", published_config, published_name)


ONEVISION_PINPOINTS = [[12 * a, 12 * b] for a in range(1, 5) for b in range(1, 5)]


def onevision_cases(draw):
    def image(size):
        return IMAGE, tokens(size, ONEVISION_PINPOINTS, 9)

    def images(sizes, **more):
        return tiled_images(draw, sizes, ONEVISION_PINPOINTS, **more)

    plain = (IMAGE, GRID * GRID + 1)
    video = draw.normal(2, 3, 3, SIDE, SIDE)

    def film(frames):
        return VIDEO, frames * math.ceil(GRID / 2)**2 + 1

    return [
        case(draw, [[2, image((47, 40)), 3]], **images([(47, 40)])),  # a grid that is shrunk
        case(draw, [[3, image((10, 31)), 4], [image((30, 10)), 2]], **images([(10, 31), (30, 10)])),
        case(draw, [[2, plain, 3, plain, 1], [1, image((20, 26)), 4]], batch_num_images=torch.tensor([2, 1]),
             **images([(14, 20), (24, 24), (20, 26)], untiled=(0, 1))),
        case(draw, [[2, film(3), 3], [film(3), 6]], pixel_values_videos=video),
        case(draw, [[1, film(1), 2, image((9, 9)), 3]], pixel_values_videos=video[:1, :1], **images([(9, 9)])),
        case(draw, [[8]]),
    ]


def make_onevision(goldens):
    goldens.add("llava-onevision", lambda: LlavaOnevisionForConditionalGeneration(LlavaOnevisionConfig(
        text_config=dict(TEXT, model_type="qwen2", tie_word_embeddings=True), vision_config=dict(SIGLIP),
        image_token_index=IMAGE, video_token_index=VIDEO, image_grid_pinpoints=ONEVISION_PINPOINTS,
        attn_implementation="eager")), onevision_cases, gain=1.6, tweak=never_said(IMAGE, VIDEO))
    goldens.variant("llava-onevision-old", "llava-onevision", published_config, published_name)


def make(goldens):
    make_llava(goldens)
    make_next(goldens)
    make_onevision(goldens)
