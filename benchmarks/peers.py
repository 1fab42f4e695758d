"""The measuring and the page of peers.sh:   peers.py [--quick] ACCEL WORK_FOLDER"""

import os
import re
import statistics
import subprocess
import sys

import numpy as np
import onnx
from bars import Page, accel_json, geometric_mean, say
from onnx import TensorProto, helper, numpy_helper

LIGHT = ["alexnet", "densenet121", "inception-v1", "inception-v2", "resnet50", "shufflenet", "squeezenet", "vgg19", "zfnet512"]
ENGINES = ["native", "onnxruntime", "openvino"]
SHORT = {"native": "native", "onnxruntime": "ORT", "openvino": "OV", "openblas": "OpenBLAS"}
OPENBLAS_SCRIPT = """
import sys, time
import numpy as np
n, seconds = int(sys.argv[1]), float(sys.argv[2])
random = np.random.default_rng(0)
a, b, c = (random.random((n, n), dtype=np.float32) for _ in range(3))
samples, end, warm = [], 0.0, time.perf_counter() + 0.2
while not end or time.perf_counter() < end:
    begin = time.perf_counter()
    np.matmul(a, b, out=c)
    now = time.perf_counter()
    if end:
        samples.append(now - begin)
    elif now > warm:
        end = now + seconds
print(*samples)
"""


# ---- accel's records


def bench(accel, models, options, seconds):
    """The records of these models on the CPU, one list a comparison: {(model, batch, sequence, threads): {engine: record}}."""
    command = [accel, "bench", *models, "--engine", ",".join(ENGINES), "--on", "cpu,openvino", "--precision", "fp32"]
    command += [*options, "--min-time", seconds, "--max-time", 6 * seconds, "--no-db", "--format", "json"]
    found = {}
    # 1: a case failed: it stands in its record; 3: a peer is not here
    for record in accel_json(command, allowed=(0, 1, 3)):
        if (record["device"] or {}).get("id") not in ("CPU", None):
            continue
        key = (record["model"]["name"], record["batch"], record["sequence"], record["threads"])
        found.setdefault(key, {}).setdefault(record["engine"]["name"], record)
    return found


def median_ms(records, engine):
    record = records.get(engine)
    return record["latency_ms"]["median"] if record and record["status"] == "ok" else None


def busy(records):
    return any("busy" in (r["warnings"] or "") for r in records.values())


def failures(comparisons):
    """What did not run, with its reason, as lines of the page."""
    for (model, batch, sequence, threads), records in comparisons.items():
        for engine, r in records.items():
            if r["status"] != "ok":
                yield f"- {model} b{batch} s{sequence or '–'}, threads {threads}, {engine}: {r['status']}: {r['error']}"


def versions(comparisons):
    seen = {}
    for records in comparisons.values():
        for name, record in records.items():
            if record["status"] == "ok":
                options = re.sub(r"(NUM_THREADS)=\d+", r"\1=threads", record["engine"]["options"] or "")
                seen[name] = f"{name} {record['engine']['version']} ({options})"
    return [seen[e] for e in ENGINES if e in seen]


# ---- models


def rows_of(comparisons):
    """Table rows, and {threads: [(label, ratio)]} of native over the faster peer."""
    rows, ratios = [], {}
    for (model, batch, sequence, threads), records in comparisons.items():
        times = {e: median_ms(records, e) for e in ENGINES}
        peers = {e: t for e, t in times.items() if e != "native" and t}
        label = f"{model} b{batch}" + (f" s{sequence}" if sequence else "")
        cells = [f"{t:.2f}" if t else (records[e]["status"] if e in records else "–") for e, t in times.items()]
        ratio, best = "–", "–"
        if times["native"] and peers:
            best = min(peers, key=peers.get)
            value = times["native"] / peers[best]
            ratios.setdefault(threads, []).append((label, value))
            ratio, best = f"**{value:.3f}**", SHORT[best]
        samples = min((len(r["samples_ns"]) for r in records.values() if r["status"] == "ok"), default=0)
        rows.append([label, threads, *cells, best, ratio, samples, "busy" if busy(records) else ""])
    return rows, ratios


def models(page, accel, quick, seconds):
    light = [f"{name}-light" for name in (["shufflenet", "squeezenet"] if quick else LIGHT)]
    threads = ["--threads", "1,2"]
    comparisons = bench(accel, light, [*threads, "--batch", "1"], seconds)
    shapes = ["--batch", "1", "--seq", "32"] if quick else ["--batch", "1,8", "--seq", "32,128,512"]
    comparisons |= bench(accel, ["minilm"], [*threads, *shapes], seconds)
    rows, ratios = rows_of(comparisons)
    page.text(
        "## Latency of models, fp32, ms",
        "",
        "Medians by `accel bench`: a process an engine, blocks of 0.3 s in random order, blocks with foreign load thrown away; outputs are",
        "compared with the reference. The light graphs carry seeded random weights, MiniLM its own. Each engine is given the file that",
        "it runs fastest. Ratio: native's time over the faster peer's; below 1 native is faster.",
    )
    page.text(*(f"- {v}" for v in versions(comparisons)))
    page.table(
        ["case", ">threads", ">native", ">ORT", ">OV", "faster peer", ">native / it", ">least samples", "machine"], rows
    )
    summary = []
    for n, list_of in sorted(ratios.items()):
        worst = max(list_of, key=lambda pair: pair[1])
        summary.append([n, len(list_of), f"**{geometric_mean([r for _, r in list_of]):.3f}**"])
        summary[-1] += [f"{worst[0]}: {worst[1]:.3f}", sum(r <= 1.0 for _, r in list_of)]
    page.table([">threads", ">cases", ">geometric mean", "worst case", ">cases at most 1"], summary)
    page.text(*failures(comparisons))
    bars_of_models(page, rows, ratios)


def bars_of_models(page, rows, ratios):
    everything = [r for list_of in ratios.values() for _, r in list_of]
    missing = len(rows) - len(everything)
    if not everything:
        page.bar("geometric mean of native over the faster peer", "no peer is here", None)
        return
    for n, list_of in sorted(ratios.items()):
        mean = geometric_mean([r for _, r in list_of])
        page.bar(f"geometric mean at most 1.0 (goal 0.85), threads: {n}", f"{mean:.3f}", mean <= 1.0)
    above = sum(r > 1.3 for r in everything)
    page.bar("no single case above 1.3", f"{above} above; worst {max(everything):.3f}", above == 0)
    page.bar("every case ran on native and a peer", f"{missing} did not", missing == 0, timed=False)


# ---- matrix products


def write_product(path, n, constant):
    """Y = A B, both n × n; B is an initializer (weights) or an input."""
    a, b, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [n, n]) for name in "aby")
    weights = np.random.default_rng(0).random((n, n), dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["y"])],
        "product",
        [a] if constant else [a, b],
        [y],
        [numpy_helper.from_array(weights, "b")] if constant else [],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def openblas_samples(n, threads, seconds):
    env = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", OPENBLAS_SCRIPT, str(n), str(seconds)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env)
    return [float(s) * 1e3 for s in result.stdout.split()]


def products(page, accel, work, quick, seconds):
    rows, worst, reasons = [], {}, []
    for n in (512,) if quick else (512, 1024, 2048):
        for threads in (1, 2):
            say(f"matrix products of {n}, threads: {threads}")
            blas = openblas_samples(n, threads, seconds / 2)
            found = []
            for constant in (True, False):
                name = f"product-{n}-{'weights' if constant else 'inputs'}"
                write_product(f"{work}/{name}.onnx", n, constant)
                options = ["--threads", threads, "--batch", n, "--no-verify", "--quiet"]  # dim 0 counts as the batch
                comparisons = bench(accel, [f"{work}/{name}.onnx"], options, seconds)
                found += [(constant, records) for records in comparisons.values()]
                reasons += failures(comparisons)
            blas += openblas_samples(n, threads, seconds / 2)  # before and after: a drift meets both alike
            for constant, records in found:
                rows.append(product_row(n, threads, constant, records, statistics.median(blas), worst))
    page.text(
        "## Matrix products n × n × n, fp32, GFLOP/s",
        "",
        "One MatMul node by `accel bench`, B as weights and as an input; numpy's OpenBLAS in its own process before and after. From medians:",
        "2 n³ over the time. Ratio: native's rate over the fastest other.",
    )
    blas_version = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    page.text(f"OpenBLAS {blas_version.get('version', '')}, numpy {np.__version__}.")
    columns = [">n", "B", ">threads", ">native", ">ORT", ">OV", ">OpenBLAS", "fastest other", ">native / it", "machine"]
    page.table(columns, rows)
    page.text(*reasons)
    for threads, (ratio, label) in sorted(worst.items()):
        page.bar(
            f"matrix products at least 95 % of the fastest other, threads: {threads}", f"{ratio * 100:.0f} % ({label})", ratio >= 0.95
        )


def product_row(n, threads, constant, records, blas_ms, worst):
    times = {e: median_ms(records, e) for e in ENGINES} | {"openblas": blas_ms}
    rates = {e: 2e-6 * n**3 / t for e, t in times.items() if t}
    form = "weights" if constant else "input"
    others = {e: r for e, r in rates.items() if e != "native"}
    best = max(others, key=others.get)
    ratio = rates.get("native", 0.0) / others[best]
    worst[threads] = min(worst.get(threads, (float("inf"), "")), (ratio, f"n {n}, B {form}"))
    cells = [f"{rates[e]:.0f}" if e in rates else "–" for e in times]
    return [n, form, threads, *cells, SHORT[best], f"**{ratio:.3f}**", "busy" if busy(records) else ""]


def main():
    quick = sys.argv[1] == "--quick"
    accel, work = sys.argv[-2:]
    seconds = 0.3 if quick else 1.5
    page = Page("peers", "Native against its peers", accel, "quick: few cases" if quick else "")
    models(page, accel, quick, seconds)
    products(page, accel, work, quick, seconds)
    page.write()


main()
