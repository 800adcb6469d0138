"""What is done to the BMC in the guest, and what status, page and sensors must say of it.

Every function takes the checks, the sim and `seen` (the agent in the guest).
"""

import json
import re
import time

import compare
import exporter
import sdrgen

WORDS = compare.STATE_WORDS
STATUS = ["warning", "critical", "critical"] * 2
# Offsets of type 08h (42-3) and what each means for a supply that is present.
SUPPLY = [(0x03, "power supply failure detected", "critical"), (0x05, "predictive failure", "critical"),
          (0x09, "power supply input lost (ac/dc)", "critical"), (0x00, None, "critical")]


class Seen:
    """The agent in the guest as a user sees it: documents through its CLI, the page from outside."""

    CLI = "/usr/bin/socle {} --json --state /tmp/state"

    def __init__(self, guest, page):
        self.guest, self.page_url = guest, page

    def document(self, name):
        """A JSON document, {} while there is none."""
        try:
            return json.loads(self.guest.sh(self.CLI.format(name))[1])
        except ValueError:
            return {}

    def code(self, name):
        """Exit status of a command."""
        return self.guest.sh(self.CLI.format(name))[0]

    def page(self):
        """Series of the page: `{(name, frozenset(labels)): value}`."""
        return parse(exporter.get(self.page_url + "/metrics", 20).decode())

    def sensor(self, manifest_sensor, document=None):
        """The sensor of a manifest entry in the sensors document, {} if it is not there."""
        found = document if document is not None else self.document("sensors")
        return next((s for s in found.get("sensors", []) if s["record_id"] == manifest_sensor["record_id"]
                     and s["number"] == manifest_sensor["number"] and s["source"] == "ipmi"), {})

    def clock(self):
        """The guest's time, as the documents write it."""
        return self.guest.sh("date -u +%Y-%m-%dT%H:%M:%S")[1].decode().strip()

    def read_after(self, manifest_sensor, moment):
        """Whether a sensor was read in a second after `moment`."""
        return (self.sensor(manifest_sensor).get("at") or "")[:19] > moment

    def until(self, test, seconds, pause=0.1):
        """Seconds until `test()` is true, None if it does not become so in time."""
        start = time.monotonic()
        while True:
            if test():
                return time.monotonic() - start
            if time.monotonic() - start > seconds:
                return None
            time.sleep(pause)


def parse(text):
    """Samples of the text format, escapes in label values undone."""
    series = {}
    for name, labels, value in re.findall(r'^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)', text, re.M):
        found = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
        undone = frozenset((k, re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], v)) for k, v in found)
        series[name, undone] = float(value)
    return series


def by_label(series, name, /, **labels):
    """The one value of a series with these labels, None if there is none."""
    wanted = set(labels.items())
    return next((v for (n, found), v in series.items() if n == name and wanted <= found), None)


def by_id(manifest, record_id):
    """A manifest entry."""
    return next(s for s in manifest["sensors"] if s["record_id"] == record_id)


def raw_beyond(s, index):
    """A raw reading that has passed threshold `index` and none beyond it."""
    limits = s["raw_thresholds"]
    return limits[index] - 1 if index < 3 else limits[index] + 1


def expected(s, raw):
    """`(states, status)` of an analog sensor at a raw reading."""
    value = sdrgen.convert(raw, s["formula"])
    passed = [i for i in range(6) if (value <= s["limits"][sdrgen.THRESHOLDS[i]] if i < 3
                                      else value >= s["limits"][sdrgen.THRESHOLDS[i]])]
    return [WORDS[i] for i in passed], max((STATUS[i] for i in passed), default="ok", key=["ok", "warning", "critical"].index)


FAMILY = {"fan": ("ipmi_fan_speed_rpm", "ipmi_fan_speed_state"),
          "temperature": ("ipmi_temperature_celsius", "ipmi_temperature_state")}


def wrong_analog(seen, s, raw, documents, page):
    """What status, page or JSON has otherwise than the reading demands; empty when all follow."""
    states, status = expected(s, raw)
    value = sdrgen.convert(raw, s["formula"])
    ours = seen.sensor(s, documents["sensors"])
    wrong = []
    if ours.get("value") != value or ours.get("states") != states or ours.get("status") != status:
        wrong.append(f"sensors: {ours.get('value')} {ours.get('states')} {ours.get('status')}")
    wrong += wrong_part(ours, s, status, documents["status"])
    labels = {"id": str(s["record_id"]), "name": s["name"]}
    values, state = (by_label(page, name, **labels) for name in FAMILY[s["kind"]])
    if values != value or state != (2 if status == "critical" else 0):
        wrong.append(f"page: {values} state {state}")
    return wrong


def wrong_part(ours, s, status, document):
    """Whether the status document has the part with this status, and names it in the cause."""
    part = next((c for c in document.get("components", []) if c["path"] == ours.get("component")), None)
    if part is None:
        return [f"status: no component {ours.get('component')}"]
    if part["status"] != status:
        return [f"status: {part['path']} is {part['status']} ({part.get('cause')})"]
    told = f"{part['path']} {part['name']} {part.get('cause')}"
    mark = re.search(r"\d+", s["name"].split("_", 1)[1])
    if status != "ok" and s["name"] not in told and (mark is None or mark[0] not in told):
        return [f"status: {told!r} does not name {s['name']}"]
    return []


def wrong_supply(seen, s, bits, word, status, documents, page):
    """The same for the discrete supply."""
    ours = seen.sensor(s, documents["sensors"])
    wrong = []
    if len(ours.get("states", [])) != bin(bits).count("1") or ours.get("status") != status:
        wrong.append(f"sensors: {ours.get('states')} {ours.get('status')}")
    if word and not any(compare.tokens(word) & compare.tokens(said) for said in ours.get("states", [])):
        wrong.append(f"sensors: {ours.get('states')} has no {word!r}")
    wrong += wrong_part(ours, s, status, documents["status"])
    state = by_label(page, "ipmi_sensor_state", id=str(s["record_id"]), name=s["name"])
    if state != (2 if bits & ~1 else 0):
        wrong.append(f"page: state {state}")
    return wrong


def drive(check, sim, seen, manifest):
    """A fan, a temperature and a supply through everything they can say, and back, one sweep a step.

    A sweep is told by the sensors' own `at`: the first one that began after the change (by the guest's
    clock) must have it, and status and page must have it at once with the sensors document.
    """
    fan, hot, psu = (by_id(manifest, manifest["driven"][k]) for k in ("fan", "temperature", "psu"))
    print(f"       driven: {fan['name']}, {hot['name']}, {psu['name']}")
    lower, upper = [0, 1, 2, 1, 0, None], [3, 4, 5, 4, 3, None]
    well_supply = (0x01, None, "ok")
    supply = [well_supply] * 2 + [s for step in SUPPLY for s in (step, well_supply)] + [well_supply] * 2
    for f, h, (bits, word, status) in zip(lower + upper, upper + lower, supply):
        fan_raw = fan["raw"] if f is None else raw_beyond(fan, f)
        hot_raw = hot["raw"] if h is None else raw_beyond(hot, h)
        sim.command(*(f"sensor_set_bit 0x20 0 0x{psu['number']:02x} {b} {bits >> b & 1} 1" for b in range(7)))
        sim.set_raw(fan, fan_raw)
        sim.set_raw(hot, hot_raw)
        changed = seen.clock()
        start = time.monotonic()
        swept = seen.until(lambda: all(seen.read_after(s, changed) for s in (fan, hot, psu)), 30, 0.3)
        documents = {"sensors": seen.document("sensors"), "status": seen.document("status --all")}
        page = seen.page()
        wrong = (wrong_analog(seen, fan, fan_raw, documents, page) + wrong_analog(seen, hot, hot_raw, documents, page)
                 + wrong_supply(seen, psu, bits, word, status, documents, page))
        if swept is None:
            wrong = ["no sweep in 30 s"]
        text = [("healthy" if i is None else sdrgen.THRESHOLDS[i].replace("_", " ")) for i in (f, h)]
        check.that(not wrong, f"fan {text[0]}, temperature {text[1]}, supply {bits:02x}h: sensors, status and page follow "
                   f"with the first sweep ({time.monotonic() - start:.1f} s)", "; ".join(wrong))


def unknown(seen, word):
    """Whether the BMC is unknown with a cause, nothing stands as ok that needs it, and the source fails."""
    document = seen.document("status")
    source = next((s for s in document.get("sources", []) if s["name"] == "ipmi"), {})
    causes = " ".join(f"{c.get('cause')} {c.get('remedy', '')}" for c in document.get("components", [])
                      if c["status"] == "unknown") + f" {source.get('error')}"
    return (document.get("status") in ("unknown", "critical") and source.get("state") == "failing"
            and any(c["status"] == "unknown" and c["kind"] == "bmc" for c in document.get("components", []))
            and (word is None or word in causes)), document


def gone(check, seen, text, word, do, undo, seconds=30):
    """Takes the BMC away and back: unknown with the cause, exit 1, then well again."""
    do()
    took = seen.until(lambda: unknown(seen, word)[0], seconds, 0.5)
    _, document = unknown(seen, word)
    detail = json.dumps([c for c in document.get("components", []) if c["kind"] == "bmc"] + document.get("sources", [])[:2])[:700]
    check.that(took is not None, f"{text}: unknown with the cause" + (f" after {took:.1f} s" if took else ""), detail)
    ok = [s["name"] for s in seen.document("sensors").get("sensors", []) if s["source"] == "ipmi" and s["status"] == "ok"]
    check.that(not ok, f"{text}: no sensor is still called ok", f"{len(ok)}: {ok[:4]}")
    check.that(seen.code("status") == 1, f"{text}: `socle status` exits 1")
    undo()
    took = seen.until(lambda: well(seen), 60, 0.5)
    check.that(took is not None, f"{text}: well again afterwards" + (f" after {took:.1f} s" if took else ""),
               json.dumps(seen.document("status").get("sources", []))[:400])


def well(seen):
    """Whether the BMC answers and its sensors have values."""
    source = next((s for s in seen.document("status").get("sources", []) if s["name"] == "ipmi"), {})
    sensors = [s for s in seen.document("sensors").get("sensors", []) if s["source"] == "ipmi"]
    return source.get("state") == "ok" and any(s["value"] is not None for s in sensors) \
        and not any(s["absent"] == "not_answered" for s in sensors)
