"""Change points on generated histories, whose steps are known: what is found, how soon, what is found where nothing is.

    change.py [--quick] ACCEL CHANGE_STRESS
"""

import math
import struct
import subprocess
import sys

import numpy as np

import bars

CHANGE_P, PLAIN_P, WINDOW, SIDE = 2e-6, 1e-9, 50, 5
NEVER = 0


# ---- the recipe once more, by its definitions


def plain_q(values, n):
    """Q of the split at n, all pairs: O(count²)."""
    x, y = values[:n], values[n:]
    m = len(y)
    across = sum(abs(a - b) for a in x for b in y)
    within_x = sum(abs(x[i] - x[k]) for i in range(n) for k in range(i + 1, n))
    within_y = sum(abs(y[i] - y[k]) for i in range(m) for k in range(i + 1, m))
    return 2 / (m + n) * across - 2 * m / ((m + n) * (n - 1)) * within_x - 2 * n / ((m + n) * (m - 1)) * within_y


def best_split(values):
    """The same for every split, with the pairs in a matrix."""
    count = len(values)
    if count < 4:
        return 0
    distance = np.abs(values[:, None] - values[None, :])
    best, best_q = 0, -math.inf
    for n in range(2, count - 1):
        m = count - n
        q = (
            2 / (m + n) * distance[:n, n:].sum()
            - m / ((m + n) * (n - 1)) * distance[:n, :n].sum()
            - n / ((m + n) * (m - 1)) * distance[n:, n:].sum()
        )
        if q > best_q:
            best, best_q = n, q
    return best


def t_test(x, y):
    n, m = len(x), len(y)
    degrees = n + m - 2
    pooled = (((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()) / degrees
    if not pooled > 0:
        return 1.0 if x.mean() == y.mean() else 0.0
    t2 = (x.mean() - y.mean()) ** 2 / (pooled * (1 / n + 1 / m))
    return bars.incomplete_beta(degrees / (degrees + t2), degrees / 2, 0.5)


def p_value(values, n):
    if n < SIDE or len(values) - n < SIDE:
        return 1.0
    ranks = [((values < v).sum() + (values <= v).sum()) / 2 / len(values) for v in values]
    scores = np.array([4.91 * (p**0.14 - (1 - p) ** 0.14) for p in ranks])
    p = min(t_test(scores[:n], scores[n:]), t_test(values[:n], values[n:]) * CHANGE_P / PLAIN_P)
    return p if p > 0 else 2 / math.comb(len(values), n)


def divide(values, begin, end, points):
    n = best_split(values[begin:end])
    if n and p_value(values[begin:end], n) < 10 * CHANGE_P:
        points.add(begin + n)
        divide(values, begin, begin + n, points)
        divide(values, begin + n, end, points)


def recipe(values):
    points, start = set(), 0
    while start < len(values):
        found = set()
        divide(values, start, min(start + WINDOW, len(values)), found)
        start = max([start + WINDOW // 2, *(found - points)])
        points |= found
    points = sorted(points)
    while points:
        edges = [0, *points, len(values)]
        p = [p_value(values[edges[i] : edges[i + 2]], edges[i + 1] - edges[i]) for i in range(len(points))]
        weakest = int(np.argmax(p))
        if p[weakest] < CHANGE_P:
            break
        del points[weakest]
    return points


# ---- noise: mean 0, spread about 1


def autoregressive(rho):
    def make(rng, shape):
        e = rng.standard_normal(shape)
        out = np.empty(shape)
        out[:, 0] = e[:, 0]
        for i in range(1, shape[1]):
            out[:, i] = rho * out[:, i - 1] + math.sqrt(1 - rho * rho) * e[:, i]
        return out

    return make


def with_outliers(share, size):
    return lambda rng, shape: rng.standard_normal(shape) + size * (rng.random(shape) < share)


NOISES = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: (rng.random(shape) - 0.5) * math.sqrt(12),
    "skewed: exponential": lambda rng, shape: rng.standard_exponential(shape) - 1,
    "skewed: log-normal": lambda rng, shape: (np.exp(0.5 * rng.standard_normal(shape)) - 1.1331) / 0.6039,
    "heavy tails: Student's t, 3 degrees": lambda rng, shape: rng.standard_t(3, shape) / math.sqrt(3),
    "1 % outliers, 1.5 times as long": with_outliers(0.01, 25),
    "1 % outliers, 20 times as long": with_outliers(0.01, 950),
    "5 % of results 10 % slower": with_outliers(0.05, 5),
    "two values only": lambda rng, shape: 2.0 * rng.integers(0, 2, shape) - 1,
    "autocorrelated, 0.2": autoregressive(0.2),
    "autocorrelated, 0.5": autoregressive(0.5),
    "autocorrelated, 0.8": autoregressive(0.8),
}


def histories(rng, noise, count, length, spread=2.0):
    return np.maximum(100 + spread * noise(rng, (count, length)), 1)


class Judge:
    """One process for many histories."""

    def __init__(self, program):
        self.program = program

    def __call__(self, series, first=NEVER):
        """(ns, results judged, indexes) of each; first: judged after every result from there on."""
        data = b"".join(
            struct.pack("<QQ", len(values), first or len(values)) + values.astype("<f8").tobytes() for values in series
        )
        out = subprocess.run([self.program], input=data, stdout=subprocess.PIPE, check=True).stdout.decode()
        rows = [[int(word) for word in line.split()] for line in out.splitlines()]
        assert len(rows) == len(series)
        return [(row[0], row[1], row[2:]) for row in rows]


def percent(part, whole):
    return f"{100 * part / whole:.1f} %"


def found_share(judge, rng, noise, count):
    series = histories(rng, noise, count, 100)
    steps = rng.integers(15, 86, count)
    for values, step in zip(series, steps):
        values[step:] += 5
    rows = judge(series)
    hit = sum(any(abs(i - step) <= 2 for i in found) for (_, _, found), step in zip(rows, steps))
    missed = sum(not found for _, _, found in rows)
    return hit, missed


def false_alarms(judge, rng, noise, count, first):
    return sum(bool(found) for _, _, found in judge(histories(rng, noise, count, 100), first))


def delay_cell(judge, rng, before, step, count):
    """After how many results the step is known, where it is within 50."""
    series = histories(rng, NOISES["normal"], count, before + 50)
    series[:, before:] *= 1 + step / 100
    rows = judge(series, first=2 * SIDE)
    after = [judged - before for _, judged, found in rows if found and judged > before]
    if len(after) < 0.5 * count:
        return f"{percent(len(after), count)} within 50"
    return f"{np.median(after):.0f}" + (f" ({percent(len(after), count)})" if len(after) < count else "")


def timing(judge, rng):
    """The slowest of histories of 1,000 results, in ms: steady, one step, a step each 30."""
    slowest = 0.0
    for every in (1000, 500, 30):
        series = histories(rng, NOISES["normal"], 20, 1000)
        series *= 1 + 0.05 * (np.arange(1000) // every % 2)
        slowest = max(slowest, *(ns for ns, _, _ in judge(series)))
    return slowest / 1e6


def check_recipe(judge, rng, count):
    """How many of `count` histories of several steps the plain definitions judge otherwise; the largest error of Q's matrix form."""
    series = [
        histories(rng, noise, 1, length)[0] * (1 + 0.06 * (np.arange(length) // 35 % 2) * (i % 2))
        for i, (noise, length) in enumerate(
            (list(NOISES.values())[i % len(NOISES)], int(rng.integers(10, 140))) for i in range(count)
        )
    ]
    differ = sum(recipe(values / values.max()) != found for values, (_, _, found) in zip(series, judge(series)))
    wrong_q = 0
    for values in series[:20]:
        values = values[:40]
        plain = max(range(2, len(values) - 1), key=lambda n: plain_q(values.tolist(), n))
        wrong_q += plain != best_split(values)
    return differ, wrong_q


def main():
    quick = "--quick" in sys.argv
    accel, program = [a for a in sys.argv[1:] if a != "--quick"]
    scale = 10 if quick else 1
    judge = Judge(program)
    page = bars.Page("change", "Change points", accel)
    rng = np.random.default_rng(2026)

    differ, wrong_q = check_recipe(judge, rng, 240 // scale)
    page.text(
        "Generated histories (seed 2026), mean 100, spread 2; the same through the recipe written again from its definitions in",
        f"benchmarks/change.py (all pairs for Q): {differ} of {240 // scale} histories judged otherwise, {wrong_q} best splits otherwise.",
    )
    rows = []
    figures = {}
    for name, noise in NOISES.items():
        count = (2000 if name != "normal" else 10000) // scale
        steady = (4000 if name != "normal" else 20000) // scale
        hit, missed = found_share(judge, rng, noise, count)
        once = false_alarms(judge, rng, noise, steady, NEVER)
        every = false_alarms(judge, rng, noise, steady // 2, 2 * SIDE)
        figures[name] = (hit / count, once, steady, every, steady // 2)
        rows.append(
            (
                name,
                percent(hit, count),
                percent(missed, count),
                f"{once} of {steady:,} ({1000 * once / steady:.2f} ‰)",
                f"{every} of {steady // 2:,} ({2000 * every / steady:.2f} ‰)",
            )
        )
        bars.say(f"{name}: {rows[-1][1:]}")
    page.text("## Noise", "", "A step of 5 % in 100 results, at least 15 from either end; and 100 results without a step.")
    page.table(
        ["noise, spread 2 %", ">found within ± 2", ">not found", ">false alarms, judged once", ">judged after every result"], rows
    )
    page.text("## How soon", "", "Results after the step until it is known, median; normal noise of 2 %, judged after every result.")
    page.table(
        ["results before", *(f">{step} %" for step in (2, 3, 5, 10, 30))],
        [
            (before, *(delay_cell(judge, rng, before, step, 200 // min(scale, 4)) for step in (2, 3, 5, 10, 30)))
            for before in (10, 20, 50, 200)
        ],
    )
    long = sum(bool(f) for _, _, f in judge(histories(rng, NOISES["normal"], 2000 // scale, 1000)))
    slowest = timing(judge, rng)
    page.text(f"Steady histories of 1,000 results, judged once: {long} false alarms in {2000 // scale:,}.")
    share, once, steady, every, looked = figures["normal"]
    page.bar("5 % steps in 2 % noise found within ± 2 results, at least 95 %", f"{100 * share:.1f} %", share >= 0.95, timed=False)
    page.bar(
        "at most 1 false alarm in 1,000 steady histories of 100",
        f"{once} of {steady:,}; judged after every result {every} of {looked:,}",
        once <= steady / 1000 and every <= looked / 1000,
        timed=False,
    )
    page.bar("a history of 1,000 results judged in under 50 ms", f"{slowest:.2f} ms, the slowest of 60", slowest < 50)
    page.bar("the plain definitions find the same", f"{differ + wrong_q} differ", differ + wrong_q == 0, timed=False)
    page.write()
    sys.exit(not all(verdict.startswith("reached") for _, _, verdict in page.bars))


if __name__ == "__main__":
    main()
