"""T5: the first form (relu, tied) and the second (gated gelu, untied)."""

import torch
from torch import nn
from transformers import T5Config, T5ForConditionalGeneration

from .kit import Case, published_dtype, right_padded

OUTPUTS = ("logits", "encoder_last_hidden_state")


def cases(draw):
    """Texts long enough to leave the exact buckets of relative positions; decoders of one and of several tokens."""
    made = []
    for lengths, decoded in (([7, 29, 13], 1), ([5, 19, 2], 9), ([37], 4), ([1], 1)):
        mask = right_padded(lengths)
        ids = draw.ids(*mask.shape, low=2).where(mask == 1, torch.tensor(0))
        start = torch.zeros(len(lengths), 1, dtype=torch.long)
        decoder_ids = torch.cat([start, draw.ids(len(lengths), decoded - 1, low=2)], dim=1)
        made.append(Case({"input_ids": ids, "attention_mask": mask, "decoder_input_ids": decoder_ids}, OUTPUTS,
                         ("attention_mask",) if mask.all() else (), kept={"encoder_last_hidden_state": mask},
                         generates=decoded != 9))
    return made


def livelier(model):
    """Small embeddings under a strong last norm: a tied model would else repeat its last token for ever."""
    model.shared.weight.data *= 0.4
    model.decoder.final_layer_norm.weight.data *= 3


def make(goldens):
    sizes = dict(vocab_size=100, d_model=24, d_kv=8, d_ff=40, num_layers=3, num_decoder_layers=2, num_heads=4,
                 relative_attention_num_buckets=12, relative_attention_max_distance=30, attn_implementation="eager",
                 decoder_start_token_id=0)
    goldens.add("t5", lambda: T5ForConditionalGeneration(T5Config(**{**sizes, "num_layers": 2, "num_decoder_layers": None})), cases,
                tweak=livelier)

    def untied():
        """transformers ties what its configuration calls untied until a file brings an lm_head of its own."""
        model = T5ForConditionalGeneration(T5Config(**sizes, feed_forward_proj="gated-gelu", tie_word_embeddings=False))
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.clone())
        return model

    goldens.add("t5-v1_1", untied, cases)

    def old_config(fields):
        """The published file knows no scale_decoder_outputs; the second form's says that nothing is tied."""
        tied = fields.pop("scale_decoder_outputs")
        if not tied:
            fields["tie_word_embeddings"] = False
        return published_dtype(fields)

    def repeated(tensors):
        for side in ("encoder", "decoder"):
            tensors[f"{side}.embed_tokens.weight"] = tensors["shared.weight"].clone()
        tensors["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = torch.ones(12, 4)

    goldens.variant("t5-old", "t5", old_config, tensors=repeated)
    goldens.variant("t5-v1_1-old", "t5-v1_1", old_config, tensors=repeated)
