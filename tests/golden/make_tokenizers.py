#!/usr/bin/env python3
"""Makes tests/golden/tokenizers: small tokenizer.json files of each kind, 10,000 lines of text, and for each kind a
checksum a line of what the `tokenizers` package makes of it. Run by hand with tokenizers 0.23 and sentencepiece 0.2:

    python3 tests/golden/make_tokenizers.py              the files of tests/golden/tokenizers
    python3 tests/golden/make_tokenizers.py --lines N SEED FOLDER   other lines and their checksums, of the same files
    python3 tests/golden/make_tokenizers.py --classes    src/text/classes.inc, out of the package, to stdout

lines.bin: each line as its length (u16, little-endian) and its UTF-8. KIND.npy: uint32 [lines], the CRC-32 of, in this order,
each as its count (u32) and its items: ids and type ids with special tokens; ids without; ids and type ids of the pair (this line,
the next one) cut to 24 with special tokens; the bytes of the text decoded from the first ids, all of them and without special ones.
"""

import json
import random
import struct
import sys
import tempfile
import unicodedata
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import tokenizers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors,
                        trainers)

HERE = Path(__file__).parent
OUT = HERE / "tokenizers"
MINILM = HERE.parent.parent / ".deps" / "minilm" / "tokenizer.json"

# ---- lines ---------------------------------------------------------------------------------------------------------

ENGLISH = ("the of and to in a is that it was for on are as with his they at be this have from or one had by word but not "
           "what all were we when your can said there use an each which she do how their if will up other about out many "
           "then them these so some her would make like him into time has look two more write go see number no way could "
           "people my than first water been call who oil its now find long down day did get come made may part don't can't "
           "I'm we've you're he'd it'll O'Neil rock'n'roll naïve café résumé benchmark tokenizer hardware inference").split()
SCRIPTS = {"cyrillic": (0x410, 0x44F), "greek": (0x3B1, 0x3C9), "arabic": (0x627, 0x64A), "hebrew": (0x5D0, 0x5EA),
           "devanagari": (0x905, 0x94D), "thai": (0xE01, 0xE4C), "han": (0x4E00, 0x4F00), "hiragana": (0x3041, 0x3096),
           "katakana": (0x30A1, 0x30FE), "hangul": (0xAC00, 0xAD00), "latin2": (0x100, 0x17F), "armenian": (0x531, 0x586),
           "tamil": (0xB85, 0xBCD), "georgian": (0x10D0, 0x10FF), "ext": (0x20000, 0x20100)}
SPACES = [" "] * 12 + ["  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u2003", "\u200b", "\u2028", "\u0085", "\u180e", " \n ", "\n\n"]
PUNCTUATION = [".", ",", "!", "?", ";", ":", "...", "…", "-", "—", "(", ")", "[", "]", "{", "}", "\"", "'", "“", "”", "«", "»", "/", "\\",
               "|", "@", "#", "$", "%", "^", "&", "*", "+", "=", "~", "`", "<", ">", "€", "£", "¿", "¡", "。", "、", "！", "？", "_", "__", "§", "·", "‰"]
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪", "🏳️‍🌈", "❤️", "✈", "☃", "🤷🏻‍♀️", "1️⃣", "🧑‍💻", "🫠"]
ODD = ["ﬁ", "ﬂ", "Ａ", "ｂ", "１", "²", "½", "№", "™", "ℌ", "㎏", "ǆ", "İ", "ı", "ß", "ẞ", "ſ", "Å", "Å", "e\u0301", "a\u0323\u0302", "o\u0302\u0323", "\u0301", "ﷺ",
       "ｶﾞ", "がか\u3099", "각", "ᄀ\u1161\u11a8", "\ufeff", "\ufffd", "\u00ad", "\u200d", "\u202e", "\x00", "\x01", "\x7f", "\x1b[0m", "▁", "▁▁", "Ġ", "Ċ", "##", "</w>",
       "Ⅷ", "٣", "४", "௧", "ー", "ÀÉÎ", "ÅNGSTRÖM", "Σίσυφος", "ΌΣ", "é", "ﬁ\u0301", "Ａ\u0301", "\r\n\u0301"]
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<|endoftext|>", "<|im_start|>", "<0x41>", "<0xE2>", "<extra>", "Extra", "EXTRA",
           "<|startoftext|>", "<tool>", "lonely"]
CODE = ["def f(x):\n    return x**2", "int main(void) { return 0; }", "https://example.org/a?b=c&d=1", "a_b->c[3] += 0x7F;", "{\"k\": [1, 2.5e-3]}", "SELECT * FROM t;", "x1y2z3", "foo.bar@baz.org"]


def assigned():
    return [c for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs", "Co")]


ASSIGNED = assigned()


def word(r):
    kind = r.random()
    if kind < 0.45:
        w = r.choice(ENGLISH)
        return r.choice([w, w, w, w.capitalize(), w.upper()])
    if kind < 0.62:
        low, high = SCRIPTS[r.choice(list(SCRIPTS))]
        return "".join(chr(min(low + int(r.expovariate(6) * (high - low)), high)) for _ in range(r.randint(1, 8)))
    if kind < 0.72:
        return r.choice([str(r.randint(0, 10**r.randint(1, 9))), f"{r.random() * 1000:.{r.randint(0, 4)}f}", f"{r.randint(1, 999)},{r.randint(100, 999)}"])
    if kind < 0.80:
        return "".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(r.randint(1, 12)))
    if kind < 0.85:
        return r.choice(EMOJI)
    if kind < 0.91:
        return r.choice(ODD)
    if kind < 0.94:
        return r.choice(SPECIAL)
    if kind < 0.97:
        return "".join(chr(r.choice(ASSIGNED)) for _ in range(r.randint(1, 4)))
    return r.choice(CODE)


def line(r):
    kind = r.random()
    if kind < 0.01:
        return r.choice(["", " ", "  ", "\n", "\t \n", "a", "\x00", ".", "é", "😀", "▁"])
    if kind < 0.015:
        return r.choice(["a", "ab", "▁", "x😀", "é"]) * r.randint(60, 150)
    parts = []
    for _ in range(min(1 + int(r.expovariate(0.2)), 14)):
        parts.append(word(r))
        if r.random() < 0.2:
            parts.append(r.choice(PUNCTUATION))
        if r.random() < 0.85:
            parts.append(r.choice(SPACES))
    return "".join(parts)


def lines(count, seed):
    r = random.Random(seed)
    return [line(r) for _ in range(count)]


# ---- tokenizers ----------------------------------------------------------------------------------------------------

GPT2_SPECIAL = ["<|endoftext|>"]
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def bpe(train, size, normalizer, pre, special, **options):
    t = Tokenizer(models.BPE(**options))
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    alphabet = pre_tokenizers.ByteLevel.alphabet() if not options.get("byte_fallback") else []
    extra = {"end_of_word_suffix": options["end_of_word_suffix"]} if options.get("end_of_word_suffix") else {}
    t.train_from_iterator(train, trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=alphabet,
                                                     limit_alphabet=400, show_progress=False, **extra))
    return t


def gpt2(train):
    """GPT-2's file as it is published: no type of the model, merges as "a b"."""
    t = bpe(train, 1500, None, pre_tokenizers.ByteLevel(add_prefix_space=False), GPT2_SPECIAL)
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.decoder = decoders.ByteLevel()
    f = json.loads(t.to_str())
    del f["model"]["type"]
    f["model"]["merges"] = [" ".join(m) for m in f["model"]["merges"]]
    f["model"]["continuing_subword_prefix"] = f["model"]["end_of_word_suffix"] = f["model"]["unk_token"] = ""
    return f


def roberta(train):
    t = bpe(train, 1200, None, pre_tokenizers.ByteLevel(add_prefix_space=True), ["<s>", "<pad>", "</s>", "<unk>"])
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    t.add_tokens([AddedToken("lonely", single_word=True), AddedToken("<tool>", rstrip=True, normalized=True)])
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    return json.loads(t.to_str())


def qwen2(train):
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    t = bpe(train, 1500, normalizers.NFC(), pre, [])
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.decoder = decoders.ByteLevel()
    return json.loads(t.to_str())


def llama3(train):
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)])
    t = bpe(train, 1200, None, pre, [], ignore_merges=True)
    t.add_special_tokens(["<s>", "</s>"])
    start = t.token_to_id("<s>")
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", start)])])
    t.decoder = decoders.ByteLevel()
    return json.loads(t.to_str())


def clip(train):
    norm = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP), "removed", invert=True), pre_tokenizers.ByteLevel(False)])
    t = bpe(train, 1500, norm, pre, ["<|startoftext|>", "<|endoftext|>"], unk_token="<|endoftext|>", end_of_word_suffix="</w>")
    t.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    return json.loads(t.to_str())


BYTES = [f"<0x{b:02X}>" for b in range(256)]


def llama(train):
    """Llama 2's form: normalizers put the ▁, the model sees the whole text."""
    norm = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t = bpe(train, 1500, None, pre_tokenizers.Metaspace(), ["<unk>", "<s>", "</s>"] + BYTES, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    f = json.loads(t.to_str())
    f["normalizer"] = json.loads(norm.__getstate__())
    f["pre_tokenizer"] = None
    f["added_tokens"] = [a for a in f["added_tokens"] if a["content"] not in BYTES]
    t = Tokenizer.from_str(json.dumps(f))
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    return json.loads(t.to_str())


def mistral(train):
    """The newer form, "first" and not split; characters without bytes are unknown, each for itself."""
    f = llama(train)
    model = f["model"]
    missing = {"<0xE2>", "<0xD0>", "<0x00>"}
    model["vocab"] = {k: v for k, v in model["vocab"].items() if k not in missing}
    model["fuse_unk"] = False
    f["normalizer"] = None
    f["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    return f


def common(train, most):
    """The texts with their `most` commonest characters only: the Unigram trainer takes every character into the vocabulary."""
    counts = Counter("".join(train))
    keep = {c for c, _ in counts.most_common(most)}
    return ["".join(c for c in text if c in keep) for text in train]


def charsmap(folder, rule):
    """The map of a SentencePiece model; what the model learns is no matter."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb
    (folder / "train.txt").write_text("\n".join(ENGLISH * 20))
    sentencepiece.SentencePieceTrainer.train(input=str(folder / "train.txt"), model_prefix=str(folder / "m"), vocab_size=200,
                                             normalization_rule_name=rule, hard_vocab_limit=False, minloglevel=2)
    m = pb.ModelProto()
    m.ParseFromString((folder / "m.model").read_bytes())
    return m.normalizer_spec.precompiled_charsmap


def t5(train):
    """T5's form, with SentencePiece's own nmt_nfkc map."""
    import base64
    with tempfile.TemporaryDirectory() as folder:
        precompiled = base64.b64encode(charsmap(Path(folder), "nmt_nfkc")).decode()
    norm = {"type": "Precompiled", "precompiled_charsmap": precompiled}
    t = Tokenizer(models.Unigram())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.train_from_iterator(common(train, 400), trainers.UnigramTrainer(vocab_size=1500, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    f = json.loads(t.to_str())
    f["normalizer"] = norm
    t = Tokenizer.from_str(json.dumps(f))
    t.add_tokens([AddedToken("<extra>", lstrip=True, special=True), AddedToken("Extra", normalized=True)])
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    t.decoder = decoders.Metaspace()
    return json.loads(t.to_str())


def unigram(train):
    """Unigram with bytes for what is unknown, and other normalizers."""
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip(left=False, right=True)])
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t.train_from_iterator(common(train, 400), trainers.UnigramTrainer(vocab_size=1200, special_tokens=["<unk>", "<s>", "</s>"] + BYTES, unk_token="<unk>", show_progress=False))
    f = json.loads(t.to_str())
    f["model"]["byte_fallback"] = True
    f["added_tokens"] = [a for a in f["added_tokens"] if a["content"] not in BYTES]
    f["post_processor"] = {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1]}
    f["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}]}
    return f


def wordpiece(train):
    """A cased WordPiece with every other way of cutting."""
    t = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
    t.normalizer = normalizers.Sequence([normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False), normalizers.NFD()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Split("a", "merged_with_next"), pre_tokenizers.Split(Regex("[xyz]+"), "contiguous", invert=True)])
    t.train_from_iterator(train, trainers.WordPieceTrainer(vocab_size=1200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], limit_alphabet=400, show_progress=False))
    t.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    t.decoder = decoders.WordPiece(cleanup=True)
    t.enable_truncation(16, strategy="only_first", direction="left")
    return json.loads(t.to_str())


def wordlevel(train):
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.CharDelimiterSplit("e"), pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Digits()])
    t.train_from_iterator(train, trainers.WordLevelTrainer(vocab_size=1000, special_tokens=["<unk>", "EXTRA"], show_progress=False))
    f = json.loads(t.to_str())
    for a in f["added_tokens"]:
        a["normalized"] = True
    return f


KINDS = [gpt2, roberta, qwen2, llama3, clip, llama, mistral, t5, unigram, wordpiece, wordlevel]

# ---- checksums -----------------------------------------------------------------------------------------------------


def pack(values):
    return struct.pack("<I", len(values)) + np.array(values, "<u4").tobytes()


def checksums(t, texts):
    out = np.zeros(len(texts), "<u4")
    longest = {"strategy": "longest_first", "direction": "right"}
    if t.truncation:
        longest = {"strategy": t.truncation["strategy"], "direction": t.truncation["direction"]}
    t.no_padding()
    t.no_truncation()
    parts = []
    for text in texts:
        e = t.encode(text)
        parts.append([pack(e.ids), pack(e.type_ids), pack(t.encode(text, add_special_tokens=False).ids), b""])
        for skip in (False, True):
            decoded = t.decode(e.ids, skip_special_tokens=skip).encode()
            parts[-1].append(struct.pack("<I", len(decoded)) + decoded)
    t.enable_truncation(24, **longest)
    for i, text in enumerate(texts):
        try:
            e = t.encode(text, texts[(i + 1) % len(texts)])
            parts[i][3] = pack(e.ids) + pack(e.type_ids)
        except Exception:  # the text that may be cut is too short: accel refuses it too
            parts[i][3] = pack([])
        out[i] = zlib.crc32(b"".join(parts[i]))
    return out


def save_lines(path, texts):
    data = [t.encode() for t in texts]
    path.write_bytes(b"".join(struct.pack("<H", len(d)) + d for d in data))


def load(path):
    f = json.loads(path.read_text())
    return Tokenizer.from_str(json.dumps(f))


def save_checksums(folder, texts):
    save_lines(folder / "lines.bin", texts)
    for path in sorted(OUT.glob("*.json")) + [MINILM]:
        name = "minilm" if path == MINILM else path.stem
        np.save(folder / f"{name}.npy", checksums(load(path), texts))


def ranges(characters):
    out = []
    for c in sorted(characters):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def classes():
    """The package's classes of characters; a class is asked for with one character at a time."""
    points = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]

    def split(pre):
        return {c for c in points if len(pre.pre_tokenize_str("a" + chr(c) + "a")) != 1}

    def vanish(normalizer):
        return {c for c in points if normalizer.normalize_str(chr(c)) == ""}

    known, nfkd = normalizers.NFKD(), unicodedata.normalize
    tables = {
        "punctuation": split(pre_tokenizers.Punctuation()),
        "other": {0} | vanish(normalizers.BertNormalizer(True, False, False, False)) - {0xFFFD},
        "mark_nonspacing": vanish(normalizers.BertNormalizer(False, False, True, False)),
        "mark": vanish(normalizers.StripAccents()),
        "numeric": split(pre_tokenizers.Digits(False)),
        "undecomposed": {c for c in points if known.normalize_str(chr(c)) == chr(c) != nfkd("NFKD", chr(c))} | set(range(0x1E030, 0x1E06E)),
    }
    for name, characters in tables.items():
        items = "".join(f" {{0x{a:X}, 0x{b:X}}}," for a, b in ranges(characters))
        print(f"\nstatic const uint32_t {name.upper()}[][2] = {{{items}\n}};")


def main():
    if "--classes" in sys.argv:
        classes()
        return
    if "--lines" in sys.argv:
        at = sys.argv.index("--lines")
        folder = Path(sys.argv[at + 3])
        folder.mkdir(parents=True, exist_ok=True)
        save_checksums(folder, lines(int(sys.argv[at + 1]), int(sys.argv[at + 2])))
        return
    print("tokenizers", tokenizers.__version__)
    OUT.mkdir(exist_ok=True)
    train = lines(20000, 1)
    for kind in KINDS:
        (OUT / f"{kind.__name__}.json").write_text(json.dumps(kind(train), ensure_ascii=False, separators=(",", ":")))
    save_checksums(OUT, lines(10000, 2))


main()
