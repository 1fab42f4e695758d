"""Wav2Vec2: group or layer norm in the feature extractor, post-norm or stable (pre-norm) layers."""

import torch
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC, Wav2Vec2Model

from .kit import Case, published_dtype, right_padded

SIZES = dict(vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=28,
             conv_dim=[12, 12, 16], conv_kernel=[10, 3, 2], conv_stride=[5, 2, 2], num_conv_pos_embeddings=16,
             num_conv_pos_embedding_groups=4, attn_implementation="eager")
HIDDEN = ("last_hidden_state", "extract_features")


def waves(outputs):
    """No masks: a model with group norm takes none."""
    return lambda draw: [Case({"input_values": draw.normal(*shape)}, outputs) for shape in ((3, 641), (1, 500), (1, 97))]


def masked_waves(outputs, per_frame):
    def make(draw):
        made = []
        for lengths in ([400, 641, 333], [555]):
            mask = right_padded(lengths)
            frames = mask.sum(1)
            for kernel, stride in zip(SIZES["conv_kernel"], SIZES["conv_stride"]):
                frames = (frames - kernel) // stride + 1
            kept = right_padded(frames.tolist())
            made.append(Case({"input_values": draw.normal(*mask.shape) * mask, "attention_mask": mask}, outputs,
                             ("attention_mask",) if mask.all() else (), kept={k: kept for k in per_frame}))
        return made
    return make


def make(goldens):
    def config(**more):
        return Wav2Vec2Config(**{**SIZES, **more})

    layer = dict(feat_extract_norm="layer", conv_bias=True)
    goldens.add("wav2vec2", lambda: Wav2Vec2Model(config()), waves(HIDDEN))
    goldens.add("wav2vec2-ctc", lambda: Wav2Vec2ForCTC(config()), waves(("logits",)))
    goldens.add("wav2vec2-layer", lambda: Wav2Vec2Model(config(**layer, num_conv_pos_embeddings=7,
                                                               num_conv_pos_embedding_groups=2)),
                masked_waves(HIDDEN, ("last_hidden_state",)))
    goldens.add("wav2vec2-ctc-layer", lambda: Wav2Vec2ForCTC(config(**layer, do_stable_layer_norm=True)),
                masked_waves(("logits",), ("logits",)))

    def old_name(name):
        return name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v")

    def pretraining(tensors):
        """The published file is of Wav2Vec2ForPreTraining."""
        for name in ("quantizer.codevectors", "quantizer.weight_proj.weight", "project_q.weight", "project_hid.bias"):
            tensors[name] = torch.ones(1, 4, 2)
        return {n if n.startswith(("quantizer", "project")) else "wav2vec2." + n: t for n, t in tensors.items()}

    def pretraining_config(fields):
        return dict(published_dtype(fields), architectures=["Wav2Vec2ForPreTraining"])

    goldens.variant("wav2vec2-old", "wav2vec2", pretraining_config, old_name, pretraining)
    goldens.variant("wav2vec2-ctc-layer-old", "wav2vec2-ctc-layer", published_dtype, old_name)
