#!/usr/bin/env python3
"""Makes zoo/: tiny models with random weights of every class of the zoo, and what transformers computes for them.

    python -m venv V && V/bin/pip install torch transformers timm
    V/bin/python tests/golden/make_zoo.py tests/golden/zoo [FOLDER...]

Run by hand, not in CI; with names of folders, only these (and those that begin with NAME-) are made anew.
zoo/cases.json has one line a case; zoo/README.md says what the files hold. check_zoo.py compares a program with them.
"""

import importlib
import sys

import torch
import transformers

from classes.kit import Goldens

CLASSES = ("bert", "llama", "t5", "whisper", "clip", "vit", "resnet", "clap", "wav2vec2", "xclip", "llava",
           "qwen_vl", "detr")


def main():
    goldens = Goldens(sys.argv[1], sys.argv[2:])
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    for name in CLASSES:
        importlib.import_module(f"classes.{name}").make(goldens)
    goldens.write_manifest()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, float32")


if __name__ == "__main__":
    main()
