"""A relay in front of ipmi_sim's serial port (VM codec) that makes the BMC slow and forgetful.

    with relay.running(sim.serial, path, delay=(0.2, 0.8), lose=50) as slow: ...     # path: a Unix socket

Every answer comes late by a random time, one in `lose` never. `slow.most` is how many questions were ever
open at once, `slow.answered` and `slow.lost` count answers.
"""

import contextlib
import random
import socket
import threading
import time

ENDS = (0xA0, 0xA1)  # of a message, of a control command
MESSAGE = 0xA0


class Relay:
    """One Unix socket; one connection to the sim for each connection to it."""

    def __init__(self, port, path, delay, lose, seed=1):
        self.port, self.delay, self.lose = port, delay, lose
        self.random = random.Random(seed)
        self.answered = self.lost = self.open = self.most = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
                self.open = 0
                for way in ((near, far, self._question), (far, near, self._answer)):
                    threading.Thread(target=self._carry, args=way, daemon=True).start()

    @staticmethod
    def _carry(source, target, passes):
        frame = bytearray()
        with contextlib.suppress(OSError):
            while chunk := source.recv(4096):
                for byte in chunk:
                    frame.append(byte)
                    if byte in ENDS:
                        if byte != MESSAGE or passes():
                            target.sendall(frame)
                        frame.clear()
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _question(self):
        self.open += 1
        self.most = max(self.most, self.open)
        return True

    def _answer(self):
        time.sleep(self.random.uniform(*self.delay))
        self.open = 0
        self.answered += 1
        if self.lose and self.answered % self.lose == 0:
            self.lost += 1
            return False
        return True


@contextlib.contextmanager
def running(port, path, delay, lose):
    """A relay for the length of a `with` block."""
    relay = Relay(port, path, delay, lose)
    try:
        yield relay
    finally:
        relay.listener.close()
