"""Fetching from URLs, with a server of our own."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from lamina.data.datasets.fetching import Unavailable, fetch_url


class Answers(http.server.BaseHTTPRequestHandler):
    """/good has content, /short ends early, all else is missing."""

    def do_GET(self):
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", "100" if self.path == "/short" else "7")
        self.end_headers()
        self.wfile.write(b"content")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_a_url_that_answers(server: str):
    assert fetch_url(f"{server}/good") == b"content"


def test_urls_that_do_not(server: str, monkeypatch):
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:\d+: Not Found"):
        fetch_url(f"{server}/missing")
    with pytest.raises(Unavailable, match="7 of 100 bytes|7 bytes read"):
        fetch_url(f"{server}/short")
    with pytest.raises(Unavailable, match="refused"):
        fetch_url("http://127.0.0.1:1/x")
    with pytest.raises(Unavailable):
        fetch_url("no url at all")
