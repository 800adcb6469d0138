"""One line per check, and the closing line that counts them."""


class Checks:
    """Counts what holds and what does not."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, what, holds, otherwise=""):
        """Prints and counts one check; `otherwise` says what was found instead."""
        if holds:
            self.passed += 1
            print(f"ok      {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAILED  {what}" + (f": {otherwise}" if otherwise else ""), flush=True)

    def close(self):
        """Prints the closing line; the exit status of the suite. No check at all is a failure."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.passed and not self.failed else 1
