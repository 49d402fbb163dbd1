"""A web server on this machine that misbehaves as a test tells it to."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """Gives each path its answers in turn, and the last one from then on."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def serve(self, path: str, *answers: Answer) -> str:
        """The address of a path with these answers."""
        self.answers[path] = list(answers)
        return f"{self.url}{path}"

    def ranges(self) -> list[str | None]:
        """What part each request asked for."""
        return [headers.get("Range") for _, headers in self.requests]


@contextmanager
def serving() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append((self.path, dict(self.headers)))
            answers = server.answers.get(self.path, [status(404)])
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        def log_message(self, *args: object) -> None: ...

    class Http(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A client that hangs up is none."""

    with Http(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def status(code: int, **headers: str) -> Answer:
    """No file."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def file(
    body: bytes,
    *,
    tag: str | None = '"1"',
    date: str | None = None,
    ranges: bool = True,
    cut_at: int | None = None,
    length: int | None = None,
) -> Answer:
    """A file.

    Args:
        body: All of it.
        tag: What it calls this version; None to call it nothing.
        date: When this version was made, if it says so.
        ranges: Whether parts are given.
        cut_at: After how many bytes of the file the connection breaks.
        length: What it says of the file's length instead of the truth.
    """

    def answer(handler: BaseHTTPRequestHandler) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        same = handler.headers.get("If-Range") in (None, tag)
        start = int(wanted[1]) if wanted and ranges and same else 0
        whole = len(body) if length is None else length
        if start >= len(body) and start:
            status(416, Content_Range=f"bytes */{len(body)}")(handler)
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(whole - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if tag:
            handler.send_header("ETag", tag)
        if date:
            handler.send_header("Last-Modified", date)
        handler.end_headers()
        handler.wfile.write(body[start:cut_at])
        handler.wfile.flush()
        if cut_at is not None:
            handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return answer


def chunked(*parts: bytes, ends: bool = True) -> Answer:
    """A file whose length is not said; without `ends` the connection breaks before the end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in (*parts, b"") if ends else parts:
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        handler.wfile.flush()
        handler.close_connection = True

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True
