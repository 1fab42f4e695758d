"""What the scripts of this folder share: the machine in words, statistics, accel's records, the page.

    bars.py index       rewrites docs/results/README.md from the pages beside it
    bars.py page timed|exact NAME TITLE METHOD BAR ACCEL COMMAND...
                        the page of a command that prints a table and, as its last line, what it measured; exit code 1: bar not reached

ACCEL_RESULTS names another folder for the pages (a trial run).
"""

import datetime
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(os.environ.get("ACCEL_RESULTS", ROOT / "docs/results"))
BUSY_CORES = 0.1


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- the machine and the build, without names and paths


def first_value(path, key, separator):
    for line in Path(path).read_text(errors="replace").splitlines():
        name, found, value = line.partition(separator)
        if found and name.strip() == key:
            return value.strip().strip('"')
    return ""


def instruction_sets():
    flags = set((first_value("/proc/cpuinfo", "flags", ":") or first_value("/proc/cpuinfo", "Features", ":")).split())
    known = ["sse4_2", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimd", "sve"]
    return [name for name in known if name in flags], "hypervisor" in flags


def kernel_set():
    """The native engine's, of this machine."""
    sets, _ = instruction_sets()
    names = {"avx512f": "avx512", "avx2": "avx2", "asimd": "neon"}
    return next((name for flag, name in names.items() if flag in sets), "baseline")


def machine():
    sets, virtual = instruction_sets()
    cpu = first_value("/proc/cpuinfo", "model name", ":") or platform.machine()
    family = first_value("/proc/cpuinfo", "cpu family", ":")
    memory = int(first_value("/proc/meminfo", "MemTotal", ":").split()[0]) * 1024
    system = first_value("/etc/os-release", "PRETTY_NAME", "=") or "Linux"
    return ", ".join(
        [
            cpu + (f" (family {family})" if family else ""),
            f"{len(os.sched_getaffinity(0))} CPUs",
            "/".join(sets),
            f"{memory / 1e9:.0f} GB",
            system,
            f"Linux {platform.release().split('-')[0]}",
            "virtualised" if virtual else "not virtualised",
        ]
    )


def version_of(accel):
    """ "0.1.0 (commit)", as the program under test says it."""
    result = subprocess.run([accel, "version"], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[0].removeprefix("accel ").strip()


def busy_cores(seconds=2.0):
    """CPUs that others use, while this process waits."""

    def ticks():
        user, nice, system, _, _, irq, soft_irq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
        return user + nice + system + irq + soft_irq + steal

    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


# ---- accel


def accel_json(command, allowed=(0,), env=None):
    """Runs an accel command that prints JSON; its progress stays on stderr."""
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=env)
    if result.returncode not in allowed or not result.stdout.strip():
        raise SystemExit(f"exit code {result.returncode} from: accel {' '.join(str(p) for p in command[1:])}")
    return json.loads(result.stdout)


def milliseconds(record):
    return [ns * 1e-6 for ns in record["samples_ns"]]


# ---- statistics, written apart from accel's own


def beta_fraction(x, a, b):
    """Continued fraction of the incomplete beta function, by Lentz's method (Numerical Recipes, 6.4)."""
    tiny, c, d = 1e-300, 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    h = d
    for m in range(1, 1000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            h *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return h


def incomplete_beta(x, a, b):
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1.0) / (a + b + 2.0):
        return front * beta_fraction(x, a, b) / a
    return 1.0 - front * beta_fraction(1.0 - x, b, a) / b


def student_quantile(probability, degrees):
    """For probabilities of at least 0.5, by bisection."""
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = 0.5 * (low + high)
        below = 1.0 - 0.5 * incomplete_beta(degrees / (degrees + middle * middle), 0.5 * degrees, 0.5)
        low, high = (middle, high) if below < probability else (low, middle)
    return 0.5 * (low + high)


def ratio_of_means(a, b, confidence=0.95):
    """(ratio, low, high) of two lists of independent means (one a process), by Kalibera & Jones (ISMM 2013, section 9.3)."""
    mean_a, mean_b = statistics.fmean(a), statistics.fmean(b)
    spread = [
        student_quantile(0.5 + confidence / 2, len(s) - 1) ** 2 * statistics.variance(s) / len(s) for s in (a, b)
    ]
    a2, b2 = mean_a**2 - spread[0], mean_b**2 - spread[1]
    root = (mean_a * mean_b) ** 2 - a2 * b2
    if b2 <= 0.0 or root < 0.0:
        return mean_a / mean_b, math.nan, math.nan
    return mean_a / mean_b, (mean_a * mean_b - math.sqrt(root)) / b2, (mean_a * mean_b + math.sqrt(root)) / b2


def ratio_of_pairs(pairs, confidence=0.95):
    """(ratio, low, high) of measurements taken in turn: Student's interval of the logarithms of a/b."""
    logs = [math.log(a / b) for a, b in pairs]
    middle = statistics.fmean(logs)
    half = student_quantile(0.5 + confidence / 2, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


# ---- the page


class Page:
    """A page of docs/results/. Made before measuring: it notes what else the machine does then. by_cpu: machines without AVX-512 have
    pages of their own beside those of machines that have it, since other kernels run there."""

    def __init__(self, name, title, accel, form="", by_cpu=False):
        kernels = kernel_set() if by_cpu else "avx512"
        self.name = name if kernels == "avx512" else f"{name}-{kernels}"
        self.title = title if kernels == "avx512" else f"{title}, {kernels.upper()}"
        self.form = form
        self.lines, self.bars = [], []
        self.version = version_of(accel)
        self.load = busy_cores()
        self.busy = self.load > BUSY_CORES
        if self.busy:
            say(f"the machine is busy: others use {self.load:.2f} CPUs")

    def text(self, *lines):
        if lines:
            self.lines += [*lines, ""]

    def table(self, columns, rows):
        """columns: names; one that begins with ">" is a column of numbers."""
        self.lines.append("| " + " | ".join(c.removeprefix(">") for c in columns) + " |")
        self.lines.append("|" + "|".join("--:" if c.startswith(">") else "---" for c in columns) + "|")
        self.lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
        self.lines.append("")

    def bar(self, text, measured, reached, timed=True):
        """reached None: not decided, and `measured` says why. timed: a busy machine spoils it."""
        verdict = {True: "reached", False: "**not reached**", None: "not decided"}[reached]
        self.bars.append((text, measured, verdict + (" (busy)" if self.busy and timed else "")))

    def facts(self):
        busy = " — busy: times are a trial, not a result" if self.busy else ""
        rows = [
            ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")),
            ("accel", self.version),
            ("machine", machine()),
            ("CPUs used by others at the start", f"{self.load:.2f}{busy}"),
        ]
        if os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
            rows.append(("scheduling", "real-time: nothing else on this machine is given a CPU while something of this wants one"))
        return rows + ([("form", self.form)] if self.form else [])

    def write(self):
        body = [f"# {self.title}", "", *self.lines, "| bar | measured | |", "|---|--:|---|"]
        body += [f"| {text} | {measured} | {verdict} |" for text, measured, verdict in self.bars]
        body += ["", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in self.facts()), ""]
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{self.name}.md"
        beside = path.with_suffix(".md.new")
        beside.write_text("\n".join(body))
        beside.replace(path)
        print("\n".join(body))
        say(f"written: {self.name}.md")


# ---- the index


def bars_of(lines):
    """Rows of the table of bars of a page, and how many were not reached."""
    begin = next((i for i, line in enumerate(lines) if line.startswith("| bar |")), None)
    if begin is None:
        return None
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def write_index():
    out = [
        "# Results",
        "",
        "Every page is written by a script of benchmarks/ (`make bars` runs them all) and names the machine and the",
        "commit it was measured with. Bars that were not reached stand here too.",
        "",
        "| page | bar | measured | |",
        "|---|---|--:|---|",
    ]
    for path in sorted(RESULTS.glob("*.md")):
        lines = path.read_text().splitlines()
        if path.name == "README.md" or not lines:
            continue
        link = f"[{lines[0].lstrip('# ')}]({path.name})"
        rows = bars_of(lines) or [["", "", ""]]
        out += [f"| {link if i == 0 else ''} | {' | '.join(row[:3])} |" for i, row in enumerate(rows)]
    (RESULTS / "README.md").write_text("\n".join(out) + "\n")


# ---- pages of commands that print their table


def run_and_write(kind, name, title, method, bar, accel, *command):
    page = Page(name, title, accel)
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    lines = result.stdout.rstrip().splitlines()
    if result.returncode not in (0, 1) or len(lines) < 3:
        raise SystemExit(f"exit code {result.returncode} from: {' '.join(command)}")
    page.text(method)
    page.text(*(line for line in lines[:-1] if line))
    page.bar(bar, lines[-1], result.returncode == 0, timed=kind == "timed")
    page.write()


if __name__ == "__main__":
    if sys.argv[1:] == ["index"]:
        write_index()
    elif len(sys.argv) > 8 and sys.argv[1] == "page":
        run_and_write(*sys.argv[2:])
    else:
        sys.exit(__doc__)
