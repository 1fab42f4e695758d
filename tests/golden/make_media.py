#!/usr/bin/env python3
"""Makes tests/golden/media: what Pillow and transformers make of small pictures and short sounds. Run by hand.

    PYTHON tests/golden/make_media.py        (Pillow, transformers, torch, scipy, soundfile)

Pictures go through transformers' PIL-based image processors (class names ending in Pil; before transformers 5 the "slow" ones),
sounds through its feature extractors. cases.json says what was done, files NAME.TENSOR.npy hold what came out.
"""

import importlib
import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
import scipy.signal
import soundfile
import torch
import transformers
from PIL import Image

OUT = Path(__file__).parent / "media"
RNG = np.random.default_rng(20260)


def save(name, array):
    np.save(OUT / f"{name}.npy", np.ascontiguousarray(array))


def save_thinned(name, value):
    """Of large ones every 16th row and column."""
    stride = 16 if value.ndim > 2 and max(value.shape) >= 384 else 1
    value = value[..., ::stride, ::stride] if stride > 1 else value
    save(name, value.astype(np.float32 if value.dtype.kind == "f" else np.int64))


# ---- pictures ------------------------------------------------------------------------------------------------------


def picture(height, width):
    """Waves, an edge and noise: smooth and rough parts, and values at both ends."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / 5 + c) * np.cos(y / 7 - c) for c in range(3)]
    image = np.stack(waves, axis=-1) + RNG.normal(0, 20, (height, width, 3))
    image[: height // 3, : width // 3] = 255 * RNG.integers(0, 2, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


PICTURES = {
    "odd": (41, 67), "tall": (67, 23), "line": (37, 1), "flat": (1, 29), "wide": (3, 200), "small": (5, 7),
    "dot": (1, 1), "even": (40, 60), "same": (24, 24),
}

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
SIZES = [(17, 31), (43, 30), (41, 20), (13, 67), (1, 1), (24, 24)]


def resizes(pictures):
    for name in ("odd", "tall", "line", "wide"):
        image = Image.fromarray(pictures[name])
        flat = [np.asarray(image.resize((w, h), f)).ravel() for f in FILTERS.values() for h, w in SIZES]
        save(f"resize.{name}", np.concatenate(flat))


HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
PINS = [[24, 48], [48, 24], [48, 48], [72, 24], [24, 72]]

# name, zoo family, class, configuration, pictures, groups
CASES = [
    ("clip", "clip", "CLIP", {"size": 24, "crop_size": 24, "resample": 3}, ["odd"], None),
    ("clip_new", "clip", "CLIP", {"size": {"shortest_edge": 30}, "crop_size": {"height": 24, "width": 20}},
     ["odd", "tall", "line", "wide", "small", "dot", "same"], None),
    ("clip_pads", "clip", "CLIP", {"size": {"shortest_edge": 9}, "crop_size": {"height": 24, "width": 15}}, ["odd", "flat", "dot"], None),
    ("clip_raw", "clip", "CLIP", {"do_resize": False, "do_normalize": False, "crop_size": 24}, ["odd", "tall", "small"], None),
    ("clip_bytes", "clip", "CLIP", {"size": 24, "crop_size": 24, "do_rescale": False, "resample": 1, "image_mean": [100, 110, 120.5], "image_std": [3, 4, 5]}, ["even"], None),
    ("vit", "vit", "ViT", {"size": 24, "resample": 2, **HALF}, ["odd", "tall", "line", "flat", "wide"], None),
    ("vit_size", "vit", "ViT", {"size": {"height": 20, "width": 28}, "resample": 0, "rescale_factor": 0.00784313725490196}, ["odd", "small"], None),
    ("resnet", "resnet", "ConvNext", {"size": 24, "crop_pct": 0.875, "resample": 3, **IMAGENET}, ["odd", "tall", "line"], None),
    ("resnet_pct", "resnet", "ConvNext", {"size": {"shortest_edge": 24}, "crop_pct": 0.95, "resample": 2}, ["even", "wide"], None),
    ("resnet_warp", "resnet", "ConvNext", {"size": {"shortest_edge": 384}, "do_normalize": False}, ["small"], None),
    ("detr", "detr", "Detr", {"size": {"shortest_edge": 30, "longest_edge": 50}, **IMAGENET}, ["odd", "tall", "even"], None),
    ("detr_old", "detr", "Detr", {"size": 20, "max_size": 44}, ["odd", "line", "small"], None),
    ("detr_wide", "detr", "Detr", {"size": {"shortest_edge": 60, "longest_edge": 100}}, ["wide"], None),
    ("detr_alone", "detr", "Detr", {"size": {"shortest_edge": 24, "longest_edge": 50}, "do_pad": False}, ["even"], None),
    ("llava", "llava", "Llava", {"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}}, ["odd", "tall"], None),
    ("llava_pad", "llava", "Llava", {"size": {"shortest_edge": 24}, "crop_size": 24, "do_pad": True}, ["odd", "tall", "line", "same"], None),
    ("next", "llava_next", "LlavaNext", {"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}, "image_grid_pinpoints": PINS},
     ["odd", "line", "wide"], None),
    ("onevision", "llava_onevision", "LlavaOnevision", {"size": {"height": 24, "width": 24}, "image_grid_pinpoints": [[24 * a, 24 * b] for a in (1, 2, 3) for b in (1, 2, 3)], **HALF},
     ["odd", "flat"], None),
    ("onevision_many", "llava_onevision", "LlavaOnevision", {"size": {"height": 24, "width": 24}, "image_grid_pinpoints": PINS},
     ["odd", "tall", "even"], [2, 1]),
    ("xclip", "xclip", "VideoMAE", {"size": 26, "crop_size": 24, "do_center_crop": True, **IMAGENET}, ["odd", "tall", "even", "same"], [2, 2]),
    ("qwen2_vl", "qwen2_vl", "Qwen2VL", {"min_pixels": 56 * 28, "max_pixels": 56 * 56}, ["odd", "tall"], None),
    ("qwen2_small", "qwen2_vl", "Qwen2VL", {"patch_size": 4, "merge_size": 2, "size": {"shortest_edge": 64, "longest_edge": 1024}}, ["odd", "line", "wide", "dot", "small"], None),
    ("qwen3_vl", "qwen3_vl", "Qwen2VL", {"patch_size": 16, "size": {"shortest_edge": 1024, "longest_edge": 3072}, **HALF}, ["odd", "small"], None),
]  # fmt: skip

MODULES = {"CLIP": "clip", "ViT": "vit", "ConvNext": "convnext", "Detr": "detr", "Llava": "llava", "LlavaNext": "llava_next",
           "LlavaOnevision": "llava_onevision", "VideoMAE": "videomae", "Qwen2VL": "qwen2_vl"}  # fmt: skip


def grouped(items, groups):
    out, at = [], 0
    for count in groups or []:
        out.append(items[at : at + count])
        at += count
    return out or items


def process(name, family, kind, config, names, groups, pictures):
    module = importlib.import_module(f"transformers.models.{MODULES[kind]}.image_processing_pil_{MODULES[kind]}")
    processor = getattr(module, f"{kind}ImageProcessorPil")(**json.loads(json.dumps(config)))
    images = [Image.fromarray(pictures[n]) for n in names]
    features = processor(grouped(images, groups), return_tensors="np")
    tensors = []
    for key in ("pixel_values", "pixel_mask", "image_sizes", "image_grid_thw", "batch_num_images"):
        if key in features:
            value = np.asarray(features[key])
            save_thinned(f"{name}.{key}", value)
            tensors.append(key)
    file = {"image_processor_type": f"{kind}ImageProcessor", **config}
    return {"name": name, "family": family, "config": file, "pictures": names, "groups": groups, "tensors": tensors}


def make_pictures():
    pictures = {name: picture(*size) for name, size in PICTURES.items()}
    for name, pixels in pictures.items():
        save(f"picture.{name}", pixels)
    resizes(pictures)
    return [process(*case, pictures) for case in CASES]


# ---- sounds --------------------------------------------------------------------------------------------------------


def sound(seconds, rate):
    """Chirps, a tone and noise, as 16-bit numbers; it starts silent."""
    t = np.arange(int(seconds * rate)) / rate
    chirp = scipy.signal.chirp(t, 100, seconds, rate / 2.5)
    wave = 0.4 * chirp + 0.2 * np.sin(2 * np.pi * 440 * t) + RNG.normal(0, 0.02, t.size)
    wave[: t.size // 20] = 0
    return np.clip(np.round(wave * 32767), -32768, 32767).astype(np.int16)


SOUNDS = {"long": (1.2, 16000), "short": (0.4, 16000), "odd": (1.0313, 16000), "hifi": (0.3, 48000), "tiny": (0.1, 16000), "less": (0.0623, 16000)}

# name, zoo family, class, configuration, sounds, arguments of the call
SOUND_CASES = [
    ("whisper", "whisper", "Whisper", {}, ["long"], {}),
    ("whisper_short", "whisper", "Whisper", {"chunk_length": 1, "return_attention_mask": True}, ["short", "odd"], {"return_attention_mask": True}),
    ("whisper_128", "whisper", "Whisper", {"chunk_length": 1, "feature_size": 128}, ["odd"], {}),
    ("whisper_fft", "whisper", "Whisper", {"chunk_length": 1, "n_fft": 630, "hop_length": 210, "padding_value": 0.25}, ["short"], {}),
    ("clap", "clap", "Clap", {"truncation": "rand_trunc", "frequency_min": 50, "frequency_max": 14000}, ["hifi"], {}),
    ("clap_short", "clap", "Clap", {"truncation": "rand_trunc", "max_length_s": 1, "sampling_rate": 16000, "frequency_max": 8000}, ["short", "long"], {}),
    ("clap_repeat", "clap", "Clap", {"truncation": "rand_trunc", "max_length_s": 1, "padding": "repeat"}, ["hifi"], {}),
    ("clap_pad", "clap", "Clap", {"truncation": "rand_trunc", "max_length_s": 1, "padding": "pad", "fft_window_size": 1000}, ["hifi"], {}),
    ("wav2vec2", "wav2vec2", "Wav2Vec2", {}, ["short"], {"padding": True}),
    ("wav2vec2_mask", "wav2vec2", "Wav2Vec2", {"return_attention_mask": True, "padding_value": 0.0}, ["tiny", "less"], {"padding": True}),
    ("wav2vec2_fill", "wav2vec2", "Wav2Vec2", {"do_normalize": True}, ["less", "tiny"], {"padding": True}),
    ("wav2vec2_raw", "wav2vec2", "Wav2Vec2", {"do_normalize": False}, ["tiny"], {"padding": True}),
]  # fmt: skip


def extract(name, family, kind, config, names, arguments, sounds):
    module = importlib.import_module(f"transformers.models.{family}.feature_extraction_{family}")
    extractor = getattr(module, f"{kind}FeatureExtractor")(**config)
    waves = [sounds[n].astype(np.float32) / 32768 for n in names]
    randint, np.random.randint = np.random.randint, lambda low, high: low  # CLAP's piece of a long sound: the first
    features = extractor(waves, sampling_rate=extractor.sampling_rate, return_tensors="np", **arguments)
    np.random.randint = randint
    tensors = []
    for key in ("input_features", "input_values", "is_longer", "attention_mask"):
        if key in features:
            save_thinned(f"{name}.{key}", np.asarray(features[key]))
            tensors.append(key)
    file = {"feature_extractor_type": f"{kind}FeatureExtractor", **config}
    return {"name": name, "family": family, "config": file, "sounds": names, "tensors": tensors}


RATES = [(44100, 16000), (8000, 16000), (48000, 44100), (22050, 48000)]


def resample(low, high):
    """A fading tone and a low chirp through scipy's polyphase filter, made longer than its default."""
    t = np.arange(low // 26) / low
    edge = min(low, high) / 2
    wave = np.hanning(t.size) * (np.sin(2 * np.pi * edge * 0.6 * t) + scipy.signal.chirp(t, 50, t[-1], edge * 0.7)) / 2
    length = 64 * max(low, high) // np.gcd(low, high)
    taps = scipy.signal.firwin(2 * length + 1, 1 / max(low, high) * np.gcd(low, high), window=("kaiser", 8.0))
    out = scipy.signal.resample_poly(wave, high // np.gcd(low, high), low // np.gcd(low, high), window=taps)
    save(f"rate.{low}.{high}", np.concatenate([wave, out]).astype(np.float32))
    return {"from": low, "to": high, "frames": t.size}


def make_sounds():
    sounds = {name: sound(*size) for name, size in SOUNDS.items()}
    for name, samples in sounds.items():
        save(f"sound.{name}", samples)
    return [extract(*case, sounds) for case in SOUND_CASES]


# ---- files ---------------------------------------------------------------------------------------------------------


def png_rows(samples, depth):
    """Rows of an array (height, width, channels), each after filter type 0."""
    height, width, channels = samples.shape
    flat = samples.reshape(height, width * channels)
    if depth == 16:
        packed = flat.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = flat.astype(np.uint8)
    else:
        bits = (flat[..., None] >> np.arange(depth)[::-1]) & 1
        packed = np.packbits(bits.reshape(height, -1).astype(np.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)


PASSES = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]


def write_png(name, samples, depth, colour, extra=(), interlaced=False):
    """Kinds that Pillow reads and does not write: 16 bits, interlaced."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    parts = [samples[y::dy, x::dx] for y, dy, x, dx in PASSES] if interlaced else [samples]
    rows = b"".join(png_rows(part, depth) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, colour, 0, 0, interlaced)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    (OUT / name).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks))


def picture_files():
    size, colours = (19, 23), {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    palette = (b"PLTE", RNG.integers(0, 256, 48, dtype=np.uint8).tobytes())
    clear = (b"tRNS", bytes(range(16)))
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            samples = RNG.integers(0, 2**depth, (*size, colours[colour]))
            if depth == 16 and colour == 0:
                samples[::2] //= 200  # around 255, where Pillow clips
            extra = [palette, clear][: 1 + (depth == 4)] if colour == 3 else []
            if depth in (1, 2):
                extra = [(k, d[: 3 * 2**depth]) for k, d in extra]
            write_png(f"c{colour}d{depth}.png", samples, depth, colour, extra)
            write_png(f"c{colour}d{depth}i.png", samples, depth, colour, extra, interlaced=True)
    write_png("keyed.png", RNG.integers(0, 256, (*size, 3)), 8, 2, [(b"tRNS", struct.pack(">HHH", 1, 2, 3))])
    image = Image.fromarray(picture(37, 53))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(OUT / "plain.jpg", quality=80)
    image.save(OUT / "sharp.jpg", quality=95, subsampling=0, optimize=True)
    image.save(OUT / "wide.jpg", quality=60, subsampling=1, restart_marker_blocks=3)
    image.save(OUT / "steps.jpg", quality=70, progressive=True)
    image.save(OUT / "turned.jpg", quality=70, exif=exif)
    image.convert("L").save(OUT / "grey.jpg", quality=70)
    image.convert("CMYK").save(OUT / "cmyk.jpg", quality=70)
    names = sorted(f.name for f in OUT.iterdir() if f.suffix in (".png", ".jpg"))
    for name in names:
        save(name, np.asarray(Image.open(OUT / name).convert("RGB")))
    return names


def sound_files():
    wave = RNG.normal(0, 0.3, (700, 2)).clip(-1, 1)
    for name, data, kind in [
        ("mono.wav", wave[:, 0], "PCM_16"), ("stereo.wav", wave, "PCM_24"), ("float.wav", wave, "FLOAT"), ("bytes.wav", wave, "PCM_U8"),
        ("law.wav", wave[:, 0], "ULAW"), ("lossless.flac", wave, "PCM_16"), ("lossy.ogg", wave, "VORBIS"),
    ]:  # fmt: skip
        soundfile.write(OUT / name, data, 22050, subtype=kind)
        file = bytearray((OUT / name).read_bytes())
        if (peak := file.find(b"PEAK")) > 0:
            file[peak + 12 : peak + 16] = bytes(4)  # the time of writing
        (OUT / name).write_bytes(file)
        save(name, soundfile.read(OUT / name, dtype="float32")[0])
    return [f.name for f in sorted(OUT.iterdir()) if f.suffix in (".wav", ".flac", ".ogg")]


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    made_with = {m.__name__: m.__version__ for m in (PIL, transformers, torch, np, scipy, soundfile)}
    cases = {"made_with": made_with, "pictures": make_pictures(), "sounds": make_sounds(),
             "rates": [resample(*r) for r in RATES], "picture_files": picture_files(), "sound_files": sound_files()}
    (OUT / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
