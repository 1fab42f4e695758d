"""The counting and the page of conformance.sh:   conformance.py [--quick] ACCEL FOLDER"""

import collections
import sys
from pathlib import Path

import onnx
from bars import Page, accel_json, say

ENGINES = ["native", "onnxruntime"]
BAD = ("failed", "crashed", "timeout")


# ---- what the bar counts: cases of the default domain whose tensors are numbers or bools


def element_types(type_proto):
    kind = type_proto.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        yield from element_types(getattr(type_proto, kind).elem_type)
    elif kind == "map_type":
        yield onnx.TensorProto.STRING
    elif kind:
        yield getattr(type_proto, kind).elem_type


def graphs_of(graph):
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                if inner.node:
                    yield from graphs_of(inner)


def counts(path):
    model = onnx.load(path)
    graphs = list(graphs_of(model.graph))
    values = [v for g in graphs for v in (*g.input, *g.output, *g.value_info)]
    domains = {n.domain for g in graphs for n in g.node} - {"", "ai.onnx"} - {f.domain for f in model.functions}
    texts = any(t == onnx.TensorProto.STRING for v in values for t in element_types(v.type))
    constants = [t for g in graphs for t in g.initializer]
    constants += [a.t for g in graphs for n in g.node for a in n.attribute if a.type == onnx.AttributeProto.TENSOR]
    texts |= any(t.data_type == onnx.TensorProto.STRING for t in constants)
    return not domains and not texts


# ---- running


def not_passed(accel, folder, engine, quick):
    """{case: (status, operator, reason)} of the cases that did not pass; None when the engine is not here."""
    say(f"conformance on {engine}")
    command = [accel, "conformance", folder, "--engine", engine, "--list", "--quiet", "--format", "json"]
    if quick:
        command += ["--filter", "node/test_a"]
    # 1: some did not pass; 3: the engine is not here
    try:
        rows = accel_json(command, allowed=(0, 1))
    except SystemExit as error:
        if engine == "native":
            raise
        say(str(error))
        return None
    return {r["case"]: (r["status"], r["operator"], r["reason"]) for r in rows}


def score(cases, bad):
    statuses = collections.Counter(bad[c][0] if c in bad else "passed" for c in cases)
    failed = sum(statuses[s] for s in BAD)
    share = 100.0 * statuses["passed"] / max(1, len(cases))
    return statuses["passed"], failed, statuses["unsupported"], share


def escaped(text):
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def report(page, sets, results):
    rows = []
    for name, cases in sets.items():
        for engine, bad in results.items():
            passed, failed, unsupported, share = score(cases, bad)
            rows.append([name, engine, len(cases), passed, failed, unsupported, f"{share:.1f} %"])
    page.table(["cases", "engine", ">cases", ">passed", ">failed", ">unsupported", ">passed"], rows)
    ours = results["native"]
    share = score(sets["node, counted"], ours)[3]
    page.bar("native passes at least 95 % of the counted node cases", f"{share:.1f} %", share >= 95, timed=False)
    bad = sum(ours[c][0] in BAD for c in sets["all"] if c in ours)
    page.bar("none of all cases crashes or is wrong", f"{bad} cases", bad == 0, timed=False)


def list_ours(page, counted, ours):
    page.text("## What native does not pass")
    rows = [c for c, (status, *_) in ours.items() if status in BAD]
    rows += [c for c, (status, *_) in ours.items() if status not in BAD and c in counted]
    page.table(["case", "operator", "status", "reason"], [[c, ours[c][1], ours[c][0], escaped(ours[c][2])] for c in rows])
    rest = collections.Counter(ours[c][1] for c in ours if c not in set(rows))
    listed = ", ".join(f"{op or 'several'} {n}" for op, n in sorted(rest.items()))
    page.text(f"Unsupported and not counted by the bar (other domains, strings, cases that are not of one node), by operator: {listed or 'none'}.")


def main():
    quick = sys.argv[1] == "--quick"
    accel, folder = sys.argv[-2:]
    page = Page("conformance", "ONNX's own test cases", accel, "quick: only cases named node/test_a…" if quick else "")
    cases = sorted(str(p.parent.relative_to(folder)) for p in Path(folder).glob("*/*/model.onnx"))
    cases = [c for c in cases if not quick or "node/test_a" in c]
    node = [c for c in cases if c.startswith("node/")]
    counted = [c for c in node if counts(f"{folder}/{c}/model.onnx")]
    results = {e: not_passed(accel, folder, e, quick) for e in ENGINES}
    results = {e: bad for e, bad in results.items() if bad is not None}
    page.text(
        f"The {len(cases)} cases of the onnx package {onnx.__version__}, in a worker process, compared with the outputs that",
        "come with them at their own tolerance, but, as onnx's own runner has it, two units in the last place for bf16, and by type and shape alone where numbers are drawn. The bar counts the node cases of the default domain whose tensors are numbers or bools.",
        "Failed: wrong, crashed, over time, or refused although claimed. Unsupported: said before running.",
    )
    report(page, {"all": cases, "node": node, "node, counted": counted}, results)
    list_ours(page, set(counted), results["native"])
    page.write()


main()
