"""Reads a GitHub Actions workflow of the plain form that integrations/github has (maps, lists of maps, block texts; no anchors, no flow maps), and
does what a runner does with its expressions and its `run:` steps."""

import re
import subprocess
from types import SimpleNamespace


def read(text):
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    value, rest = block(lines, 0, 0)
    if rest != len(lines):
        raise ValueError(f"not understood: {lines[rest]!r}")
    return value


def depth(line):
    return len(line) - len(line.lstrip(" "))


def block(lines, at, indent):
    """The map or list that begins at line `at`, and the line after it."""
    out = [] if lines[at].lstrip().startswith("- ") else {}
    while at < len(lines) and depth(lines[at]) == indent:
        line = lines[at].strip()
        if isinstance(out, list):
            if not line.startswith("- "):
                break
            lines[at] = " " * (indent + 2) + line[2:]
            item, at = block(lines, at, indent + 2)
            out.append(item)
            continue
        name, found, rest = line.partition(":")
        if not found:
            raise ValueError(f"not understood: {lines[at]!r}")
        at += 1
        rest = rest.strip()
        if rest == "|":
            end = at
            while end < len(lines) and depth(lines[end]) > indent:
                end += 1
            inner = min(depth(line) for line in lines[at:end])
            out[name], at = "\n".join(line[inner:] for line in lines[at:end]) + "\n", end
        elif rest == "" and at < len(lines) and depth(lines[at]) > indent:
            out[name], at = block(lines, at, depth(lines[at]))
        else:
            out[name] = scalar(rest)
    return out, at


def scalar(text):
    if text.startswith("[") and text.endswith("]"):
        return [part.strip() for part in text[1:-1].split(",")]
    return text.strip("'\"")


class Context(SimpleNamespace):
    def __getattr__(self, name):
        return ""


def evaluate(text, **contexts):
    """${{ … }}: names, texts, ==, && and ||."""

    def one(match):
        words = match.group(1).replace("&&", " and ").replace("||", " or ")
        return str(eval(words, {"__builtins__": {}}, {name: Context(**values) for name, values in contexts.items()}))

    return re.sub(r"\$\{\{(.*?)\}\}", one, text)


def run_steps(job, folder, environment, contexts):
    """Runs each `run:` step as a runner does (bash -e); stops at the first that fails. Gives the last exit code and what was printed."""
    env = {name: evaluate(value, **contexts) for name, value in job["env"].items()} | environment
    said = ""
    for step in job["steps"]:
        if "run" not in step:
            continue
        script = evaluate(step["run"], **contexts)
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=110,
        )
        said += f"== {step['name']}\n{done.stdout}"
        if done.returncode:
            return done.returncode, said
    return 0, said
