"""What every class's goldens are made with: weights drawn anew, cases, greedy continuations, folders and the manifest.

A value of a golden output that is undefined (a padded position) is NaN in the stored file: comparing skips it.
"""

import json
import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import GenerationConfig, GenerationMixin

GENERATED = 32  # tokens of each greedy continuation
MIN_GAP = 1e-3  # between the two best logits of each step
TOLERANCE = 1e-4  # relative L2 asked of a program that is compared
SHAKE = 1e-7  # relative noise on the weights that may move an output by at most a quarter of TOLERANCE
ATTEMPTS = 60


@dataclass
class Case:
    """One set of inputs. optional: inputs that may be left out without changing any output. kept: for an output, a
    boolean tensor over its leading axes, false where it is undefined. extra: arguments that follow from the inputs and
    are not stored. outputs: names of the model's fields, or a function of (model, result, inputs) returning a dict."""

    inputs: dict
    outputs: object
    optional: tuple = ()
    kept: dict = field(default_factory=dict)
    extra: dict = field(default_factory=dict)
    generates: bool = False


class Goldens:
    """Writes folders below root; the manifest keeps the lines of folders that this run did not make."""

    def __init__(self, root, only):
        self.root, self.only = Path(root), only
        self.lines, self.made = {}, {}

    def wants(self, name):
        return not self.only or any(name == o or name.startswith(o + "-") for o in self.only)

    def add(self, name, build, cases, gain=1.2, stored=None, tweak=None, shard=None):
        """build() makes the model; cases(draw) its cases. stored: type of the weights in the file, to which they are
        rounded before anything is computed. tweak(model): a last word on the weights. shard: bytes of a shard."""
        if not self.wants(name):
            return
        for attempt in range(ATTEMPTS):
            draw = Draw(name, attempt)
            torch.manual_seed(0)
            model = build().eval()
            redraw(model, draw, gain)
            if tweak:
                tweak(model)
            if stored:  # the weights alone: a rotary table that lost its bits is no part of the file
                for p in model.parameters():
                    p.data = p.data.to(stored).float()
            made = cases(draw)
            why = [self.compute(model, c) for c in made]
            if not any(why):
                break
        else:
            raise SystemExit(f"{name}: no seed of {ATTEMPTS} will do: {why}")
        self.write(name, model, made, stored, shard)
        self.made[name] = (type(model), made[0], model.state_dict())
        self.reload(name, name)
        self.write_manifest()  # a later class that fails leaves the lines of this one
        size = sum(p.stat().st_size for p in (self.root / name).rglob("*") if p.is_file())
        print(f"{name}: seed {attempt}, {size // 1000} KB, " + "; ".join(c.note for c in made), flush=True)

    def compute(self, model, case):
        """Fills case.values; returns why this seed will not do, or None."""
        with torch.no_grad():
            case.values = evaluate(model, case)
            case.note = " ".join(f"{k}{list(v.shape)} std {np.nanstd(v):.2f}" for k, v in case.values.items())
            why = conditioned(model, case)
            if why is None and case.generates:
                why = continue_greedily(model, case)
        return why

    def write(self, name, model, cases, stored, shard):
        folder = self.root / name
        shutil.rmtree(folder, ignore_errors=True)
        if stored:
            model = model.to(stored)
        model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
        (folder / "generation_config.json").unlink(missing_ok=True)
        self.lines[name] = []
        for i, case in enumerate(cases):
            for kind, arrays in (("inputs", case.inputs), ("outputs", case.values)):
                (folder / f"case{i}" / kind).mkdir(parents=True)
                for key, array in arrays.items():
                    np.save(folder / f"case{i}" / kind / f"{key}.npy", np.ascontiguousarray(array))
            self.lines[name].append(self.line(name, i, model.config.architectures[0], case))

    @staticmethod
    def line(name, i, architecture, case):
        return {"folder": name, "case": f"case{i}", "data": f"{name}/case{i}", "architecture": architecture,
                "tolerance": TOLERANCE, "inputs": list(case.inputs), "optional": list(case.optional),
                "outputs": [k for k in case.values if k != "generated_ids"],
                "generates": GENERATED if case.generates else 0}

    def reload(self, name, of):
        """transformers itself must read the folder as it stands, and find the same outputs."""
        kind, case, _ = self.made[of]
        model = kind.from_pretrained(self.root / name, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            for key, value in evaluate(model, case).items():
                assert distance(value, case.values[key]) < 1e-5, f"{name}: {key} of the written folder differs"

    def in_memory(self, name, of):
        """Folder `of` with the names that its tensors have in memory, where save_pretrained writes the published ones."""
        if of in self.made:
            state = self.made[of][2]
            own = {t.data_ptr(): k for k, t in reversed(state.items())}  # of tied tensors the first
            self.variant(name, of, tensors=lambda _: {k: state[k].clone() for k in own.values()})

    def variant(self, name, of, config=None, rename=None, tensors=None, readable=True):
        """Another spelling of folder `of`, with the same outputs: config edits the dictionary, rename(tensor name) gives
        its other name (None: left out), tensors edits the whole dictionary of tensors. readable: by transformers, which
        is made sure of."""
        if of not in self.made:
            return
        source, folder = self.root / of, self.root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        fields = json.loads((source / "config.json").read_text())
        fields = config(fields) or fields if config else fields
        (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
        have = load_file(source / "model.safetensors")
        if tensors:
            have = tensors(have) or have
        have = {rename(k) if rename else k: v.contiguous() for k, v in have.items()}
        have.pop(None, None)
        save_file(have, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "same_as").write_text(of + "\n")
        if readable:
            self.reload(name, of)
        self.lines[name] = [{**line, "folder": name} for line in self.lines[of]]
        print(f"{name}: {of} in another spelling", flush=True)

    def known(self):
        path = self.root / "cases.json"
        known = {}
        for line in json.loads(path.read_text()) if path.exists() else []:
            known.setdefault(line["folder"], []).append(line)
        return known

    def write_manifest(self):
        lines = {**self.known(), **self.lines}
        texts = [json.dumps(line) for name in sorted(lines) if (self.root / name).exists() for line in lines[name]]
        (self.root / "cases.json").write_text("[\n" + ",\n".join(texts) + "\n]\n")


class Draw:
    """Random tensors that follow from a folder's name and the attempt alone."""

    def __init__(self, name, attempt):
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()) + 1000003 * attempt)

    def normal(self, *shape):
        return torch.randn(shape, generator=self.generator)

    def ids(self, *shape, low=0, high=100):
        return torch.randint(low, high, shape, generator=self.generator)


def redraw(model, draw, gain):
    """Weights that make mistakes visible: transformers' own start (std 0.02, ones, zeros) makes all outputs alike."""
    norms, tables = set(), set()
    for module in model.modules():
        kind = type(module).__name__
        for p in module.parameters(recurse=False):
            if "Norm" in kind:
                norms.add(id(p))
            elif isinstance(module, nn.Embedding):
                tables.add(id(p))
        if "BatchNorm" in kind:
            module.running_mean.copy_(0.3 * draw.normal(*module.running_mean.shape))
            module.running_var.copy_((0.3 * draw.normal(*module.running_var.shape)).exp())
        if kind.endswith("FrozenBatchNorm2d"):
            module.weight.copy_(1 + 0.2 * draw.normal(*module.weight.shape))
            module.bias.copy_(0.2 * draw.normal(*module.bias.shape))
    for name, p in sorted(model.named_parameters()):
        noise = draw.normal(*p.shape)
        last = name.rsplit(".", 1)[-1]
        if last.startswith("logit_scale"):
            p.data = torch.full_like(p, 2.0) + 0.3 * noise
        elif last == "original0":  # the lengths of a weight norm
            p.data = (1 + 0.2 * noise).abs()
        elif id(p) in norms and last != "bias":
            p.data = 1 + 0.2 * noise
        elif last.endswith("bias") and p.dim() == 1:
            p.data = 0.2 * noise
        elif id(p) in tables or "relative_position" in name or "embed" in last or "token" in last or p.dim() == 1:
            p.data = 0.7 * noise
        else:
            in_out = type(owner(model, name)).__name__ == "Conv1D" or last == "prompts_visual_projection"
            fan_in = p.shape[0] if in_out else p[0].numel()
            p.data = gain * noise / fan_in**0.5


def never_said(*ids):
    """A tweak: tokens that stand for images are never the best next token (their embeddings are replaced anyway)."""
    def tweak(model):
        for token in ids:
            model.get_output_embeddings().weight.data[token] = 0
    return tweak


def owner(model, name):
    return model.get_submodule(name.rpartition(".")[0])


def evaluate(model, case):
    result = model(**case.inputs, **case.extra)
    if callable(case.outputs):
        values = case.outputs(model, result, case.inputs)
    else:
        values = {k: result[k] for k in case.outputs}
    for key, kept in case.kept.items():
        value = values[key].clone()
        value[~kept.bool()] = float("nan")
        values[key] = value
    for key, value in values.items():
        assert torch.isfinite(value).any() and (key in case.kept or torch.isfinite(value).all()), key
    return {k: v.float().numpy() for k, v in values.items()}


def distance(a, b):
    keep = ~np.isnan(b)
    return float(np.linalg.norm((a - b)[keep].astype(np.float64)) / np.linalg.norm(b[keep].astype(np.float64)))


def conditioned(model, case):
    """Weights off by SHAKE may not move the outputs much: a golden must not ask for luck in rounding."""
    saved = {k: v.clone() for k, v in model.state_dict().items()}
    generator = torch.Generator().manual_seed(5)
    for p in model.parameters():
        p.data *= 1 + SHAKE * torch.randn(p.shape, generator=generator)
    moved = evaluate(model, case)
    model.load_state_dict(saved)
    for key, value in case.values.items():
        if distance(moved[key], value) > TOLERANCE / 4:
            return f"{key} moves by {distance(moved[key], value):.1e}"
    return None


def continue_greedily(model, case):
    """Adds generated_ids to case.values; refuses a step whose two best logits are close, and dull continuations."""
    prompt = case.inputs.get("decoder_input_ids", case.inputs.get("input_ids"))
    start = getattr(model.config, "decoder_start_token_id", None)
    config = GenerationConfig(do_sample=False, max_new_tokens=GENERATED, min_new_tokens=None, eos_token_id=None,
                              pad_token_id=0, bos_token_id=None, decoder_start_token_id=start,
                              return_dict_in_generate=True, output_logits=True)
    inputs = dict(case.inputs)
    model.generation_config.eos_token_id = None  # else the model's own end token would stop a row
    found = []
    for use_cache in (True, False):
        config.use_cache = use_cache
        result = GenerationMixin.generate(model, **inputs, generation_config=config)
        ids = result.sequences[:, -GENERATED:]
        found.append(ids)
        best = torch.stack(result.logits).topk(2, dim=-1).values
        gap = (best[..., 0] - best[..., 1]).min().item()
        if len(result.logits) != GENERATED or gap < MIN_GAP:
            return f"{len(result.logits)} steps, smallest gap {gap:.1e}"
    if not torch.equal(*found):
        return "with and without a cache differ"
    distinct = min(len(set(row.tolist())) for row in found[0])
    if distinct < 3:
        return f"a continuation of {distinct} different tokens"
    assert result.sequences.shape[1] == prompt.shape[1] + GENERATED
    case.values["generated_ids"] = found[0].numpy()
    case.note += f" gap {gap:.1e} distinct {distinct}"
    return None


def right_padded(lengths):
    width = max(lengths)
    return torch.tensor([[1] * n + [0] * (width - n) for n in lengths])


def left_padded(lengths):
    return right_padded(lengths).flip(1)


def prompt_positions(mask):
    """Positions of a padded batch as generate() counts them: from the first kept token."""
    return (mask.cumsum(1) - 1).clamp(min=0)


def published_rope(fields):
    """The older spelling of a text configuration: rope_theta beside rope_scaling, torch_dtype for dtype."""
    rope = dict(fields.pop("rope_parameters"))
    fields["rope_theta"] = rope.pop("rope_theta")
    kind = rope.pop("rope_type", "default")
    fields["rope_scaling"] = None if kind == "default" and not rope else {"rope_type": kind, **rope}
    return published_dtype(fields)


def published_dtype(fields):
    if "dtype" in fields:
        fields["torch_dtype"] = fields.pop("dtype")
    return fields
