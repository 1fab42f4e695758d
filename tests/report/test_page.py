#!/usr/bin/env python3
"""The report page of made-up records is well-formed: every element that is opened is closed, in order, and nothing is loaded."""
import html.parser
import os
import pathlib
import subprocess
import tempfile

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], {}

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"an attribute twice in <{tag}>: {names}"
        assert not {"src", "href", "onload", "onclick"} & set(names), f"<{tag}> {attributes}"
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> at {self.getpos()} closes {self.open[-3:]}"
        self.open.pop()


def main():
    program = pathlib.Path(os.environ["ACCEL_BUILD_DIR"]) / "tests" / "report_test_report"
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.html"
        subprocess.run([program], check=True, capture_output=True, env={**os.environ, "ACCEL_REPORT_PAGE": str(page)})
        text = page.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open, checker.open
    assert "script" not in checker.seen and checker.seen["svg"] == 4, checker.seen
    assert checker.seen["title"] == 1 + text.count("<rect"), "each bar and frame has its tooltip"
    assert "http" not in text


if __name__ == "__main__":
    main()
