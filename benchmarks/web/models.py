"""The models of measure.py: one .onnx file with the weights inside for each, in the forms that the peer may be given."""

import json
import subprocess

import onnx

COMMON = {"hidden_act": "gelu", "layer_norm_eps": 1e-12}
# 4 layers of 192, 7 MB: what the start is measured with.
SMALL = COMMON | {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768,
                  "num_hidden_layers": 4, "vocab_size": 128, "max_position_embeddings": 128, "type_vocab_size": 2}
VIT = COMMON | {"model_type": "vit", "architectures": ["ViTModel"], "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072,
                "num_hidden_layers": 4, "image_size": 224, "patch_size": 16, "num_channels": 3}
# Name on the page: what accel loads, options of its export, outputs that are kept (all when empty).
MODELS = {
    "MiniLM, 128 tokens": ("minilm", ["--seq", "128"], []),
    "ViT-Base/16, 4 layers": (VIT, [], []),
    "ResNet-50": ("resnet-50", [], []),
    "Whisper-tiny, encoder": ("whisper-tiny", ["--mode", "prefill"], ["encoder_last_hidden_state"]),
}
START_MODEL = (SMALL, ["--seq", "64"], [])
# What ONNX Runtime's CPU provider runs fastest, and plain ONNX as exporters write it.
FORMS = {"fused": ["--engine", "onnxruntime"], "plain": ["--opset", "17"]}


def describe_inputs(path):
    """Of a file whose shapes are fixed: ids below 100, masks of ones, everything else between -1 and 1."""
    types = {onnx.TensorProto.FLOAT: "float32", onnx.TensorProto.INT64: "int64", onnx.TensorProto.INT32: "int32"}
    found = []
    for value in onnx.load(path).graph.input:
        tensor, name = value.type.tensor_type, value.name
        limits = (-1, 1) if tensor.elem_type == onnx.TensorProto.FLOAT else (1, 1) if "mask" in name else (0, 1) if "type" in name else (0, 99)
        found.append({"name": name, "type": types[tensor.elem_type], "dims": [d.dim_value for d in tensor.shape.dim],
                      "least": limits[0], "most": limits[1]})
    return found


def write_model(accel, model, form, folder):
    """Exports into folder and returns the path of one file, whose inputs have fixed shapes."""
    reference, options, outputs = model
    folder.mkdir(parents=True)
    if isinstance(reference, dict):
        (folder / "config.json").write_text(json.dumps(reference))
        reference = str(folder)
    command = [accel, "export", reference, "--batch", "1", *options, *FORMS[form], "--output", folder / "written"]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    whole = onnx.load(next((folder / "written").glob("*.onnx")))
    if outputs:
        whole = onnx.utils.Extractor(whole).extract_model([value.name for value in whole.graph.input], outputs)
    path = folder / "model.onnx"
    onnx.save(whole, path)
    return path
