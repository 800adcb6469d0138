"""A whole BMC from a seed: the ipmi_sim command file and what every sensor must read.

`generate(seed)` returns `(emu, manifest)`: the text of `bmc.emu` and a JSON-ready
dictionary that holds, per sensor, what was put in (raw reading, formula, thresholds,
states) and the value worked out here, independently of the agent and of both oracles.
The same seed gives the same bytes.  Record ids are those ipmi_sim hands out: 1, 2, 3 …
in the order of `main_sdr_add`.
"""

import json
import math
import random
import sys

MC = 0x20
THRESHOLDS = ["lower_noncritical", "lower_critical", "lower_nonrecoverable",
              "upper_noncritical", "upper_critical", "upper_nonrecoverable"]
SIX_BIT = "six-bit"
BCD = "bcd"
LATIN = "latin"
BCD_DIGITS = "0123456789 -."

# Linearizations 00h to 0Bh (IPMI 2.0, table 43-1, byte 24).
LINEAR = [lambda x: x, math.log, math.log10, math.log2, math.exp, lambda x: 10.0 ** x,
          lambda x: 2.0 ** x, lambda x: 1.0 / x, lambda x: x * x, lambda x: x ** 3,
          math.sqrt, lambda x: math.copysign(abs(x) ** (1.0 / 3.0), x)]


def signed(raw, fmt):
    """The number a raw byte stands for: 0 unsigned, 1 one's, 2 two's complement."""
    if fmt == 0 or raw < 0x80:
        return raw
    return raw - 0xFF if fmt == 1 else raw - 0x100


def convert(raw, f):
    """y = L[(M x + B 10^K1) 10^K2] (IPMI 2.0, 36.3), or None where L has no value."""
    x = (f["m"] * signed(raw, f["format"]) + f["b"] * 10.0 ** f["b_exp"]) * 10.0 ** f["r_exp"]
    try:
        y = LINEAR[f["linearization"]](x)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return y if math.isfinite(y) else None


def half_step(raw, f):
    """Half the distance to the nearest neighbouring raw value, never 0."""
    here = convert(raw, f)
    steps = [abs(convert(n, f) - here) for n in (raw - 1, raw + 1)
             if 0 <= n <= 255 and here is not None and convert(n, f) is not None]
    steps = [s for s in steps if s > 0]
    return min(steps) / 2 if steps else 1e-9


def encode_name(name, encoding):
    """Type/length byte and bytes of an id string (IPMI 2.0, 43.15)."""
    if encoding == SIX_BIT:
        bits = 0
        for i, c in enumerate(name):
            bits |= (ord(c) - 0x20) << (6 * i)
        data = list(bits.to_bytes((6 * len(name) + 7) // 8, "little"))
        return [0x80 | len(data)] + data
    if encoding == BCD:
        nibbles = [BCD_DIGITS.index(c) for c in name]
        data = [(nibbles[i] << 4) | nibbles[i + 1] for i in range(0, len(nibbles), 2)]
        return [0x40 | len(data)] + data
    data = list(name.encode("latin-1"))
    return [0xC0 | len(data)] + data


def word(value):
    """A 16-bit value, low byte first."""
    return [value & 0xFF, value >> 8]


def record(kind, body):
    """SDR header and body; the id is ipmi_sim's to give."""
    return [0, 0, 0x51, kind, len(body)] + body


def full_record(s):
    """Type 01h (43.1)."""
    f, on = s["formula"], s["threshold_mask"]
    lower, upper = on & 7, (on >> 3) & 7
    events = sum(1 << (2 * i) for i in range(3) if on >> i & 1)
    events |= sum(1 << (2 * i + 1) for i in range(3, 6) if on >> i & 1)
    body = [MC, s["lun"], s["number"], s["entity_id"], s["entity_instance"], 0x7F,
            0x40 | (0x08 if on else 0), s["type"], s["code"]]
    body += word(events | lower << 12) + word(events | upper << 12) + word(on | on << 8)
    body += [f["format"] << 6 | f["rate"] << 3 | f["modifier_use"] << 1 | f["percent"],
             f["unit"], f["modifier"], f["linearization"],
             f["m"] & 0xFF, (f["m"] >> 8 & 3) << 6, f["b"] & 0xFF, (f["b"] >> 8 & 3) << 6, 0,
             (f["r_exp"] & 0xF) << 4 | f["b_exp"] & 0xF, 0, 0, 0, 0, 0xFF, 0]
    raw = s["raw_thresholds"]
    name = s["name"] + s["pad"]
    body += [raw[5], raw[4], raw[3], raw[2], raw[1], raw[0], 0, 0, 0, 0, 0]
    return record(0x01, body + encode_name(name, s["encoding"]))


def compact_record(s):
    """Type 02h (43.2): discrete; `share` sensors from `number` on."""
    body = [MC, s["lun"], s["number"], s["entity_id"], s["entity_instance"], 0x7F, 0x40,
            s["type"], s["code"]]
    body += word(s["possible"]) * 3 + [0xC0, 0, 0]
    body += [s["share"] & 0xF, (0x80 if s["share"] > 1 else 0) | s["name_offset"], 0, 0, 0, 0, 0, 0]
    return record(0x02, body + encode_name(s["name"], s["encoding"]))


def event_only_record(s):
    """Type 03h (43.3)."""
    body = [MC, s["lun"], s["number"], s["entity_id"], s["entity_instance"], s["type"],
            s["code"], 1, 0, 0, 0]
    return record(0x03, body + encode_name(s["name"], s["encoding"]))


# kind: (sensor type, unit, entity id, name pattern, formulas to choose from)
# A formula is (format, M, B, K1, K2, linearization); raw readings are chosen in MID.
ANALOG = {
    "fan": (0x04, 18, 29, "M{m}_FAN{i}", [(0, 75, 0, 0, 0, 0), (0, 100, 0, 0, 0, 0), (0, 60, 120, 0, 0, 0)]),
    "temperature": (0x01, 1, 3, "M{m}_CPU{i}_TEMP", [(0, 1, 0, 0, 0, 0), (2, 1, 0, 0, 0, 0), (0, 5, -100, 0, -1, 0), (1, 1, 0, 0, 0, 0)]),
    "dimm": (0x01, 1, 32, "M{m}_DIMM{i}_T", [(2, 1, 0, 0, 0, 0), (0, 1, -40, 0, 0, 0)]),
    "inlet": (0x01, 1, 55, "M{m}_INLET{i}", [(2, 5, 0, 0, -1, 0), (0, 25, -8, 2, -2, 0)]),
    "volts": (0x02, 4, 7, "M{m}_V{i}_12", [(0, 65, 0, 0, -3, 0), (0, 16, 5, 1, -3, 0), (2, 59, 500, 1, -3, 0)]),
    "amperes": (0x03, 5, 10, "M{m}_PSU{i}_I", [(0, 2, 0, 0, -1, 0), (2, 125, 0, 0, -3, 0)]),
    "watts": (0x0B, 6, 10, "M{m}_PSU{i}_PIN", [(0, 8, 0, 0, 0, 0), (0, 5, 10, 0, 0, 0)]),
    "fan_percent": (0x04, 0, 29, "M{m}_FAN{i}_PWM", [(0, 392, 0, 0, -3, 0)]),
    "joules": (0x0B, 7, 7, "M{m}_ENERGY{i}", [(0, 1, 0, 0, 3, 0)]),
    "airflow": (0x0B, 17, 29, "M{m}_FLOW{i}", [(0, 1, 0, 0, 0, 0), (1, 3, 500, 0, 0, 0)]),
}
PLENTY = [("fan", 6), ("temperature", 4), ("dimm", 3), ("inlet", 1), ("volts", 3), ("amperes", 2), ("watts", 2),
          ("fan_percent", 1), ("joules", 1), ("airflow", 1)]
# One sensor for each linearization 01h to 0Bh, formulas with a finite, increasing result.
CURVES = [(1, 3, 10, 0, 0), (2, 3, 10, 0, 0), (3, 3, 10, 0, 0), (4, 2, 0, 0, -2), (5, 1, 0, 0, -2), (6, 4, 0, 0, -2),
          (7, 2, 1, 0, 0), (8, 1, 3, 0, -1), (9, 1, 3, 0, -1), (10, 5, 7, 0, 0), (11, 5, 7, 0, 0)]

# type, code, entity id, name, possible states, state sets to choose from
DISCRETE = [
    (0x08, 0x6F, 10, "M{m}_PSU{i}", 0x7F, [0x01]),
    (0x0D, 0x6F, 26, "M{m}_DRIVE{i}", 0x1FF, [0x01, 0x09, 0x81]),
    (0x07, 0x6F, 3, "M{m}_CPU{i}", 0x7FF, [0x80]),
    (0x0C, 0x6F, 32, "M{m}_DIMM{i}", 0x7FF, [0x40, 0x40, 0x41]),
    (0x05, 0x6F, 23, "M{m}_INTR{i}", 0x7F, [0x00, 0x00, 0x01]),
    (0x09, 0x0B, 10, "M{m}_RED{i}", 0xFF, [0x01, 0x01, 0x02]),
    (0x12, 0x6F, 7, "M{m}_SYSEV{i}", 0x3F, [0x00]),
    (0x23, 0x6F, 7, "M{m}_WDOG{i}", 0x10F, [0x00, 0x00]),
    (0x13, 0x6F, 7, "M{m}_NMI{i}", 0x7FF, [0x00, 0x10]),
    (0x10, 0x6F, 7, "M{m}_LOG{i}", 0x7F, [0x00, 0x04]),
    (0x21, 0x6F, 11, "M{m}_SLOT{i}", 0x3FF, [0x04]),
    (0x25, 0x6F, 7, "M{m}_PRES{i}", 0x07, [0x01, 0x02]),
    (0x07, 0x03, 3, "M{m}_HOT{i}", 0x03, [0x01]),
    (0x04, 0x08, 29, "M{m}_FANP{i}", 0x03, [0x02]),
    (0x29, 0x6F, 40, "M{m}_BATT{i}", 0x07, [0x04]),
    (0x02, 0x07, 7, "M{m}_VRM{i}", 0x1FF, [0x01, 0x100]),
]


class Builder:
    """What has been given out so far: numbers per LUN, records, lines."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.next_number = {0: 1, 1: 1, 2: 1}
        self.sensors, self.lines, self.record_id = [], [], 0

    def numbers(self, lun, count=1):
        """The first of `count` free sensor numbers in a row."""
        first = self.next_number[lun]
        self.next_number[lun] += count
        assert self.next_number[lun] <= 0xFF, "too many sensors on one LUN"
        return first

    def sdr(self, data):
        """One record into the repository; its id."""
        self.lines.append("main_sdr_add 0x20 " + " ".join(f"0x{b:02x}" for b in data))
        self.record_id += 1
        return self.record_id


def set_states(b, s, number, bits):
    """Force the state bits, whatever ipmi_sim thinks of the reading."""
    for bit in range(15):
        if s["possible"] >> bit & 1:
            b.lines.append(f"sensor_set_bit 0x20 {s['lun']} 0x{number:02x} {bit} {bits >> bit & 1} 0")


def add_analog(b, kind, name, formula, *, typ, unit, entity, lun=0, encoding=LATIN, percent=0, rate=0, modifier=(0, 0),
               fault=None, unreadable=None, raw=None, thresholds=True, six=False, pad=""):
    """One full record with its sensor; `fault` is the index of a threshold that is passed."""
    fmt, m, bb, k1, k2, lin = formula
    f = {"format": fmt, "m": m, "b": bb, "b_exp": k1, "r_exp": k2, "linearization": lin, "unit": unit,
         "modifier_use": modifier[0], "modifier": modifier[1], "percent": percent, "rate": rate}
    rng = b.rng
    limits = [rng.randrange(41, 50), rng.randrange(31, 40), rng.randrange(20, 30),
              rng.randrange(90, 97), rng.randrange(100, 108), rng.randrange(112, 120)]
    if fmt and rng.random() < 0.6:  # below zero: shift the lower half under it
        shift = rng.randrange(60, 70)
        limits[:3] = [(v - shift) & 0xFF if v - shift >= 0 else (v - shift - (fmt == 1)) & 0xFF for v in limits[:3]]
    mask = rng.choice([0x3F, 0x3F, 0x1B, 0x38, 0x07, 0x02, 0x18]) if thresholds else 0
    if raw is None:
        raw = rng.randrange(55, 85)
    if six:
        mask = 0x3F
    if fault is not None:
        mask = 0x3F
        raw = limits[fault] - 1 if fault < 3 else limits[fault] + 1
    number = b.numbers(lun)
    s = {"name": name, "pad": pad, "encoding": encoding, "lun": lun, "number": number, "entity_id": entity,
         "entity_instance": rng.randrange(1, 0x20), "type": typ, "code": 0x01, "formula": f, "kind": kind,
         "threshold_mask": mask, "raw_thresholds": [v if mask >> i & 1 else 0 for i, v in enumerate(limits)],
         "raw": raw, "unreadable": unreadable, "possible": mask, "share": 1, "record_type": 1}
    if unreadable != "no_sensor":
        where = f"0x20 {lun} 0x{number:02x}"
        scan = "no-scanning" if unreadable == "no_scanning" else "scanning"
        b.lines.append(f"sensor_add {where} 0x{typ:02x} 0x01")
        if mask:
            b.lines.append(f"sensor_set_threshold {where} settable {mask:06b} "
                           + " ".join(f"0x{v:02x}" for v in reversed(s["raw_thresholds"])))
        events = f"{sum(1 << (2 * i) if i < 3 else 2 << (2 * i) for i in range(6) if mask >> i & 1):015b}"
        b.lines.append(f"sensor_set_event_support {where} enable {scan} per-state " + " ".join([events] * 4))
        b.lines.append(f"sensor_set_value {where} 0x{raw:02x} 0")
    value = convert(raw, f)
    s["limits"] = {THRESHOLDS[i]: convert(s["raw_thresholds"][i], f) if mask >> i & 1 else None for i in range(6)}
    s["half_step"] = {"value": half_step(raw, f),
                      **{THRESHOLDS[i]: half_step(s["raw_thresholds"][i], f) for i in range(6) if mask >> i & 1}}
    states = 0
    for i in range(6):
        limit = s["limits"][THRESHOLDS[i]]
        if limit is not None and (value <= limit if i < 3 else value >= limit):
            states |= 1 << i
    if fmt and unreadable != "no_sensor":
        set_states(b, s, number, states)
    s["value"], s["states"] = (None, 0) if unreadable else (value, states)
    s["record_id"] = b.sdr(full_record(s))
    s["sensors"] = [{"name": name, "number": number, "states": s["states"]}]
    b.sensors.append(s)
    return s


def add_discrete(b, spec, module, index, *, share=1, lun=0, encoding=LATIN, name=None, unreadable=None, bits=None):
    """One compact record with its one or more discrete sensors."""
    typ, code, entity, pattern, possible, choices = spec
    number = b.numbers(lun, share)
    s = {"name": name or pattern.format(m=module, i=index), "encoding": encoding, "lun": lun, "number": number,
         "entity_id": entity, "entity_instance": b.rng.randrange(1, 0x20), "type": typ, "code": code,
         "possible": possible, "share": share, "name_offset": 0 if share == 1 else b.rng.randrange(0, 3),
         "unreadable": unreadable, "value": None, "record_type": 2, "kind": "discrete", "sensors": []}
    for k in range(share):
        states = b.rng.choice(choices) if bits is None else bits
        suffix = f" {s['name_offset'] + k}" if share > 1 else ""
        s["sensors"].append({"name": s["name"] + suffix, "number": number + k,
                             "states": 0 if unreadable else states})
        if unreadable == "no_sensor":
            continue
        where = f"0x20 {lun} 0x{number + k:02x}"
        scan = "no-scanning" if unreadable else "scanning"
        b.lines.append(f"sensor_add {where} 0x{typ:02x} 0x{code:02x}")
        b.lines.append(f"sensor_set_event_support {where} enable {scan} per-state " + " ".join([f"{possible:015b}"] * 4))
        set_states(b, s, number + k, states)
    s["record_id"] = b.sdr(compact_record(s))
    b.sensors.append(s)
    return s


def add_others(b):
    """FRU and MC locators, OEM and event-only records: no readings, but records to walk over."""
    others = []
    for i in range(3):
        name = f"FRU_M{i}"
        others.append({"record_id": b.sdr(record(0x11, [MC, i, 0x80, 0, 0, 0x10, 0, 7, i + 1, 0] + encode_name(name, LATIN))),
                       "record_type": 0x11, "name": name})
    others.append({"record_id": b.sdr(record(0x12, [MC, 0, 0, 0xBF, 0, 0, 0, 6, 1, 0] + encode_name("BMC", LATIN))),
                   "record_type": 0x12, "name": "BMC"})
    for _ in range(4):
        payload = [b.rng.randrange(256) for _ in range(b.rng.randrange(1, 40))]
        others.append({"record_id": b.sdr(record(0xC0, [0x2B, 0xA1, 0x00] + payload)), "record_type": 0xC0, "name": None})
    for i in range(2):
        number = b.numbers(0)
        s = {"lun": 0, "number": number, "entity_id": 34, "entity_instance": i + 1, "type": 0x0F, "code": 0x6F,
             "name": f"POST{i}", "encoding": LATIN}
        others.append({"record_id": b.sdr(event_only_record(s)), "record_type": 0x03, "name": s["name"], "number": number})
    return others


def add_bulk(b):
    """The ordinary machine: four modules of analog and discrete sensors."""
    rng = b.rng
    for module in range(4):
        for kind, count in PLENTY:
            typ, unit, entity, pattern, formulas = ANALOG[kind]
            for i in range(count):
                add_analog(b, kind, pattern.format(m=module, i=i), rng.choice(formulas), typ=typ, unit=unit,
                           entity=entity, percent=int(kind == "fan_percent"))
        for i, spec in enumerate(DISCRETE):
            add_discrete(b, spec, module, i % 3)


def add_hostile(b):
    """Names that ipmi_exporter dies of: a quote, a backslash and a newline; a byte that is not UTF-8."""
    add_analog(b, "hostile", "M1 \"F\\A\n7", (0, 100, 0, 0, 0, 0), typ=0x04, unit=18, entity=29)
    add_analog(b, "hostile", f"M{b.rng.randrange(4)}_T\xe9mp", (0, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=7)


def add_odd(b, hostile):
    """Everything that is seldom: curves, rates, signs, LUNs, encodings, hostile names, unreadable ones."""
    rng = b.rng
    for lin, m, bb, k1, k2 in CURVES:
        typ, unit = 0x0B, rng.choice([14, 19, 20, 21])
        add_analog(b, "curve", f"L{lin:02X}_SENS", (0, m, bb, k1, k2, lin), typ=typ, unit=unit, entity=7,
                   thresholds=lin != 7)
    for i, (m, bb) in enumerate([(-1, 200), (-3, 500), (511, -512)]):
        add_analog(b, "signed", f"NEG_{i}", (0, m, bb, 0, -1, 0), typ=0x02, unit=4, entity=7, thresholds=m > 0)
    add_analog(b, "negative", "COLD_2C", (2, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=55, raw=0xF4, thresholds=False)
    add_analog(b, "negative", "COLD_1C", (1, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=55, raw=0xF4, thresholds=False)
    add_analog(b, "rate", "ECC_RATE", (0, 1, 0, 0, 0, 0), typ=0x0B, unit=19, entity=32, rate=4)
    add_analog(b, "rate", "PKT_PER_S", (0, 2, 0, 0, 0, 0), typ=0x0B, unit=71, entity=7, rate=3)
    add_analog(b, "modified", "JPS", (0, 2, 0, 0, 0, 0), typ=0x0B, unit=7, entity=7, modifier=(1, 22))
    for lun in (1, 2):
        for i in range(3):
            typ, unit, entity, _, formulas = ANALOG["temperature"]
            add_analog(b, "lun", f"LUN{lun}_T{i}", rng.choice(formulas), typ=typ, unit=unit, entity=entity, lun=lun)
    for name, encoding in (("SIXBIT_7", SIX_BIT), ("12.0-45 6789", BCD)):
        add_analog(b, "named", name, (0, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=7,
                   encoding=encoding if hostile else LATIN)  # their bytes are not UTF-8, FreeIPMI prints them
    add_analog(b, "named", "PADDED_T", (0, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=7, pad="  ")
    if hostile:
        add_hostile(b)
    else:
        add_analog(b, "fan", "M1_SPARE", (0, 100, 0, 0, 0, 0), typ=0x04, unit=18, entity=29)
    for i in range(5):
        add_analog(b, "unreadable", f"GONE_{i}", (0, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=7, unreadable="no_sensor",
                   thresholds=False)  # with thresholds FreeIPMI 1.6.10 ends at the CBh they answer
    for i in range(3):
        add_analog(b, "unreadable", f"OFF_{i}", (0, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=7, unreadable="no_scanning")
    for i in range(2):
        add_discrete(b, DISCRETE[0], 9, i, name=f"OFFD_{i}", unreadable="no_scanning")
    for share in (4, 2, rng.randrange(3, 9)):
        add_discrete(b, DISCRETE[1], 0, 0, share=share, name=f"HDD{share}")
    for fault in (0, 1, 2, 3, 4, 5):
        add_analog(b, "faulty", f"FAULT_{fault}", (0, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=7, fault=fault)


def choose_driven(b):
    """The fan, temperature and supply the scenario drives: six thresholds, unsigned raw, healthy."""
    def fit(kind):
        return [s for s in b.sensors if s["kind"] == kind and s["formula"]["format"] == 0
                and s["threshold_mask"] == 0x3F and s["lun"] == 0]
    for kind, formula in (("fan", (0, 75, 0, 0, 0, 0)), ("temperature", (0, 1, 0, 0, 0, 0))):
        typ, unit, entity, pattern, _ = ANALOG[kind]
        if not fit(kind):
            add_analog(b, kind, pattern.format(m=0, i=9), formula, typ=typ, unit=unit, entity=entity, six=True)
    supplies = [s for s in b.sensors if s["type"] == 0x08 and not s["unreadable"] and s["share"] == 1]
    return {"fan": b.rng.choice(fit("fan"))["record_id"], "temperature": b.rng.choice(fit("temperature"))["record_id"],
            "psu": b.rng.choice(supplies)["record_id"]}


def generate(seed, hostile=True):
    """`(emu, manifest)` for a seed; without `hostile` names where ipmi_exporter has to live."""
    b = Builder(seed)
    add_bulk(b)
    others = add_others(b)
    add_odd(b, hostile)
    driven = choose_driven(b)
    last = add_analog(b, "last", "LAST_ONE", (0, 1, 0, 0, 0, 0), typ=0x01, unit=1, entity=7)
    head = ["mc_setbmc 0x20", "mc_add 0x20 32 no-device-sdrs 01 02 60 0x9f 0x00a12b 0x0001", "sel_enable 0x20 1000 0x0a"]
    emu = "\n".join(head + b.lines + ["mc_enable 0x20"]) + "\n"
    manifest = {"seed": seed, "records": b.record_id, "sensors": b.sensors, "others": others, "driven": driven,
                "last_record": last["record_id"], "count": sum(s["share"] for s in b.sensors)}
    return emu, manifest


if __name__ == "__main__":
    text, truth = generate(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    json.dump(truth, sys.stdout, indent=1)
