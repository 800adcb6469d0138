"""`socle.sensors/1` against ipmitool and ipmi-sensors, field by field.

`compare(socle, manifest, freeipmi, ipmitool)` gives `(explained, unexplained)`: lists of
`(sensor, field, ours, theirs, oracle, reason)`.  A reason comes from one rule of `RULES`, which
names the class of sensors it is for and the paragraph of the specification; anything else is a
failure.  Values may differ by half a raw step (plus the last digit the oracle prints).
"""

import re

import sdrgen

THRESHOLDS = sdrgen.THRESHOLDS
STATE_WORDS = ["at or below lower non-critical", "at or below lower critical", "at or below lower non-recoverable",
               "at or above upper non-critical", "at or above upper critical", "at or above upper non-recoverable"]
NON_CRITICAL = {STATE_WORDS[0], STATE_WORDS[3]}
DIGIT = {"freeipmi": 0.0051, "ipmitool": 0.00051}
# Unit code (43.17): ours, ipmi-sensors', ipmitool's.
UNITS = {1: ("celsius", "C", "degrees C"), 4: ("volts", "V", "Volts"), 5: ("amperes", "A", "Amps"),
         6: ("watts", "W", "Watts"), 7: ("joules", "J", "Joules"), 14: ("kilopascals", "KPA", "kPa"),
         17: ("cfm", "CFM", "CFM"), 18: ("rpm", "RPM", "RPM"), 19: ("hertz", "Hz", "Hz"),
         20: ("microseconds", "us", "microsecond"), 21: ("milliseconds", "ms", "millisecond"),
         22: ("seconds", "s", "second"), 71: ("kilobytes", "KB", "kilobyte")}
RATES = ["", "microsecond", "millisecond", "second", "minute", "hour", "day"]
RATES_FREEIPMI = ["", "us", "ms", "s", "minute", "hour", "day"]
SEVERITY = {"Nominal": "ok", "Warning": "warning", "Critical": "critical"}
RESERVED = re.compile(r"state \d+")
PACKED = (sdrgen.SIX_BIT, sdrgen.BCD)


def is_analog(s):
    """Whether the record has a formula."""
    return "formula" in s


def curve(s):
    """Linearization; 0 for a discrete sensor."""
    return s["formula"]["linearization"] if is_analog(s) else 0


# (oracle, field, which sensors and rows, where the oracle errs, paragraph)
RULES = [
    ("freeipmi", "value", lambda s, ours, row: curve(s) == 0x0B,
     "FreeIPMI 1.6.10 computes x^-3 where 0Bh is the cube root", "IPMI 2.0, 43.1 byte 24"),
    ("freeipmi", "threshold", lambda s, ours, row: curve(s) == 0x0B,
     "FreeIPMI 1.6.10 computes x^-3 where 0Bh is the cube root", "IPMI 2.0, 43.1 byte 24"),
    ("freeipmi", "threshold", lambda s, ours, row: s["lun"] != 0,
     "FreeIPMI asks LUN 0 for the thresholds of a sensor on another LUN", "IPMI 2.0, 35.9 with 43.1 byte 7"),
    ("ipmitool", "unit", lambda s, ours, row: is_analog(s) and s["formula"]["rate"] != 0,
     "ipmitool drops the rate unit", "IPMI 2.0, 43.1 byte 21 bits 5:3"),
    ("ipmitool", "name", lambda s, ours, row: s["encoding"] in PACKED,
     "ipmitool prints the packed bytes", "IPMI 2.0, 43.15"),
    ("freeipmi", "name", lambda s, ours, row: s["encoding"] in PACKED,
     "FreeIPMI prints the packed bytes", "IPMI 2.0, 43.15"),
    ("freeipmi", "threshold", lambda s, ours, row: s.get("threshold_access") == 0 and row["limit"] is None,
     "FreeIPMI believes a record that says \"no thresholds\"; the BMC answers for them and ipmitool shows them",
     "IPMI 2.0, 43.1 byte 12 bits 3:2 against 35.9 byte 2"),
    ("freeipmi", "name", lambda s, ours, row: s.get("padded") and row["name"].replace("  ", " ") == ours["name"],
     "FreeIPMI keeps the padding blank of the id string", "IPMI 2.0, 43.15"),
    ("ipmitool", "states", lambda s, ours, row: any(RESERVED.fullmatch(w) for w in ours["states"])
     and said_alike([w for w in ours["states"] if not RESERVED.fullmatch(w)], row["states"]),
     "ipmitool is silent about offsets the table does not define", "IPMI 2.0, 35.14 bytes 4 and 5 with table 42-3"),
    ("freeipmi", "status", lambda s, ours, row: s["code"] == 1 and row["bits"] & 0x3F == 0 and passed(ours),
     "the BMC's status byte is silent, yet its reading has passed its own threshold; FreeIPMI trusts the byte",
     "IPMI 2.0, 35.14 byte 4 against 35.9"),
    ("freeipmi", "status", lambda s, ours, row: s["code"] == 1 and ours["status"] == "warning"
     and row["status"] == "Nominal" and set(ours["states"]) <= NON_CRITICAL,
     "FreeIPMI's table calls non-critical thresholds nominal; we warn", "IPMI 2.0, table 42-2 code 01h"),
    ("freeipmi", "status", lambda s, ours, row: s["type"] == 0x25 and ours["status"] == "ok"
     and ours["states"] == ["entity absent"],
     "absent is judged against what was once there", "IPMI 2.0, table 42-3 type 25h offset 1"),
]


def passed(ours):
    """Whether a reading is at or beyond one of its own thresholds."""
    limits, value = ours["thresholds"], ours["value"]
    return value is not None and any(
        limits[name] is not None and (value <= limits[name] if name.startswith("lower") else value >= limits[name])
        for name in THRESHOLDS)


def half_step(s, value):
    """Half a raw step of an analog sensor around a value."""
    formula = s["formula"]
    raws = [raw for raw in range(256) if sdrgen.convert(raw, formula) is not None]
    if value is None or not raws:
        return 0
    return sdrgen.half_step(min(raws, key=lambda raw: abs(sdrgen.convert(raw, formula) - value)), formula)


def near(s, ours, theirs, digit):
    """Both absent, or both there and no further apart than half a step and a printed digit."""
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return abs(ours - theirs) <= half_step(s, ours) + digit


def units(s):
    """What the three must print: ours, ipmi-sensors', ipmitool's (None: the code is not in the table)."""
    f = s["formula"]
    base = ("percent", "%", "percent") if f["percent"] else UNITS.get(f["unit"])
    if base is None:
        return None
    ours, freeipmi, ipmitool = base
    if f["modifier_use"]:
        more = UNITS[f["modifier"]]
        sign = (" per ", " / ", "/") if f["modifier_use"] == 1 else (" times ", " * ", "*")
        ours += sign[0] + (more[0])
        freeipmi, ipmitool = freeipmi + sign[1] + more[1], ipmitool + sign[2] + more[2]
    if f["rate"]:
        ours, freeipmi = f"{ours} per {RATES[f['rate']]}", f"{freeipmi} per {RATES_FREEIPMI[f['rate']]}"
        ipmitool = f"{ipmitool} per {RATES[f['rate']]}"
    return ours, freeipmi, ipmitool


def tokens(text):
    """Words of a state, for comparing two tellings of one table row."""
    return {w[:6] for w in re.findall(r"[a-z0-9]+", text.lower())} - {"state", "or", "of", "to", "the", "and"}


def said_alike(ours, theirs):
    """Whether two lists of states, both in the order of their bits, tell the same rows of the table."""
    return len(ours) == len(theirs) and all(tokens(a) & tokens(b) for a, b in zip(ours, theirs))


def state_bits(states):
    """Threshold bits (35.14) from our words."""
    return sum(1 << STATE_WORDS.index(word) for word in states if word in STATE_WORDS)


def analog_differences(s, ours, row, oracle):
    """Value, unit, thresholds and their states."""
    if not near(s, ours["value"], row["value"], DIGIT[oracle]):
        yield "value", ours["value"], row["value"]
    for name in THRESHOLDS:
        mine = (ours["thresholds"] or {}).get(name)
        if not near(s, mine, row["thresholds"][name], DIGIT[oracle]):
            yield "threshold", f"{name} {mine}", row["thresholds"][name]
    if row["value"] is not None:
        words = units(s)
        if words is None:
            yield "unit", ours["unit"], row["unit"]
        else:
            if ours["unit"] != words[0]:
                yield "our unit", ours["unit"], words[0]
            if row["unit"] != words[1 if oracle == "freeipmi" else 2]:
                yield "unit", ours["unit"], row["unit"]
    if oracle == "freeipmi" and row["bits"] is not None and state_bits(ours["states"]) != row["bits"] & 0x3F:
        yield "states", ours["states"], hex(row["bits"])


def discrete_differences(s, ours, row, oracle, k):
    """The states of a discrete sensor, by count from FreeIPMI and by words from ipmitool."""
    if ours["value"] is not None:
        yield "value", ours["value"], None
    if oracle == "freeipmi" and row["bits"] is not None:
        if len(ours["states"]) != bin(row["bits"] & 0x7FFF).count("1"):
            yield "states", ours["states"], hex(row["bits"])
    if oracle == "ipmitool" and k == 0 and not said_alike(ours["states"], row["states"]):
        yield "states", ours["states"], row["states"]


def differences(s, ours, row, oracle, k):
    """Fields of one oracle row that are not ours: `(field, ours, theirs)`."""
    if is_analog(s):
        yield from analog_differences(s, ours, row, oracle)
    else:
        yield from discrete_differences(s, ours, row, oracle, k)
    wanted = ours["name"] if oracle == "freeipmi" else s["name"]
    if row["name"].rstrip(" ") != wanted:
        yield "name", ours["name"], row["name"]
    if oracle == "freeipmi" and ours["absent"] in (None, "discrete"):
        if SEVERITY.get(row["status"], "none") not in (ours["status"], "none"):
            yield "status", ours["status"], row["status"]


def truth_differences(s, one, ours):
    """What the seed knows better than any oracle: value, thresholds, states of a generated sensor."""
    if "states" not in one:
        return
    readable = ("value", "states")
    if s["unreadable"]:
        if ours["absent"] in (None, "discrete"):
            yield "absent", ours["absent"], s["unreadable"]
        return
    if is_analog(s):
        if not near(s, ours["value"], s["value"], 1e-9):
            yield readable[0], ours["value"], s["value"]
        for name, limit in s["limits"].items():
            if not near(s, ours["thresholds"][name], limit, 1e-9):
                yield "threshold", f"{name} {ours['thresholds'][name]}", limit
        if state_bits(ours["states"]) != one["states"]:
            yield readable[1], ours["states"], hex(one["states"])
    elif len(ours["states"]) != bin(one["states"]).count("1"):
        yield readable[1], ours["states"], hex(one["states"])
    if ours["name"] != one["name"]:
        yield "name", ours["name"], one["name"]


def explain(oracle, field, s, ours, row):
    """Reason of a difference, or None."""
    for who, what, fits, text, paragraph in RULES:
        if who == oracle and what == field and fits(s, ours, row):
            return f"{text} ({paragraph})"
    return None


def compare(socle, manifest, freeipmi, ipmitool):
    """`(explained, unexplained)` for a whole BMC; every sensor of the manifest must be there."""
    explained, unexplained = [], []
    mine = {(s["record_id"], s["number"]): s for s in socle["sensors"] if s["source"] == "ipmi"}
    by_record = {}
    for row in freeipmi:
        by_record.setdefault(row["record_id"], []).append(row)
    blocks = iter([b for b in ipmitool if not b["event_only"]])
    for s in manifest["sensors"]:
        block = next((b for b in blocks if b["number"] == s["number"]), None)
        rows = by_record.get(s["record_id"], [])
        for k, one in enumerate(s["sensors"]):
            ours = mine.get((s["record_id"], one["number"]))
            if ours is None:
                unexplained.append((one["name"], "sensor", None, "in the repository", "seed", None))
                continue
            unexplained += [(one["name"], *d, "seed", None) for d in truth_differences(s, one, ours)]
            pairs = [("freeipmi", rows[k] if k < len(rows) else None)] + ([("ipmitool", block)] if k == 0 else [])
            for oracle, row in pairs:
                if row is None:
                    unexplained.append((one["name"], "sensor", "there", None, oracle, None))
                    continue
                for field, left, right in differences(s, ours, row, oracle, k):
                    why = explain(oracle, field, s, ours, dict(row, limit=right))
                    (explained if why else unexplained).append((one["name"], field, left, right, oracle, why))
    return explained, unexplained
