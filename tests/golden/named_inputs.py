"""One seeded input of each named model, and the outputs of transformers that accel run writes too."""

import torch

from classes.kit import Draw, right_padded
from classes.llava import prompts


def text(draw, lengths, high, pad=0, low=3):
    mask = right_padded(lengths)
    ids = draw.ids(*mask.shape, low=low, high=high)
    return {"input_ids": ids.where(mask == 1, torch.tensor(pad)), "attention_mask": mask}


def clip_text(draw, lengths):
    inputs = text(draw, lengths, 49000, pad=1)
    for row, length in enumerate(lengths):
        inputs["input_ids"][row, length - 1] = 49407
    return inputs


def one_image(draw, config):
    """A prompt with an image of one tile: the base features, then the grid of the tile with a newline a row."""
    side = config.vision_config.image_size
    grid = side // config.vision_config.patch_size
    count = grid * grid + grid * (grid + 1)
    inputs = prompts(draw, [[5, (config.image_token_index, count), 9]])
    return {**inputs, "pixel_values": draw.normal(1, 2, 3, side, side), "image_sizes": torch.tensor([[side, side]])}


def inputs_of(name, config):
    """Batches of two with padding where the class has it."""
    draw = Draw(name, 0)
    kind = config.model_type
    if kind in ("bert", "distilbert", "roberta", "opt", "llama", "gpt2", "qwen2", "qwen3"):
        return text(draw, [17, 9], config.vocab_size, pad=1 if kind in ("roberta", "opt") else 0)
    if kind == "t5":
        return {**text(draw, [23, 9], config.vocab_size), "decoder_input_ids": draw.ids(2, 5, high=config.vocab_size)}
    if kind == "clip":
        return {**clip_text(draw, [12, 7]), "pixel_values": draw.normal(2, 3, 224, 224)}
    if kind == "xclip":
        return {**clip_text(draw, [12, 7]), "pixel_values": draw.normal(1, 8, 3, 224, 224)}
    if kind in ("vit", "resnet"):
        return {"pixel_values": draw.normal(2, 3, 224, 224)}
    if kind == "clap":
        return {**text(draw, [12, 7], 50265, pad=1), "input_features": draw.normal(2, 1, 1001, 64)}
    if kind == "whisper":
        return {"input_features": draw.normal(1, 80, 3000), "decoder_input_ids": draw.ids(1, 4, high=config.vocab_size)}
    if kind == "wav2vec2":
        return {"input_values": draw.normal(2, 16000)}
    if kind == "llava_onevision":
        return one_image(draw, config)
    if kind == "detr":
        mask = torch.ones(2, 320, 427, dtype=torch.long)
        mask[1, 300:], mask[1, :, 256:] = 0, 0
        return {"pixel_values": draw.normal(2, 3, 320, 427) * mask[:, None], "pixel_mask": mask}
    raise SystemExit(f"{name}: no inputs are described for models of type {kind}")


OUTPUTS = ("logits", "last_hidden_state", "pooler_output", "encoder_last_hidden_state", "logits_per_image",
           "logits_per_text", "logits_per_audio", "logits_per_video", "text_embeds", "image_embeds", "audio_embeds",
           "video_embeds", "extract_features", "pred_boxes")
PER_TOKEN = ("logits", "last_hidden_state", "encoder_last_hidden_state")


def outputs_of(name, model, inputs):
    """What is undefined (padded positions) is NaN, as in the zoo's goldens."""
    result = model(**inputs)
    values = {k: result[k] for k in OUTPUTS if k in result and torch.is_tensor(result[k])}
    mask = inputs.get("attention_mask")
    for key in PER_TOKEN:
        if mask is not None and key in values and values[key].dim() == 3 and values[key].shape[:2] == mask.shape:
            values[key] = values[key].masked_fill(mask[..., None] == 0, float("nan"))
    if "pixel_mask" in inputs:
        values["encoder_last_hidden_state"] = undefined_cells(values["encoder_last_hidden_state"], inputs["pixel_mask"])
    return values


def undefined_cells(hidden, mask):
    height, width = mask.shape[1:]
    rows, columns = torch.arange(-(-height // 32)), torch.arange(-(-width // 32))
    kept = mask[:, rows * height // len(rows)][:, :, columns * width // len(columns)].flatten(1)
    return hidden.masked_fill(kept[..., None] == 0, float("nan"))
