"""One sweep of a BMC's sensors by socle beside `ipmitool sdr elist` and `ipmi-sensors`: time, CPU, requests.

All talk to the same ipmi_sim, one after the other: the tools over LAN, socle over the simulator's serial port.
The bus costs nothing here, so seconds compare the programs; the requests are what a real bus would carry."""
import json
import pathlib
import resource
import subprocess
import tempfile
import time
import urllib.request

import counters
import exporters
import ipmisim
import sdrgen

SWEEPS = 10


def report(binaries):
    """Prints the table."""
    emu, manifest = sdrgen.generate(1)
    with ipmisim.running(emu) as sim, tempfile.TemporaryDirectory() as folder:
        rows = [socle(binaries, sim, pathlib.Path(folder))]
        cache = pathlib.Path(folder) / "cache"
        cache.mkdir()
        lan = ["-H", "127.0.0.1", "-U", "ipmiusr", "-P", "test"]
        tool = ["ipmitool", "-I", "lanplus", "-C", "3", *lan]
        rows.append(run(counters.Datagrams(sim.lan), "ipmitool sdr elist all", lambda port: [*tool, "-p", str(port), "sdr", "elist", "all"]))
        sensors = ["ipmi-sensors", "-D", "LAN_2_0", "-I", "3", "-W", "opensesspriv", "-u", "ipmiusr", "-p", "test",
                   "--quiet-cache", f"--sdr-cache-directory={cache}"]
        counter = counters.Datagrams(sim.lan)  # the cache is named after host and port: one for both runs
        for name in ("ipmi-sensors, cold SDR cache", "ipmi-sensors, warm SDR cache"):
            rows.append(run(counter, name, lambda port: [*sensors, "-h", f"127.0.0.1:{port}"]))
    print(f"One sweep of {manifest['count']} sensors on ipmi_sim\n")
    print("| sweep | seconds | CPU (ms) | requests |\n|---|---:|---:|---:|")
    for name, seconds, cpu_ms, requests in rows:
        print(f"| {name} | {seconds:.3f} | {cpu_ms:.1f} | {requests:.0f} |")


def run(counter, name, command):
    """A tool once, from start to end."""
    requests = counter.requests
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command(counter.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return name, seconds, cpu * 1000, counter.requests - requests


def socle(binaries, sim, folder):
    """The mean of a few sweeps of a running agent, CPU of the root half only."""
    forwarder = counters.Forwarder(folder / "bmc.sock", sim.serial)
    config = folder / "socle.toml"
    config.write_text(f'[ipmi]\ndevice = "{folder}/bmc.sock"\ninterval_s = 1\nbus_share = 1.0\n')
    port = exporters.free_port()
    command = [f"{binaries}/socle", "run", "--listen", f"127.0.0.1:{port}", "--config", str(config), "--state", str(folder)]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        exporters.wait_ready(port, "/metrics", started)
        first = wait_for_sweep(port, None)
        pids = [pid for pid in exporters.children(process) if host_half(pid)]
        seconds, cpu, requests = [], exporters.cpu_ns(pids), forwarder.requests
        last = first
        for _ in range(SWEEPS):
            last = wait_for_sweep(port, last)
            seconds.append(last[1])
        cpu = (exporters.cpu_ns(pids) - cpu) / SWEEPS / 1e6
        return "socle, each sweep after the first", sum(seconds) / SWEEPS, cpu, (forwarder.requests - requests) / SWEEPS
    finally:
        process.terminate()
        process.wait(timeout=10)
        forwarder.close()


def host_half(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "socle-host"


def wait_for_sweep(port, last):
    """(time stamp of a sensor, duration of the sweep) of the next sweep that is complete."""
    for _ in range(600):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/sensors", timeout=10) as answer:
            sensors = json.load(answer)["sensors"]
        at = max((s["at"] for s in sensors if s["source"] == "ipmi" and s["at"]), default=None)
        if at and (last is None or at != last[0]):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics/socle", timeout=10) as answer:
                text = answer.read().decode()
            for line in text.splitlines():
                if line.startswith('socle_source_duration_seconds{source="ipmi"}'):
                    return at, float(line.split()[-1])
        time.sleep(0.05)
    raise RuntimeError("no sweep within 30 s")
