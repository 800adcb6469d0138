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
import threading
import time

# The sources of the first comparison, by node_exporter's names.
TEN = ["cpu", "diskstats", "edac", "filesystem", "hwmon", "loadavg", "meminfo", "netdev", "stat", "time"]

# node_exporter's default collectors that Debian's version has and socle too.
COMMON = sorted([*TEN, "arp", "bonding", "conntrack", "cpufreq", "dmi", "entropy", "fibrechannel", "filefd", "infiniband",
                 "mdadm", "netclass", "netstat", "nfs", "nfsd", "nvme", "os", "powersupplyclass", "pressure", "rapl",
                 "schedstat", "sockstat", "softnet", "textfile", "thermal_zone", "timex", "udp_queues", "uname", "vmstat",
                 "xfs"])

# Those of them that read the trees of fake_host.sh; the rest asks this host.
LARGE = sorted(set(COMMON) - {"arp", "filesystem", "time", "timex", "uname", "textfile", "xfs", "netclass", "rapl"})

# Debian changes some of upstream's filters; with these both show the same devices.
UPSTREAM = [
    "--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "--collector.netdev.device-exclude=^$",
    "--collector.netclass.ignored-devices=^$",
]

# What Prometheus 2.42 sends.
ACCEPT = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


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
    headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip" if compressed else "identity"}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: HTTP {answer.status}: {body[:200]!r}")
    plain = gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body
    return body, plain.decode()


def get_raw(connection, path):
    """One GET as Prometheus sends it; the body is read and left as it is."""
    connection.request("GET", path, headers={"Accept": ACCEPT, "Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: HTTP {answer.status}")


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


def start_socle(binaries, folder, collectors, tree=None, preload=None):
    """Both halves. `tree`: a made-up host; `preload`: a library that counts allocations, and its file."""
    port = free_port()
    state = pathlib.Path(folder) / f"state{port}"
    state.mkdir()
    config = state / "socle.toml"
    config.write_text(f'[metrics]\ncollectors = {json.dumps(collectors)}\ncpu_detail = "cpu"\ndeadline_s = 30\n')
    command = [f"{binaries}/socle", "run", "--listen", f"127.0.0.1:{port}", "--config", str(config), "--state", str(state)]
    if tree:
        command += ["--root", str(tree)]
    if preload:
        command = ["env", f"LD_PRELOAD={preload[0]}", f"SOCLE_COUNT={preload[1]}", *command]
    return Peer("socle", command, port, "/metrics/node", children)


def start_node_exporter(collectors, tree=None, own=False):
    """Debian's. `own`: with its metrics about itself."""
    port = free_port()
    wanted = [f"--collector.{name}" for name in collectors]
    wanted += [flag for flag in UPSTREAM if flag.split(".")[1] in collectors]
    command = ["prometheus-node-exporter", "--collector.disable-defaults", *wanted, f"--web.listen-address=127.0.0.1:{port}"]
    if not own:
        command.append("--web.disable-exporter-metrics")
    if tree:
        command += [f"--path.procfs={tree}/proc", f"--path.sysfs={tree}/sys", f"--path.rootfs={tree}"]
    return Peer("node_exporter", command, port, "/metrics", lambda process: [process.pid])


def scrape(peer, rounds, compressed=True):
    """`rounds` scrapes over one kept connection, as Prometheus does."""
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
    before = cpu_ns(peer.pids)
    for _ in range(rounds):
        started = time.perf_counter()
        peer.body, peer.text = get(connection, peer.path, compressed)
        peer.latencies.append((time.perf_counter() - started) * 1000)
    used = cpu_ns(peer.pids) - before
    if compressed:
        peer.cpu += used
        peer.scrapes += rounds
        peer.gzip_bytes = len(peer.body)
    else:
        peer.cpu_identity = used / rounds


def crowd(peer, scrapers, rounds):
    """So many scrapers at once, `rounds` each: CPU per answer in ns, median of their times in ms, PSS in KiB."""
    times, lock = [], threading.Lock()

    def one():
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=300)
        for _ in range(rounds):
            started = time.perf_counter()
            get_raw(connection, peer.path)
            with lock:
                times.append((time.perf_counter() - started) * 1000)

    before = cpu_ns(peer.pids)
    threads = [threading.Thread(target=one) for _ in range(scrapers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"cpu_ms": (cpu_ns(peer.pids) - before) / rounds / 1e6, "p50_ms": statistics.median(times),
            "pss_mib": pss_kib(peer.pids) / 1024}


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


def allocations(binaries, folder, collectors, tree, rounds):
    """Calls of malloc, calloc and realloc per scrape: ours by a preloaded counter, theirs by Go's own."""
    library, counts = pathlib.Path(folder) / "count.so", pathlib.Path(folder) / "counts"
    source = pathlib.Path(__file__).with_name("allocations.c")
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    counts.write_bytes(bytes(8))
    ours = start_socle(binaries, folder, collectors, tree, (library, counts))
    theirs = start_node_exporter(collectors, tree, own=True)
    mallocs = lambda: float(re.search(r"^go_memstats_mallocs_total (\S+)$", theirs.text, re.M).group(1))
    try:
        time.sleep(2)
        scrape(ours, 20)
        before = int.from_bytes(counts.read_bytes(), "little")
        scrape(ours, rounds)
        ours_each = (int.from_bytes(counts.read_bytes(), "little") - before) / rounds
        scrape(theirs, 3)
        before = mallocs()
        scrape(theirs, rounds)
        return ours_each, (mallocs() - before) / rounds
    finally:
        ours.stop()
        theirs.stop()


def floor_ns(peer, folder, rounds):
    """What the kernel takes for the files that our network half keeps open: each read once from its start."""
    pids = [pid for pid in peer.pids if "socle-gate" in pathlib.Path(f"/proc/{pid}/comm").read_text()]
    links = pathlib.Path(f"/proc/{pids[0]}/fd").iterdir()
    files = set()
    for link in links:
        try:
            target = os.readlink(link)
        except OSError:
            continue  # closed meanwhile
        if ("/proc/" in target or "/sys/" in target) and os.path.isfile(target):
            files.add(target.replace(f"/proc/{pids[0]}/", "/proc/self/"))
    binary, listing = pathlib.Path(folder) / "floor", pathlib.Path(folder) / "files"
    subprocess.run(["gcc", "-O2", "-o", str(binary), str(pathlib.Path(__file__).with_name("floor.c"))], check=True)
    listing.write_text("".join(f"{file}\n" for file in sorted(files)))
    output = subprocess.run([str(binary), str(listing), str(rounds)], check=True, capture_output=True, text=True).stdout
    return float(output), len(files)


def measure(binaries, rounds, collectors, tree=None, more=False):
    """Both, in turns, in one run. Returns a row of figures for each, and the differences of their pages.

    `more`: identity, crowds, allocations and the floor as well."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = start_socle(binaries, folder, collectors, tree), start_node_exporter(collectors, tree)
        try:
            time.sleep(3)  # both have settled
            for peer in (ours, theirs):
                peer.pss_idle = pss_kib(peer.pids)
            turns = min(10, rounds)
            for _ in range(turns):
                for peer in (ours, theirs):
                    scrape(peer, rounds // turns)
            for peer in (ours, theirs):
                peer.pss_scraped = pss_kib(peer.pids)
                peer.calls = system_calls(peer, min(rounds, 50))
                peer.more = {}
            diff = differences(binaries, folder, ours, theirs)
            if more:
                for peer in (ours, theirs):
                    scrape(peer, max(rounds // 2, 1), compressed=False)
                    peer.more = {count: crowd(peer, count, max(rounds // 100, 1)) for count in (10, 40)}
                ours.floor, ours.files = floor_ns(ours, folder, max(rounds, 20))
                ours.mallocs, theirs.mallocs = allocations(binaries, folder, collectors, tree, max(rounds // 5, 2))
            return [row(ours), row(theirs)], diff
        finally:
            ours.stop()
            theirs.stop()


def differences(binaries, folder, ours, theirs):
    """What `socle metrics diff` says of the two pages, both ways."""
    pages = {}
    for peer in (ours, theirs):
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
        connection.request("GET", peer.path)
        pages[peer.name] = pathlib.Path(folder) / f"{peer.name}.prom"
        pages[peer.name].write_bytes(connection.getresponse().read())
    diff = {}
    for left, right in (("node_exporter", "socle"), ("socle", "node_exporter")):
        command = [f"{binaries}/socle", "metrics", "diff", str(pages[left]), str(pages[right])]
        diff[left] = subprocess.run(command, capture_output=True, text=True).stdout
    return diff


def row(peer):
    quantiles = statistics.quantiles(peer.latencies, n=100)
    return {
        "name": peer.name,
        "cpu_ms": peer.cpu / peer.scrapes / 1e6,
        "cpu_identity_ms": getattr(peer, "cpu_identity", 0) / 1e6,
        "p50_ms": quantiles[49],
        "p99_ms": quantiles[98],
        "pss_idle_mib": peer.pss_idle / 1024,
        "pss_scraped_mib": peer.pss_scraped / 1024,
        "bytes": len(peer.text),
        "gzip_bytes": peer.gzip_bytes,
        "series": sum(1 for line in peer.text.splitlines() if line and not line.startswith("#")),
        "calls": peer.calls,
        "start_ms": peer.start_ms,
        "processes": len(peer.pids),
        "mallocs": getattr(peer, "mallocs", 0),
        "floor_ms": getattr(peer, "floor", 0) / 1e6,
        "files": getattr(peer, "files", 0),
        "crowds": peer.more,
    }
