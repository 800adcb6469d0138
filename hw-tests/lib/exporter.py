"""Debian's prometheus-ipmi-exporter and Prometheus, on loopback, for comparison with our page."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

import ipmisim

# Nothing excluded; `workaround_flags` because ipmi_sim's session opening wants it (testbeds).
EXPORTER = """modules:
  default:
    user: ipmiusr
    pass: test
    driver: LAN_2_0
    privilege: admin
    timeout: 30000
    collectors: [bmc, ipmi, dcmi, chassis, sel]
    workaround_flags: [opensesspriv]
"""
PROMETHEUS = """global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: socle
    static_configs: [{{targets: ["{socle}"]}}]
  - job_name: ipmi_exporter
    scrape_timeout: 1s
    metrics_path: /ipmi
    params: {{target: ["{target}"]}}
    static_configs: [{{targets: ["{exporter}"]}}]
"""


def get(url, seconds=60):
    """Body of a page as bytes."""
    with urllib.request.urlopen(url, timeout=seconds) as answer:
        return answer.read()


def _wait(url, process, log):
    for _ in range(150):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            get(url, 2)
            return
        time.sleep(0.1)
    raise RuntimeError(f"{url} never answered: {pathlib.Path(log).read_text(errors='replace')[-800:]}")


@contextlib.contextmanager
def _process(command, ready, folder, name, env=None):
    path = pathlib.Path(folder) / f"{name}.log"
    with open(path, "wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=env)
        try:
            _wait(ready, process, path)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def running():
    """The exporter; yields its `HOST:PORT`. Its tools keep their SDR cache in a private home."""
    with tempfile.TemporaryDirectory(prefix="socle-exp-") as folder:
        (pathlib.Path(folder) / "ipmi.yml").write_text(EXPORTER)
        address = f"127.0.0.1:{ipmisim.free_port()}"
        with _process(["prometheus-ipmi-exporter", "--config.file=ipmi.yml", f"--web.listen-address={address}"],
                      f"http://{address}/", folder, "exporter", dict(os.environ, HOME=folder, TZ="UTC")):
            yield address


def page(address, port):
    """The exporter's page for the BMC on a LAN port."""
    return get(f"http://{address}/ipmi?target=127.0.0.1:{port}&module=default")


@contextlib.contextmanager
def prometheus(socle, exporter, port):
    """Prometheus scraping both; yields a function that answers a PromQL query with its result list."""
    with tempfile.TemporaryDirectory(prefix="socle-prom-") as folder:
        (pathlib.Path(folder) / "prometheus.yml").write_text(
            PROMETHEUS.format(socle=socle, exporter=exporter, target=f"127.0.0.1:{port}"))
        address = f"127.0.0.1:{ipmisim.free_port()}"

        def query(text):
            answer = get(f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": text}))
            return json.loads(answer)["data"]["result"]

        with _process(["prometheus", "--config.file=prometheus.yml", f"--web.listen-address={address}",
                       f"--storage.tsdb.path={folder}/data"], f"http://{address}/-/ready", folder, "prometheus"):
            yield query
