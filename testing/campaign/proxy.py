"""A proxy before one server: counts requests, and spoils the one that a trial asks for.

It knows how requests and answers of HTTP/1.1 and of Redis begin and end, and nothing of what they mean, but for `is_write`.
"""
import dataclasses
import re
import socket
import threading
import time

FAULTS_HTTP = ["delay", "cut_before", "cut_after", "429", "503", "503_after", "half"]
FAULTS_REDIS = ["delay", "cut_before", "cut_after", "half"]
CHUNK = 65536
# A change of what readers see, or of what the store keeps beside it.
NEO4J_WRITE = re.compile(rb"MERGE|CREATE|SET ")


class Closed(Exception):
    """The other side has closed the connection."""


class Source:
    """Reads messages from a socket, whole."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def more(self):
        try:
            data = self.sock.recv(CHUNK)
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        self.rest += data

    def until(self, mark):
        while (at := self.rest.find(mark)) < 0:
            self.more()
        found, self.rest = self.rest[:at + len(mark)], self.rest[at + len(mark):]
        return found

    def exactly(self, size):
        while len(self.rest) < size:
            self.more()
        found, self.rest = self.rest[:size], self.rest[size:]
        return found

    def chunks(self):
        whole = b""
        while True:
            line = self.until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            whole += line + (self.exactly(size + 2) if size else self.until(b"\r\n"))
            if not size:
                return whole


class Http:
    def request(self, source):
        head = source.until(b"\r\n\r\n")
        return head + self.body(source, head, b"0")

    def answer(self, source, request):
        while True:
            head = source.until(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            if status >= 200:
                break
        if request.startswith(b"HEAD ") or status in (204, 304):
            return head
        return head + self.body(source, head, None)

    @staticmethod
    def body(source, head, size):
        fields = dict(re.findall(rb"(?mi)^([a-z-]+):[ \t]*(.*?)\r$", head))
        fields = {name.lower(): value for name, value in fields.items()}
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            return source.chunks()
        size = fields.get(b"content-length", size)
        if size is not None:
            return source.exactly(int(size))
        whole = b""
        try:
            while True:
                source.more()
        except Closed:
            whole, source.rest = source.rest, b""
        return whole


class Redis:
    def request(self, source):
        return self.value(source)

    def answer(self, source, request):
        return self.value(source)

    def value(self, source):
        line = source.until(b"\r\n")
        kind, size = line[:1], line[1:-2]
        if kind in b"$=!" and int(size) >= 0:
            return line + source.exactly(int(size) + 2)
        if kind in b"*~>":
            return line + b"".join(self.value(source) for _ in range(max(int(size), 0)))
        if kind == b"%":
            return line + b"".join(self.value(source) for _ in range(2 * int(size)))
        return line


def is_write(store, request):
    """Says whether a request may change the store."""
    head, _, body = request.partition(b"\r\n\r\n")
    verb, _, path = head.split(b"\r\n", 1)[0].partition(b" ")
    if store == "catalog":
        return verb in (b"PUT", b"DELETE") and b"/.kfm/" not in path
    if store == "graph":
        return bool(NEO4J_WRITE.search(body))
    if store == "search":
        return b"/_aliases" in path or b"/_bulk" in path or b"/_reindex" in path or verb in (b"PUT", b"DELETE")
    return b"XADD" in request or b"EVALSHA" in request


def described(store, request):
    """A word for a request, for the record of a trial."""
    if store == "cache":
        return re.sub(rb"[^A-Za-z ]", b" ", request[:40]).decode().split()[0].upper()
    line = request.split(b"\r\n", 1)[0].decode(errors="replace").split(" ")
    return line[0] + (" write" if is_write(store, request) else "")


@dataclasses.dataclass
class Fault:
    """What is to happen at the `at`-th request (from 0), and at the `times - 1` after it."""
    kind: str
    at: int
    times: int = 1
    writes_only: bool = False
    seconds: float = 0.0
    # Called while the request is here and the server has not got it (kind `call`), or has answered (`call_after`).
    call: object = None
    # Called once the server has answered.
    answered: object = None
    reached: list = dataclasses.field(default_factory=list)


class Proxy:
    """Listens on a port of its own, the same until `close`."""

    def __init__(self, store, host, port, planted=None):
        self.store, self.upstream = store, (host, port)
        # A bug of the store's adapter: what its requests would be with it.
        self.planted = planted or (lambda request: request)
        self.protocol = Redis() if store == "cache" else Http()
        self.lock = threading.Lock()
        self.requests, self.writes, self.fault = 0, 0, None
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def arm(self, fault):
        """Counts from 0 from now on, and spoils what `fault` says."""
        with self.lock:
            self.requests, self.writes, self.fault = 0, 0, fault

    def counted(self):
        with self.lock:
            return self.requests, self.writes

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def due(self, request):
        """Counts a request; returns the fault if it is the one."""
        write = is_write(self.store, request)
        with self.lock:
            fault, at = self.fault, self.writes if self.fault and self.fault.writes_only else self.requests
            self.requests += 1
            self.writes += write
            if fault is None or (fault.writes_only and not write) or not fault.at <= at < fault.at + fault.times:
                return None
            fault.reached.append(described(self.store, request))
            return fault

    def serve(self, client):
        server = None
        try:
            source = Source(client)
            while True:
                request = self.protocol.request(source)
                fault = self.due(request)
                kind = fault.kind if fault else None
                if kind == "delay":
                    time.sleep(fault.seconds)
                if kind == "call":
                    fault.call()
                if kind == "cut_before":
                    return
                if kind in ("429", "503"):
                    client.sendall(refusal(kind))
                    continue
                if server is None:
                    server = socket.create_connection(self.upstream, timeout=120)
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    answers = Source(server)
                server.sendall(self.planted(request))
                answer = self.protocol.answer(answers, request)
                if fault and fault.answered:
                    fault.answered()
                if kind == "call_after":
                    fault.call()
                if kind == "cut_after":
                    return
                if kind == "503_after":
                    answer = refusal("503")
                if kind == "half":
                    client.sendall(answer[:len(answer) // 2])
                    return
                client.sendall(answer)
        except (Closed, OSError):
            pass
        finally:
            for sock in filter(None, [client, server]):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                sock.close()

    def close(self):
        self.listener.close()


# Bugs of an adapter that show in its requests, by name: of which store, and what becomes of a request.
PLANTS = {
    "cache-fence": ("cache", lambda request: request.replace(b"token < fence", b"false        ")),
    "graph-fence": ("graph", lambda request: request.replace(b"fence <= $token", b"fence <= fence ")),
    "cache-compare": ("cache", lambda request: request.replace(b"value ~= before", b"false          ").replace(
        b"generation_before ~= generation)", b"false                          )")),
}


def refusal(kind):
    words = {"429": b"429 Too Many Requests\r\nRetry-After: 1", "503": b"503 Service Unavailable"}[kind]
    return b"HTTP/1.1 " + words + b"\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nnot now.\n"
