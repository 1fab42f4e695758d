"""The layering check passes on the house and finds each kind of breach."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get("ACCEL_SOURCE_DIR", "."))
CHECK = SOURCE / "scripts" / "check_layers.py"


def check(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True)
        return done.returncode, done.stdout


def main():
    fine = {
        "src/graph/a.c": '#include <stdint.h>\n#include "base/error.h"\n#include "graph/graph.h"\n',
        "src/base/posix/file.c": '#include <unistd.h>\n#include "accel/status.h"\n',
        "src/cli/main.c": '#include "store/store.h"\n#include <unistd.h>\n',
    }
    assert check(fine) == (0, ""), check(fine)
    breaches = {
        "src/base/a.c": '#include "graph/graph.h"\n',
        "src/hw/a.c": '#include "graph/graph.h"\n',
        "src/graph/b.c": "\n#include <unistd.h>\n",
        "src/engines/native/b.c": "#include <pthread.h>\n",
        "src/store/c.c": '#include "../base/error.h"\n',
        "src/lounge/d.c": "",
        "include/accel/e.h": '#include "base/error.h"\n',
    }
    for name, text in breaches.items():
        code, said = check({**fine, name: text})
        assert code == 1 and said.startswith(name + ":") and said.count("\n") == 1, (name, code, said)
    done = subprocess.run([sys.executable, CHECK, SOURCE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


main()
