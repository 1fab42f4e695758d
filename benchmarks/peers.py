"""The measuring and the pages of peers.sh:   peers.py [--quick] [--only SECTION] ACCEL WORK_FOLDER"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import peer_cases
from bars import ROOT, Page, accel_json, instruction_sets, say
from onnx import TensorProto, helper, numpy_helper
from peer_cases import ENGINES, SHORT, Case, Measuring, bench, busy, case_table, cases_of, failures, is_ok, median_ms, versions

LIGHT = ["alexnet", "densenet121", "inception-v1", "inception-v2", "resnet50", "shufflenet", "squeezenet", "vgg19", "zfnet512"]
QUICK_LIGHT = ["shufflenet", "squeezenet"]
SHAPES = {"minilm": [(b, s) for b in (1, 8) for s in (32, 128, 512)]}
THREADS = ["--threads", "1,2"]
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


def light_names(how):
    return [f"{name}-light" for name in (QUICK_LIGHT if how.quick else LIGHT)]


def minilm_options(how):
    return ["--batch", "1", "--seq", "32"] if how.quick else ["--batch", "1,8", "--seq", "32,128,512"]


def measure_models(how, engines, precision):
    """The light graphs and MiniLM at all their shapes."""
    comparisons = bench(how, light_names(how), [*THREADS, "--batch", "1"], engines, precision)
    return comparisons | bench(how, ["minilm"], [*THREADS, *minilm_options(how)], engines, precision)


# ---- ONNX Runtime's own transformer optimiser


def give(how, model, engine, folder, batch, sequence):
    """The file that accel gives this runtime, written into folder."""
    program = Path(how.accel).with_name("give_file")
    command = [program, model, engine, folder, str(batch), str(sequence or 0)]
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def ort_session(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for value in session.get_inputs():
        dims = value.shape
        binding.bind_cpu_input(value.name, np.full(dims, 1 if "mask" in value.name else 0, np.int64))
    for value in session.get_outputs():
        binding.bind_output(value.name)
    return lambda: session.run_with_iobinding(binding)


def block_ms(run, seconds):
    time.sleep(0.04)  # lets the other session's spinning threads fall asleep
    run()
    samples, end = [], time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        samples.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(samples)


def optimised_ratio(how, batch, sequence, threads, rounds):
    """Time of the file made by onnxruntime.transformers.optimizer over that of the file accel gives, in turn in one process."""
    from onnxruntime.transformers import optimizer

    folder = Path(how.work) / f"minilm-{batch}-{sequence}"
    made = folder / "optimised.onnx"
    if not made.exists():
        plain = give(how, "minilm", "openvino", folder / "plain", batch, sequence)
        fused = optimizer.optimize_model(plain, model_type="bert", num_heads=12, hidden_size=384, opt_level=0)
        fused.save_model_to_file(str(made))
        give(how, "minilm", "onnxruntime", folder / "given", batch, sequence)
    runs = {path: ort_session(str(path), threads) for path in (folder / "given/onnxruntime.onnx", made)}
    ratios = []
    for _ in range(rounds):
        order = list(runs)
        random.shuffle(order)
        times = {path: block_ms(runs[path], 0.2) for path in order}
        ratios.append(times[made] / times[folder / "given/onnxruntime.onnx"])
    return statistics.median(ratios)


def optimised_times(page, how, comparisons):
    """ONNX Runtime's time on its optimiser's file, where the optimiser is here: {key: {"optimised": ms}}, and its table."""
    more, rows = {}, []
    for key, records in comparisons.items():
        model, batch, sequence, threads = key
        given_ms = median_ms(records, "onnxruntime")
        if model != "minilm" or not given_ms:
            continue
        say(f"ONNX Runtime's own optimiser: batch {batch}, sequence {sequence}, threads: {threads}")
        try:
            ratio = optimised_ratio(how, batch, sequence, threads, 2 if how.quick else 5)
        except ImportError as reason:
            page.text(f"ONNX Runtime's own transformer optimiser was not tried: {reason}.")
            return {}
        more[key] = {"optimised": given_ms * ratio}
        rows.append([f"b{batch} s{sequence}", threads, f"{ratio:.3f}"])
    page.text(
        "MiniLM on ONNX Runtime: accel gives it a file with its own fused operators (com.microsoft), which [given-files.md](given-files.md) shows to be",
        "as fast as the usual exports. Here the plain graph went through onnxruntime.transformers.optimizer as well; its time over that of",
        "the given file, both in turn in one process. The faster of the two counts as the peer.",
    )
    page.table(["MiniLM", ">threads", ">optimiser's file / given file"], rows)
    return more


# ---- models, fp32


def section_models(how):
    page = new_page("peers", "Native against its peers, fp32", how)
    comparisons = measure_models(how, ENGINES, "fp32")
    page.text(
        "## Latency of models, ms",
        "",
        "Medians by `accel bench`: a process an engine, blocks of 0.3 s in random order, blocks with foreign load thrown away; outputs are",
        "compared with the reference. The light graphs carry seeded random weights, MiniLM its own. Ratio: native's time over the faster",
        "peer's, with the half width of its 95 % interval; below 1 native is faster.",
    )
    page.text(*versions(comparisons))
    more = optimised_times(page, how, comparisons)
    cases = cases_of(comparisons, ENGINES, more)
    case_table(page, cases, [*ENGINES, *(["optimised"] if more else [])])
    peer_cases.summary_table(page, cases)
    page.text(*failures(comparisons))
    peer_cases.profiles(page, how, cases)
    peer_cases.ratio_bars(page, cases, "models", goal=" (goal 0.85)", single=1.3)
    products_fp32(page, how)
    page.write()


# ---- matrix products


def save(path, nodes, inputs, output, initializers):
    graph = helper.make_graph(nodes, "product", inputs, [output], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)


def value(name, n, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, [n, n])


def write_product(path, n, constant):
    """y = a b, both n × n; b is an initializer (weights) or an input."""
    weights = np.random.default_rng(0).random((n, n), dtype=np.float32)
    inputs = [value("a", n)] + ([] if constant else [value("b", n)])
    made = [numpy_helper.from_array(weights, "b")] if constant else []
    save(path, [helper.make_node("MatMul", ["a", "b"], ["y"])], inputs, value("y", n), made)


def s8_weights(n):
    return numpy_helper.from_array(np.random.default_rng(0).integers(-127, 128, (n, n), dtype=np.int8), "b")


def write_integer_product(path, n):
    """MatMulInteger: u8 × s8 weights → s32."""
    node = helper.make_node("MatMulInteger", ["a", "b"], ["y"])
    save(path, [node], [value("a", n, TensorProto.UINT8)], value("y", n, TensorProto.INT32), [s8_weights(n)])


def write_quantised_product(path, n):
    """QLinearMatMul: u8 × s8 weights → u8, a scale a tensor."""
    def scalar(name, number, kind):
        return numpy_helper.from_array(np.array(number, kind), name)

    scales = [scalar(f"{x}_scale", 0.01, np.float32) for x in "ab"] + [scalar("y_scale", 0.1 * n**0.5, np.float32)]
    zeros = [scalar("a_zero", 128, np.uint8), scalar("b_zero", 0, np.int8), scalar("y_zero", 128, np.uint8)]
    names = ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"]
    save(
        path, [helper.make_node("QLinearMatMul", names, ["y"])], [value("a", n, TensorProto.UINT8)], value("y", n, TensorProto.UINT8),
        [s8_weights(n), *scales, *zeros],
    )


def openblas_samples(n, threads, seconds):
    env = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", OPENBLAS_SCRIPT, str(n), str(seconds)]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env)
    return [float(s) * 1e3 for s in result.stdout.split()]


def sizes(how):
    return (512,) if how.quick else (512, 1024, 2048)


def product_records(how, path, n, threads, engines, precisions):
    """The records of one product; for each engine those of the first precision that it runs the file in."""
    options = ["--threads", threads, "--batch", n, "--no-verify", "--quiet"]  # dim 0 counts as the batch
    return one_file(how, path, options, engines, precisions)


def one_file(how, path, options, engines, precisions):
    """{key: {engine: record}} of a file. Engines differ in what they call the precision of a quantised file: the first that runs counts."""
    found = {}
    for precision in precisions:
        left = [e for e in engines if not any(is_ok(records.get(e)) for records in found.values())]
        for key, records in (bench(how, [path], options, left, precision) if left else {}).items():
            for engine, record in records.items():
                have = found.setdefault(key, {}).get(engine)
                if not is_ok(have):
                    found[key][engine] = record
    return merge_shapes(found)


def merge_shapes(found):
    """A refused case does not know its batch: it goes to the one comparison of these threads that does."""
    merged = {}
    for (model, batch, sequence, threads), records in found.items():
        key = next((k for k in found if k[0] == model and k[3] == threads and k[1] is not None), (model, batch, sequence, threads))
        for engine, record in records.items():
            if engine not in merged.setdefault(key, {}) or is_ok(record):
                merged[key][engine] = record
    return merged


class Products:
    """Rows of products, and the worst rate of native over the fastest other for each thread count."""

    def __init__(self, columns):
        self.columns, self.rows, self.reasons, self.worst = columns, [], [], {}

    def add(self, what, n, threads, records, more=None):
        times = {e: median_ms(records, e) for e in self.columns} | (more or {})
        rates = {e: 2e-6 * n**3 / t for e, t in times.items() if t}
        others = {e: r for e, r in rates.items() if e != "native"}
        if not others:
            return
        best = max(others, key=others.get)
        ratio = rates.get("native", 0.0) / others[best]
        self.worst[threads] = min(self.worst.get(threads, (float("inf"), "")), (ratio, f"n {n}, {what}"))
        cells = [f"{rates[e]:.0f}" if e in rates else "–" for e in self.columns]
        self.rows.append([n, what, threads, *cells, SHORT[best], f"**{ratio:.3f}**", "busy" if busy(records) else ""])

    def write(self, page, unit, name):
        page.table([">n", "product", ">threads", *(f">{SHORT[c]}" for c in self.columns), "fastest other", ">native / it", "machine"], self.rows)
        page.text(*dict.fromkeys(self.reasons))
        for threads, (ratio, label) in sorted(self.worst.items()):
            bar = f"{name} ({unit}) at least 95 % of the fastest other, threads: {threads}"
            page.bar(bar, f"{ratio * 100:.0f} % ({label})", ratio >= 0.95)


def products_fp32(page, how):
    products = Products([*ENGINES, "openblas"])
    for n in sizes(how):
        for threads in (1, 2):
            say(f"matrix products of {n}, threads: {threads}")
            blas = openblas_samples(n, threads, how.seconds / 2)
            found = []
            for form in ("weights", "input"):
                path = f"{how.work}/product-{n}-{form}.onnx"
                write_product(path, n, form == "weights")
                comparisons = product_records(how, path, n, threads, ENGINES, ["fp32"])
                found += [(form, records) for records in comparisons.values()]
                products.reasons += failures(comparisons)
            blas += openblas_samples(n, threads, how.seconds / 2)  # before and after: a drift meets both alike
            for form, records in found:
                products.add(f"B {form}", n, threads, records, {"openblas": statistics.median(blas)})
    blas_version = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    page.text(
        "## Matrix products n × n × n, GFLOP/s",
        "",
        "One MatMul node by `accel bench`, B as weights and as an input; numpy's OpenBLAS in its own process before and after. From medians:",
        "2 n³ over the time. Ratio: native's rate over the fastest other.",
        f"OpenBLAS {blas_version.get('version', '')}, numpy {np.__version__}.",
    )
    products.write(page, "fp32", "matrix products")


# ---- bf16


def errors_table(page, cases, engines):
    """Relative L2 of the outputs against the reference, as verified with the speed."""
    rows = []
    for c in cases:
        if c.threads != min(case.threads for case in cases):
            continue
        cells = [(c.records.get(e) or {}).get("verification") or {} for e in engines]
        rows.append([c.label, *(f"{v['relative_l2']:.1e}" if v.get("relative_l2") is not None else "–" for v in cells)])
    page.table(["relative L2 against fp32", *(f">{SHORT[e]}" for e in engines)], rows)


def section_bf16(how):
    if not {"avx512_bf16", "amx_tile"} & set(instruction_sets()[0]):
        say("bf16: this CPU has no products of bf16, no page is written")
        return
    engines = ["native", "openvino"]
    page = new_page("peers-bf16", "Native against OpenVINO, bf16", how)
    comparisons = measure_models(how, engines, "bf16")
    cases = cases_of(comparisons, engines)
    page.text(
        "## Latency of models, ms",
        "",
        "As in [peers.md](peers.md), with `--precision bf16`: both engines compute products and convolutions of the same fp32 model in bfloat16. ONNX",
        "Runtime has no such mode on a CPU.",
    )
    page.text(*versions(comparisons))
    case_table(page, cases, engines)
    peer_cases.summary_table(page, cases)
    errors_table(page, cases, engines)
    page.text(*failures(comparisons))
    peer_cases.profiles(page, how, cases)
    peer_cases.ratio_bars(page, cases, "models")
    products = Products(engines)
    for n in sizes(how):
        for threads in (1, 2):
            say(f"bf16 products of {n}, threads: {threads}")
            path = f"{how.work}/product-{n}-weights.onnx"
            write_product(path, n, True)
            comparisons = product_records(how, path, n, threads, engines, ["bf16"])
            products.reasons += failures(comparisons)
            for records in comparisons.values():
                products.add("B weights", n, threads, records)
    page.text("## Matrix products n × n × n, GFLOP/s", "", "One MatMul node of fp32 values computed in bf16.")
    products.write(page, "bf16", "matrix products")
    page.write()


# ---- int8


def make_int8_models(page, how):
    """What int8_models.py made: a list of its descriptions."""
    script = ROOT / "benchmarks/int8_models.py"
    if not script.exists():
        page.text("No quantised models: benchmarks/int8_models.py is not here.")
        return []
    names = ["squeezenet", "minilm-dynamic"] if how.quick else []
    shapes = ["--shapes", "1x32" if how.quick else "1x128,8x128"]
    command = [sys.executable, "-B", str(script), how.accel, f"{how.work}/int8", *names, *shapes]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        page.text(f"No quantised models: benchmarks/int8_models.py ended with exit code {result.returncode}.")
        return []
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def int8_errors(how, path, records):
    """For each engine the largest relative L2 of an output against the plain reference."""
    for engine in ENGINES:
        if not is_ok(records.get(engine)):
            yield "–"
            continue
        command = [how.accel, "verify", path, "--engine", engine, "--against", "reference"]
        command += ["--precision", records[engine]["precision_asked"], "--format", "json"]
        found = [c["relative_l2"] for c in accel_json(command, allowed=(0, 1, 3))["cases"] if c["relative_l2"] is not None]
        yield f"{max(found):.1e}" if found else "–"


def section_int8(how):
    page = new_page("peers-int8", "Native against its peers, int8", how)
    made = make_int8_models(page, how)
    comparisons, errors = {}, []
    for model in made:
        found = one_file(how, model["path"], [*THREADS, "--no-verify"], ENGINES, ["int8", "fp32"])
        comparisons |= found
        if model["batch"] == 1:  # the plain reference takes its time
            errors.append([model["name"], model["method"], *int8_errors(how, model["path"], next(iter(found.values())))])
    cases = [Case(key, records, ENGINES, label=key[0]) for key, records in comparisons.items()]
    page.text(
        "## Latency of quantised models, ms",
        "",
        "Files of onnxruntime's quantiser (benchmarks/int8_models.py: static QDQ, and dynamic), which every engine is given as they are. Medians by `accel bench`.",
    )
    page.text(*versions(comparisons))
    case_table(page, cases, ENGINES)
    peer_cases.summary_table(page, cases)
    page.text(
        "A rounding that falls the other way is a whole step of a quantised value, so engines differ from the plain reference, and from each",
        "other, by more than in fp32:",
    )
    page.table(["model", "method", *(f">{SHORT[e]}, relative L2" for e in ENGINES)], errors)
    page.text(*failures(comparisons))
    peer_cases.profiles(page, how, cases, {model["name"]: model["path"] for model in made})
    peer_cases.ratio_bars(page, cases, "quantised models")
    products_int8(page, how)
    page.write()


def products_int8(page, how):
    products = Products(ENGINES)
    forms = {"MatMulInteger": write_integer_product, "QLinearMatMul": write_quantised_product}
    for n in sizes(how):
        for operator, write in forms.items():
            path = f"{how.work}/{operator}-{n}.onnx"
            write(path, n)
            for threads in (1, 2):
                say(f"{operator} of {n}, threads: {threads}")
                comparisons = product_records(how, path, n, threads, ENGINES, ["int8", "fp32"])
                products.reasons += failures(comparisons)
                for records in comparisons.values():
                    products.add(operator, n, threads, records)
    page.text("## Integer products n × n × n, Gop/s", "", "One node, u8 × s8 weights, by `accel bench`: 2 n³ over the median.")
    products.write(page, "u8 × s8", "integer products")


# ---- start and memory


def start_figures(record):
    """load + compile + first inference in ms; peak memory without pages of files, and those pages, in MB."""
    start = sum(record[key] or 0 for key in ("load_ns", "compile_ns", "first_ns")) * 1e-6
    files = (record["memory"]["file_backed_bytes"] or 0) * 1e-6
    return start, record["memory"]["peak_rss_bytes"] * 1e-6 - files, files


def median_figures(records):
    return [statistics.median(column) for column in zip(*(start_figures(r) for r in records), strict=True)]


def start_of_file(how, path, label):
    """{engine: (start ms, own MB, file MB)} of a file, medians over fresh processes."""
    command = [how.accel, "bench", path, "--engine", ",".join(ENGINES), "--on", "cpu,openvino", "--threads", 2, "--min-time", 0.05]
    command += ["--max-time", 0.2, "--repeat", 2 if how.quick else 3, "--no-verify", "--no-interleave", "--no-db", "--quiet", "--format", "json"]
    say(f"start and memory: {label}")
    found = {}
    for record in accel_json(command, allowed=(0, 1, 3)):
        if is_ok(record) and record["device"]["id"] == "CPU":
            found.setdefault(record["engine"]["name"], []).append(record)
    return {engine: median_figures(records) for engine, records in found.items()}


def idle_cpu_ms(how, path):
    """CPU time of a process while its session, which has run, does nothing for two seconds."""
    program = f"{how.work}/api_loop"
    result = subprocess.run([program, path, "2", "1", "0", "0.5", "2"], check=True, stdout=subprocess.PIPE, text=True)
    return float(result.stdout.split()[3])


def start_cases(how):
    for name in QUICK_LIGHT if how.quick else LIGHT:
        yield name, f"{name}-light", 1, None
    for batch, sequence in [(1, 32)] if how.quick else [(1, 128), (8, 128)]:
        yield f"MiniLM b{batch} s{sequence}", "minilm", batch, sequence


def section_start(how):
    page = new_page("start-up-memory", "Start and memory of a session", how)
    rows, starts, memories = [], {}, {}
    for label, model, batch, sequence in start_cases(how):
        path = give(how, model, "openvino", f"{how.work}/start", batch, sequence)
        figures = start_of_file(how, path, label)
        for file in Path(f"{how.work}/start").iterdir():
            file.unlink()
        for engine, (start, own, files) in figures.items():
            rows.append([label, engine, f"{start:.1f}", f"{own:.0f}", f"{files:.0f}"])
        if {"native", "onnxruntime"} <= set(figures):
            native, ort = figures["native"], figures["onnxruntime"]
            starts[label], memories[label] = native[0] / ort[0], native[1] / ort[1]
    page.text(
        "Load + compile + first inference, and the peak resident memory of a process with one session of 2 threads, by `accel bench`: medians over",
        "fresh processes, page cache warm. All engines read the same .onnx file with its weights. Pages of files (the libraries, and the model's",
        "file where it is mapped) are told apart: the system may take them back.",
    )
    page.table(["model", "engine", ">load + compile + first, ms", ">peak memory without pages of files, MB", ">pages of files at the end, MB"], rows)
    start_bars(page, how, starts, memories)
    page.write()


def start_bars(page, how, starts, memories):
    if not starts:
        page.bar("load + compile + first at most half of ONNX Runtime's", "ONNX Runtime is not here", None)
        return
    slowest, largest = max(starts, key=starts.get), max(memories, key=memories.get)
    page.bar("load + compile + first at most half of ONNX Runtime's", f"worst {starts[slowest]:.2f} ({slowest})", starts[slowest] <= 0.5)
    page.bar("peak memory not above ONNX Runtime's (pages of files apart)", f"worst {memories[largest]:.2f} ({largest})", memories[largest] <= 1.0, timed=False)
    path = give(how, "squeezenet-light", "openvino", f"{how.work}/start", 1, None)
    used = idle_cpu_ms(how, path)
    page.bar("a session that has run uses no CPU time while idle for 2 s", f"{used:.3f} ms", used < 0.1, timed=False)


# ---- sections


SECTIONS = {
    "models": (section_models, 1.0),
    "bf16": (section_bf16, 0.8),
    "int8": (section_int8, 0.8),
    "start": (section_start, 0.0),
}


def new_page(name, title, how):
    return Page(name, title, how.accel, "quick: few cases" if how.quick else "", by_cpu=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=SECTIONS)
    parser.add_argument("accel")
    parser.add_argument("work")
    arguments = parser.parse_args()
    for name, (section, seconds) in SECTIONS.items():
        if arguments.only in (None, name):
            section(Measuring(arguments.accel, arguments.work, arguments.quick, seconds))


main()
