"""One line per check, and the sum at the end."""

import collections


class Checks:
    """Counts what passed and failed while saying so."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, good, text, detail=""):
        """One check; `detail` is shown when it failed."""
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok    ' if good else 'FAILED'} {text}" + (f": {detail}" if detail and not good else ""), flush=True)
        return bool(good)

    def compared(self, text, explained, unexplained):
        """The outcome of `compare.compare`: every reason with its count, every failure in full."""
        self.that(not unexplained, text, f"{len(unexplained)} unexplained")
        for difference in unexplained[:50]:
            print("       unexplained:", *map(repr, difference[:5]))
        for reason, count in collections.Counter((d[4], d[5]) for d in explained).items():
            print(f"       explained, {count} x {reason[0]}: {reason[1]}")

    def end(self):
        """Prints the sum; the exit status."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
