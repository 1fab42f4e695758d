"""ViT with classifier and with pooler; square and rectangular images and patches."""

from transformers import ViTConfig, ViTForImageClassification, ViTModel

from .kit import Case, published_dtype

SIZES = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40, attn_implementation="eager")


def cases(outputs, height, width):
    return lambda draw: [Case({"pixel_values": draw.normal(batch, 3, height, width)}, outputs) for batch in (3, 1)]


def published_name(name):
    """vit.layers.{i} as it was called when the checkpoints were published."""
    for new, old in (("layers.", "encoder.layer."), (".attention.q_proj", ".attention.attention.query"),
                     (".attention.k_proj", ".attention.attention.key"),
                     (".attention.v_proj", ".attention.attention.value"),
                     (".attention.o_proj", ".attention.output.dense"), (".mlp.fc1", ".intermediate.dense"),
                     (".mlp.fc2", ".output.dense")):
        if "encoder.layer" not in name or new != "layers.":
            name = name.replace(new, old)
    return name


def make(goldens):
    model = ("last_hidden_state", "pooler_output")
    goldens.add("vit", lambda: ViTForImageClassification(ViTConfig(**SIZES, image_size=24, patch_size=8, num_labels=7)),
                cases(("logits",), 24, 24))
    goldens.add("vit-model", lambda: ViTModel(ViTConfig(**SIZES, image_size=24, patch_size=8, qkv_bias=False)),
                cases(model, 24, 24))
    # 10 and 8 divide neither 33 nor 45 x 40 evenly: the patch convolution drops what is left over
    goldens.add("vit-rect", lambda: ViTModel(ViTConfig(**SIZES, image_size=[33, 40], patch_size=[10, 8],
                                                       pooler_output_size=13)), cases(model, 33, 40))
    goldens.variant("vit-old", "vit", published_dtype, published_name)
    goldens.variant("vit-model-old", "vit-model", published_dtype, published_name)
