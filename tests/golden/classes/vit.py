"""ViT with classifier and with pooler; square and rectangular images and patches."""

from transformers import ViTConfig, ViTForImageClassification, ViTModel

from .kit import Case

SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=28, attn_implementation="eager")


def cases(outputs, height, width):
    return lambda draw: [Case({"pixel_values": draw.normal(batch, 3, height, width)}, outputs) for batch in (3, 1)]


def make(goldens):
    model = ("last_hidden_state", "pooler_output")
    goldens.add("vit", lambda: ViTForImageClassification(ViTConfig(**SIZES, image_size=24, patch_size=8, num_labels=7)),
                cases(("logits",), 24, 24))
    goldens.add("vit-model", lambda: ViTModel(ViTConfig(**SIZES, image_size=24, patch_size=8, qkv_bias=False)),
                cases(model, 24, 24))
    # 10 and 8 divide neither 33 nor 45 x 40 evenly: the patch convolution drops what is left over
    goldens.add("vit-rect", lambda: ViTModel(ViTConfig(**SIZES, image_size=[33, 40], patch_size=[10, 8],
                                                       pooler_output_size=13)), cases(model, 33, 40))
    goldens.in_memory("vit-new", "vit")
