"""BERT, DistilBERT and RoBERTa with the heads of the zoo."""

import torch
from transformers import (BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel, DistilBertConfig,
                          DistilBertForMaskedLM, DistilBertModel, RobertaConfig, RobertaForMaskedLM,
                          RobertaForSequenceClassification, RobertaModel)

from .kit import Case, published_dtype, right_padded

SIZES = dict(vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=28,
             num_labels=5, attn_implementation="eager")


def text_cases(outputs, per_token, types=2, pad=0, low=3):
    """Three texts with padding, one text of odd length with no padding, and one of a single token."""
    def make(draw):
        cases = []
        for lengths in ([7, 13, 4], [11], [1]):
            mask = right_padded(lengths)
            ids = draw.ids(*mask.shape, low=low).where(mask == 1, torch.tensor(pad))
            inputs = {"input_ids": ids, "attention_mask": mask}
            if types > 1:
                inputs["token_type_ids"] = draw.ids(*mask.shape, high=types) * mask
            optional = () if len(lengths) > 1 else ("attention_mask",)
            cases.append(Case(inputs, outputs, optional, kept={k: mask for k in per_token}))
        if pad:  # RoBERTa's positions skip the pad id even where the mask keeps it
            cases[1].inputs["input_ids"][0, 4] = pad
        plain = {k: v for k, v in cases[1].inputs.items()}
        if types > 1:
            plain["token_type_ids"] = torch.zeros_like(plain["token_type_ids"])
            cases.append(Case(plain, outputs, ("attention_mask", "token_type_ids")))
        return cases
    return make


def make_bert(goldens):
    sizes = dict(SIZES, max_position_embeddings=24)
    hidden = text_cases(("last_hidden_state", "pooler_output"), ("last_hidden_state",))
    token_logits = text_cases(("logits",), ("logits",))
    text_logits = text_cases(("logits",), ())
    goldens.add("bert", lambda: BertModel(BertConfig(**sizes)), hidden)
    goldens.add("bert-mlm", lambda: BertForMaskedLM(BertConfig(**sizes, hidden_act="gelu_new")), token_logits)
    goldens.add("bert-cls", lambda: BertForSequenceClassification(BertConfig(**sizes)), text_logits)

    def old(name):
        if "LayerNorm" in name:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return name

    def with_unused(tensors):
        """What bert-base-uncased holds beside the model: the sentence head, position ids and the pooler."""
        tensors["cls.seq_relationship.weight"] = torch.ones(2, 16)
        tensors["cls.seq_relationship.bias"] = torch.ones(2)
        tensors["bert.embeddings.position_ids"] = torch.arange(24)[None]
        tensors["bert.pooler.dense.weight"] = torch.ones(16, 16)
        tensors["bert.pooler.dense.bias"] = torch.ones(16)

    goldens.variant("bert-mlm-old", "bert-mlm", published_dtype, old, with_unused)
    goldens.variant("bert-old", "bert", lambda c: bare(published_dtype(c)), lambda n: "bert." + old(n))


def bare(fields):
    """bert-tiny's file names neither an architecture nor a model_type."""
    fields.pop("architectures")
    fields.pop("model_type")
    return fields


def make_distilbert(goldens):
    def config():
        return DistilBertConfig(vocab_size=100, dim=16, n_layers=2, n_heads=4, hidden_dim=28, max_position_embeddings=24,
                                attn_implementation="eager")

    goldens.add("distilbert", lambda: DistilBertModel(config()),
                text_cases(("last_hidden_state",), ("last_hidden_state",), types=1))
    goldens.add("distilbert-mlm", lambda: DistilBertForMaskedLM(config()), text_cases(("logits",), ("logits",), types=1))
    goldens.variant("distilbert-prefixed", "distilbert", published_dtype, lambda n: "distilbert." + n)


def make_roberta(goldens):
    sizes = dict(SIZES, max_position_embeddings=26, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1)
    options = dict(types=1, pad=1)
    goldens.add("roberta", lambda: RobertaModel(RobertaConfig(**sizes)),
                text_cases(("last_hidden_state", "pooler_output"), ("last_hidden_state",), **options))
    goldens.add("roberta-mlm", lambda: RobertaForMaskedLM(RobertaConfig(**sizes)),
                text_cases(("logits",), ("logits",), **options))
    goldens.add("roberta-cls", lambda: RobertaForSequenceClassification(RobertaConfig(**sizes)),
                text_cases(("logits",), (), **options))


def make(goldens):
    make_bert(goldens)
    make_distilbert(goldens)
    make_roberta(goldens)
