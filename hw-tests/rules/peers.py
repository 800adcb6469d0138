"""The processes of the rules suite: Prometheus with our configuration files, node_exporter, the agents."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import agent
import ipmisim

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGED = ROOT / "packaging/prometheus"
# Debian changes some of upstream's filters; with these both show the same devices.
UPSTREAM = [
    "--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$",
    "--collector.filesystem.mount-points-exclude=^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "--collector.netdev.device-exclude=^$",
]


def get(url, seconds=20):
    """Body of a page as text."""
    with urllib.request.urlopen(url, timeout=seconds) as answer:
        return answer.read().decode()


@contextlib.contextmanager
def process(command, ready, log, env=None):
    """A program for the length of a block, once `ready` answers."""
    with open(log, "wb") as out:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env)
        try:
            for _ in range(300):
                if running.poll() is not None:
                    break
                with contextlib.suppress(OSError, urllib.error.URLError):
                    get(ready, 2)
                    break
                time.sleep(0.1)
            else:
                raise RuntimeError(f"{ready} never answered: {pathlib.Path(log).read_text(errors='replace')[-800:]}")
            if running.poll() is not None:
                raise RuntimeError(f"{command[0]} ended: {pathlib.Path(log).read_text(errors='replace')[-800:]}")
            yield running
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


@contextlib.contextmanager
def node_exporter(folder, name, *arguments):
    """Debian's prometheus-node-exporter; yields its `HOST:PORT`."""
    address = f"127.0.0.1:{ipmisim.free_port()}"
    command = ["prometheus-node-exporter", f"--web.listen-address={address}", *arguments]
    with process(command, f"http://{address}/", folder / f"{name}.log"):
        yield address


@contextlib.contextmanager
def socle_on(folder, tree):
    """An agent on a tree; yields its `HOST:PORT`."""
    state, log = folder / "tree-state", folder / "tree-agent.log"
    with open(log, "wb") as out:
        running = subprocess.Popen([agent.binaries() / "socle", "run", "--root", tree, "--state", state,
                                    "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield address(state, log)
        finally:
            running.terminate()
            running.wait(10)


def address(state, log, seconds=30):
    """`HOST:PORT` of the agent that keeps its state there, once its page answers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, KeyError):
            page = json.loads((state / "run.json").read_text())["page"]
            found = re.search(r"([\w.]+:\d+)", page.removeprefix("http://")).group(1)
            get(f"http://{found}/readyz")
            return found
        time.sleep(0.1)
    raise RuntimeError(f"no page in {seconds} s; it said: {pathlib.Path(log).read_text(errors='replace')[-800:]}")


class Prometheus:
    """A running Prometheus."""

    def __init__(self, address):
        self.address = address

    def ask(self, path, **parameters):
        """`data` of an API call."""
        query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
        return json.loads(get(f"http://{self.address}/api/v1/{path}{query}"))["data"]

    def query(self, text, at=None):
        """`{labels: value}` of an instant query; instance and job are left out of the labels."""
        result = self.ask("query", query=text, **({"time": at} if at else {}))["result"]
        gone = {"instance", "job"}
        return {tuple(sorted((k, v) for k, v in row["metric"].items() if k not in gone)): float(row["value"][1])
                for row in result}


@contextlib.contextmanager
def prometheus(folder, name, file, target, more=""):
    """Prometheus with a configuration file of the package; its targets and its pace are replaced."""
    home = folder / name
    shutil.copytree(PACKAGED, home)
    text = (home / file).read_text()
    replaced = text.replace('"localhost:10911"', f'"{target}"')
    if replaced == text:
        raise RuntimeError(f"{file} has no target to replace")
    replaced = re.sub(r"scrape_interval: \d+s", "scrape_interval: 1s", replaced)
    replaced = re.sub(r"scrape_timeout: \d+s", "scrape_timeout: 1s", replaced)
    replaced = replaced.replace("scrape_configs:\n", "global: {evaluation_interval: 5s}\nscrape_configs:\n" + more, 1)
    (home / file).write_text(replaced)
    at = f"127.0.0.1:{ipmisim.free_port()}"
    command = ["prometheus", f"--config.file={home / file}", f"--web.listen-address={at}",
               f"--storage.tsdb.path={home}/data"]
    with process(command, f"http://{at}/-/ready", folder / f"{name}.log", dict(os.environ, GOMAXPROCS="1")):
        yield Prometheus(at)


def job(name, target):
    """A further job of a scrape configuration."""
    return (f"  - job_name: {name}\n    scrape_interval: 1s\n    scrape_timeout: 1s\n"
            f"    static_configs: [{{targets: [\"{target}\"]}}]\n")
