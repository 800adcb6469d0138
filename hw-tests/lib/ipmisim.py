"""Start, drive and stop one ipmi_sim: LAN, serial VM codec and console on free ports.

    with ipmisim.running(emu_text) as sim:
        sim.command("sensor_set_value 0x20 0 0x01 0x30 1")
"""

import contextlib
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

LAN_CONF = """name "bmc0"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {lan}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{chassis} 0x20"
  serial 15 127.0.0.1 {serial} codec VM
  console 127.0.0.1 {console}
  user 1 true  ""        "test" user  10 none md2 md5 straight
  user 2 true  "ipmiusr" "test" admin 10 none md2 md5 straight
"""
CHASSIS = """#!/bin/sh
# ipmi_sim asks: 0x20 get power boot ...; a chassis that is always on
shift
[ "$1" = get ] || exit 0
shift
for what; do case $what in power) echo power:1 ;; boot) echo boot:none ;; *) echo "$what:0" ;; esac; done
"""


def free_port(kind=socket.SOCK_STREAM):
    """A port nobody listens on now."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Sim:
    """One running ipmi_sim; `lan`, `serial`, `console` are its ports, `folder` its files."""

    def __init__(self, folder, emu, sel=None, serial=None, extra=""):
        self.folder = pathlib.Path(folder)
        self.lan, self.serial = free_port(socket.SOCK_DGRAM), serial or free_port()
        self.console = free_port()
        state = self.folder / "state"
        shutil.rmtree(state, ignore_errors=True)
        (state / "bmc0").mkdir(parents=True)
        if sel is not None:
            (state / "bmc0" / "sel.20").write_bytes(sel)
        chassis = self.folder / "chassis"
        chassis.write_text(CHASSIS)
        chassis.chmod(0o755)
        (self.folder / "bmc.emu").write_text(emu)
        (self.folder / "lan.conf").write_text(
            LAN_CONF.format(lan=self.lan, serial=self.serial, console=self.console, chassis=chassis) + extra)
        self.start()

    def start(self):
        """Start it, on the same ports if it ran before (`mc_enable` at run time ends ipmi_sim:
        this is how a BMC that was disabled comes back)."""
        self.log = open(self.folder / "ipmi_sim.log", "wb")
        self.process = subprocess.Popen(
            ["ipmi_sim", "-n", "-c", "lan.conf", "-f", "bmc.emu", "-s", str(self.folder / "state")],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self._wait()

    def restart(self):
        """The BMC ends and starts again, as its command file says."""
        self.stop()
        self.start()

    def _wait(self):
        for _ in range(100):
            if self.process.poll() is not None:
                raise RuntimeError(f"ipmi_sim ended: {(self.folder / 'ipmi_sim.log').read_text()}")
            with contextlib.suppress(OSError):
                self.command("")
                return
            time.sleep(0.05)
        raise RuntimeError("ipmi_sim's console never opened")

    def command(self, *lines):
        """Run console commands (ipmi_sim_cmd(5)); returns what the console printed."""
        with socket.create_connection(("127.0.0.1", self.console), timeout=5) as s:
            said = self._until_prompt(s)
            for line in lines:
                s.sendall(line.encode() + b"\n")
                said += self._until_prompt(s)
        return said.decode(errors="replace")

    @staticmethod
    def _until_prompt(s):
        data = b""
        while not data.rstrip(b" ").endswith(b">"):
            chunk = s.recv(4096)
            if not chunk:
                break
            data += chunk
        return data

    def set_raw(self, sensor, raw, event=1):
        """An analog sensor of the manifest reads `raw` from now on."""
        return self.command(f"sensor_set_value 0x20 {sensor['lun']} 0x{sensor['number']:02x} 0x{raw:02x} {event}")

    def set_bit(self, sensor, bit, value, event=1):
        """One state bit of a sensor of the manifest."""
        return self.command(f"sensor_set_bit 0x20 {sensor['lun']} 0x{sensor['number']:02x} {bit} {value} {event}")

    def stop(self):
        """End it; its files stay."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


@contextlib.contextmanager
def running(emu, sel=None, serial=None, extra=""):
    """A sim for the length of a `with` block; `serial` asks for that port, `extra` are lines of its configuration."""
    with tempfile.TemporaryDirectory(prefix="socle-bmc-") as temporary:
        sim = Sim(temporary, emu, sel, serial, extra)
        try:
            yield sim
        finally:
            sim.stop()


@contextlib.contextmanager
def unix_door(port, path):
    """A Unix socket at `path` that leads to the sim's serial port: what `[ipmi] device` is set to."""
    relay = subprocess.Popen(["socat", f"UNIX-LISTEN:{path},fork", f"TCP:127.0.0.1:{port}"],
                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            if pathlib.Path(path).exists():
                break
            time.sleep(0.02)
        yield path
    finally:
        relay.terminate()
        relay.wait()
