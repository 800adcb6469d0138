"""The sensors of an ipmi_sim command file, decoded here: a manifest for machines that were captured.

`manifest(emu_text)` has the fields `compare` needs, as `sdrgen.generate` gives them: per record
its names, numbers, owner, LUN, formula, states that may be.
"""

import sdrgen

ENCODINGS = {0: "unicode", 1: sdrgen.BCD, 2: sdrgen.SIX_BIT, 3: sdrgen.LATIN}


def number(text):
    """A number as ipmi_sim reads it: strtoul with base 0."""
    text = text.lower()
    return int(text, 16) if text.startswith("0x") else int(text, 8 if text.startswith("0") and text != "0" else 10)


def records(emu):
    """The byte strings of `main_sdr_add`, in order."""
    text = emu.replace("\\\r\n", " ").replace("\\\n", " ")
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["main_sdr_add"]:
            yield [number(w) for w in words[2:]]


def name_of(data):
    """`(name, encoding)` from the type/length byte on; the name only where it is 8-bit text."""
    if not data:
        return "", sdrgen.LATIN
    encoding = ENCODINGS[data[0] >> 6]
    text = bytes(data[1:1 + (data[0] & 0x1F)])
    return text.split(b"\0")[0].decode("latin-1"), encoding


def ten_bits(low, high):
    """A signed number of ten bits: M and B (43.1, bytes 25 to 28)."""
    value = low | (high & 0xC0) << 2
    return value - 0x400 if value & 0x200 else value


def nibble(value):
    """A signed number of four bits."""
    return value - 16 if value & 8 else value


def sensor(record_id, r):
    """One sensor record as a manifest entry, None for the other kinds."""
    if r[3] not in (1, 2) or len(r) < 32:
        return None
    found = {"record_id": record_id, "record_type": r[3], "owner": r[5], "lun": r[6] & 3, "number": r[7],
             "type": r[12], "code": r[13], "possible": r[18] | (r[19] & 0x7F) << 8, "share": 1, "unreadable": None}
    found["threshold_access"] = r[11] >> 2 & 3
    name, found["encoding"] = name_of(r[47 if r[3] == 1 else 31:])
    found["name"], found["padded"] = name.rstrip(" "), name.endswith(" ")
    if r[3] == 1:
        if r[20] >> 6 != 3 and r[13] == 1:
            found["formula"] = {"format": r[20] >> 6, "rate": r[20] >> 3 & 7, "modifier_use": r[20] >> 1 & 3,
                                "percent": r[20] & 1, "unit": r[21], "modifier": r[22], "linearization": r[23] & 0x7F,
                                "m": ten_bits(r[24], r[25]), "b": ten_bits(r[26], r[27]),
                                "r_exp": nibble(r[29] >> 4), "b_exp": nibble(r[29] & 0xF)}
        found["sensors"] = [{"name": found["name"], "number": found["number"]}]
        return found
    found["share"] = max(1, r[23] & 0xF)
    offset, letters = r[24] & 0x7F, r[23] >> 4 & 3 == 1
    found["sensors"] = []
    for k in range(found["share"]):
        suffix = (chr(ord("A") + (offset + k) % 26) if letters else str(offset + k)) if found["share"] > 1 else ""
        found["sensors"].append({"name": f"{found['name']} {suffix}".rstrip(), "number": found["number"] + k})
    return found


def manifest(emu):
    """A manifest for `compare`."""
    found = [sensor(i, r) for i, r in enumerate(records(emu), 1)]
    sensors = [s for s in found if s]
    return {"records": len(found), "sensors": sensors, "count": sum(s["share"] for s in sensors)}
