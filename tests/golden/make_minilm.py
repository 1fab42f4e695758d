#!/usr/bin/env python3
"""Makes minilm.json: what the transformers package computes for all-MiniLM-L6-v2, in float64 from the float32 weights.

    python -m venv V && V/bin/pip install torch transformers
    V/bin/python tests/golden/make_minilm.py .deps/minilm tests/golden/minilm.json

Run by hand, not in CI. Sentences are padded to the longest of the batch. The embedding is computed as the model's
modules.json says: mean of last_hidden_state over the kept tokens, then the L2 norm.
"""

import json
import sys

import torch
import transformers
from transformers import AutoModel, AutoTokenizer

SENTENCES = ["A quick brown fox jumps over the lazy dog.", "Hello!", "Which runtime runs my model best?"]
SLICE = 8  # values kept of each kept token's last_hidden_state


def rounded(tensor):
    return [float(f"{x:.10g}") for x in tensor.flatten().tolist()]


def main():
    folder, out = sys.argv[1:]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    batch = tokenizer(SENTENCES, padding=True, return_tensors="pt")
    with torch.no_grad():
        result = model(**batch)
    hidden, mask = result.last_hidden_state, batch["attention_mask"].unsqueeze(-1).double()
    embedding = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
    golden = {
        "model": "all-MiniLM-L6-v2",
        "made_with": f"transformers {transformers.__version__}, torch {torch.__version__}, float64",
        "sentences": SENTENCES,
        "shape": list(batch["input_ids"].shape),
        **{k: batch[k].flatten().tolist() for k in ("input_ids", "attention_mask", "token_type_ids")},
        "sentence_embedding": rounded(embedding),
        "pooler_output": rounded(result.pooler_output[:, :SLICE]),
        "hidden_slice": SLICE,
        "last_hidden_state": rounded(hidden[..., :SLICE]),
    }
    with open(out, "w") as file:
        file.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in golden.items()) + "\n}\n")


if __name__ == "__main__":
    main()
