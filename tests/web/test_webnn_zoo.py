#!/usr/bin/env python3
"""Every model class of the zoo at its smallest, in a browser that has WebNN: its outputs are the native engine's, or what WebNN cannot say of it is
named. ctest: timeout 300

    tests/web/test_webnn_zoo.py [--table] [NAME[:MODE[:SEQUENCE]] …]
"""

import sys

import numpy as np
from webnn_browser import TOOL, WebnnBrowser, skip_without_browser

LIMIT = 1e-3
WRITERS = "llama-tiny qwen2-tiny opt-tiny gpt2-tiny t5-tiny whisper-tiny-random".split()
OTHERS = """bert-tiny distilbert-tiny roberta-tiny mistral-tiny qwen3-tiny clip-tiny:inference:12 xclip-tiny:inference:12 vit-tiny resnet-tiny
    detr-tiny wav2vec2-tiny clap-tiny llava-tiny llava-next-tiny:inference:48 qwen2-vl-tiny:inference:96 qwen3-vl-tiny:inference:96
    squeezenet-light""".split()


def relative_l2(got, expected):
    got, expected = got.astype(np.float64), expected.astype(np.float64)
    size = np.linalg.norm(expected)
    return np.linalg.norm(got - expected) / (size if size > 0 else 1)


def run_model(web, name):
    """(status, worst relative L2 or None, a sentence)"""
    refusal = web.refusal(name)
    if refusal:
        return ("unsupported" if refusal.startswith("unsupported") else "failed"), None, refusal
    try:
        outputs, told = web.run(name, web.zoo_inputs(name))
    except (RuntimeError, TimeoutError) as error:
        web.restart()
        return "refused", None, str(error).splitlines()[0]
    worst = max(relative_l2(outputs[key], value) for key, value in web.zoo_expected(name, outputs).items())
    sentence = f"{', '.join(told['devices'])}; built in {told['build_ms']:.0f} ms"
    return ("passed" if worst <= LIMIT else "failed"), worst, sentence


def main():
    skip_without_browser((TOOL, "cmake --build"))
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    wanted = words or OTHERS + [f"{name}:{mode}" for name in WRITERS for mode in ("inference", "prefill", "decode")]
    bad = 0
    with WebnnBrowser() as web:
        for word in wanted:
            model, mode, sequence = [*word.split(":"), *["inference", "16"][word.count(":") :]]
            name = model if mode == "inference" else f"{model}-{mode}"
            web.describe_zoo({name: f"{model} {mode} {sequence}"})
            status, worst, sentence = run_model(web, name)
            bad += status in ("failed", "refused")
            print(f"{name:28} {status:12} {'' if worst is None else f'{worst:.1e}':8} {sentence[:200]}", flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
