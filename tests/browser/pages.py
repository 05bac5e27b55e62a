"""A website of other people: pages on an origin of their own, with the headers that a test gives them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Document:
    """What a path answers."""

    body: bytes
    content_type: str
    headers: Mapping[str, str]
    status: int


@dataclass(slots=True)
class Pages:
    """The website; every page is written by a test. `asked` are the paths that were asked for, in order."""

    port: int
    documents: dict[str, Document] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return the site's origin, which the server's sites allow."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def foreign_address(self) -> str:
        """Return another origin of the same pages, which no site allows."""
        return f"http://localhost:{self.port}"

    def put(
        self,
        path: str,
        *,
        head: str = "",
        body: str = "",
        lang: str = "en",
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Write a page, in place of one that was there; returns its address."""
        text = (
            f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{path}</title>{head}</head><body>{body}</body></html>"
        )
        return self.put_file(path, text.encode(), HTML, headers=headers)

    def put_file(
        self,
        path: str,
        body: bytes,
        content_type: str,
        *,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> str:
        """Write anything else, such as a script or a style sheet; returns its address."""
        self.documents[path] = Document(body, content_type, headers or {}, status)
        return self.address + path


@contextmanager
def website() -> Iterator[Pages]:
    """Serve pages on a port that the system gives."""
    pages = Pages(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            pages.asked.append(self.path)
            missing = Document(b"", HTML, {}, 204 if path == "/favicon.ico" else 404)
            document = pages.documents.get(path, missing)
            self.send_response(document.status)
            self.send_header("Content-Type", document.content_type)
            if document.status != 204:
                self.send_header("Content-Length", str(len(document.body)))
            for name, value in document.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(document.body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests' output is theirs."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pages.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
