"""ipmitool and ipmi-sensors as oracles: run them over LAN, parse what they print into fields.

Neither quotes its CSV, so names are never split at commas: a row is what begins with a record
id and ends with a fixed number of comma-free fields.  A row is
`{"name", "value", "unit", "thresholds", "bits" or "states", "status"}`.
"""

import os
import re
import subprocess

THRESHOLDS = ["lower_noncritical", "lower_critical", "lower_nonrecoverable",
              "upper_noncritical", "upper_critical", "upper_nonrecoverable"]
FREEIPMI_COLUMNS = ["lower_nonrecoverable", "lower_critical", "lower_noncritical",
                    "upper_noncritical", "upper_critical", "upper_nonrecoverable"]
IPMITOOL_LIMITS = {"Lower non-recoverable": "lower_nonrecoverable", "Lower critical": "lower_critical",
                   "Lower non-critical": "lower_noncritical", "Upper non-critical": "upper_noncritical",
                   "Upper critical": "upper_critical", "Upper non-recoverable": "upper_nonrecoverable"}
ENVIRONMENT = dict(os.environ, LC_ALL="C")


def ipmitool(port, *arguments):
    """Output of ipmitool over LAN (`-C 3`: ipmi_sim never answers Get Channel Cipher Suites)."""
    return _run(["ipmitool", "-I", "lanplus", "-C", "3", "-H", "127.0.0.1", "-p", str(port),
                 "-U", "ipmiusr", "-P", "test", *arguments])


def ipmi_sensors(port, cache, *arguments):
    """Output of ipmi-sensors over LAN with every sensor it can show; `cache` a private folder."""
    return _run(["ipmi-sensors", "-D", "LAN_2_0", "-I", "3", "-W", "opensesspriv", "-h", f"127.0.0.1:{port}",
                 "-u", "ipmiusr", "-p", "test", "--quiet-cache", f"--sdr-cache-directory={cache}",
                 "--comma-separated-output", "--output-sensor-state", "--output-sensor-thresholds",
                 "--output-event-bitmask", "--shared-sensors", "--bridge-sensors", *arguments])


def _run(command):
    done = subprocess.run(command, capture_output=True, timeout=120, env=ENVIRONMENT, check=False)
    if not done.stdout:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-400:]}")
    return done.stdout.decode("latin-1")


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def parse_ipmi_sensors(text):
    """Rows in the order printed, each with its `record_id`; shared records give several rows."""
    row = re.compile(r"(\d+),(.*?)" + r",([^,\n]*)" * 11 + r"\n", re.DOTALL)
    rows, at = [], text.index("\n") + 1
    for found in row.finditer(text, at):
        number, name, kind, state, value, unit, *rest = found.groups()
        limits = dict(zip(FREEIPMI_COLUMNS, map(_number, rest[:6])))
        bits = None if rest[6] == "N/A" else int(rest[6].rstrip("h"), 16)
        rows.append({"record_id": int(number), "name": name, "type": kind, "status": state,
                     "value": _number(value), "unit": unit, "thresholds": limits, "bits": bits})
    return rows


def parse_ipmitool(text):
    """Blocks of `ipmitool -v sdr list all` that are sensors, in repository order."""
    heads = list(re.finditer(r"^Sensor ID\s+: (.*?) \(0x([0-9a-f]+)\)\n", text, re.DOTALL | re.MULTILINE))
    blocks = []
    for head, following in zip(heads, heads[1:] + [None]):
        body = text[head.end():following.start() if following else len(text)]
        body = body.split("\n\n")[0]
        fields = dict(re.findall(r"^\s*([A-Z][^:\n]*?)\s*: (.*)$", body, re.MULTILINE))
        reading = re.match(r"(-?[\d.]+) \(\+/- [^)]*\) ?(.*)", fields.get("Sensor Reading", ""))
        asserted = re.search(r"States Asserted\s+: .*\n((?:\s+\[.*\]\n?)*)", body)
        blocks.append({"name": head[1], "number": int(head[2], 16),
                       "entity": fields.get("Entity ID", "").split(" ")[0],
                       "event_only": "Sensor Reading" not in fields,
                       "value": float(reading[1]) if reading else None,
                       "unit": reading[2].strip() if reading else None, "status": fields.get("Status"),
                       "thresholds": {ours: _number(fields[theirs].split(" ")[0]) if theirs in fields else None
                                      for theirs, ours in IPMITOOL_LIMITS.items()},
                       "states": re.findall(r"\[(.*?)\]", asserted[1]) if asserted else []})
    return blocks


def add_sensor_list(blocks, text):
    """Puts the thresholds of `ipmitool sensor list` (what the BMC answers) into the blocks of
    `parse_ipmitool` (which printed those of the SDR); both are in repository order."""
    row = re.compile(r"(.*?) *\| ([^|\n]{10}) \| ([^|\n]{10,}) \| ([^|\n]{6})" + r"\| ([^|\n]{10})" * 6 + r"\n", re.DOTALL)
    rows = list(row.finditer(text))
    sensors = [b for b in blocks if b["name"] is not None]
    if [r[1].strip() for r in rows] != [b["name"].strip() for b in sensors]:
        raise RuntimeError("ipmitool's sensor list and sdr list are not about the same sensors")
    for found, block in zip(rows, sensors):
        block["thresholds"] = dict(zip(FREEIPMI_COLUMNS, (_number(v.strip()) for v in found.groups()[4:])))
    return blocks


def ask_both(port, cache):
    """Rows of ipmi-sensors and blocks of ipmitool for the BMC on a LAN port."""
    blocks = parse_ipmitool(ipmitool(port, "-v", "sdr", "list", "all"))
    sensors = [b for b in blocks if not b["event_only"]]
    add_sensor_list(sensors, ipmitool(port, "sensor", "list"))
    return parse_ipmi_sensors(ipmi_sensors(port, cache)), sensors
