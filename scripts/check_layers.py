#!/usr/bin/env python3
"""Checks the house's layering: a room includes only itself and rooms before it; freestanding rooms include
no libc header beyond a short list. Prints FILE:LINE: reason for each breach and exits 1 if there is one.

    scripts/check_layers.py [SOURCE_ROOT]
"""

import re
import sys
from pathlib import Path

# A room may include itself and every room of an earlier row; a row's rooms do not know each other.
ROWS = [
    ["base"],
    ["hw", "net", "text", "graph", "media"],
    ["formats", "browsers"],
    ["zoo"],
    ["engines", "ask"],
    ["measure"],
    ["page"],
    ["store"],
    ["import", "report", "predict"],
    ["api"],
    ["server"],
    ["cli"],
]
LEVEL = {room: level for level, row in enumerate(ROWS) for room in row}

# These are also compiled to WebAssembly without a libc: files, threads and the clock only through base/.
FREESTANDING = ("base/", "graph/", "media/", "formats/", "zoo/", "engines/native/", "engines/webgpu/", "engines/webnn/", "page/", "engines/names.c", "engines/precision.c", "engines/node_context.c")
HOSTED = ("base/posix/", "base/wasm/", "media/files/", "engines/webgpu/native/")
LIBC = {
    f"{name}.h"
    for name in "stdint stddef stdbool stdarg stdnoreturn stdalign limits float string math stdlib inttypes "
    "stdatomic assert".split()
}
INTRINSICS = re.compile(r"(immintrin|x86intrin|cpuid|arm_neon|wasm_simd128|yyjson)\.h$")
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def may_include(room, header_room, path):
    if room == header_room or LEVEL[header_room] < LEVEL[room]:
        return True
    return False


def breaches(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        name = path.relative_to(root / "src").as_posix()
        room = name.split("/")[0]
        if room not in LEVEL:
            yield path, 1, f"src/{room} is no room of the house"
            continue
        freestanding = name.startswith(FREESTANDING) and not name.startswith(HOSTED)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, header = match.groups()
            target = header.split("/")[0]
            if quote == '"':
                if target == "..":
                    yield path, number, f'"{header}": write includes from src/ or include/'
                elif target in LEVEL and not may_include(room, target, path):
                    yield path, number, f'room {room} may not include "{header}": {target} is not before it'
            elif freestanding and header not in LIBC and not INTRINSICS.search(header):
                yield path, number, f"<{header}> in a room that is also built without a libc"
    for path in sorted((root / "include").rglob("*.h")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match.group(1) == '"' and not match.group(2).startswith("accel/"):
                yield path, number, f'a public header may not include "{match.group(2)}"'


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    found = list(breaches(root))
    for path, number, reason in found:
        print(f"{path.relative_to(root)}:{number}: {reason}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
