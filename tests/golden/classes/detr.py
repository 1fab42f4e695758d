"""DETR on images of different sizes under a mask, with the backbone's tensors in each of their spellings."""

import torch
from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

from .kit import Case, published_dtype

OUTPUTS = ("logits", "pred_boxes", "last_hidden_state", "encoder_last_hidden_state")


def cases(draw):
    made = []
    for sizes in ([(33, 71), (65, 40)], [(33, 65)]):
        height, width = (max(s[i] for s in sizes) for i in (0, 1))
        mask = torch.zeros(len(sizes), height, width, dtype=torch.long)
        for i, (h, w) in enumerate(sizes):
            mask[i, :h, :w] = 1
        pixels = draw.normal(len(sizes), 3, height, width) * mask[:, None]
        rows, columns = -(-height // 32), -(-width // 32)
        kept = mask[:, torch.arange(rows) * height // rows][:, :, torch.arange(columns) * width // columns].flatten(1)
        made.append(Case({"pixel_values": pixels, "pixel_mask": mask}, OUTPUTS, ("pixel_mask",) if mask.all() else (),
                         kept={"encoder_last_hidden_state": kept}))
    return made


def timm_name(name):
    """ResNet's names as timm, and the published facebook/detr-resnet-50, have them."""
    head, _, tail = name.partition("conv_encoder.model.")
    if not tail:
        return name
    tail = tail.replace("embedder.embedder.convolution", "conv1").replace("embedder.embedder.normalization", "bn1")
    for stage in range(4):
        tail = tail.replace(f"encoder.stages.{stage}.layers.", f"layer{stage + 1}.")
    for k in range(3):
        tail = tail.replace(f".layer.{k}.convolution", f".conv{k + 1}").replace(f".layer.{k}.normalization", f".bn{k + 1}")
    tail = tail.replace("shortcut.convolution", "downsample.0").replace("shortcut.normalization", "downsample.1")
    return f"{head}conv_encoder.model.{tail}"


def make(goldens):
    def model():
        backbone = ResNetConfig(embedding_size=8, hidden_sizes=[16, 24, 32, 40], depths=[1, 1, 2, 1],
                                out_features=["stage4"])
        return DetrForObjectDetection(DetrConfig(
            use_timm_backbone=False, backbone_config=backbone, d_model=24, encoder_layers=2, decoder_layers=2,
            encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=40, decoder_ffn_dim=40, num_queries=7,
            num_labels=5, attn_implementation="eager"))

    goldens.add("detr", model, cases)
    goldens.in_memory("detr-new", "detr")
    goldens.variant("detr-timm-names", "detr", published_dtype, timm_name, readable=False)
