#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets for files: tests/fuzz/corpus/{onnx,safetensors,index,gguf,config,npy,capture,tokenizer,
preprocessor,image,sound,import,browser_message}.

    PYTHONPATH=.deps/python tests/fuzz/make_seeds.py

Small files, one for each kind of thing that a reader does: the seeds are in the repository, run it after a change here.
"""

import io
import json
import struct
from pathlib import Path

import numpy as np
from onnx import AttributeProto, TensorProto, helper, numpy_helper

CORPUS = Path(__file__).parent / "corpus"


def save(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


# ---- onnx ----------------------------------------------------------------------------------------------------------


def info(name, *dims, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, None if dims == (None,) else dims)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(" ") if inputs else [], outputs.split(), name=op.lower(), **attributes)


def onnx_model(name, opset, nodes, inputs, outputs, weights=(), functions=(), sparse=(), ir=8):
    graph = helper.make_graph(nodes, "seed", inputs, outputs, list(weights), sparse_initializer=list(sparse))
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=ir, functions=list(functions), producer_name="seed")
    save("onnx", name, model.SerializeToString())


def f32(name, *shape):
    return numpy_helper.from_array(np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape), name)


def i64(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def graph_of(op, name):
    return helper.make_graph([node(op, "x", name)], name, [], [info(name, 2)])


def loop_body():
    return helper.make_graph(
        [node("Identity", "c", "c2"), node("Add", "v x", "v2")], "body",
        [info("i", kind=TensorProto.INT64), info("c", kind=TensorProto.BOOL), info("v", 2)],
        [info("c2", kind=TensorProto.BOOL), info("v2", 2)])


def make_onnx():
    x4, x3, x2 = info("x", 1, 2, 4, 4), info("x", 2, 3, 4), info("x", "batch", 3)
    y = info("y", None)
    onnx_model("conv", 22, [node("Conv", "x w b", "c", pads=[1, 1, 1, 1]), node("Relu", "c", "r"),
                            node("GlobalAveragePool", "r", "y")], [x4], [info("y", 1, 3, 1, 1)], [f32("w", 3, 2, 3, 3), f32("b", 3)])
    onnx_model("gemm", 13, [node("Gemm", "x w b", "g", transB=1), node("Softmax", "g", "y", axis=-1)], [x2],
               [info("y", "batch", 2)], [f32("w", 2, 3), f32("b", 2)])
    onnx_model("old", 6, [node("Add", "x b", "a", broadcast=1, axis=1), node("BatchNormalization", "a s s s s", "n", is_test=1),
                          node("Upsample", "n", "u", height_scale=2.0, width_scale=2.0), node("Dropout", "u", "d", is_test=1),
                          node("Clip", "d", "e", min=0.0, max=6.0), node("Softmax", "e", "y")],
               [x4, info("s", 2)], [y], [f32("s", 2), f32("b", 2)], ir=3)
    onnx_model("older", 10, [node("Pad", "x", "p", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=1.0), node("Slice", "p a b", "s"),
                             node("TopK", "s k", "t i"), node("Split", "t", "u v", axis=3, split=[1, 1]),
                             node("ReduceMean", "u", "m", axes=[2]), node("Squeeze", "m", "q", axes=[0]),
                             node("Resize", "v f", "y", mode="nearest")],
               [x4], [info("q", None), info("y", None)],
               [i64("a", 0, 0, 0, 0), i64("b", 1, 2, 5, 5), i64("k", 2),
                numpy_helper.from_array(np.array([1, 1, 2, 0.5], np.float32), "f")])
    onnx_model("groups", 18, [node("GroupNormalization", "x s s", "g", num_groups=2), node("DFT", "z", "y", axis=1)],
               [x4, info("z", 1, 6, 1)], [info("g", None), info("y", None)], [f32("s", 2)])
    scan_body = helper.make_graph([node("Add", "v i", "v2"), node("Identity", "v2", "o")], "body", [info("v", 2), info("i", 2)],
                                  [info("v2", 2), info("o", 2)])
    onnx_model("scan", 8, [node("Scan", " v0 xs", "y z", body=scan_body, num_scan_inputs=1)], [info("v0", 1, 2), info("xs", 1, 3, 2)],
               [info("y", 1, 2), info("z", 1, 3, 2)])
    onnx_model("shapes", 11, [node("Shape", "x", "s"), node("Gather", "s z", "d"), node("Unsqueeze", "d", "u", axes=[0]),
                              node("Concat", "u m", "t", axis=0), node("Reshape", "x t", "r"), node("Slice", "r a b", "y")],
               [x3], [info("y", None, None)],
               [numpy_helper.from_array(np.array(0, np.int64), "z"), i64("m", -1), i64("a", 0), i64("b", 1)])
    onnx_model("branches", 16, [node("If", "c", "y", then_branch=graph_of("Neg", "t"), else_branch=graph_of("Exp", "e"))],
               [info("c", kind=TensorProto.BOOL), info("x", 2)], [info("y", 2)])
    onnx_model("loop", 16, [node("Loop", "n  v0", "y", body=loop_body())],
               [info("n", kind=TensorProto.INT64), info("v0", 2), info("x", 2)], [info("y", 2)])
    scale = helper.make_function("own", "Scale", ["a"], ["b"], [node("Constant", "", "k"), node("Mul", "a k", "b")],
                                 [helper.make_opsetid("", 17)], ["factor"])
    scale.node[0].attribute.add(name="value_float", ref_attr_name="factor", type=AttributeProto.FLOAT)
    onnx_model("function", 17, [helper.make_node("Scale", ["x"], ["s"], domain="own", factor=2.0),
                                helper.make_node("Scale", ["s"], ["y"], domain="own", factor=3.0)],
               [info("x", 2)], [info("y", 2)], functions=[scale])
    sparse = helper.make_sparse_tensor(f32("w", 2), i64("i", 1, 3), [4])
    onnx_model("sparse", 13, [node("Add", "x w", "y")], [info("x", 4)], [info("y", 4)], sparse=[sparse])
    lists = [helper.make_tensor(f"l{t}", t, [3], [1, 2, 3]) for t in
             (TensorProto.INT8, TensorProto.UINT16, TensorProto.INT64, TensorProto.UINT64, TensorProto.DOUBLE, TensorProto.FLOAT16,
              TensorProto.BFLOAT16, TensorProto.INT4, TensorProto.FLOAT8E4M3FN)]
    onnx_model("lists", 25, [node("Identity", t.name, f"o{i}") for i, t in enumerate(lists)], [],
               [info(f"o{i}", 3, kind=t.data_type) for i, t in enumerate(lists)], lists, ir=11)
    external = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "w.bin"), ("offset", "0"), ("length", "16")):
        external.external_data.add(key=key, value=value)
    onnx_model("external", 17, [node("Add", "x w", "y")], [info("x", 4)], [info("y", 4)], [external])
    sequence = helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, [2])
    onnx_model("sequence", 17, [node("SequenceConstruct", "x x", "q"), node("SequenceAt", "q i", "y")], [info("x", 2)],
               [info("y", 2), sequence], [numpy_helper.from_array(np.array(0, np.int64), "i")])


# ---- gguf ----------------------------------------------------------------------------------------------------------


def gguf_text(text):
    return struct.pack("<Q", len(text)) + text.encode()


def gguf_value(value):
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + gguf_text(value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(gguf_text, value))


def gguf_file(name, version, keys, tensors):
    """tensors: (name, dims from the innermost, type, bytes)."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    for key, value in keys.items():
        head += gguf_text(key) + gguf_value(value)
    data = b""
    for tensor, dims, kind, size in tensors:
        data += bytes(-len(data) % 32)
        head += gguf_text(tensor) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, len(data))
        data += bytes(i * 37 % 251 for i in range(size))
    save("gguf", name, head + bytes(-len(head) % 32) + data)


def gguf_keys(arch, **more):
    sizes = {"block_count": 1, "context_length": 8, "embedding_length": 32, "feed_forward_length": 32,
             "attention.head_count": 2, "attention.head_count_kv": 1, "attention.layer_norm_rms_epsilon": 1e-5}
    return {"general.architecture": arch, **{f"{arch}.{key}": value for key, value in {**sizes, **more}.items()}}


def make_gguf():
    words, q = ("token_embd.weight", [32, 2], 0, 256), "blk.0.attn_q.weight"
    gguf_file("llama", 3, {**gguf_keys("llama"), "tokenizer.ggml.tokens": ["a", "b"], "tokenizer.ggml.add_bos_token": True},
              [words, (q, [32, 32], 8, 1088), ("blk.0.attn_k.weight", [32, 16], 1, 1024), ("blk.0.attn_q.bias", [32], 0, 128),
               ("blk.0.ffn_down.weight", [32, 32], 2, 576)])
    gguf_file("qwen2", 2, gguf_keys("qwen2", **{"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0}),
              [words, (q, [32, 32], 30, 2048), ("output.weight", [32, 2], 6, 44)])
    gguf_file("factors", 3, gguf_keys("llama"), [words, ("rope_freqs.weight", [8], 0, 32)])
    gguf_file("aligned", 3, {"general.alignment": 32, "general.architecture": "qwen3"},
              [("a", [256], 12, 144), ("b", [256, 2], 14, 420), ("c", [256], 10, 84), ("d", [256], 11, 110), ("e", [256], 13, 176)])
    gguf_file("empty", 3, {}, [])


# ---- safetensors, config.json, .npy ------------------------------------------------------------------------------------


def make_safetensors():
    def tensors(header, data):
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + bytes(data)

    one = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    two = {"dtype": "I64", "shape": [1, 1], "data_offsets": [8, 16]}
    save("safetensors", "two", tensors({"__metadata__": {"format": "pt"}, "a": one, "b": two}, 16))
    save("safetensors", "empty", tensors({}, 0))
    save("safetensors", "hole", tensors({"a": one, "b": {**two, "data_offsets": [12, 20]}}, 20))
    save("safetensors", "kinds", tensors({k: {"dtype": k, "shape": [4], "data_offsets": [4 * w * i, 4 * w * (i + 1)]}
                                          for i, (k, w) in enumerate([("U8", 1), ("BOOL", 1), ("F8_E4M3", 1)])}, 12))


def make_index():
    both = {"a": "a.safetensors", "b": "b.safetensors"}
    for name, value in {"both": {"metadata": {"total_size": 16}, "weight_map": both}, "one": {"weight_map": {"a": "a.safetensors"}},
                        "absent": {"weight_map": {**both, "c": "b.safetensors"}}, "outside": {"weight_map": {"a": "../a.safetensors"}},
                        "no_map": {"weight_map": ["a"]}, "swapped": {"weight_map": {"a": "b.safetensors"}}}.items():
        save("index", name, json.dumps(value).encode())


def make_config():
    bert = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 16, "hidden_act": "gelu", "max_position_embeddings": 16,
            "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0, "position_embedding_type": "absolute"}
    save("config", "bert", json.dumps(bert).encode())
    save("config", "masked_lm", json.dumps({**bert, "architectures": ["BertForMaskedLM"], "hidden_act": "gelu_new"}).encode())
    save("config", "nameless", json.dumps({k: v for k, v in bert.items() if k not in ("model_type", "architectures")}).encode())
    for golden in sorted((Path(__file__).parent.parent / "golden" / "zoo").glob("*/config.json")):
        save("config", golden.parent.name, golden.read_bytes())
    save("config", "odd", b'{"model_type":null,"image_size":[224,224],"rope_parameters":{"rope_theta":1e6},"dtype":"float16",'
                          b'"layer_norm_eps":Infinity,"text_config":{"torch_dtype":"bfloat16"},"s":"\\u00e9\\ud83d\\ude00"}')


def make_npy():
    def array(a, version=(1, 0)):
        out = io.BytesIO()
        np.lib.format.write_array(out, a, version=version)
        return out.getvalue()

    save("npy", "f32", array(np.arange(6, dtype=np.float32).reshape(2, 3)))
    save("npy", "fortran", array(np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)), (2, 0)))
    save("npy", "big", array(np.arange(3, dtype=">i8"), (3, 0)))
    save("npy", "scalar", array(np.array(True)))
    save("npy", "empty", array(np.zeros((0, 2), np.complex64)))
    save("npy", "record", array(np.zeros(1, [("a", "<f4")])))


# ---- captures of machines --------------------------------------------------------------------------------------------------


def capture(name, **sections):
    save("capture", name, json.dumps({"accel_capture": 1, **sections}).encode())


def make_vendors():
    gpu, card, npu = "/proc/driver/nvidia/gpus/0000:01:00.0", "/sys/class/drm/card0/device", "/sys/class/accel/accel0/device"
    node = "/sys/class/kfd/kfd/topology/nodes/1"
    capture("nvidia", folders={"/proc/driver/nvidia/gpus": ["0000:01:00.0"]}, variables={"CUDA_VISIBLE_DEVICES": "0", "LD_LIBRARY_PATH": "/a:/b"},
            files={"/proc/driver/nvidia/version": "NVRM version: NVIDIA 550.54.14",
                   f"{gpu}/information": "Model: \t A\nGPU UUID: \t GPU-12345678-1\nDevice Minor: \t 0\nGPU Excluded:\t No"},
            exists={"/dev/nvidiactl": "1", "/dev/nvidia0": "1", "/b/libcuda.so.1": "1"})
    capture("amd", folders={"/sys/class/kfd/kfd/topology/nodes": ["0", "1"], f"{node}/mem_banks": ["0"], "/sys/class/drm": ["card0"],
                            f"{card}/drm": ["renderD128"], f"{card}/hwmon": ["hwmon1"]},
            links={card: "0000:05:00.0", f"{card}/driver": "amdgpu"}, variables={"ROCR_VISIBLE_DEVICES": "0", "HIP_VISIBLE_DEVICES": "0"},
            files={f"{node}/properties": "simd_count 1216\nsimd_per_cu 4\ngfx_target_version 90402\nlocation_id 1280\ndomain 0\nnum_xcc 8\n"
                                         "unique_id 12379813738877118345",
                   f"{node}/mem_banks/0/properties": "heap_type 1\nsize_in_bytes 206141652992\nmem_clk_max 1300",
                   f"{card}/mem_info_vram_total": "100", f"{card}/mem_info_vram_used": "1", f"{card}/pp_dpm_sclk": "0: 500Mhz *\n1: 2100Mhz",
                   f"{card}/hwmon/hwmon1/power1_cap": "750000000"},
            exists={"/dev/kfd": "1", "/dev/dri/renderD128": "1", "/opt/rocm/lib/libamdhip64.so": "1"})
    capture("intel", folders={"/sys/class/drm": ["card0"], "/sys/class/accel": ["accel0"], f"{card}/drm": ["renderD128"]},
            links={card: "0000:00:02.0", f"{card}/driver": "xe", npu: "0000:00:0b.0", f"{npu}/driver": "intel_vpu"},
            files={f"{npu}/device": "0x643e", f"{card}/tile0/gt0/freq0/rp0_freq": "2050"}, variables={"ZE_AFFINITY_MASK": "0.1,2"},
            exists={"/dev/dri/renderD128": "1", "/lib/libze_loader.so.1": "1", "/lib/libze_intel_gpu.so.1": "1"})
    capture("qualcomm", folders={"/sys/class/remoteproc": ["remoteproc0"]}, exists={"/dev/fastrpc-cdsp": "1", "/lib/libQnnHtp.so": "1"},
            files={"/sys/class/remoteproc/remoteproc0/name": "cdsp", "/sys/class/remoteproc/remoteproc0/state": "running",
                   "/sys/devices/soc0/machine": "QCS9100"})


def answer(*devices):
    return json.dumps({"devices": devices, "evidence": [{"probe": "nvidia", "subject": "a library", "found": True, "finding": "1 GPU"}]})


def make_answers():
    gpu = {"kind": "gpu", "state": "not probed", "probe": "nvidia", "pci": "0000:01:00.0", "awaits": True, "memory_bytes": 1 << 34,
           "facts": {"ecc": "on"}, "interfaces": ["cuda"]}
    instance = gpu | {"pci": None, "id": "MIG-1"}
    capture("answers", folders={"/proc/driver/nvidia/gpus": ["0000:01:00.0"]},
            answers={"ask nvml": answer(gpu, instance),
                     "ask cuda": answer(gpu | {"state": "broken", "reason": "an error", "awaits": False}, instance | {"state": "usable"}),
                     "ask hip": answer(*[gpu | {"probe": "amd", "state": "usable", "partition": n} for n in range(3)]),
                     "ask webgpu": answer({"kind": "accelerator", "state": "usable", "probe": "webgpu", "id": "adapter 0"})})


def make_capture():
    topology = {"architecture": "x86_64", "packages": 1, "cores": 2, "threads": 4, "threads_offline": 0, "allowed_threads": 4,
                "allowed_cores": 2, "allowed_nodes": 1,
                "kinds": [{"name": "performance", "cores": 1, "threads": 2, "max_mhz": 5000, "base_mhz": None},
                          {"name": "efficient", "cores": 1, "threads": 2, "max_mhz": 3900, "base_mhz": 1400}],
                "caches": [{"type": "data", "level": 1, "bytes": 32768, "line_bytes": 64, "count": 2}],
                "nodes": [{"kind": "DRAM", "index": 0, "bytes": 1 << 34, "threads": 4}]}
    capture("empty")
    capture("x86", answers={"hwloc": json.dumps(topology), "cpuid.hypervisor": "kvm"},
            variables={"CUDA_VISIBLE_DEVICES": "0,GPU-1", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "4"},
            files={"/proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: A CPU\nphysical id\t: 0\nflags\t\t: fpu avx2\n"
                                    "\nprocessor\t: 1\nphysical id\t: 1", "/proc/meminfo": "MemTotal: 16 kB\nMemAvailable: 8 kB\nSwapTotal: 0 kB",
                   "/proc/self/status": "Cpus_allowed_list:\t0-3,8", "/etc/os-release": 'PRETTY_NAME="An OS"',
                   "/sys/devices/system/cpu/online": "0-3", "/sys/class/dmi/id/sys_vendor": "QEMU", "/sys/class/dmi/id/product_name": "x"})
    capture("arm", files={"/proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd i8mm\nCPU implementer\t: 0x41\nCPU part\t: 0xd87\n\n"
                                           "processor\t: 1\nCPU part\t: 0xd85"},
            folders={"/sys/devices/system/cpu/cpufreq": ["policy0", "x"]})
    group = "/sys/fs/cgroup/a/b"
    capture("cgroup2", files={"/proc/self/mounts": "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", "/proc/self/cgroup": "0::/a/b",
                              f"{group}/cpu.max": "150000 100000", f"{group}/memory.max": "536870912", f"{group}/memory.current": "4096",
                              f"{group}/memory.stat": "inactive_file 1\nactive_file 2"})
    capture("cgroup1", files={"/proc/self/mounts": "cgroup /c/cpu cgroup rw,cpu 0 0\ncgroup /c/memory cgroup rw,memory 0 0",
                              "/proc/self/cgroup": "2:memory:/x\n1:cpu,cpuacct:/x", "/c/cpu/x/cpu.cfs_quota_us": "1",
                              "/c/cpu/x/cpu.cfs_period_us": "2", "/c/memory/x/memory.limit_in_bytes": "9223372036854771712"})
    device = "/sys/bus/pci/devices/0000:01:00.0"
    capture("pci", folders={"/sys/bus/pci/devices": ["0000:01:00.0"]}, links={f"{device}/driver": "nvidia"},
            files={f"{device}/class": "0x030200", f"{device}/vendor": "0x10de", f"{device}/device": "0x2330", f"{device}/numa_node": "-1",
                   "/sys/module/nvidia/version": "550.54"}, answers={"pci.ids 10de:2330": "H100"}, exists={"/usr/lib/chromium/chromium": "1"})
    make_vendors()
    make_answers()
    capture("dump", files={"/pu0": "1 0 0 0 0 => 10 68747541 444d4163 69746e65\n5 7 0 0 0 => 1 f1bf97ab 19405fde 10000110\n"
                                   "1 80000002 0 0 0 => 20444d41 43594e45 34353639 2d363920"})
    save("capture", "answer", json.dumps({"devices": [{"kind": "gpu", "state": "usable", "pci": "0000:01:00.0", "name": "X", "memory_bytes": 5,
                                                       "interfaces": ["cuda"], "facts": {"ecc": "on"}}],
                                          "evidence": [{"probe": "p", "subject": "s", "finding": "f", "found": True}]}).encode())


# ---- tokenizer -----------------------------------------------------------------------------------------------------


def tokenizer(name, text, model, **parts):
    save("tokenizer", name, json.dumps({"version": "1.0", **parts, "model": model}).encode() + b"\0" + text.encode())


def added(content, id, **settings):
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content, **flags, **settings}


def make_tokenizer():
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "\u0120": 3, "<unk>": 4, "\u2581": 5, "<0xE2>": 6}, "merges": [["a", "b"]]}
    unigram = {"type": "Unigram", "unk_id": 0, "byte_fallback": True, "vocab": [["u", 0.0], ["a", -1.5], ["ab", -2.25], ["<0x41>", -9e-1]]}
    wordpiece = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
                 "vocab": {"[UNK]": 0, "ab": 1, "##ab": 2, "##b": 3, "[CLS]": 4}}
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True}

    def sequence(key, *items):
        return {"type": "Sequence", key: list(items)}

    def split(pattern, behavior, invert=False):
        return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}

    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [4], "tokens": ["[CLS]"]}}}
    tokenizer("gpt2", "ab  abb 12's\n", {**bpe, "merges": ["a b"], "unk_token": "<unk>"}, pre_tokenizer=byte_level, decoder=byte_level, post_processor=byte_level)
    tokenizer("bert", "AB\u00e9 abab, [CLS] \u4e00.", wordpiece, post_processor=template, pre_tokenizer={"type": "BertPreTokenizer"},
              normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
              decoder={"type": "WordPiece", "prefix": "##", "cleanup": True}, added_tokens=[added("[CLS]", 4), added("ab ab", 5, normalized=True, single_word=True)])
    tokenizer("llama", "ab \u2603ba ab", {**bpe, "byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"},
              normalizer=sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}),
              decoder=sequence("decoders", {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                               {"type": "Strip", "content": " ", "start": 1, "stop": 0}))
    charsmap = "CAAAAAAEAAAAAAAAYQBiAA=="
    tokenizer("t5", "ab aba x", unigram, normalizer=sequence("normalizers", {"type": "Precompiled", "precompiled_charsmap": charsmap}, {"type": "Nmt"}, {"type": "NFKC"}),
              pre_tokenizer=sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace), decoder=metaspace, truncation={"max_length": 3, "strategy": "OnlyFirst", "stride": 0},
              post_processor={"type": "BertProcessing", "sep": ["a", 1], "cls": ["ab", 2]})
    tokenizer("clip", "abAB 1 \u00e9", {**bpe, "end_of_word_suffix": "</w>", "continuing_subword_prefix": "", "ignore_merges": True, "unk_token": "a"},
              normalizer=sequence("normalizers", {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}),
              pre_tokenizer=sequence("pretokenizers", split({"Regex": "'s|[\\p{L}]+|[^\\s\\p{L}\\w]+"}, "Removed", True), byte_level),
              post_processor={"type": "RobertaProcessing", "sep": ["a", 0], "cls": ["b", 1], "trim_offsets": True, "add_prefix_space": True},
              decoder={"type": "BPEDecoder", "suffix": "</w>"})
    tokenizer("words", "a1, b ab!", {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "b": 1}}, decoder={"type": "CTC", "pad_token": "a", "word_delimiter_token": "|", "cleanup": True},
              normalizer=sequence("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "ByteLevel"}),
              pre_tokenizer=sequence("pretokenizers", {"type": "Whitespace"}, {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Digits", "individual_digits": True},
                                     {"type": "CharDelimiterSplit", "delimiter": "b"}, split({"String": "a"}, "MergedWithNext"), split({"Regex": "[[:punct:]]|\\b"}, "MergedWithPrevious")),
              added_tokens=[added("x", 2, lstrip=True, rstrip=True, normalized=True)], post_processor=sequence("processors", byte_level, template))
# ---- media ---------------------------------------------------------------------------------------------------------


def make_media():
    """Configurations and small files of tests/golden/media."""
    golden = Path(__file__).parent.parent / "golden" / "media"
    cases = json.loads((golden / "cases.json").read_text())
    for case in cases["pictures"] + cases["sounds"]:
        save("preprocessor", case["name"], json.dumps(case["config"]).encode())
    for name in ("c0d1.png", "c0d16i.png", "c2d16.png", "c3d4.png", "c4d8i.png", "c6d8.png", "keyed.png", "steps.jpg", "cmyk.jpg", "wide.jpg", "turned.jpg"):
        save("image", name, (golden / name).read_bytes())
    for name in ("mono.wav", "float.wav", "law.wav", "lossless.flac", "lossy.ogg"):
        save("sound", name, (golden / name).read_bytes())


def make_import():
    """Old result files: those of the importer's tests."""
    folder = Path(__file__).parent.parent / "data" / "import"
    for path in sorted([*folder.glob("*.json"), *(folder / "foreign").glob("*.*")]):
        save("import", path.stem.replace(" ", "_").replace("|", "or"), path.read_bytes()[:4096])


# ---- what browsers send ---------------------------------------------------------------------------------------------


def make_browser_message():
    def event(method, session=None, **params):
        return {"method": method, "params": params, **({"sessionId": session} if session else {})}

    thrown = {"text": "Uncaught", "lineNumber": 3, "url": "http://127.0.0.1/a.js", "exception": {"description": "Error: no\n    at f"}}
    words = [{"type": "string", "value": "said\u009b"}, {"type": "number", "unserializableValue": "NaN"}, {"type": "object", "value": {"a": [1]}}]
    groups = {
        "answer": [{"id": 1, "result": {"result": {"type": "string", "value": "[1,null]"}}}],
        "exception": [{"id": 1, "result": {"result": {}, "exceptionDetails": thrown}}],
        "refusal": [{"id": 1, "error": {"code": -32000, "message": "Inspected target navigated or closed"}}],
        "console": [event("Runtime.consoleAPICalled", "S", type="warning", args=words), event("Runtime.exceptionThrown", "S", exceptionDetails=thrown),
                    event("Log.entryAdded", "S", entry={"level": "error", "text": "404", "url": "http://127.0.0.1/b"})],
        "crash": [event("Target.targetCrashed", targetId="T", status="killed", errorCode=9)],
        "closed": [event("Target.targetDestroyed", targetId="T")],
        "others": [event("Target.attachedToTarget", sessionId="W"), event("Page.javascriptDialogOpening", "S", message="stop")],
        "late": [{"id": 7, "result": {}}, {"id": 0, "result": {"processInfo": [{"type": "GPU", "id": 5}]}}, {"id": 1}],
    }
    for name, messages in groups.items():
        save("browser_message", name, b"".join(json.dumps(m).encode() + b"\0" for m in messages))


if __name__ == "__main__":
    make_browser_message()
    make_import()
    make_tokenizer()
    make_onnx()
    make_safetensors()
    make_index()
    make_gguf()
    make_config()
    make_npy()
    make_capture()
    make_media()
