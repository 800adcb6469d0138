"""Reads FOLDER/text and FOLDER/openmetrics with PyPI's prometheus-client and says whether both hold the same."""
import pathlib
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as older


def read(parse, path):
    """Samples, and HELP texts by family. This client calls every counter `_total`, whatever the page said, and
    takes the blanks off HELP in the older format."""
    families = list(parse(path.read_bytes().decode()))
    stem = lambda name: name.removesuffix("_total")
    samples = sorted((stem(s.name), sorted(s.labels.items()), s.value) for f in families for s in f.samples)
    return samples, {stem(f.name): f.documentation.strip() for f in families if f.samples}


folder = pathlib.Path(sys.argv[1])
text, helps = read(older, folder / "text")
opened, opened_helps = read(strict, folder / "openmetrics")
names = lambda samples: [one[:2] for one in samples]
same = names(text) == names(opened) and helps == opened_helps
print(f"{len(text)} samples, {len(helps)} families: {'the same' if same else 'not the same'}")
if not same:
    print([pair for pair in zip(names(text), names(opened)) if pair[0] != pair[1]][:3])
    print([(name, help_, opened_helps.get(name)) for name, help_ in helps.items() if opened_helps.get(name) != help_][:3])
