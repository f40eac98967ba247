"""Fetching over the network, without any dependency.

In: a URL. Out: bytes. What cannot be had raises `Unavailable` with the reason, so that the next
source is tried.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

CONNECT_SECONDS = 8  # without an answer, the next source is tried
_MAX_BYTES = 1 << 30


class Unavailable(Exception):
    """A source that does not have what was asked for: (where, why) pairs."""

    def __init__(self, attempts: Sequence[tuple[str, str]]) -> None:
        self.attempts = list(attempts)
        super().__init__("; ".join(f"{where}: {why}" for where, why in attempts))


def fetch_url(url: str) -> bytes:
    """The content of `url`; raises Unavailable."""
    host = urllib.parse.urlsplit(url).netloc
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:
            content: bytes = answer.read(_MAX_BYTES)
            announced = answer.headers.get("Content-Length")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise Unavailable([(host, str(reason) or type(error).__name__)]) from None
    if announced is not None and announced.isdigit() and len(content) < int(announced):
        raise Unavailable([(host, f"the transfer ended after {len(content)} of {announced} bytes")])
    return content
