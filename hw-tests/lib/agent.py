"""`socle run` on this machine, against an ipmi_sim through the test transport (no VM)."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

import ipmisim

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def binaries():
    """Folder of the binaries under test: $SOCLE_BIN, else the debug build."""
    folder = os.environ.get("SOCLE_BIN") or pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug"
    folder = pathlib.Path(folder)
    missing = [name for name in ("socle", "socle-host", "socle-gate") if not (folder / name).exists()]
    if missing:
        raise SystemExit(f"{', '.join(missing)} not in {folder}; build them (cargo build) or set SOCLE_BIN")
    return folder


class Agent:
    """A running agent; `ask` runs a command of its CLI."""

    def __init__(self, folder, device, root=None, extra=""):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        (self.folder / "socle.toml").write_text(f'[ipmi]\ndevice = "{device}"\ninterval_s = 1\n{extra}')
        self.log = open(self.folder / "agent.log", "wb")
        self.process = subprocess.Popen(
            [binaries() / "socle", "run", "--config", self.folder / "socle.toml", "--state", self.state,
             "--listen", "127.0.0.1:0", *(["--root", root] if root else [])],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def ask(self, *arguments):
        """Exit status and standard output of `socle ARGUMENTS --state …`."""
        done = subprocess.run([binaries() / "socle", *arguments, "--state", self.state],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    def document(self, *arguments):
        """A JSON document, or None while there is none."""
        with contextlib.suppress(ValueError):
            return json.loads(self.ask(*arguments, "--json")[1])
        return None

    def page(self):
        """Address of the page, from `run.json`."""
        run = json.loads((self.state / "run.json").read_text())
        return run["page"] if "://" in run["page"] else "http://" + run["page"]

    def said(self):
        """What it wrote."""
        return (self.folder / "agent.log").read_text(errors="replace")

    def wait_sensors(self, seconds=120):
        """The sensors document once a whole sweep is in: twice the same set of answered sensors."""
        end, before = time.monotonic() + seconds, None
        while time.monotonic() < end:
            found = self.document("sensors") or {"sensors": []}
            mine = [s for s in found["sensors"] if s["source"] == "ipmi"]
            shape = [(s["record_id"], s["number"], s["absent"]) for s in mine]
            if mine and shape == before and not any(s["absent"] == "not_answered" for s in mine):
                return found
            before = shape
            time.sleep(1)
        raise RuntimeError(f"no whole sweep in {seconds} s; the agent said:\n{self.said()[-3000:]}")

    def stop(self):
        """SIGTERM, then SIGKILL."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@contextlib.contextmanager
def running(sim):
    """An agent on a sim for the length of a `with` block."""
    with tempfile.TemporaryDirectory(prefix="socle-a-") as folder:
        with ipmisim.unix_door(sim.serial, str(pathlib.Path(folder) / "bmc")) as device:
            agent = Agent(folder, device)
            try:
                yield agent
            finally:
                agent.stop()
