"""Chromium by its debugging pipe, and a server for its pages: what the browser tests of this folder stand on."""

import functools
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time


def find_chromium():
    """The executable itself: /usr/bin/chromium is a script around it. None when there is none."""
    for path in (os.environ.get("ACCEL_CHROMIUM"), "/usr/lib/chromium/chromium", shutil.which("chromium")):
        if path and os.path.exists(path):
            return path
    return None


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits for the browser's acknowledgement of its headers: 40 ms on a connection that is used again
    isolated = True
    no_ranges = False
    cors = False
    break_after = None  # bytes of an .onnx after which the connection is closed, once a file
    broken = set()
    log = []

    def log_message(self, *_):
        pass

    def end_headers(self):
        if self.isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        if self.cors:
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def do_GET(self):
        path = self.translate_path(self.path)
        if os.path.isdir(path):
            path = os.path.join(path, "index.html")
        if not os.path.isfile(path):
            return self.send_error(404)
        with open(path, "rb") as file:
            body = file.read()
        asked = None if self.no_ranges else re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first, last = 0, len(body) - 1
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or last), last)
        self.log.append((self.path, self.headers.get("Range")))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Length", str(last - first + 1))
        if not self.no_ranges:
            self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
        self.end_headers()
        body = body[first:last + 1]
        if self.break_after and path.endswith(".onnx") and len(body) > self.break_after and path not in self.broken:
            self.broken.add(path)
            body = body[: self.break_after]
            self.close_connection = True
        self.wfile.write(body)
        if self.close_connection and path in self.broken:
            self.wfile.flush()
            time.sleep(1)  # what a page has not read when the connection breaks is lost to it

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm",
    }


class PageServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a page may break off what it asked for
            super().handle_error(request, client_address)


class Server:
    """Serves a folder on a free port of this machine; keywords are attributes of its Handler."""

    def __init__(self, folder, **settings):
        handler = type("Settings", (Handler,), {"log": [], "broken": set(), **settings})
        self.handler = handler
        self.server = PageServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Chromium:
    def __init__(self, *arguments):
        self.profile = tempfile.mkdtemp(prefix="accel-chromium-")
        to_read, self.to = os.pipe()
        self.of, of_write = os.pipe()

        def pipes():  # the browser reads from 3 and writes to 4
            low = os.dup(to_read), os.dup(of_write)
            high = [os.dup2(fd, 60 + i) for i, fd in enumerate(low)]
            os.dup2(high[0], 3), os.dup2(high[1], 4)

        flags = ["--headless", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                 "--disable-sync", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", *arguments, "about:blank"]
        self.process = subprocess.Popen([find_chromium(), *flags], preexec_fn=pipes, close_fds=True, pass_fds=(3, 4), start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read), os.close(of_write)
        self.last, self.buffer, self.console = 0, b"", []
        self.browser_context = None
        self.attach(next(t for t in self.send("Target.getTargets")["targetInfos"] if t["type"] == "page")["targetId"])

    def attach(self, target):
        self.session = None  # of the browser itself
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.send(f"{domain}.enable")

    def renew(self):
        """An empty page of a context of its own, which shares no process, storage or cache with those before it."""
        self.session, old = None, self.browser_context
        self.browser_context = self.send("Target.createBrowserContext")["browserContextId"]
        self.attach(self.send("Target.createTarget", url="about:blank", browserContextId=self.browser_context)["targetId"])
        if old:
            session, self.session = self.session, None
            self.send("Target.disposeBrowserContext", browserContextId=old)
            self.session = session
        time.sleep(0.3)  # the old one's process ends

    def send(self, method, timeout_s=60, **parameters):
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        return self.wait(lambda m: m.get("id") == message["id"], timeout_s, method)

    def wait(self, wanted, timeout_s, what):
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if b"\0" not in self.buffer:
                piece = os.read(self.of, 1 << 20)
                if not piece:
                    raise RuntimeError(f"Chromium ended during {what}")
                self.buffer += piece
                continue
            text, self.buffer = self.buffer.split(b"\0", 1)
            message = json.loads(text)
            if message.get("method") == "Runtime.consoleAPICalled":
                self.console.append(" ".join(str(a.get("value", a.get("description"))) for a in message["params"]["args"]))
            if message.get("method") == "Runtime.exceptionThrown":
                self.console.append(json.dumps(message["params"]["exceptionDetails"])[:500])
            if wanted(message):
                if "error" in message:
                    raise RuntimeError(f"{what}: {message['error']}")
                return message.get("result", message)
        raise TimeoutError(f"{what} took longer than {timeout_s} s; the console says {self.console[-5:]}")

    def open(self, url):
        self.send("Page.navigate", url=url)
        self.wait(lambda m: m.get("method") == "Page.loadEventFired", 60, url)

    def evaluate(self, expression, timeout_s=120):
        """The value of an expression in the page; promises are awaited."""
        result = self.send("Runtime.evaluate", timeout_s, expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def size(self, width, height, dark=False):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path):
        import base64

        with open(path, "wb") as file:
            file.write(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.to), os.close(self.of)
        shutil.rmtree(self.profile, ignore_errors=True)
