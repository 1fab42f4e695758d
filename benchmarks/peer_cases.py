"""What the sections of peers.py share: accel's records side by side, ratios with their intervals, where the time of a short case goes."""

import math
import re

from bars import accel_json, geometric_mean, say

ENGINES = ["native", "onnxruntime", "openvino"]
SHORT = {"native": "native", "onnxruntime": "ORT", "openvino": "OV", "openblas": "OpenBLAS", "optimised": "ORT, own optimiser"}
MOST_PROFILES = 10


class Measuring:
    """How long, with what, where."""

    def __init__(self, accel, work, quick, seconds):
        self.accel, self.work, self.quick = accel, work, quick
        self.seconds = 0.3 if quick else seconds


def bench(how, models, options, engines=ENGINES, precision="fp32"):
    """The records of these models on the CPU, one dictionary a comparison: {(model, batch, sequence, threads): {engine: record}}."""
    command = [how.accel, "bench", *models, "--engine", ",".join(engines), "--on", "cpu,openvino", "--precision", precision]
    command += [*options, "--min-time", how.seconds, "--max-time", 5 * how.seconds, "--no-db", "--format", "json"]
    found = {}
    # 1: a case failed: it stands in its record; 3: a peer is not here
    for record in accel_json(command, allowed=(0, 1, 3)):
        if (record["device"] or {}).get("id") not in ("CPU", None):
            continue
        key = (record["model"]["name"], record["batch"], record["sequence"], record["threads"])
        found.setdefault(key, {}).setdefault(record["engine"]["name"], record)
    return found


def is_ok(record):
    return record is not None and record["status"] == "ok"


def median_ms(records, engine):
    record = records.get(engine)
    return record["latency_ms"]["median"] if is_ok(record) else None


def relative_half_width(record):
    """Of the 95 % interval of the mean latency; 0 where there is none."""
    latency = record["latency_ms"]
    return (latency["ci95"] or 0.0) / latency["mean"] if latency["mean"] else 0.0


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
                seen[name] = f"- {name} {record['engine']['version']} ({options})"
    return [seen[e] for e in ENGINES if e in seen]


# ---- cases


class Case:
    """One comparison: times by engine, native's over the fastest peer's with the interval of that ratio."""

    def __init__(self, key, records, engines, more=None, label=None):
        self.model, self.batch, self.sequence, self.threads = key
        self.records = records
        self.times = {e: median_ms(records, e) for e in engines} | (more or {})
        peers = {e: t for e, t in self.times.items() if e != "native" and t}
        self.best = min(peers, key=peers.get) if peers else None
        self.ratio = self.times["native"] / peers[self.best] if peers and self.times["native"] else None
        self.label = label or self.model + (f" b{self.batch}" if self.batch else "") + (f" s{self.sequence}" if self.sequence else "")

    def half_width(self):
        pair = [self.records["native"], self.records.get(self.best) or self.records["onnxruntime"]]
        return self.ratio * math.hypot(*(relative_half_width(r) for r in pair))

    def cell(self, engine):
        if self.times.get(engine):
            return f"{self.times[engine]:.2f}"
        return self.records[engine]["status"] if engine in self.records else "–"

    def row(self, engines):
        ratio = f"**{self.ratio:.3f}** ± {self.half_width():.3f}" if self.ratio else "–"
        samples = min((len(r["samples_ns"]) for r in self.records.values() if is_ok(r)), default=0)
        cells = [self.label, self.threads, *(self.cell(e) for e in engines), SHORT.get(self.best, "–"), ratio, samples]
        return [*cells, "busy" if busy(self.records) else ""]


def cases_of(comparisons, engines=ENGINES, more=None):
    """more: {key: {name: ms}} of further columns."""
    return [Case(key, records, engines, (more or {}).get(key)) for key, records in comparisons.items()]


def case_table(page, cases, columns):
    heads = ["case", ">threads", *(f">{SHORT[c]}" for c in columns), "faster peer", ">native / it", ">least samples", "machine"]
    page.table(heads, [c.row(columns) for c in cases])


def ratios_of(cases):
    """{threads: [(label, ratio)]}"""
    ratios = {}
    for c in cases:
        if c.ratio:
            ratios.setdefault(c.threads, []).append((c.label, c.ratio))
    return dict(sorted(ratios.items()))


def summary_table(page, cases):
    rows = []
    for n, list_of in ratios_of(cases).items():
        worst = max(list_of, key=lambda pair: pair[1])
        mean = geometric_mean([r for _, r in list_of])
        rows.append([n, len(list_of), f"**{mean:.3f}**", f"{worst[0]}: {worst[1]:.3f}", sum(r <= 1.0 for _, r in list_of)])
    page.table([">threads", ">cases", ">geometric mean", "worst case", ">cases at most 1"], rows)


def ratio_bars(page, cases, what, most=1.0, goal="", single=None):
    """Bars over the geometric mean a thread count, and over the worst case where `single` says so."""
    ratios = ratios_of(cases)
    if not ratios:
        page.bar(f"{what}: geometric mean of native over the faster peer", "nothing to compare", None)
        return
    for n, list_of in ratios.items():
        mean = geometric_mean([r for _, r in list_of])
        page.bar(f"{what}: geometric mean at most {most}{goal}, threads: {n}", f"{mean:.3f}", mean <= most)
    everything = [r for list_of in ratios.values() for _, r in list_of]
    if single:
        above = sum(r > single for r in everything)
        page.bar(f"{what}: no single case above {single}", f"{above} above; worst {max(everything):.3f}", above == 0)
    missing = len(cases) - len(everything)
    page.bar(f"{what}: every case ran on native and a peer", f"{missing} did not", missing == 0, timed=False)


# ---- where the time goes


def profile_of(how, case, path):
    """path: of a file, which fixes its own shapes; None: the model's name is what accel bench takes."""
    shapes = [] if path else [*(["--batch", case.batch] if case.batch else []), *(["--seq", case.sequence] if case.sequence else [])]
    command = [how.accel, "bench", path or case.model, "--engine", "native", "--on", "cpu", "--threads", case.threads, *shapes]
    command += ["--precision", case.records["native"]["precision_asked"], "--min-time", 0.1, "--max-time", 0.5, "--no-verify"]
    command += ["--no-db", "--quiet", "--profile", "--format", "json"]
    profile = accel_json(command, allowed=(0, 1, 3))[0].get("profile")
    return None if not profile or profile["why_not"] else profile


def share(value):
    return "–" if value is None else f"{value * 100:.0f} %"


def operators_text(profile):
    parts = [f"{o['operator']} {share(o['share'])} ({o['steps']} steps, {share(o['of_peak'])} of peak)" for o in profile["operators"][:5]]
    return "; ".join(parts)


def profiles(page, how, cases, paths=None):
    """For the cases that fall short, the worst first: the longest steps of native. paths: {model name: file}."""
    short = sorted((c for c in cases if c.ratio and c.ratio > 1.0), key=lambda c: -c.ratio)
    if not short:
        return
    page.text(
        "### Where the time goes in cases above 1",
        "",
        "By `accel bench --profile`: native's operators, then its longest steps; shares of peak and DRAM bandwidth are of this machine's",
        "measured roofline.",
    )
    for case in short[:MOST_PROFILES]:
        say(f"profile: {case.label}, threads: {case.threads}")
        profile = profile_of(how, case, (paths or {}).get(case.model))
        if profile:
            write_profile(page, case, profile)
    if len(short) > MOST_PROFILES:
        page.text(f"{len(short) - MOST_PROFILES} more cases lie above 1.")


def write_profile(page, case, profile):
    roof = profile["roofline"]
    peak = "–" if roof["peak_gflops"] is None else f"{roof['peak_gflops']:.0f}"
    page.text(
        f"**{case.label}, threads: {case.threads}, {case.ratio:.3f}**: run {profile['run_ms']:.2f} ms, steps {profile['steps_ms']:.2f} ms,",
        f"peak {peak} GFLOP/s, {roof['bandwidth_gb_per_s'] or 0:.0f} GB/s. {operators_text(profile)}.",
    )
    longest = sorted(profile["steps"], key=lambda s: -s["time_ms"])[:5]
    heads = ["step", "operator", "kernel", ">ms", ">share", ">GFLOP/s", ">of peak", ">of DRAM"]
    page.table(heads, [step_row(s) for s in longest])


def step_row(step):
    name = step["node"] + (f" + {step['fused']}" if step["fused"] else "")
    rate = "–" if step["gflops"] is None else f"{step['gflops']:.0f}"
    return [name, step["operator"], step["kernel"], f"{step['time_ms']:.3f}", share(step["share"]), rate, share(step["of_peak"]), share(step["of_bandwidth"])]
