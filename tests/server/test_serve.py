#!/usr/bin/env python3
"""accel serve --agents, from its command line to its end: the address, the certificate, what is served to whom."""

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

ACCEL = os.environ["ACCEL_BIN"]
UNTRUSTED = ssl.create_default_context()
UNTRUSTED.check_hostname = False
UNTRUSTED.verify_mode = ssl.CERT_NONE


class Serve(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        web = self.folder / "web"
        (web / "agent").mkdir(parents=True)
        (web / "package").mkdir()
        (web / "package" / "index.js").write_text("export const x = 1;\n")
        (web / "agent" / "agent.html").write_text("<!doctype html>the page\n")
        (web / "secret.key").write_text("not for anybody\n")
        self.environment = {
            **os.environ, "XDG_DATA_HOME": str(self.folder / "data"), "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "ACCEL_WEB": str(web), "NO_COLOR": "1",
        }

    def start(self, *arguments):
        """Starts it; (process, what it printed up to its last line)."""
        process = subprocess.Popen([ACCEL, "serve", "--agents", *arguments], env=self.environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.end, process)
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline()
            self.assertTrue(line, f"it said only: {text}")
            text += line
        return process, text

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()
        return process.returncode

    def run_once(self, *arguments):
        done = subprocess.run([ACCEL, "serve", *arguments], env=self.environment, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr

    def ask(self, port, method, path, body=None, headers={}):
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=UNTRUSTED, timeout=30)
        self.addCleanup(connection.close)
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response, response.read()

    def upgrade(self, port, path):
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=UNTRUSTED, timeout=30)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status

    def test_the_address_its_certificate_and_its_end(self):
        process, text = self.start("--port", "0")
        port, token = re.search(r"https://127\.0\.0\.1:(\d+)/\?token=([0-9a-f]{32})\n", text).groups()
        certificate = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", int(port))))
        shown = re.search(r"([0-9A-F]{2}(:[0-9A-F]{2}){31})", text).group(1)
        self.assertEqual(hashlib.sha256(certificate).hexdigest().upper(), shown.replace(":", ""))
        for name in ("data/accel/key.pem", "run/accel/agents.json"):
            self.assertEqual(stat.S_IMODE((self.folder / name).stat().st_mode), 0o600, name)
        trusting = ssl.create_default_context(cafile=self.folder / "data/accel/certificate.pem")
        with socket.create_connection(("127.0.0.1", int(port))) as plain, \
                trusting.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            self.assertIn(tls.version(), ("TLSv1.2", "TLSv1.3"))
        self.assertEqual(self.end(process), 0)
        self.assertFalse((self.folder / "run/accel/agents.json").exists())
        _, again = self.start("--port", "0")
        self.assertIn(shown, again, "the certificate is kept")
        self.assertNotIn(token, again, "the token is not")

    def test_what_is_served(self):
        _, text = self.start("--port", "0")
        port, token = re.search(r":(\d+)/\?token=([0-9a-f]{32})\n", text).groups()
        port = int(port)
        response, _ = self.ask(port, "GET", f"/?token={token}")
        self.assertEqual((response.status, response.headers["location"]), (302, f"/agent/agent.html?token={token}"))
        response, _ = self.ask(port, "GET", "/?token=%0d%0aX-Injected:%20y")
        self.assertEqual(response.headers["location"], "/agent/agent.html")
        self.assertNotIn("x-injected", response.headers)
        response, body = self.ask(port, "GET", f"/agent/agent.html?token={token}")
        self.assertEqual((response.status, body), (200, b"<!doctype html>the page\n"))
        self.assertEqual(response.headers["cross-origin-opener-policy"], "same-origin")
        self.assertEqual(response.headers["cross-origin-embedder-policy"], "require-corp")
        again, body = self.ask(port, "GET", "/agent/agent.html", headers={"If-None-Match": response.headers["etag"]})
        self.assertEqual((again.status, body), (304, b""))
        response, body = self.ask(port, "HEAD", "/package/index.js")
        self.assertEqual((response.status, body, response.headers["content-length"]), (200, b"", "20"))
        for path in ("/secret.key", "/agent/../secret.key", "/agent/%2e%2e/secret.key", "/agent/..%2fsecret.key",
                     "//etc/passwd", "/hub/agents", "/agent/", "/agent/missing.html"):
            self.assertIn(self.ask(port, "GET", path)[0].status, (400, 404), path)
        self.assertEqual(self.ask(port, "PUT", "/put/" + "0" * 32 + "/0", b"x")[0].status, 413)
        self.assertEqual(self.ask(port, "GET", "/", headers={"Host": "evil.example"})[0].status, 421)

    def test_an_agent_needs_the_token(self):
        _, text = self.start("--port", "0")
        port, token = re.search(r":(\d+)/\?token=([0-9a-f]{32})\n", text).groups()
        self.assertEqual(self.upgrade(int(port), "/agent"), 403)
        self.assertEqual(self.upgrade(int(port), f"/agent?token={'0' * 32}"), 403)
        self.assertEqual(self.upgrade(int(port), f"/other?token={token}"), 403)
        self.assertEqual(self.upgrade(int(port), f"/agent?token={token}"), 101)
        hub = json.loads((self.folder / "run/accel/agents.json").read_text())
        for path, status in (("/hub/agents", 403), (f"/hub/agents?token={token}", 403), (f"/hub/agents?token={hub['token']}", 200)):
            connection = http.client.HTTPConnection("127.0.0.1", hub["port"], timeout=30)
            connection.request("GET", path)
            self.assertEqual(connection.getresponse().status, status, path)
            connection.close()

    def test_plain_http_does_not_stop_it(self):
        _, text = self.start("--port", "0")
        port = int(re.search(r":(\d+)/\?token=", text).group(1))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try:
                self.assertNotIn(b"HTTP/1.1 200", plain.recv(1000))
            except ConnectionResetError:
                pass
        self.assertEqual(self.ask(port, "GET", "/agent/agent.html")[0].status, 200)

    def test_wrong_calls_are_sentences(self):
        code, words = self.run_once()
        self.assertEqual(code, 2)
        self.assertIn("say what to serve: --agents", words)
        code, words = self.run_once("--agents", "--host", "my-machine")
        self.assertNotEqual(code, 0)
        self.assertIn('"my-machine" is no address', words)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            code, words = self.run_once("--agents", "--port", str(taken.getsockname()[1]))
        self.assertEqual(code, 3)
        self.assertIn("is taken by another program", words)
        self.start("--port", "0")
        code, words = self.run_once("--agents", "--port", "0")
        self.assertEqual(code, 1)
        self.assertIn("runs already", words)
        (self.folder / "file").write_text("")
        self.environment["XDG_RUNTIME_DIR"] = str(self.folder / "file")
        code, words = self.run_once("--agents", "--port", "0")
        self.assertEqual(code, 1)
        self.assertIn("cannot make the folder", words)
        self.environment["ACCEL_WEB"] = str(self.folder)
        code, words = self.run_once("--agents")
        self.assertEqual(code, 3)
        self.assertIn("ACCEL_WEB", words)


if __name__ == "__main__":
    unittest.main()
