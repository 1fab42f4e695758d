#!/usr/bin/env python3
"""accel run with texts, pictures and sounds: equal to transformers' processors and models (tests/golden/make_ask.py), and
the real MiniLM from sentence to nearest sentence."""

import csv
import io
import json
import os
import shutil
import sys
import unittest
from pathlib import Path

try:
    from cli_case import CliCase, np
except ImportError as reason:
    print(f"skipped: {reason} (run make deps)")
    sys.exit(77)

SOURCE = Path(os.environ["ACCEL_SOURCE_DIR"])
GOLDEN = SOURCE / "tests" / "golden"
MINILM = SOURCE / ".deps" / "minilm"


class AskCase(CliCase):
    def golden_model(self, name, without=()):
        """The folder of a case: tiny weights, and beside them tokenizer and processor."""
        folder = self.folder / name
        case = json.loads((GOLDEN / "ask" / name / "case.json").read_text())
        shutil.copytree(GOLDEN / "zoo" / case["zoo"], folder, ignore=shutil.ignore_patterns("case*"))
        shutil.copytree(GOLDEN / "ask" / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*without))
        return folder, case

    def question(self, case):
        options = [("--text", t) for t in case["text"]]
        options += [(f"--{k}", GOLDEN / "media" / f) for k in ("image", "audio") for f in case[k]]
        return [word for option in options for word in option]


class Goldens(AskCase):
    def check_answers(self, said, expected):
        self.assertEqual([(Path(s["input"]).name, s["answer"]) for s in said], [(e["input"], e["answer"]) for e in expected])
        for s, e in zip(said, expected):
            self.assertAlmostEqual(s.get("score", 0), e.get("score", 0), delta=2e-5)
            np.testing.assert_allclose(s.get("box", []), e.get("box", []), atol=1e-2)

    def check_outputs(self, folder, expected):
        for name, want in expected.items():
            have = np.load(self.folder / folder / f"{name}.npy")
            self.assertEqual(have.shape, want.shape, name)
            kept = ~np.isnan(want)
            distance = np.linalg.norm((have - want)[kept]) / np.linalg.norm(want[kept])
            self.assertLessEqual(distance, 1e-4, name)

    def check(self, name):
        folder, case = self.golden_model(name)
        tokens = ["--max-new-tokens", case["tokens"]] if case["tokens"] else []
        rows = self.accel_json("run", folder, *self.question(case), *tokens, "--output-dir", "out")
        self.check_outputs("out", np.load(GOLDEN / "ask" / name / "expected.npz"))
        said = {row["output"]: row["answers"] for row in rows if row["answers"]}
        self.assertEqual(sorted(said), sorted(case["answers"]))
        for output, expected in case["answers"].items():
            self.check_answers(said[output], expected)


def add_goldens():
    for folder in sorted((GOLDEN / "ask").iterdir()):
        def test(self, name=folder.name):
            self.check(name)
        setattr(Goldens, f"test_{folder.name.replace('-', '_')}", test)


add_goldens()


class ForPeople(AskCase):
    def test_labels_are_printed_after_the_outputs(self):
        folder, case = self.golden_model("vit")
        text = self.accel("run", folder, *self.question(case))
        self.assertRegex(text, r"(?m)^logits +float32 +\[2,7\]\n\ninput +answer +score\n.*plain\.jpg +LABEL_2 +0\.4643\n")

    def test_boxes_have_their_sides(self):
        folder, case = self.golden_model("detr")
        text = self.accel("run", folder, *self.question(case))
        self.assertRegex(text, r"plain\.jpg +LABEL_0 +0\.79\d\d +-5\.\d 11\.\d 3\d\.\d 29\.\d\n")

    def test_written_text_is_printed_in_full_after_its_prompt(self):
        folder, case = self.golden_model("gpt2")
        text = self.accel("run", folder, *self.question(case), "--max-new-tokens", 8)
        self.assertTrue(text.endswith("\n> they have not\n" + case["answers"]["generated_ids"][1]["answer"] + "\n"), text)

    def test_csv_has_the_answers_as_json(self):
        folder, case = self.golden_model("bert-cls")
        rows = list(csv.DictReader(io.StringIO(self.accel("run", folder, *self.question(case), "--format", "csv"))))
        self.assertEqual(json.loads(rows[0]["answers"])[0]["answer"], "LABEL_1")


class Images(AskCase):
    def test_pictures_that_are_not_mentioned_stand_before_the_text(self):
        folder, case = self.golden_model("llava")
        picture = GOLDEN / "media" / "plain.jpg"
        for prompt, out in (("<image>\nthe word", "said"), ("the word", "left-out")):
            self.accel("run", folder, "--text", prompt, "--image", picture, "--output-dir", out)
        np.testing.assert_array_equal(*(np.load(self.folder / o / "logits.npy") for o in ("said", "left-out")))

    def test_image_tokens_and_pictures_must_be_as_many(self):
        folder, case = self.golden_model("llava")
        self.accel("run", folder, "--text", "<image> the <image>", "--image", GOLDEN / "media" / "plain.jpg", code=2)
        self.assertIn("2 image tokens (id 98) for 1 pictures", self.err)

    def test_videos_are_whole_numbers_of_frames(self):
        folder, case = self.golden_model("xclip")
        self.accel("run", folder, "--text", "the", "--image", GOLDEN / "media" / "plain.jpg", code=2)
        self.assertIn("videos of 3 frames", self.err)


class Refusals(AskCase):
    def test_a_folder_without_tokenizer_or_processor_names_the_file_and_the_way_out(self):
        folder, case = self.golden_model("gpt2", without=["tokenizer.json"])
        self.accel("run", folder, "--text", "the", code=1)
        self.assertRegex(self.err, r"gpt2 has no tokenizer\.json, .* --input input_ids=FILE\.npy\n$")
        folder, case = self.golden_model("vit", without=["preprocessor_config.json"])
        self.accel("run", folder, *self.question(case), code=1)
        self.assertRegex(self.err, r"vit has no preprocessor_config\.json, .* --input pixel_values=FILE\.npy\n$")

    def test_generated_weights_have_no_tokenizer(self):
        self.accel("run", "bert-tiny", "--text", "the", code=1)
        self.assertRegex(self.err, r"bert-tiny is made from a configuration alone and has no tokenizer\.json")

    def test_a_model_says_what_it_takes(self):
        folder, case = self.golden_model("vit")
        self.accel("run", folder, "--text", "the", code=2)
        self.assertIn("vit takes no texts: its inputs are pixel_values", self.err)
        folder, case = self.golden_model("clip")
        self.accel("run", folder, "--text", "the", code=2)
        self.assertIn("clip takes pictures too: give --image", self.err)
        self.accel("run", folder, "--text", "the", "--image", "x.png", "--audio", "x.wav", code=2)
        self.assertIn("clip takes no sounds", self.err)

    def test_an_input_is_given_once(self):
        folder, case = self.golden_model("gpt2")
        np.save(self.folder / "ids.npy", np.ones((1, 3), np.int64))
        self.accel("run", folder, "--text", "the", "--input", "input_ids=ids.npy", code=2)
        self.assertIn("leave one of them out", self.err)

    def test_files_that_are_no_pictures_or_sounds(self):
        folder, case = self.golden_model("vit")
        (self.folder / "x.png").write_bytes(b"no picture")
        self.accel("run", folder, "--image", "x.png", code=1)
        self.assertIn("x.png is neither a PNG nor a JPEG picture", self.err)
        self.accel("run", folder, "--image", "absent.png", code=1)
        self.assertIn("absent.png", self.err)
        folder, case = self.golden_model("whisper")
        self.accel("run", folder, "--audio", "x.png", code=1)
        self.assertIn("x.png", self.err)

    def test_text_that_is_not_utf8_is_named(self):
        folder, case = self.golden_model("gpt2")
        self.accel("run", folder, "--text", "the", "--text", os.fsdecode(b"\xff"), code=2)
        self.assertIn("text 2", self.err)


@unittest.skipUnless((MINILM / "model.safetensors").exists(), "run make deps")
class RealMiniLM(AskCase):
    def test_sentences_become_the_embeddings_of_transformers(self):
        golden = json.loads((GOLDEN / "minilm.json").read_text())
        want = np.array(golden["sentence_embedding"]).reshape(3, -1)
        texts = [word for s in golden["sentences"] for word in ("--text", s)]
        rows = self.accel_json("run", MINILM, *texts, "--output-dir", "out")
        np.testing.assert_allclose(np.load(self.folder / "out" / "sentence_embedding.npy"), want, atol=1e-5)
        answers = {row["output"]: row["answers"] for row in rows}["sentence_embedding"]
        similar = want @ want.T - 2 * np.eye(3)
        self.assertEqual(len(answers), 6)
        for i, sentence in enumerate(golden["sentences"]):
            of_this = [a for a in answers if a["input"] == sentence]
            order = np.argsort(-similar[i])[:2]
            self.assertEqual([a["answer"] for a in of_this], [golden["sentences"][k] for k in order])
            np.testing.assert_allclose([a["score"] for a in of_this], similar[i][order], atol=1e-5)

    def test_the_nearest_sentence_means_the_same(self):
        texts = ["How do I reset my password?", "I forgot my login, what now?", "The cake needs two eggs."]
        rows = self.accel_json("run", MINILM, *(w for t in texts for w in ("--text", t)))
        answers = {row["output"]: row["answers"] for row in rows}["sentence_embedding"]
        nearest = {a["input"]: a["answer"] for a in reversed(answers)}
        self.assertEqual((nearest[texts[0]], nearest[texts[1]]), (texts[1], texts[0]))

    def test_long_texts_are_cut_at_256_tokens_as_sentence_transformers_cuts(self):
        rows = self.accel_json("run", MINILM, "--text", "word " * 400)
        self.assertEqual({r["output"]: r["shape"] for r in rows}["last_hidden_state"], "[1,256,384]")
        self.assertIn("a text of 402 tokens is cut to the 256 that minilm takes", self.err)


if __name__ == "__main__":
    unittest.main()
