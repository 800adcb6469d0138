"""`socle.sensors/1` against ipmitool and ipmi-sensors, field by field.

`compare(socle, manifest, freeipmi, ipmitool)` gives `(explained, unexplained)`: lists of
`(sensor, field, ours, theirs, oracle, reason)`.  A reason comes from one rule of `RULES` that
names the class of sensors it is for and the paragraph of the specification; anything else is a
failure.  Values may differ by half a raw step (plus the last digit the oracle prints).
"""

THRESHOLDS = ["lower_noncritical", "lower_critical", "lower_nonrecoverable",
              "upper_noncritical", "upper_critical", "upper_nonrecoverable"]
STATE_WORDS = ["at or below lower non-critical", "at or below lower critical", "at or below lower non-recoverable",
               "at or above upper non-critical", "at or above upper critical", "at or above upper non-recoverable"]
DIGIT = {"freeipmi": 0.0051, "ipmitool": 0.00051}
# Ours: (ipmi-sensors', ipmitool's); the words the seed uses and the captured machines need.
UNITS = {"celsius": ("C", "degrees C"), "rpm": ("RPM", "RPM"), "volts": ("V", "Volts"), "amperes": ("A", "Amps"),
         "watts": ("W", "Watts"), "joules": ("J", "Joules"), "percent": ("%", "percent"), "cfm": ("CFM", "CFM"),
         "hertz": ("Hz", "Hz"), "kpa": ("KPA", "kPa"), "microseconds": ("us", "microsecond"),
         "milliseconds": ("ms", "millisecond"), "seconds": ("s", "second"), "minutes": ("min", "minute")}

# (oracle, field, which sensors, where the oracle errs, paragraph)
RULES = [
    ("freeipmi", "value", lambda s: linearization(s) == 0x0B, "FreeIPMI 1.6.10 computes x^-3 for cube root", "IPMI 2.0, 43.1 byte 24 and 36.3"),
    ("freeipmi", "thresholds", lambda s: linearization(s) == 0x0B, "FreeIPMI 1.6.10 computes x^-3 for cube root", "IPMI 2.0, 43.1 byte 24 and 36.3"),
    ("freeipmi", "thresholds", lambda s: s["lun"] != 0, "FreeIPMI asks LUN 0 for the thresholds of a sensor on another LUN", "IPMI 2.0, 35.9 and 43.1 byte 7"),
    ("ipmitool", "unit", lambda s: s.get("formula", {}).get("rate", 0) != 0, "ipmitool drops the rate", "IPMI 2.0, 43.1 byte 21 bits 5:3"),
    ("ipmitool", "name", lambda s: s["encoding"] in ("six-bit", "bcd"), "ipmitool prints the packed bytes", "IPMI 2.0, 43.15"),
    ("freeipmi", "name", lambda s: s["encoding"] in ("six-bit", "bcd"), "FreeIPMI prints the packed bytes", "IPMI 2.0, 43.15"),
]


def linearization(s):
    """Linearization of a manifest's sensor, 0 for a discrete one."""
    return s.get("formula", {}).get("linearization", 0)


def near(ours, theirs, tolerance):
    """Both absent, or both there and no further apart than the tolerance."""
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return abs(ours - theirs) <= tolerance


def threshold_bits(states):
    """Bits of IPMI 2.0 table 35-14 from our words."""
    return sum(1 << STATE_WORDS.index(word) for word in states if word in STATE_WORDS)


def differences(ours, sensor, k, row, oracle):
    """Fields of one oracle row that are not ours: `(field, ours, theirs)`."""
    steps = sensor.get("half_step", {})
    if not near(ours["value"], row["value"], steps.get("value", 0) + DIGIT[oracle]):
        yield "value", ours["value"], row["value"]
    for name in THRESHOLDS:
        mine = (ours["thresholds"] or {}).get(name)
        if not near(mine, row["thresholds"][name], steps.get(name, 0) + DIGIT[oracle]):
            yield "thresholds", f"{name} {mine}", row["thresholds"][name]
    if row["value"] is not None:
        known = UNITS.get(ours["unit"])
        theirs = row["unit"]
        if known is None or known[0 if oracle == "freeipmi" else 1] != theirs:
            if not (known is None and same_words(ours["unit"], theirs)):
                yield "unit", ours["unit"], theirs
    if oracle == "freeipmi" and row["bits"] is not None and "formula" in sensor:
        if threshold_bits(ours["states"]) != row["bits"] & 0x3F:
            yield "states", ours["states"], hex(row["bits"])
    if oracle == "freeipmi" and row["bits"] is not None and "formula" not in sensor:
        if len(ours["states"]) != bin(row["bits"] & sensor["possible"]).count("1"):
            yield "states", ours["states"], hex(row["bits"])
    if oracle == "ipmitool" and k == 0 and "formula" not in sensor and len(ours["states"]) != len(row["states"]):
        yield "states", ours["states"], row["states"]
    if oracle == "freeipmi" and row["name"] != ours["name"]:
        yield "name", ours["name"], row["name"]
    if oracle == "ipmitool" and k == 0 and row["name"] != sensor["name"]:
        yield "name", ours["name"], row["name"]


def same_words(ours, theirs):
    """Compound units: compared without blanks, plurals and spelling of the slash."""
    def plain(text):
        return (text or "").lower().replace(" per ", "/").replace(" ", "").replace("s/", "/").rstrip("s")
    return plain(ours) == plain(theirs)


def compare(socle, manifest, freeipmi, ipmitool):
    """`(explained, unexplained)` for a whole BMC; every sensor of the manifest must be there."""
    explained, unexplained = [], []
    mine = {(s["record_id"], s["number"]): s for s in socle["sensors"] if s["source"] == "ipmi"}
    by_record = {}
    for row in freeipmi:
        by_record.setdefault(row["record_id"], []).append(row)
    blocks = iter(b for b in ipmitool if not b["event_only"])
    for sensor in manifest["sensors"]:
        block = next((b for b in blocks if b["number"] == sensor["number"]), None)
        rows = by_record.get(sensor["record_id"], [])
        for k, one in enumerate(sensor["sensors"]):
            ours = mine.get((sensor["record_id"], one["number"]))
            if ours is None:
                unexplained.append((one["name"], "sensor", None, "in the repository", "seed", None))
                continue
            pairs = [("freeipmi", rows[k] if k < len(rows) else None)] + ([("ipmitool", block)] if k == 0 else [])
            for oracle, row in pairs:
                if row is None:
                    unexplained.append((one["name"], "sensor", "there", None, oracle, None))
                    continue
                for field, left, right in differences(ours, sensor, k, row, oracle):
                    why = next((f"{text} ({paragraph})" for who, what, fits, text, paragraph in RULES
                                if who == oracle and what == field and fits(sensor)), None)
                    (explained if why else unexplained).append((one["name"], field, left, right, oracle, why))
    return explained, unexplained
