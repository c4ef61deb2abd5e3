"""Opens a summary.html in headless Chromium, as a reader would, and tells what is wrong with it.

usage: browser.py CHROMIUM PAGE [SHOTS]

Only the standard library: Chromium is spoken to over a pipe (DevTools protocol, NUL-separated JSON on file
descriptors 3 and 4), so no port is opened and no driver has to match. With SHOTS, a folder, what was looked at is
kept there as PNG and PDF. Exit status 0 if nothing is wrong, else 1 with one line per fault.
"""

import base64
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-extensions --disable-default-apps --disable-dev-shm-usage
--hide-scrollbars --remote-debugging-pipe""".split()
DEADLINE_S = 120


class Browser:
    """One Chromium with one page."""

    def __init__(self, program, profile):
        to_browser, self.write_end = os.pipe()
        self.read_end, from_browser = os.pipe()

        def as_3_and_4():
            # Moved up first, so that neither is overwritten by the other.
            high_in, high_out = os.dup(to_browser), os.dup(from_browser)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            close_fds=False, preexec_fn=as_3_and_4)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.number, self.events, self.session = b"", 0, [], None
        self.until = time.monotonic() + DEADLINE_S
        pages = self.call("Target.getTargets")["targetInfos"]
        target = next(it["targetId"] for it in pages if it["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def message(self):
        while b"\0" not in self.buffer:
            left = self.until - time.monotonic()
            if left <= 0 or not select.select([self.read_end], [], [], left)[0]:
                raise TimeoutError("Chromium does not answer")
            read = os.read(self.read_end, 1 << 16)
            if not read:
                raise EOFError("Chromium went away")
            self.buffer += read
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def key(self, key, text=None):
        code = {"Tab": 9, "Enter": 13}.get(key, 0)
        press = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        if text:
            press["text"] = text
        self.call("Input.dispatchKeyEvent", type="keyDown", **press)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def size(self, width, height=900):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def open(self, url):
        self.call("Page.navigate", url=url)
        while not any(it.get("method") == "Page.loadEventFired" for it in self.events):
            self.events.append(self.message())

    def close(self):
        try:
            self.session = None
            self.call("Browser.close")
        except (OSError, EOFError, TimeoutError, RuntimeError):
            pass
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()


faults, looked_at = [], []


def expect(what, is_so, found=""):
    looked_at.append(what)
    if not is_so:
        faults.append(f"{what}: {found!r}")


# The first table that can be filtered, its rows as text, and its sorted column.
FIRST_TABLE = "[...document.querySelectorAll('.scroll')].find(it => it.previousElementSibling?.classList.contains('filter'))"
COLUMN = """(index => [...%s.querySelectorAll('tbody tr')].map(row => {
  const cell = row.cells[index], number = cell.getAttribute('data-v');
  return number === null ? cell.textContent.toLowerCase() : Number(number);
}))(%d)"""


def quiet(browser, page_url):
    """No error, no warning of the security policy, no request but the page itself."""
    for event in browser.events:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            faults.append(f"exception: {parameters['exceptionDetails'].get('text')}")
        if method == "Runtime.consoleAPICalled":
            faults.append(f"console: {parameters['type']}: {parameters['args']}")
        if method == "Log.entryAdded":
            faults.append(f"log: {parameters['entry']['text']}")
        if method == "Page.javascriptDialogOpening":
            faults.append(f"a dialog opened: {parameters['message']}")
        if method == "Network.requestWillBeSent" and parameters["request"]["url"].split("#")[0] != page_url:
            faults.append(f"request: {parameters['request']['url']}")
    looked_at.append("no console message, no request")


def sorting(browser):
    heads = browser.evaluate(f"[...{FIRST_TABLE}.querySelectorAll('th')].map(it => it.className)")
    number = heads.index("n")
    for index, first in ((number, "descending"), (0, "ascending")):
        click = f"{FIRST_TABLE}.querySelectorAll('th button')[{index}].click()"
        state = f"{FIRST_TABLE}.querySelectorAll('th')[{index}].getAttribute('aria-sort')"
        for wanted in (first, "ascending" if first == "descending" else "descending"):
            browser.evaluate(click)
            rows = browser.evaluate(COLUMN % (FIRST_TABLE, index))
            values = [it for it in rows if isinstance(it, type(rows[0]))]
            expect(f"column {index} sorts {wanted}", values == sorted(values, reverse=wanted == "descending") and len(rows) > 5, rows)
            expect("the order is told to assistive technology", browser.evaluate(state) == wanted, browser.evaluate(state))


def filtering(browser):
    bar = f"{FIRST_TABLE}.previousElementSibling"
    shown = f"[...{FIRST_TABLE}.querySelectorAll('tbody tr')].filter(it => it.offsetParent !== null).length"
    every = browser.evaluate(shown)
    word = browser.evaluate(f"{FIRST_TABLE}.querySelector('tbody td').textContent")
    browser.evaluate(f"{bar}.querySelector('input').focus()")
    browser.call("Input.insertText", text=word.upper())
    some = browser.evaluate(shown)
    told = browser.evaluate(f"{bar}.querySelector('[role=status]').textContent")
    expect("the filter keeps matching rows, whatever the case", 1 <= some < every, (word, some, every))
    expect("the filter tells how many", told == f"{some} of {every} rows", told)
    browser.evaluate(f"(it => {{ it.value = ''; it.dispatchEvent(new Event('input')); }})({bar}.querySelector('input'))")
    expect("an empty filter shows every row", browser.evaluate(shown) == every)


def keyboard(browser):
    browser.evaluate(f"{FIRST_TABLE}.querySelector('th button').focus()")
    before = browser.evaluate(f"{FIRST_TABLE}.querySelector('th').getAttribute('aria-sort')")
    browser.key("Enter", "\r")
    after = browser.evaluate(f"{FIRST_TABLE}.querySelector('th').getAttribute('aria-sort')")
    expect("Enter on a heading sorts", before != after, (before, after))
    outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    expect("what has the focus shows it", outline != "none", outline)
    browser.key("Tab")
    expect("Tab goes to the next heading", browser.evaluate("document.activeElement.tagName") == "BUTTON")
    summary = "document.querySelector('details summary')"
    browser.evaluate(f"{summary}.focus()")
    browser.key("Enter", "\r")
    expect("Enter opens the details", browser.evaluate("document.querySelector('details').open"))


def first_stop(browser):
    """Before anything else had the focus."""
    browser.key("Tab")
    first = browser.evaluate("document.activeElement.className")
    expect("the first stop skips to the text", first == "skip", first)


def structure(browser):
    expect("one h1", browser.evaluate("document.querySelectorAll('h1').length") == 1)
    broken = browser.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].filter(it => !document.getElementById(it.getAttribute('href').slice(1))).map(it => it.href)")
    expect("links inside the page lead somewhere", broken == [], broken)
    unnamed = browser.evaluate("[...document.querySelectorAll('input,button,[role=region],svg')].filter(it => !(it.textContent.trim() || it.labels?.length || it.getAttribute('aria-label'))).map(it => it.outerHTML.slice(0, 80))")
    expect("controls, regions and drawings have names", unnamed == [], unnamed)
    levels = browser.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(it => Number(it.tagName[1]))")
    jumps = [pair for pair in zip(levels, levels[1:]) if pair[1] > pair[0] + 1]
    expect("no level of heading is left out", jumps == [], jumps)


TOO_WIDE = """[...document.querySelectorAll('main *, header *, footer *')].filter(it => it.getBoundingClientRect().right > innerWidth &&
  !it.closest('.scroll,.wide')).map(it => it.tagName + '.' + it.className + ' ' + it.textContent.slice(0, 60)).slice(0, 5)"""


def widths(browser):
    for width in (1280, 400):
        browser.size(width)
        wide = browser.evaluate("document.documentElement.scrollWidth")
        expect(f"no sideways scrolling of the page at {width} px", wide <= width, (wide, browser.evaluate(TOO_WIDE)))


# WCAG 2.2, 1.4.3: contrast of text from the relative luminance of sRGB colours, the nearest opaque ground taken.
CONTRAST = """(() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(it => it / 255).map(it => it <= .04045 ? it / 12.92 : ((it + .055) / 1.055) ** 2.4)
    .reduce((sum, it, at) => sum + it * [.2126, .7152, .0722][at], 0);
  const ground = it => { for (; it; it = it.parentElement) { const c = parse(getComputedStyle(it).backgroundColor); if ((c[3] ?? 1) > .99) return c; } return [255, 255, 255]; };
  return [...document.querySelectorAll('p,td,th,li,dt,dd,a,code,h1,h2,h3,small,summary,span')].filter(it => it.textContent.trim() && !it.closest('svg')).map(it => {
    const [a, b] = [light(parse(getComputedStyle(it).color)), light(ground(it))].sort((x, y) => y - x);
    return [(a + .05) / (b + .05), it.tagName + '.' + it.className + ' ' + it.textContent.slice(0, 30)];
  }).filter(it => it[0] < 4.5).slice(0, 5);
})()"""


def schemes(browser):
    grounds = {}
    for name in ("light", "dark"):
        browser.scheme(name)
        grounds[name] = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        faint = browser.evaluate(CONTRAST)
        expect(f"text has contrast 4.5:1 ({name})", faint == [], faint)
    svg = browser.evaluate("getComputedStyle(document.querySelector('svg .c-bg')).fill")
    expect("dark is dark, drawings too", grounds["light"] != grounds["dark"] and svg != "rgb(255, 255, 255)", (grounds, svg))
    browser.scheme("light")


def paper(browser, shots):
    pdf = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    (shots / "summary.pdf").write_bytes(pdf)
    boxes = set(re.findall(rb"/MediaBox \[([^\]]*)\]", pdf))
    sizes = {tuple(round(float(it)) for it in box.split()[2:]) for box in boxes}
    pages = len(re.findall(rb"/Type /Page\b", pdf))
    expect("prints to A4", sizes == {(595, 842)}, sizes)
    expect("prints a readable number of pages", 2 <= pages <= 80, pages)


def shoot(browser, shots):
    for name, width, scheme in (("desktop", 1280, "light"), ("dark", 1280, "dark"), ("narrow", 400, "light")):
        browser.size(width)
        browser.scheme(scheme)
        height = min(browser.evaluate("document.documentElement.scrollHeight"), 12000)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        data = browser.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        (shots / f"{name}.png").write_bytes(base64.b64decode(data))


def main(program, page, kept):
    with tempfile.TemporaryDirectory() as folder:
        shots = pathlib.Path(kept or folder)
        url = pathlib.Path(page).resolve().as_uri()
        browser = Browser(program, os.path.join(folder, "profile"))
        try:
            browser.size(1280)
            browser.open(url)
            for look in (first_stop, structure, sorting, filtering, keyboard, widths, schemes):
                look(browser)
            paper(browser, shots)
            if kept:
                shoot(browser, shots)
            quiet(browser, url)
        finally:
            browser.close()
            shutil.rmtree(os.path.join(folder, "profile"), ignore_errors=True)
    print("\n".join(faults))
    print(f"{len(looked_at)} things looked at, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
