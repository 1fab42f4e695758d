#!/usr/bin/env python3
"""llama.cpp's side of decode.py: reads a prompt and writes tokens as often as a line comes in.

    llama_loop.py MODEL.gguf THREADS PROMPT TOKENS

The first line of output is what the library says of itself; then, for each line of input, {"prefill_ns": N, "decode_ns": [one a
token]}. As llama-bench does, tokens are given and not sampled. Defaults of the library: flash attention as it likes, keys and values in float16.
"""

import json
import sys
import time

sys.path.pop(0)  # this folder, whose tokenize.py would hide the standard library's
import llama_cpp as ll  # noqa: E402


class Model:
    def __init__(self, path, threads, prompt, tokens):
        ll.llama_backend_init()
        ll.llama_log_set(QUIET, None)
        self.model = ll.llama_model_load_from_file(path.encode(), ll.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        params = ll.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_threads, params.n_threads_batch = prompt + tokens, prompt, threads, threads
        self.context = ll.llama_init_from_model(self.model, params)
        self.prompt, self.tokens = prompt, tokens
        self.ids = (ll.llama_token * (prompt + tokens))(*(3 + i * 7 % 500 for i in range(prompt + tokens)))

    def read(self, start, count):
        """Nanoseconds until the logits of the last of these tokens are there."""
        part = (ll.llama_token * count)(*self.ids[start:start + count])
        began = time.perf_counter_ns()
        if ll.llama_decode(self.context, ll.llama_batch_get_one(part, count)) != 0:
            raise SystemExit("llama_decode failed")
        ll.llama_get_logits_ith(self.context, -1)  # waits for them
        return time.perf_counter_ns() - began

    def round(self):
        ll.llama_memory_clear(ll.llama_get_memory(self.context), True)
        prefill = self.read(0, self.prompt)
        return {"prefill_ns": prefill, "decode_ns": [self.read(self.prompt + i, 1) for i in range(self.tokens)]}


@ll.llama_log_callback
def QUIET(level, text, data):
    pass


def main():
    path, *numbers = sys.argv[1:]
    model = Model(path, *map(int, numbers))
    print(ll.llama_print_system_info().decode().strip(), flush=True)
    model.round()  # warms up
    for _ in sys.stdin:
        print(json.dumps(model.round()), flush=True)


main()
