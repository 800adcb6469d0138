"""One scrape of socle beside one of node_exporter: CPU, latency, memory, bytes, system calls, start."""
import gzip
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time

# The kernel sources of both, by node_exporter's names.
COLLECTORS = ["cpu", "diskstats", "edac", "filesystem", "hwmon", "loadavg", "meminfo", "netdev", "stat", "time"]

# Debian changes some of upstream's filters; with these both show the same devices.
UPSTREAM = [
    "--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "--collector.netdev.device-exclude=^$",
]


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_ns(pids):
    """Nanoseconds on a CPU, user and system, of all threads of the processes (schedstat, field 1)."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except OSError:
                pass  # the thread ended between the two calls
    return total


def pss_kib(pids):
    """Proportional set size in KiB, summed over the processes."""
    rollup = (pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1)) for text in rollup)


def get(connection, path, compressed=True):
    """One GET on a kept connection: (body as sent, body as text)."""
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"} if compressed else {})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: HTTP {answer.status}: {body[:200]!r}")
    plain = gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body
    return body, plain.decode()


def wait_ready(port, path, started, deadline_s=30):
    """Milliseconds from `started` until the page answers 200."""
    while time.monotonic() - started < deadline_s:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            get(connection, path)
            return (time.monotonic() - started) * 1000
        except (OSError, RuntimeError, http.client.HTTPException):
            time.sleep(0.0005)
    raise RuntimeError(f"nothing on port {port} within {deadline_s} s")


class Peer:
    """A running exporter: its processes, its port, the path of its page."""

    def __init__(self, name, command, port, path, pids):
        self.name, self.port, self.path = name, port, path
        started = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start_ms = wait_ready(port, path, started)
        self.pids = pids(self.process)
        self.latencies, self.cpu, self.scrapes = [], 0, 0

    def stop(self):
        """Ends it by the id that was started."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)


def children(process):
    """The halves under `socle run`, without the supervisor, which sleeps."""
    text = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in text.split()]


def start_socle(binaries, folder):
    port = free_port()
    config = pathlib.Path(folder) / "socle.toml"
    config.write_text(f"[metrics]\ncollectors = {json.dumps(COLLECTORS)}\n")
    state = pathlib.Path(folder) / f"state{port}"
    state.mkdir()
    command = [f"{binaries}/socle", "run", "--listen", f"127.0.0.1:{port}", "--config", str(config), "--state", str(state)]
    return Peer("socle", command, port, "/metrics/node", children)


def start_node_exporter():
    port = free_port()
    wanted = [f"--collector.{name}" for name in COLLECTORS] + UPSTREAM
    command = ["prometheus-node-exporter", "--collector.disable-defaults", *wanted, "--web.disable-exporter-metrics",
               f"--web.listen-address=127.0.0.1:{port}"]
    return Peer("node_exporter", command, port, "/metrics", lambda process: [process.pid])


def scrape(peer, rounds):
    """`rounds` scrapes over one kept connection with gzip, as Prometheus does."""
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=30)
    before = cpu_ns(peer.pids)
    for _ in range(rounds):
        started = time.perf_counter()
        peer.body, peer.text = get(connection, peer.path)
        peer.latencies.append((time.perf_counter() - started) * 1000)
    peer.cpu += cpu_ns(peer.pids) - before
    peer.scrapes += rounds


def system_calls(peer, rounds):
    """System calls per scrape, counted by strace on all threads."""
    log = tempfile.NamedTemporaryFile(mode="r", suffix=".strace")
    attach = [word for pid in peer.pids for word in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", log.name, *attach], stderr=subprocess.PIPE, text=True)
    while "attached" not in tracer.stderr.readline():
        pass
    time.sleep(0.3)
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=30)
    for _ in range(rounds):
        get(connection, peer.path)
    tracer.send_signal(signal.SIGTERM)
    tracer.wait(timeout=20)
    calls = re.search(r"^100.00\s+\S+\s+\S+\s+(\d+).*total$", log.read(), re.M)
    return int(calls.group(1)) / rounds


def measure(binaries, rounds):
    """Both, in turns, in one run. Returns a row of figures for each."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = start_socle(binaries, folder), start_node_exporter()
        try:
            time.sleep(3)  # both have settled
            for peer in (ours, theirs):
                peer.pss_idle = pss_kib(peer.pids)
            for _ in range(10):
                for peer in (ours, theirs):
                    scrape(peer, rounds // 10)
            for peer in (ours, theirs):
                peer.pss_scraped = pss_kib(peer.pids)
                peer.calls = system_calls(peer, 50)
            pages = {}
            for peer in (ours, theirs):
                pages[peer.name] = pathlib.Path(folder) / f"{peer.name}.prom"
                pages[peer.name].write_text(peer.text)
            diff = {}
            for left, right in (("node_exporter", "socle"), ("socle", "node_exporter")):
                command = [f"{binaries}/socle", "metrics", "diff", str(pages[left]), str(pages[right])]
                diff[left] = subprocess.run(command, capture_output=True, text=True).stdout
            return [row(ours), row(theirs)], diff
        finally:
            ours.stop()
            theirs.stop()


def row(peer):
    quantiles = statistics.quantiles(peer.latencies, n=100)
    return {
        "name": peer.name,
        "cpu_ms": peer.cpu / peer.scrapes / 1e6,
        "p50_ms": quantiles[49],
        "p99_ms": quantiles[98],
        "pss_idle_mib": peer.pss_idle / 1024,
        "pss_scraped_mib": peer.pss_scraped / 1024,
        "bytes": len(peer.text),
        "gzip_bytes": len(peer.body),
        "series": sum(1 for line in peer.text.splitlines() if line and not line.startswith("#")),
        "calls": peer.calls,
        "start_ms": peer.start_ms,
        "processes": len(peer.pids),
    }
