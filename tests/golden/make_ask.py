#!/usr/bin/env python3
"""Makes ask/: what transformers' processors and models answer to texts, pictures and sounds, for `accel run --text …`.

    python -m venv V && V/bin/pip install torch torchvision transformers pillow soundfile
    V/bin/python tests/golden/make_ask.py [NAME...]

Run by hand, not in CI. Each case is a folder of zoo/ (tiny random weights) with the files of a tokenizer or processor beside it:
ask/NAME has these files, expected.npz (outputs; NaN where padding leaves them undefined) and case.json: the zoo folder, the
question, and the answers that people should see, for each output. Pictures and sounds are those of media/.
"""

import inspect
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
import transformers
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GenerationConfig, GenerationMixin

HERE = Path(__file__).parent
OUT = HERE / "ask"
MEDIA = HERE / "media"
WORDS = "the of and to in a is that it was for on are as with his they at be this have from or one had by word but not what all were"
ONE, TWO = "the word that it was", "they have not"


# ---- tokenizers of a hundred tokens --------------------------------------------------------------------------------

def tokenizer(low, high, before=(), after=(), **special):
    """low: tokens from 0; high: {id: token}; before, after: special tokens about a text."""
    t = Tokenizer(models.BPE(unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.decoder = decoders.Metaspace()
    t.train_from_iterator([WORDS] * 3, trainers.BpeTrainer(vocab_size=80, special_tokens=[*low, "<unk>"], show_progress=False))
    for i in range(t.get_vocab_size(), 100):
        t.add_special_tokens([AddedToken(high.get(i, f"<fill{i}>"), normalized=False)])
    ids = [(token, t.token_to_id(token)) for token in (*before, *after)]
    if ids:
        t.post_processor = processors.TemplateProcessing(single=[*before, "$A", *after], special_tokens=ids)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=t, **special)


def bert_tokenizer():
    return tokenizer(["[PAD]", "[CLS]", "[SEP]", "[MASK]"], {}, ["[CLS]"], ["[SEP]"], pad_token="[PAD]", mask_token="[MASK]")


def prompt_tokenizer(high):
    return tokenizer(["<pad>", "<s>", "</s>"], high, ["<s>"], pad_token="<pad>", eos_token="</s>", padding_side="left")


# ---- what is asked and computed ------------------------------------------------------------------------------------

def picture(name):
    return Image.open(MEDIA / name).convert("RGB")


def sound(name):
    samples, rate = soundfile.read(MEDIA / name, dtype="float32")
    assert samples.ndim == 1
    return samples, rate


def zoo(name):
    folder = HERE / "zoo" / name
    architecture = json.loads((folder / "config.json").read_text())["architectures"][0]
    return getattr(transformers, architecture).from_pretrained(folder, attn_implementation="eager").eval()


def written(model, inputs, tokens, decode):
    end = model.generation_config.eos_token_id
    config = GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=end, pad_token_id=end or 0, output_logits=True,
                              decoder_start_token_id=model.config.to_dict().get("decoder_start_token_id"), return_dict_in_generate=True)
    result = GenerationMixin.generate(model, **inputs, generation_config=config)
    for step in result.logits:
        best = step.topk(2).values
        assert (best[:, 0] - best[:, 1]).min() > 1e-4, "two tokens are equally likely: ask something else"
    new = result.sequences[:, -len(result.logits):]
    return [decode(row, skip_special_tokens=True) for row in new]


def ranked(subjects, probabilities, names, most=5):
    answers = []
    for subject, row in zip(subjects, probabilities):
        best = row.topk(min(most, len(row)))
        answers += [{"input": subject, "answer": names[i], "score": s} for s, i in zip(best.values.tolist(), best.indices.tolist())]
    return answers


class Case:
    def __init__(self, name, zoo_folder, tools, texts=(), images=(), sounds=(), tokens=0):
        self.folder, self.zoo = OUT / name, zoo_folder
        self.question = {"text": list(texts), "image": list(images), "audio": list(sounds), "tokens": tokens}
        self.pictures = [picture(i) for i in images]
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for tool in tools:
            tool.save_pretrained(self.folder)
        self.model = zoo(zoo_folder)

    def finish(self, inputs, outputs, answers):
        """outputs: names of the model's fields."""
        accepted = inspect.signature(self.model.forward).parameters
        with torch.no_grad():
            result = self.model(**{k: v for k, v in inputs.items() if k in accepted})
            arrays = {name: result[name].numpy().copy() for name in outputs}
            said = answers(self.model, result)
        for name, array in arrays.items():
            if "attention_mask" in inputs and array.shape[:2] == tuple(inputs["attention_mask"].shape):
                array[inputs["attention_mask"].numpy() == 0] = np.nan
        np.savez_compressed(self.folder / "expected.npz", **arrays)
        case = {"zoo": self.zoo, **self.question, "answers": said}
        (self.folder / "case.json").write_text(json.dumps(case, indent=1, ensure_ascii=False) + "\n")
        print(self.folder.name, {k: v.shape for k, v in arrays.items()}, json.dumps(said)[:300])


# ---- texts ---------------------------------------------------------------------------------------------------------

def text_case(name, folder, tool, texts, outputs, answers, tokens=0):
    case = Case(name, folder, [tool], texts, tokens=tokens)
    case.finish(dict(tool(list(texts), padding=True, return_tensors="pt")), outputs, answers)


def writes(inputs, tool, texts, tokens):
    def answers(model, result):
        return {"generated_ids": [{"input": i, "answer": a} for i, a in zip(texts, written(model, inputs, tokens, tool.decode))]}
    return answers


def gpt2():
    tool = tokenizer([], {99: "<|endoftext|>"}, eos_token="<|endoftext|>", padding_side="left")
    tool.save_pretrained(OUT / "gpt2")  # without a padding token, as published
    case = Case("gpt2", "gpt2", [tool], [ONE, TWO], tokens=8)
    tool.pad_token = "<|endoftext|>"
    inputs = dict(tool([ONE, TWO], padding=True, return_tensors="pt"))
    inputs.pop("token_type_ids", None)
    case.finish(inputs, ["logits"], writes(inputs, tool, [ONE, TWO], 8))


def t5():
    tool = tokenizer(["<pad>", "</s>"], {}, (), ["</s>"], pad_token="<pad>", eos_token="</s>")
    inputs = dict(tool([ONE, TWO], padding=True, return_tensors="pt"))
    inputs.pop("token_type_ids", None)
    case = Case("t5", "t5", [tool], [ONE, TWO], tokens=8)
    case.finish({**inputs, "decoder_input_ids": torch.zeros(2, 1, dtype=torch.long)}, ["logits"],
                writes(inputs, tool, [ONE, TWO], 8))


def bert_cls():
    def answers(model, result):
        return {"logits": ranked([ONE, TWO], result.logits.softmax(-1), model.config.id2label)}
    text_case("bert-cls", "bert-cls", bert_tokenizer(), [ONE, TWO], ["logits"], answers)


def bert_mlm():
    tool, texts = bert_tokenizer(), ["the word that [MASK] was"]

    def answers(model, result):
        at = tool(texts, return_tensors="pt").input_ids[0].tolist().index(tool.mask_token_id)
        names = [tool.decode([i]) for i in range(100)]
        return {"logits": ranked(texts, result.logits[:, at].softmax(-1), names)}
    text_case("bert-mlm", "bert-mlm", tool, texts, ["logits"], answers)


# ---- pictures ------------------------------------------------------------------------------------------------------

def vit():
    images = ["plain.jpg", "c2d8.png"]
    tool = transformers.ViTImageProcessorPil(size={"height": 24, "width": 24})
    case = Case("vit", "vit", [tool], images=images)
    case.finish(dict(tool(case.pictures, return_tensors="pt")), ["logits"],
                lambda m, r: {"logits": ranked(images, r.logits.softmax(-1), m.config.id2label)})


def detr():
    images = ["plain.jpg", "wide.jpg"]
    tool = transformers.DetrImageProcessorPil(size={"shortest_edge": 64, "longest_edge": 100})
    case = Case("detr", "detr", [tool], images=images)

    def answers(model, result):
        sizes = [(p.height, p.width) for p in case.pictures]
        found = tool.post_process_object_detection(result, threshold=0.5, target_sizes=torch.tensor(sizes))
        return {"pred_boxes": [{"input": i, "answer": model.config.id2label[k], "score": s, "box": b} for i, f in zip(images, found)
                               for k, s, b in zip(f["labels"].tolist(), f["scores"].tolist(), f["boxes"].tolist())]}
    case.finish(dict(tool(case.pictures, return_tensors="pt")), ["logits", "pred_boxes"], answers)


def clip_tokenizer():
    high = {98: "<|startoftext|>", 99: "<|endoftext|>"}
    return tokenizer([], high, ["<|startoftext|>"], ["<|endoftext|>"], pad_token="<|endoftext|>", model_max_length=14)


def clip():
    images, texts, tool = ["plain.jpg", "wide.jpg"], [ONE, TWO, WORDS], clip_tokenizer()
    pictures = transformers.CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24})
    case = Case("clip", "clip", [tool, pictures], texts, images)
    inputs = dict(tool(texts, padding=True, truncation=True, return_tensors="pt"))
    case.finish({**inputs, **pictures(case.pictures, return_tensors="pt")}, ["logits_per_image", "text_embeds", "image_embeds"],
                lambda m, r: {"logits_per_image": ranked(images, r.logits_per_image.softmax(-1), texts)})


def xclip():
    images, texts, tool = ["plain.jpg", "sharp.jpg", "wide.jpg"], [ONE, TWO], clip_tokenizer()
    frames = transformers.VideoMAEImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    case = Case("xclip", "xclip", [tool, frames], texts, images)
    inputs = {**tool(texts, padding=True, return_tensors="pt"), **frames(case.pictures, return_tensors="pt")}
    case.finish(inputs, ["logits_per_video"],
                lambda m, r: {"logits_per_video": ranked(images[:1], r.logits_per_video.softmax(-1), texts)})


# ---- prompts about pictures ----------------------------------------------------------------------------------------

def prompt_case(name, tool, texts, images, shown=None, per_text=None):
    """shown: the texts as the processor takes them, where the question leaves out where pictures stand."""
    case = Case(name, name, [tool.tokenizer, tool.image_processor], texts, images, tokens=6)
    pictures = per_text(case.pictures) if per_text else case.pictures
    inputs = dict(tool(images=pictures, text=list(shown or texts), padding=True, return_tensors="pt"))
    inputs = {k: v for k, v in inputs.items() if k != "token_type_ids"}
    plain = {k: v for k, v in inputs.items() if k != "mm_token_type_ids"} if "mm_token_type_ids" not in inspect.signature(
        case.model.forward).parameters else inputs
    positions = {} if "mm_token_type_ids" in inputs else {"position_ids": (inputs["attention_mask"].cumsum(1) - 1).clamp(min=0)}
    case.finish({**plain, **positions}, ["logits"], writes(plain, tool.tokenizer, texts, 6))


def llava_parts(kind, **image):
    processor = getattr(transformers, kind + "ImageProcessorPil")(**image)
    return processor, prompt_tokenizer({98: "<image>", 99: "<video>"})


def llava():
    pictures, tool = llava_parts("CLIP", size={"shortest_edge": 12}, crop_size={"height": 12, "width": 12})
    processor = transformers.LlavaProcessor(pictures, tool, patch_size=4, vision_feature_select_strategy="default",
                                            num_additional_image_tokens=1)
    texts = ["the <image> word", "they <image><image> have not"]
    prompt_case("llava", processor, texts, ["plain.jpg", "wide.jpg", "c2d8.png"])


PINPOINTS = [[12 * a, 12 * b] for a in range(1, 5) for b in range(1, 5)]


def llava_next():
    points = json.loads((HERE / "zoo/llava-next/config.json").read_text())["image_grid_pinpoints"]
    pictures, tool = llava_parts("LlavaNext", size={"shortest_edge": 12}, crop_size={"height": 12, "width": 12},
                                 image_grid_pinpoints=points)
    processor = transformers.LlavaNextProcessor(pictures, tool, patch_size=4, vision_feature_select_strategy="default",
                                                num_additional_image_tokens=1)
    prompt_case("llava-next", processor, [ONE], ["wide.jpg"], ["<image>\n" + ONE])


def llava_onevision():
    pictures, tool = llava_parts("LlavaOnevision", size={"height": 12, "width": 12}, image_grid_pinpoints=PINPOINTS)
    processor = transformers.LlavaOnevisionProcessor(pictures, tool, transformers.LlavaOnevisionVideoProcessor(), num_image_tokens=9,
                                                     vision_feature_select_strategy="full")
    texts = ["the <image> word", "<image> they <image> have not"]
    prompt_case("llava-onevision", processor, texts, ["plain.jpg", "wide.jpg", "c2d8.png"], per_text=lambda p: [p[:1], p[1:]])


def qwen_vl(name, processor):
    pictures = transformers.Qwen2VLImageProcessorPil(patch_size=4, merge_size=2, temporal_patch_size=2,
                                                     size={"shortest_edge": 64, "longest_edge": 1024})
    tool = prompt_tokenizer({96: "<|vision_start|>", 97: "<|vision_end|>", 98: "<|image_pad|>", 99: "<|video_pad|>"})
    tool.image_token, tool.video_token = "<|image_pad|>", "<|video_pad|>"
    whole = processor(pictures, tool, transformers.Qwen2VLVideoProcessor())
    prompt_case(name, whole, [ONE, TWO], ["plain.jpg", "wide.jpg"],
                ["<|vision_start|><|image_pad|><|vision_end|>" + t for t in (ONE, TWO)])


def qwen2_vl():
    qwen_vl("qwen2-vl", transformers.Qwen2VLProcessor)


def qwen3_vl():
    qwen_vl("qwen3-vl", transformers.Qwen3VLProcessor)


# ---- sounds --------------------------------------------------------------------------------------------------------

def wav2vec2():
    samples, rate = sound("mono.wav")
    tool = transformers.Wav2Vec2FeatureExtractor(sampling_rate=rate)
    case = Case("wav2vec2-ctc", "wav2vec2-ctc", [tool], sounds=["mono.wav"])
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWC"]
    (case.folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(letters)}) + "\n")
    ctc = transformers.Wav2Vec2CTCTokenizer(str(case.folder / "vocab.json"))
    case.finish(dict(tool(samples, sampling_rate=rate, return_tensors="pt")), ["logits"],
                lambda m, r: {"logits": [{"input": "mono.wav", "answer": ctc.decode(r.logits[0].argmax(-1))}]})


def whisper():
    samples, rate = sound("mono.wav")
    tool = tokenizer([], {96: "<|endoftext|>", 97: "<|startoftranscript|>", 98: "<|en|>", 99: "<|0.20|>"}, eos_token="<|endoftext|>")
    features = transformers.WhisperFeatureExtractor(feature_size=10, sampling_rate=rate, hop_length=rate // 38, chunk_length=1)
    case = Case("whisper", "whisper", [tool, features], ["<|en|>"], sounds=["mono.wav"], tokens=8)
    inputs = dict(features(samples, sampling_rate=rate, return_tensors="pt"))
    start = {**inputs, "decoder_input_ids": torch.tensor([[97, 98]])}
    case.finish(start, ["logits"], lambda m, r: {"generated_ids": [
        {"input": "mono.wav", "answer": written(m, start, 8, tool.decode)[0]}]})


def clap():
    samples, rate = sound("mono.wav")
    texts = [ONE, TWO]
    tool = tokenizer(["<s>", "<pad>", "</s>"], {}, ["<s>"], ["</s>"], pad_token="<pad>")
    features = transformers.ClapFeatureExtractor(feature_size=16, sampling_rate=rate, hop_length=rate // 100, fft_window_size=256,
                                                 max_length_s=1, frequency_min=50, frequency_max=rate // 2 - 100,
                                                 truncation="rand_trunc", padding="repeatpad")
    case = Case("clap", "clap", [tool, features], texts, sounds=["mono.wav"])
    inputs = {**tool(texts, padding=True, return_tensors="pt"), **features(samples, sampling_rate=rate, return_tensors="pt")}
    case.finish(inputs, ["logits_per_audio"],
                lambda m, r: {"logits_per_audio": ranked(["mono.wav"], r.logits_per_audio.softmax(-1), texts)})


CASES = {f.__name__.replace("_", "-"): f for f in (gpt2, t5, bert_cls, bert_mlm, vit, detr, clip, xclip, llava, llava_next,
                                                   llava_onevision, qwen2_vl, qwen3_vl, wav2vec2, whisper, clap)}


def main():
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    for name in sys.argv[1:] or CASES:
        CASES[name]()
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, float32")


if __name__ == "__main__":
    main()
