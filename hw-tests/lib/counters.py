"""Forwarders between a client and ipmi_sim that count what the client asks."""
import pathlib
import selectors
import socket
import threading


class Forwarder(threading.Thread):
    """Joins a Unix socket (socle's test transport) to ipmi_sim's VM serial port and counts the requests.

    The VM protocol ends every message with A0h and escapes A0h inside, and a request is a message that comes
    from the client's side, so the A0h bytes of that direction are the count."""

    def __init__(self, path, port):
        super().__init__(daemon=True)
        self.path, self.port, self.requests = pathlib.Path(path), port, 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(1)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self.port)) as sim:
                self.join_sockets(client, sim)

    def join_sockets(self, client, sim):
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, sim)
            selector.register(sim, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    if key.fileobj is client:
                        self.requests += data.count(0xA0)
                    key.data.sendall(data)

    def close(self):
        self.listener.close()
        self.path.unlink(missing_ok=True)


class Datagrams(threading.Thread):
    """Stands before ipmi_sim's LAN port and counts the datagrams of the client, sessions included."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.requests = 0
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.connect(("127.0.0.1", port))
        self.port = self.front.getsockname()[1]
        self.start()

    def run(self):
        client = None
        with selectors.DefaultSelector() as selector:
            selector.register(self.front, selectors.EVENT_READ)
            selector.register(self.back, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self.front:
                        data, client = self.front.recvfrom(65536)
                        self.requests += 1
                        self.back.send(data)
                    else:
                        data = self.back.recv(65536)
                        if client:
                            self.front.sendto(data, client)
