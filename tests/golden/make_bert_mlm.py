#!/usr/bin/env python3
"""Makes bert_mlm/: a BertForMaskedLM of a few kilobytes with random weights, and what transformers computes for it.

    V/bin/python tests/golden/make_bert_mlm.py tests/golden/bert_mlm     (V: see make_minilm.py)

Run by hand, not in CI. The tensor files hold the two spellings of names that published models use: model.safetensors
as transformers writes it, old/model.safetensors with gamma and beta and without the prefix "bert.".
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM

KEPT = ("model_type", "architectures", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
        "intermediate_size", "hidden_act", "max_position_embeddings", "type_vocab_size", "layer_norm_eps")


def old_name(name):
    name = name.removeprefix("bert.")
    if "LayerNorm" in name:
        name = name.replace(".weight", ".gamma").replace(".bias", ".beta")
    return name


def write_folder(folder, config, tensors):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(7)
    config = BertConfig(vocab_size=24, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                        max_position_embeddings=8, hidden_act="gelu_new", initializer_range=0.3)
    model = BertForMaskedLM(config).eval()
    for name, p in model.named_parameters():  # biases and norms start at 0 and 1, which would hide mistakes
        if p.dim() == 1:
            p.data += torch.randn_like(p) * 0.2
    model.config.architectures = ["BertForMaskedLM"]
    tensors = {k: v.clone() for k, v in model.state_dict().items()
               if not k.startswith("cls.predictions.decoder") and "position_ids" not in k}
    fields = {k: v for k, v in model.config.to_dict().items() if k in KEPT}
    write_folder(folder, fields, tensors)
    write_folder(folder / "old", fields, {old_name(k): v for k, v in tensors.items()})
    ids = torch.tensor([[1, 5, 9, 2, 23], [1, 7, 2, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    types = torch.tensor([[0, 0, 1, 1, 1], [0, 1, 1, 0, 0]])
    with torch.no_grad():
        logits = model.double()(input_ids=ids, attention_mask=mask, token_type_ids=types).logits
    golden = {
        "made_with": f"transformers {transformers.__version__}, torch {torch.__version__}, float64",
        "shape": list(ids.shape),
        "input_ids": ids.flatten().tolist(),
        "attention_mask": mask.flatten().tolist(),
        "token_type_ids": types.flatten().tolist(),
        "logits": [float(f"{x:.10g}") for x in logits.flatten().tolist()],
    }
    (folder / "golden.json").write_text(
        "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in golden.items()) + "\n}\n")


if __name__ == "__main__":
    main()
