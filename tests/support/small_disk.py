"""A disk of one's own that fills up: a small tmpfs, in namespaces of this process alone."""

import os
import shutil
import subprocess
import sys
import tempfile

INSIDE = "ACCEL_INSIDE_SMALL_DISK"


def skip(why):
    print(f"{why}: skipped")
    sys.exit(77)


def run_on(size, script, check):
    """Runs `script` again in namespaces of its own, where check(folder) is called with a folder that holds `size`."""
    if INSIDE not in os.environ:
        unshare = shutil.which("unshare")
        command = [unshare or "unshare", "--mount", "--map-root-user", "--user", sys.executable, script]
        if unshare is None or subprocess.run([*command[:4], "true"], capture_output=True).returncode != 0:
            skip("no namespaces here")
        sys.exit(subprocess.run(command, env={**os.environ, INSIDE: "1"}).returncode)
    with tempfile.TemporaryDirectory(prefix="accel-disk-") as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode != 0:
            skip("no tmpfs here")
        try:
            check(folder)
        finally:
            subprocess.run(["umount", folder], check=True)
