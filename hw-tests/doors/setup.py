"""What the doors need around them: certificates, an agent behind a `web.yml`, Prometheus, a page served as it is."""

import contextlib
import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import agent  # noqa: E402
import exporter  # noqa: E402
import ipmisim  # noqa: E402

# bcrypt of "s3cret", cost 6: cheap enough for a build without optimisation.
HASH = "$2b$06$abcdefghijklmnopqrstuuNOnw6EGKc3988bZtxlqHMps74iVdpdC"
PASSWORD = "s3cret"
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
MTLS = TLS + "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
BASIC = TLS + f"basic_auth_users:\n  alice: {HASH}\n"


class Ca:
    """A CA made by openssl; `issue` makes a pair for localhost."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.folder.mkdir(exist_ok=True)
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.crt")

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def issue(self, stem, days=20):
        """Writes STEM.crt and STEM.key; returns their paths."""
        (self.folder / f"{stem}.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", f"/CN={stem}", "-keyout", f"{stem}.key", "-out", f"{stem}.csr")
        self._openssl("x509", "-req", "-in", f"{stem}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", str(days), "-extfile", f"{stem}.ext", "-out", f"{stem}.crt")
        return self.folder / f"{stem}.crt", self.folder / f"{stem}.key"


class Door(agent.Agent):
    """`socle run` behind a `web.yml`, with a textfile folder."""

    def __init__(self, folder, ca, web, textfiles):
        folder = pathlib.Path(folder)
        folder.mkdir()
        self.place(folder, ca.issue("server"))
        (folder / "ca.crt").write_bytes((ca.folder / "ca.crt").read_bytes())
        (folder / "web.yml").write_text(web)
        (folder / "conf.d").mkdir()
        (folder / "conf.d" / "text.toml").write_text(f'[metrics]\ntextfile_dir = "{textfiles}"\n' if textfiles else "")
        super().__init__(folder, "/nonexistent/ipmi0")
        self.address = self._address()

    @staticmethod
    def place(folder, pair, pause=0.0):
        """Puts a pair where `web.yml` names it, one file after the other, as a renewal does."""
        for source, name in zip(pair, ("server.crt", "server.key")):
            new = pathlib.Path(folder) / (name + ".new")
            new.write_bytes(source.read_bytes())
            new.rename(pathlib.Path(folder) / name)
            time.sleep(pause)

    def _address(self):
        for _ in range(150):
            with contextlib.suppress(OSError, ValueError, KeyError):
                page = json.loads((self.state / "run.json").read_text())["page"]
                if not page.startswith("https://"):
                    raise RuntimeError(f"run.json calls the page {page}")
                return page.removeprefix("https://")
            time.sleep(0.1)
        raise RuntimeError(f"no run.json:\n{self.said()[-2000:]}")


def fetch(address, ca, own=None, headers=None, path="/metrics"):
    """Status and body of one request on a connection of its own; an OSError where it is refused below HTTP."""
    context = ssl.create_default_context(cafile=ca.folder / "ca.crt")
    if own:
        context.load_cert_chain(*own)
    request = urllib.request.Request(f"https://{address}{path}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Prometheus:
    """Debian's prometheus with these jobs (scrape_configs as JSON, which is YAML)."""

    def __init__(self, folder, jobs):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        self.address = f"127.0.0.1:{ipmisim.free_port()}"

    @contextlib.contextmanager
    def running(self):
        command = ["prometheus", "--config.file=prometheus.yml", f"--web.listen-address={self.address}",
                   f"--storage.tsdb.path={self.folder}/data"]
        with exporter._process(command, f"http://{self.address}/-/ready", self.folder, "prometheus"):
            yield self

    def _api(self, path, **query):
        answer = exporter.get(f"http://{self.address}/api/v1/{path}?" + urllib.parse.urlencode(query))
        return json.loads(answer)["data"]

    def query(self, text):
        """The result list of a PromQL query."""
        return self._api("query", query=text)["result"]

    def series(self, job):
        """Every series stored for a job: sorted label pairs without job and instance."""
        found = self._api("series", **{"match[]": f'{{job="{job}"}}', "start": time.time() - 3600})
        kept = ({key: value for key, value in one.items() if key not in ("job", "instance")} for one in found)
        return {tuple(sorted(one.items())) for one in kept}

    def last_error(self, job):
        """What the last scrape of a job failed with; empty when it did not."""
        targets = self._api("targets", state="active")["activeTargets"]
        return next((one["lastError"] for one in targets if one["labels"]["job"] == job), "no such target")

    def wait(self, text, seconds=30):
        """Waits until a query has a result; whether it had."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.query(text):
                return True
            time.sleep(0.3)
        return False


def job(name, address, door, ca, form, **more):
    """A scrape configuration for one door and one format."""
    return {"job_name": name, "scheme": "https", "params": {"format": [form]},
            "static_configs": [{"targets": [address]}],
            "tls_config": {"ca_file": str(ca.folder / "ca.crt"), "server_name": "localhost", **door}, **more}


@contextlib.contextmanager
def served(pages):
    """Serves pages as they are: path to (content type, bytes); yields the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            kind, body = pages[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
