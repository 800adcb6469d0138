"""Scrapers of the page inside a box's network: one connection per scrape, without a pause."""
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

PORT = 10911


@dataclasses.dataclass
class Scrape:
    """One scrape: `result` is ok, refused (no connection), lost (cut off before the end) or bad (answered wrong)."""
    begun: float
    ended: float
    result: str
    detail: str


def scrape_once(deadline_s=10):
    """(result, detail) of one GET /metrics."""
    try:
        connection = socket.create_connection(("127.0.0.1", PORT), timeout=deadline_s)
    except OSError as error:
        return "refused", str(error)
    with connection:
        try:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
        except TimeoutError as error:
            return "bad", f"no end within {deadline_s} s: {error}"
        except OSError as error:
            return "lost", str(error)
    return judge(answer)


def judge(answer):
    """Whole and 200 is ok; whole and otherwise is bad; what broke off is lost."""
    head, mark, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in lines[1:] if b": " in line)
    whole = bool(mark) and (
        int(fields[b"content-length"]) == len(body) if b"content-length" in fields else body.endswith(b"0\r\n\r\n"))
    if not whole:
        return "lost", f"broke off after {len(answer)} bytes"
    if not lines[0].startswith(b"HTTP/1.1 200 "):
        return "bad", lines[0].decode(errors="replace")
    return ("ok", "") if b"\nnode_" in body or body.startswith(b"node_") else ("bad", "no node_ series on the page")


def scrape_for_ever(count):
    """`count` processes that scrape and print one JSON line per scrape."""
    for _ in range(count - 1):
        if os.fork() == 0:
            break
    while True:
        begun = time.monotonic()
        result, detail = scrape_once()
        line = json.dumps([begun, time.monotonic(), result, detail]) + "\n"
        os.write(1, line.encode())


class Scrapers:
    """Runs `count` scrapers in the network namespace of process `pid` until the block ends."""

    def __init__(self, pid, count):
        self.command = ["nsenter", "-t", str(pid), "-n", sys.executable, __file__, str(count)]
        self.lines = []

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, start_new_session=True)
        # Read all the time: scrapers that wait for a full pipe would not scrape.
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout))
        self.reader.start()
        return self

    def wait_for(self, scrapes, deadline_s=30):
        """Returns after that many further scrapes; an error when they do not come."""
        wanted, end = len(self.lines) + scrapes, time.monotonic() + deadline_s
        while len(self.lines) < wanted:
            if time.monotonic() > end:
                raise RuntimeError(f"{wanted - len(self.lines)} scrapes did not end within {deadline_s} s")
            time.sleep(0.005)

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.reader.join()
        self.process.wait()

    def results(self):
        """All scrapes; the last line may have been cut by the end of the scrapers."""
        return [Scrape(*json.loads(line)) for line in self.lines if line.endswith(b"\n")]


if __name__ == "__main__":
    scrape_for_ever(int(sys.argv[1]))
