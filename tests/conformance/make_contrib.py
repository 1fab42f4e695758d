#!/usr/bin/env python3
"""Writes conformance cases of the contributed operators (com.microsoft), with ONNX Runtime's own results.

    tests/conformance/make_contrib.py FOLDER

The onnx package has no cases for these; ONNX Runtime defines them. Needs onnx and onnxruntime on PYTHONPATH.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(7)
MS = "com.microsoft"


def f32(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def u8(*shape):
    return RNG.integers(0, 256, shape).astype(np.uint8)


def i8(*shape):
    """Of 7 bits: without VNNI ONNX Runtime adds two products u8 × i8 in 16 bits, which saturate with larger ones."""
    return RNG.integers(-64, 64, shape).astype(np.int8)


def one(value, dtype=np.float32):
    return np.array(value, dtype=dtype)


def gqa(past, length, heads=4, kv_heads=2, head=16, **attrs):
    """Inputs of a GroupQueryAttention step after `past` tokens, with room for them in the cache."""
    total = past + length
    inputs = [f32(2, length, heads * head), f32(2, length, kv_heads * head), f32(2, length, kv_heads * head)]
    inputs += [f32(2, kv_heads, past, head), f32(2, kv_heads, past, head)]
    inputs += [np.full(2, total - 1, np.int32), one(total, np.int32)]
    if attrs.get("do_rotary"):
        angles = np.arange(32)[:, None] / (100.0 ** (np.arange(head // 2) / (head // 2)))
        inputs += [np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)]
    return inputs, dict(num_heads=heads, kv_num_heads=kv_heads, **attrs)


def cases():
    """Yields name, operator, inputs (None: omitted), number of outputs, attributes."""
    yield "gelu", "Gelu", [f32(3, 5)], 1, {}
    yield "quick_gelu", "QuickGelu", [f32(3, 5)], 1, {"alpha": 1.3}
    yield "bias_gelu", "BiasGelu", [f32(2, 3, 5), f32(5)], 1, {}
    yield "fast_gelu", "FastGelu", [f32(2, 3, 5)], 1, {}
    yield "fast_gelu_bias", "FastGelu", [f32(2, 3, 5), f32(5)], 1, {}
    yield "fused_matmul", "FusedMatMul", [f32(2, 3, 4), f32(2, 5, 4)], 1, {"alpha": 0.5, "transB": 1}
    yield "fused_matmul_trans_a", "FusedMatMul", [f32(2, 4, 3), f32(4, 5)], 1, {"transA": 1}
    yield "fused_conv_relu", "FusedConv", [f32(1, 3, 6, 6), f32(4, 3, 3, 3), f32(4)], 1, {"activation": "Relu", "pads": [1, 1, 1, 1]}
    yield "fused_conv_sum", "FusedConv", [f32(1, 4, 6, 6), f32(4, 2, 3, 3), f32(4), f32(1, 4, 4, 4)], 1, {
        "activation": "LeakyRelu", "activation_params": [0.2], "group": 2}
    yield "fused_conv_clip", "FusedConv", [f32(1, 3, 6, 6), f32(4, 3, 3, 3)], 1, {"activation": "Clip", "activation_params": [-0.5, 0.5]}
    yield "skip_layer_norm", "SkipLayerNormalization", [f32(2, 3, 8), f32(2, 3, 8), f32(8), f32(8), f32(8)], 1, {"epsilon": 1e-5}
    yield "skip_layer_norm_sum", "SkipLayerNormalization", [f32(2, 3, 8), f32(3, 8), f32(8), f32(8)], (1, 4), {}
    yield "skip_simplified", "SkipSimplifiedLayerNormalization", [f32(2, 3, 8), f32(2, 3, 8), f32(8)], (1, 4), {"epsilon": 1e-5}
    ids = RNG.integers(0, 10, (2, 4)).astype(np.int32)
    segments = RNG.integers(0, 2, (2, 4)).astype(np.int32)
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
    tables = [f32(10, 8), f32(6, 8)]
    yield "embed_layer_norm", "EmbedLayerNormalization", [ids, segments, *tables, f32(2, 8), f32(8), f32(8), mask], 2, {}
    yield "embed_layer_norm_distil", "EmbedLayerNormalization", [ids, None, *tables, None, f32(8), f32(8)], 2, {}

    q, k, v = f32(2, 3, 16), f32(2, 5, 16), f32(2, 5, 16)
    yield "mha", "MultiHeadAttention", [q, k, v], 1, {"num_heads": 2}
    yield "mha_bias", "MultiHeadAttention", [q, k, v, f32(48)], 1, {"num_heads": 4}
    keep = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], np.int32)
    yield "mha_mask", "MultiHeadAttention", [q, k, v, None, keep], 1, {"num_heads": 2}
    yield "mha_score_bias", "MultiHeadAttention", [q, k, v, None, None, f32(1, 2, 3, 5)], 1, {"num_heads": 2, "scale": 0.2}
    past = [f32(2, 2, 4, 8), f32(2, 2, 4, 8)]
    step = [f32(2, 1, 16), f32(2, 1, 16), f32(2, 1, 16)]
    yield "mha_past", "MultiHeadAttention", [*step, None, None, None, *past], 3, {"num_heads": 2, "unidirectional": 1}
    yield "mha_cross", "MultiHeadAttention", [q, f32(2, 2, 5, 8), f32(2, 2, 5, 8)], 1, {"num_heads": 2}

    x, w, b = f32(2, 4, 6), f32(6, 24), f32(24)
    yield "attention", "Attention", [x, w, b], 1, {"num_heads": 2}
    yield "attention_causal", "Attention", [x, w, b], 1, {"num_heads": 2, "unidirectional": 1}
    yield "attention_mask", "Attention", [x, w, b, mask], 1, {"num_heads": 2}
    yield "attention_lengths", "Attention", [x, w, b, np.array([3, 2], np.int32)], 1, {"num_heads": 2}
    yield "attention_past", "Attention", [x, w, b, None, f32(2, 2, 2, 3, 4)], 2, {"num_heads": 2, "unidirectional": 1}
    yield "attention_sizes", "Attention", [x, f32(6, 20), f32(20)], 1, {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 4]}

    for name, (past_length, length, attrs) in {
        "gqa_first": (0, 5, {}),
        "gqa_first_rotary": (0, 5, {"do_rotary": 1}),
        "gqa_step": (6, 1, {}),
        "gqa_step_rotary": (6, 1, {"do_rotary": 1, "rotary_interleaved": 1}),
        "gqa_step_window": (6, 1, {"local_window_size": 3}),
        "gqa_softcap": (0, 4, {"softcap": 2.0, "scale": 0.5}),
    }.items():
        inputs, attrs = gqa(past_length, length, **attrs)
        yield name, "GroupQueryAttention", inputs, 3, attrs

    angles = np.arange(16)[:, None] / (100.0 ** (np.arange(4) / 4))
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    positions = RNG.integers(0, 16, (2, 3)).astype(np.int64)
    yield "rotary", "RotaryEmbedding", [f32(2, 3, 16), positions, cos, sin], 1, {}
    yield "rotary_offset", "RotaryEmbedding", [f32(2, 3, 16), one([4], np.int64), cos, sin], 1, {"interleaved": 1}
    yield "rotary_4d", "RotaryEmbedding", [f32(2, 2, 3, 8), positions, cos, sin], 1, {}
    yield "rotary_partial", "RotaryEmbedding", [f32(2, 3, 24), positions, cos, sin], 1, {"num_heads": 2, "rotary_embedding_dim": 8}

    def q8(make, *shape, zero=0):
        x = make(*shape)
        return [x, one(0.05), one(zero, x.dtype)]

    yield "qlinear_add", "QLinearAdd", [*q8(u8, 2, 3, 4, zero=120), *q8(u8, 3, 1, zero=130), one(0.1), one(128, np.uint8)], 1, {}
    yield "qlinear_mul", "QLinearMul", [*q8(i8, 2, 3, zero=3), *q8(i8, 2, 3, zero=-5), one(0.3), one(1, np.int8)], 1, {}
    yield "qlinear_sigmoid", "QLinearSigmoid", [*q8(u8, 20, zero=128), one(1 / 256), one(0, np.uint8)], 1, {}
    yield "qlinear_leaky_relu", "QLinearLeakyRelu", [*q8(i8, 20, zero=3), one(0.06), one(-4, np.int8)], 1, {"alpha": 0.2}
    yield "qlinear_average_pool", "QLinearAveragePool", [*q8(u8, 1, 3, 6, 6, zero=100), one(0.043), one(90, np.uint8)], 1, {
        "kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    yield "qlinear_average_pool_last", "QLinearAveragePool", [*q8(u8, 1, 6, 6, 3, zero=100), one(0.043), one(90, np.uint8)], 1, {
        "kernel_shape": [2, 2], "channels_last": 1}
    yield "qlinear_global_average_pool", "QLinearGlobalAveragePool", [*q8(u8, 2, 3, 5, 5, zero=100), one(0.0213), one(90, np.uint8)], 1, {}
    yield "qlinear_concat", "QLinearConcat", [one(0.07), one(100, np.uint8), *q8(u8, 2, 3, zero=90), u8(2, 4), one(0.08), one(110, np.uint8)], 1, {"axis": 1}
    yield "qlinear_softmax", "QLinearSoftmax", [*q8(u8, 3, 20, zero=100), one(1 / 256), one(0, np.uint8)], 1, {"opset": 13}
    yield "qlinear_softmax_old", "QLinearSoftmax", [*q8(i8, 3, 4, 5, zero=10), one(1 / 256), one(-128, np.int8)], 1, {"opset": 11, "axis": 1}
    columns = [i8(4, 5), np.abs(f32(4)) / 20, np.zeros(4, np.int8)]
    bias = RNG.integers(-999, 999, 4).astype(np.int32)
    yield "qgemm", "QGemm", [*q8(u8, 3, 5, zero=90), *columns, bias, one(0.3), one(120, np.uint8)], 1, {"transB": 1}
    yield "qgemm_float", "QGemm", [*q8(u8, 3, 5, zero=90), *q8(u8, 5, 4, zero=100), bias], 1, {"alpha": 0.5}
    yield "matmul_integer_to_float", "MatMulIntegerToFloat", [u8(3, 4), i8(4, 5), one(0.1), f32(5), one(7, np.uint8), i8(5), f32(5)], 1, {}
    yield "dynamic_quantize_matmul", "DynamicQuantizeMatMul", [f32(3, 4), i8(4, 5), one(0.1), one(3, np.int8), f32(5)], 1, {}
    lstm = [f32(5, 1, 6), i8(2, 6, 16), i8(2, 4, 16), f32(2, 32), None, f32(2, 1, 4), f32(2, 1, 4), None]
    lstm += [np.array([0.01, 0.02], np.float32), np.array([3, -5], np.int8), np.array([0.015, 0.01], np.float32), i8(2)]
    yield "dynamic_quantize_lstm", "DynamicQuantizeLSTM", lstm, 3, {"direction": "bidirectional", "hidden_size": 4}
    lstm = [f32(4, 1, 6), u8(1, 6, 16), u8(1, 4, 16), f32(1, 32), None, None, None, f32(1, 12)]
    lstm += [np.full((1, 16), 0.01, np.float32), np.full((1, 16), 128, np.uint8)] * 2
    yield "dynamic_quantize_lstm_channels", "DynamicQuantizeLSTM", lstm, 3, {"hidden_size": 4}
    packed = u8(6, 2, 16)
    yield "matmul_4_bits", "MatMulNBits", [f32(2, 3, 40), packed, f32(12)], 1, {"K": 40, "N": 6, "bits": 4, "block_size": 32}
    yield "matmul_4_bits_zeros", "MatMulNBits", [f32(3, 64), packed, f32(12), u8(6)], 1, {"K": 64, "N": 6, "bits": 4, "block_size": 32}
    yield "transpose_matmul", "TransposeMatMul", [f32(2, 3, 4), f32(2, 5, 4)], 1, {"alpha": 0.5, "transB": 1}
    yield "fused_gemm", "FusedGemm", [f32(3, 4), f32(5, 4), f32(5)], 1, {"transB": 1, "activation": "LeakyRelu", "activation_alpha": 0.3}
    yield "qlinear_where", "QLinearWhere", [RNG.integers(0, 2, (3, 1)).astype(bool), *q8(u8, 2, 3, 4, zero=120), *q8(u8, 4, zero=3), one(0.1), one(128, np.uint8)], 1, {}
    yield "qlinear_softmax", "QLinearSoftmax", [*q8(u8, 3, 7, zero=3), one(1 / 256), one(0, np.uint8)], 1, {"axis": -1, "opset": 13}
    yield "qlinear_softmax_12", "QLinearSoftmax", [*q8(i8, 3, 2, 4, zero=3), one(1 / 256), one(-128, np.int8)], 1, {"axis": 1, "opset": 12}
    weights = [i8(5, 4), (RNG.random(5) / 10).astype(np.float32), i8(5)]
    yield "qgemm", "QGemm", [*q8(u8, 3, 4, zero=9), *q8(i8, 4, 5), RNG.integers(-999, 999, 5).astype(np.int32), one(2.1), one(117, np.uint8)], 1, {"alpha": 1.5}
    yield "qgemm_float", "QGemm", [*q8(u8, 3, 4, zero=9), *weights, RNG.integers(-999, 999, (3, 5)).astype(np.int32)], 1, {"transB": 1}
    rows = np.array([[0, 2], [5, -1]], np.int64)
    yield "gather_blocks", "GatherBlockQuantized", [u8(6, 24), rows, f32(6, 3)], 1, {"block_size": 16, "bits": 4}
    yield "gather_blocks_zeros", "GatherBlockQuantized", [u8(6, 48), rows, f32(6, 3), u8(6, 3)], 1, {"block_size": 16, "bits": 8}
    yield "gather_blocks_packed_zeros", "GatherBlockQuantized", [u8(6, 24), rows, f32(6, 3), u8(6, 2)], 1, {"block_size": 16, "bits": 4}
    for kind in range(2):
        yield f"matmul_bnb4_{kind}", "MatMulBnb4", [f32(2, 3, 40), u8(120), f32(8) ** 2], 1, {"K": 40, "N": 6, "block_size": 32, "quant_type": kind}

def build(op, inputs, outputs, attrs):
    names = [f"input_{i}" if x is not None else "" for i, x in enumerate(inputs)]
    wanted = range(outputs) if isinstance(outputs, int) else [n - 1 for n in outputs]
    out_names = [f"output_{i}" if i in wanted else "" for i in range(max(wanted) + 1)]
    node = helper.make_node(op, names, out_names, domain=MS, **attrs)
    infos = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in zip(names, inputs) if n]
    out_infos = [onnx.ValueInfoProto(name=n) for n in out_names if n]
    graph = helper.make_graph([node], op, infos, out_infos)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(MS, 1)])


def write(folder, model, feeds):
    """Runs the model in ONNX Runtime without its optimiser, and writes the case."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    results = session.run(None, feeds)
    for info, value in zip(model.graph.output, results):
        info.CopyFrom(helper.make_tensor_value_info(info.name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape))
    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "data.json").write_text(json.dumps({"rtol": 1e-3, "atol": 1e-5}) + "\n")
    for i, value in enumerate(feeds.values()):
        (data / f"input_{i}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())
    for i, value in enumerate(results):
        (data / f"output_{i}.pb").write_bytes(numpy_helper.from_array(value).SerializeToString())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    count, refused = 0, []
    for name, op, inputs, outputs, attrs in cases():
        model = build(op, inputs, outputs, attrs)
        feeds = {f"input_{i}": x for i, x in enumerate(inputs) if x is not None}
        try:
            write(Path(sys.argv[1]) / f"test_{name}", model, feeds)
            count += 1
        except Exception as error:  # ONNX Runtime's CPU provider lacks some forms: they cannot be checked here
            refused.append(f"{name}: {str(error).splitlines()[0][:200]}")
    print(f"{count} cases, {len(refused)} refused by ONNX Runtime", *refused, sep="\n  ")


if __name__ == "__main__":
    main()
