#!/usr/bin/env python3
"""Looks at a page of `report` in a real browser (Chromium, headless), as a reader's would show it.

  report_page_test.py PROGRAM [--page FILE] [--keep DIR]

Runs PROGRAM (report) on small generated pairs whose captions hold HTML, loads the page at the width of a desk
and of a phone, and fails if a picture is not drawn, the console has an error, anything but the page is requested, a
caption runs as HTML, or the page is wider than the window. Exit status 77: there is no Chromium here.
"""
import argparse
import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

SKIPPED = 77
PAIRS, DIM = 60, 16
CAPTION = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\"> no. "


def npy(path, rows, kind="<f4"):
    shape = f"({len(rows)}, {len(rows[0])})" if isinstance(rows[0], list) else f"({len(rows)},)"
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    values = [v for row in rows for v in row] if isinstance(rows[0], list) else rows
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(struct.pack(f"<{len(values)}{'f' if kind == '<f4' else 'i'}", *values))


def write_pairs(folder):
    """Pairs of four themes, each with what it shares with its partner."""
    state = 1

    def noise():
        nonlocal state
        total = 0
        for _ in range(12):  # nearly normal
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            total += (state >> 33) / 2**31
        return total - 6

    shared = [[0.3 * noise() for _ in range(DIM)] for _ in range(PAIRS)]
    for name, axis in (("images", DIM - 1), ("texts", DIM - 2)):
        rows = []
        for i in range(PAIRS):
            row = [value + 0.1 * noise() for value in shared[i]]
            row[i % 4] += 1
            row[axis] += 0.8
            rows.append(row)
        npy(os.path.join(folder, name + ".npy"), rows)
    npy(os.path.join(folder, "labels.npy"), [i % 4 for i in range(PAIRS)], "<i4")
    with open(os.path.join(folder, "captions.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{CAPTION}{i}\n" for i in range(PAIRS))


class Browser:
    """One Chromium, spoken to by its DevTools protocol over a web socket."""

    def __init__(self, program, profile):
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--remote-debugging-port=0", f"--user-data-dir={profile}",
             "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.events, self.number, self.buffer = [], 0, b""
        port_file = os.path.join(profile, "DevToolsActivePort")
        for _ in range(600):
            if os.path.exists(port_file) and open(port_file).read().count("\n") >= 1:
                break
            if self.process.poll() is not None:
                raise RuntimeError(f"expected Chromium to start, got exit status {self.process.returncode}")
            time.sleep(0.1)
        else:
            raise RuntimeError("expected Chromium to open its port within 60 s, it did not")
        port = int(open(port_file).read().split("\n")[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
            target = next(t for t in json.load(answer) if t["type"] == "page")
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        path = target["webSocketDebuggerUrl"].split(str(port), 1)[1]
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(65536)
        self.buffer = self.buffer.split(b"\r\n\r\n", 1)[1]

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)

    def _bytes(self, count):
        while len(self.buffer) < count:
            part = self.socket.recv(1 << 20)
            if not part:
                raise RuntimeError("expected Chromium to answer, it hung up")
            self.buffer += part
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _message(self):
        text = b""
        while True:
            first, second = self._bytes(2)
            length = second & 127
            if length == 126:
                length = struct.unpack(">H", self._bytes(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._bytes(8))[0]
            text += self._bytes(length)
            if first & 128:
                return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        text = json.dumps({"id": self.number, "method": method, "params": parameters}).encode()
        mask = os.urandom(4)
        length = (struct.pack(">B", 128 | len(text)) if len(text) < 126 else
                  struct.pack(">BH", 128 | 126, len(text)) if len(text) < 65536 else
                  struct.pack(">BQ", 128 | 127, len(text)))
        self.socket.sendall(b"\x81" + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(text)))
        while True:
            message = self._message()
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.events.append(message)

    def value(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                         awaitPromise=True)["result"]["value"]


LOOK = """(async () => {
  await new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done));
  const pictures = [...document.images];
  await Promise.all(pictures.map(p => p.decode().catch(() => 0)));
  return {
    title: document.title,
    pictures: pictures.map(p => ({alt: p.alt, drawn: p.complete && p.naturalWidth > 0,
                                  shown: p.getBoundingClientRect().width > 0})),
    tables: [...document.querySelectorAll('section:not(#made) figure.scroll')].map(
        box => ({what: box.innerText.split('\\n')[0], hidden: box.scrollWidth - box.clientWidth})),
    sections: document.querySelectorAll('section').length,
    scripts: document.scripts.length,
    text: document.body.innerText,
    page: document.documentElement.scrollWidth, window: innerWidth,
  };
})()"""


def look(browser, page, width, failures, keep, planted):
    browser.events.clear()
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.call(domain + ".enable")
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                 mobile=width < 600)
    url = "file://" + os.path.abspath(page)
    browser.call("Page.navigate", url=url)
    time.sleep(0.5)
    seen = browser.value(LOOK)
    label = f"{width} px"

    def expect(true, what):
        if not true:
            failures.append(f"{label}: {what}")

    expect(len(seen["pictures"]) >= 4, f"expected a picture a study, got {len(seen['pictures'])}")
    for picture in seen["pictures"]:
        expect(picture["drawn"] and picture["shown"], f"expected the picture drawn: {picture['alt']}")
        expect(picture["alt"], "expected every picture to say what it shows")
    expect(seen["sections"] >= 4, f"expected a section a study, got {seen['sections']}")
    expect(seen["page"] <= seen["window"], f"expected a page of at most {seen['window']} px, got {seen['page']}")
    for table in seen["tables"]:
        expect(table["hidden"] <= 1, f"expected the whole table in sight, got {table['hidden']} px hidden: {table['what']}")
    expect(seen["title"] != "run" and seen["scripts"] == 0, "expected captions as text, one ran")
    expect(not planted or "<script>" in seen["text"], "expected captions shown as they are")
    for event in browser.events:
        kind, what = event.get("method"), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            failures.append(f"{label}: exception {what['exceptionDetails'].get('text')}")
        if kind == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning"):
            failures.append(f"{label}: console {what['type']}")
        if kind == "Log.entryAdded" and what["entry"]["level"] == "error":
            failures.append(f"{label}: {what['entry']['text']}")
        if kind == "Network.requestWillBeSent":
            asked = what["request"]["url"]
            if asked != url and not asked.startswith("data:"):
                failures.append(f"{label}: expected no request but the page, got {asked[:120]}")
    if keep:
        picture = browser.call("Page.captureScreenshot", captureBeyondViewport=True,
                               format="png")["data"]
        with open(os.path.join(keep, f"page-{width}.png"), "wb") as file:
            file.write(base64.b64decode(picture))
    return seen


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--page", help="look at this page instead of a new one")
    arguments.add_argument("--keep", help="folder for screenshots")
    options = arguments.parse_args()
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        print("no Chromium here (script/bootstrap installs it): the page was not looked at")
        return SKIPPED
    failures = []
    # Chromium still writes into its profile while it ends.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = options.page
        if page is None:
            write_pairs(folder)
            at = lambda name: os.path.join(folder, name)
            subprocess.run([options.program, "--images", at("images.npy"), "--texts", at("texts.npy"), "--captions",
                            at("captions.txt"), "--labels", at("labels.npy"), "--quick", "--out", at("out")],
                           check=True, stdout=subprocess.DEVNULL)
            page = at("out/index.html")
        browser = Browser(program, os.path.join(folder, "profile"))
        try:
            for width in (1280, 390):
                seen = look(browser, page, width, failures, options.keep, options.page is None)
        finally:
            browser.close()
    for failure in failures:
        print(failure)
    print(f"{len(seen['pictures'])} pictures, {seen['sections']} sections; {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
