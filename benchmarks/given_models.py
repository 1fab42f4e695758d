"""The models of given_files.py: what accel is asked for, the same in PyTorch, and the usual exports of that.

A model with weights of its own (MiniLM) is read from .deps; the others are made here from a seed and saved as a
Hugging Face folder, which accel reads: so all files hold the same numbers, and their outputs can be compared.
"""

import dataclasses
import pathlib
import sys
import typing

import numpy
import torch
import transformers

TOKENS = 30000


# ---- what accel's graphs give ------------------------------------------------------------------------------


class Wrapped(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model


class Sentence(Wrapped):
    """MiniLM: hidden states, the pooler's output, the normalised mean over kept tokens."""

    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        hidden = out.last_hidden_state
        kept = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
        return hidden, out.pooler_output, torch.nn.functional.normalize(mean, p=2, dim=1)


class Pooled(Wrapped):
    def forward(self, input_ids, attention_mask, token_type_ids):
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return out.last_hidden_state, out.pooler_output


class Image(Wrapped):
    def forward(self, pixel_values):
        return self.model(pixel_values=pixel_values).last_hidden_state


class Speech(Wrapped):
    def forward(self, input_features, decoder_input_ids):
        out = self.model(input_features=input_features, decoder_input_ids=decoder_input_ids, use_cache=False)
        return out.logits, out.encoder_last_hidden_state


class Text(Wrapped):
    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits


# ---- inputs ------------------------------------------------------------------------------------------------


def tokens(batch, sequence):
    return numpy.random.default_rng(0).integers(1000, TOKENS, (batch, sequence), dtype=numpy.int64)


def noise(*dims):
    return numpy.random.default_rng(0).standard_normal(dims, dtype=numpy.float32)


def text_inputs(batch, sequence):
    ids = tokens(batch, sequence)
    return {"input_ids": ids, "attention_mask": numpy.ones_like(ids)}


def bert_inputs(batch, sequence):
    inputs = text_inputs(batch, sequence)
    return inputs | {"token_type_ids": numpy.zeros_like(inputs["input_ids"])}


def image_inputs(batch, _sequence):
    return {"pixel_values": noise(batch, 3, 224, 224)}


def speech_inputs(batch, sequence):
    return {
        "input_features": noise(batch, 80, 2 * SPEECH_POSITIONS),
        "decoder_input_ids": tokens(batch, sequence),
    }


# ---- the models --------------------------------------------------------------------------------------------

SPEECH_POSITIONS = 500  # ten seconds of sound; Whisper's own are 1500
SMALL_DECODER = {
    "hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2,
    "intermediate_size": 1408, "vocab_size": 32000, "max_position_embeddings": 2048,
}


@dataclasses.dataclass(frozen=True)
class Model:
    make: typing.Callable  # deps folder -> the transformers model
    wrap: type
    inputs: typing.Callable
    outputs: tuple
    sequences: tuple  # names of the inputs and outputs whose second dim is the sequence
    cases: tuple  # (batch, sequence)
    fusions: str  # what onnxruntime.transformers calls it
    zoo_name: str | None = None  # None: the folder that `make` was saved in
    attention: str = "eager"


BERT_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "last_hidden_state")
TEXT = {"wrap": Text, "inputs": text_inputs, "outputs": ("logits",), "fusions": "gpt2",
        "sequences": ("input_ids", "attention_mask", "logits"), "cases": ((1, 32), (1, 128))}
MODELS = {
    "minilm": Model(
        make=lambda deps: transformers.AutoModel.from_pretrained(deps / "minilm", attn_implementation="eager"),
        wrap=Sentence, inputs=bert_inputs, outputs=("last_hidden_state", "pooler_output", "sentence_embedding"),
        sequences=BERT_INPUTS, cases=((1, 32), (1, 128), (8, 128)), fusions="bert", zoo_name="minilm",
    ),
    "bert-base": Model(
        make=lambda _: transformers.BertModel(transformers.BertConfig(attn_implementation="eager")),
        wrap=Pooled, inputs=bert_inputs, outputs=("last_hidden_state", "pooler_output"),
        sequences=BERT_INPUTS, cases=((1, 32), (1, 128), (8, 128)), fusions="bert",
    ),
    "vit-4-layers": Model(
        make=lambda _: transformers.ViTModel(
            transformers.ViTConfig(num_hidden_layers=4, attn_implementation="eager"), add_pooling_layer=False),
        wrap=Image, inputs=image_inputs, outputs=("last_hidden_state",), sequences=(), cases=((1, 0),),
        fusions="vit",
    ),
    "whisper-tiny": Model(
        make=lambda _: transformers.WhisperForConditionalGeneration(
            transformers.WhisperConfig(
                d_model=384, encoder_layers=4, decoder_layers=4, encoder_attention_heads=6,
                decoder_attention_heads=6, encoder_ffn_dim=1536, decoder_ffn_dim=1536,
                max_source_positions=SPEECH_POSITIONS, attn_implementation="eager")),
        wrap=Speech, inputs=speech_inputs, outputs=("logits", "encoder_last_hidden_state"),
        sequences=("decoder_input_ids", "logits"), cases=((1, 8),), fusions="bart",
    ),
    "llama-4-layers": Model(
        make=lambda _: transformers.LlamaForCausalLM(
            transformers.LlamaConfig(**SMALL_DECODER, attn_implementation="eager")), **TEXT),
    "qwen2-4-layers": Model(
        make=lambda _: transformers.Qwen2ForCausalLM(
            transformers.Qwen2Config(**SMALL_DECODER, attn_implementation="eager")), **TEXT),
}


def reference_of(name, work):
    """What accel is asked for."""
    return MODELS[name].zoo_name or str(work / f"{name}.weights")


def instance(name, deps, work):
    """The model in PyTorch, saved where accel reads it."""
    torch.manual_seed(0)
    model = MODELS[name].make(deps).eval()
    if MODELS[name].zoo_name is None:
        model.save_pretrained(reference_of(name, work))
    return MODELS[name].wrap(model).eval()


# ---- the usual exports -------------------------------------------------------------------------------------


def by_torchscript(name, model, example, path):
    m = MODELS[name]
    axes = {key: {0: "batch"} | ({1: "sequence"} if key in m.sequences else {})
            for key in (*example, *m.outputs)}
    torch.onnx.export(
        model, tuple(example.values()), path, input_names=list(example), output_names=list(m.outputs),
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )


def by_dynamo(name, model, example, path):
    m, batch, sequence = MODELS[name], torch.export.Dim("batch"), torch.export.Dim("sequence")
    shapes = {key: {0: batch} | ({1: sequence} if key in m.sequences else {}) for key in example}
    torch.onnx.export(
        model, tuple(example.values()), path, input_names=list(example), output_names=list(m.outputs),
        dynamic_shapes=shapes, opset_version=18, dynamo=True, external_data=False,
    )


def heads_and_width(config):
    """As onnxruntime.transformers asks for them."""
    return config.num_attention_heads, config.hidden_size


def fuse(name, model, exported, path):
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    fusions = MODELS[name].fusions
    heads, width = heads_and_width(model.model.config)
    options = FusionOptions(fusions)
    options.use_multi_head_attention = fusions == "bart"  # as its own script for Whisper does
    fused = optimizer.optimize_model(
        str(exported), model_type=fusions, num_heads=heads, hidden_size=width, opt_level=0,
        optimization_options=options, only_onnxruntime=False,
    )
    kinds = {k: v for k, v in fused.get_fused_operator_statistics().items() if v}
    print(f"{name}: the optimiser fused {kinds} in {exported.name}", file=sys.stderr)
    fused.save_model_to_file(str(path))


def export(name, deps, work):
    """Files of the usual exports: {label: path}. What an exporter or the optimiser cannot do is left out, and said."""
    labels = ("torchscript", "dynamo", "optimised", "optimised-dynamo")
    files = {label: work / f"{name}.{label}.onnx" for label in labels}
    done = pathlib.Path(work / f"{name}.done")
    if not done.exists():
        model = instance(name, deps, work)
        example = {key: torch.from_numpy(value) for key, value in MODELS[name].inputs(2, 16).items()}
        steps = {
            "torchscript": lambda path: by_torchscript(name, model, example, path),
            "dynamo": lambda path: by_dynamo(name, model, example, path),
            "optimised": lambda path: fuse(name, model, files["torchscript"], path),
            "optimised-dynamo": lambda path: fuse(name, model, files["dynamo"], path),
        }
        for label, step in steps.items():
            try:
                step(files[label])
            except Exception as why:  # exporters raise whatever they like
                print(f"{name}: no {label} export: {str(why).splitlines()[:1]}", file=sys.stderr)
        done.touch()
    return {label: path for label, path in files.items() if path.exists()}
