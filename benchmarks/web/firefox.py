"""Firefox by WebDriver BiDi, with the methods of tests/web/browser.py's Chromium that measure.py calls."""

import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit


def find_firefox():
    return next((path for path in (os.environ.get("ACCEL_FIREFOX"), *map(shutil.which, ("firefox-esr", "firefox"))) if path), None)


class WebSocket:
    """A client of RFC 6455 for texts."""

    def __init__(self, url, timeout):
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port), timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {place.path or '/'} HTTP/1.1\r\nHost: {place.hostname}:{place.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.file = self.socket.makefile("rb")
        if b" 101 " not in self.file.readline():
            raise RuntimeError("Firefox refuses the WebSocket")
        while self.file.readline() not in (b"\r\n", b""):
            pass

    def frame(self, opcode, data):
        mask, length = os.urandom(4), len(data)
        head = bytes([0x80 | opcode]) + (
            bytes([0x80 | length]) if length < 126 else
            b"\xfe" + struct.pack(">H", length) if length < 65536 else b"\xff" + struct.pack(">Q", length)
        )
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))

    def send(self, text):
        self.frame(1, text.encode())

    def receive(self):
        whole = b""
        while True:
            head = self.file.read(2)
            if len(head) < 2:
                raise RuntimeError("Firefox ended the connection")
            length = head[1] & 127
            if length > 125:
                length = int.from_bytes(self.file.read(2 if length == 126 else 8), "big")
            data = self.file.read(length)
            opcode = head[0] & 15
            if opcode == 9:
                self.frame(10, data)
            elif opcode in (0, 1):
                whole += data
                if head[0] & 0x80:
                    return whole.decode()


class Firefox:
    def __init__(self, webgpu=False):
        self.home = Path(tempfile.mkdtemp(prefix="accel-firefox-"))
        profile = self.home / "profile"
        profile.mkdir()
        (profile / "user.js").write_text('user_pref("app.update.enabled", false);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n')
        if webgpu:
            with (profile / "user.js").open("a") as file:
                file.write('user_pref("dom.webgpu.enabled", true);\nuser_pref("gfx.webgpu.ignore-blocklist", true);\n')
        command = [find_firefox(), "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank"]
        self.process = subprocess.Popen(command, env=os.environ | {"HOME": str(self.home)}, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket, self.last = WebSocket(self.address(profile / "WebDriverBiDiServer.json"), 600), 0
        self.version = self.send("session.new", capabilities={})["capabilities"]["browserVersion"]
        self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def address(self, told):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                found = json.loads(told.read_text())
                return f"ws://{found['ws_host']}:{found['ws_port']}/session"
            except (OSError, ValueError):  # not there yet, or half written
                time.sleep(0.05)
        raise RuntimeError("Firefox does not start, or ends at once")

    def send(self, method, **parameters):
        self.last += 1
        self.socket.send(json.dumps({"id": self.last, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.receive())
            if answer.get("id") == self.last:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['message']}")
                return answer["result"]

    def renew(self):
        """An empty page of a container of its own, which shares no process, storage or cache with those before it."""
        container = self.send("browser.createUserContext")["userContext"]
        old, self.context = self.context, self.send("browsingContext.create", type="tab", userContext=container)["context"]
        self.send("browsingContext.close", context=old)
        time.sleep(0.3)  # the old one's process ends

    def open(self, url):
        self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, expression, _timeout_s=None):
        """The value of an expression in the page, as JSON carries it; promises are awaited."""
        wrapped = f"(async () => JSON.stringify(await ({expression})) ?? 'null')()"
        answer = self.send("script.evaluate", expression=wrapped, target={"context": self.context}, awaitPromise=True)
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)
