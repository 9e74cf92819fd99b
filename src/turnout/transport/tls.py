"""TLS between a connection and its socket, over memory: so that a tunnel can carry it and nothing is buffered twice.

(asyncio's own TLS transport keeps a read buffer of 256 KiB for each connection.)
"""

from __future__ import annotations

import os
import ssl
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

_RECORDS = 65_536
# Where systems keep their bundle when OpenSSL was built for another path (the list of Go's crypto/x509, root_linux.go
# and root_bsd.go: Debian, Fedora, SUSE, RHEL, Alpine and macOS).
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class TLSLayer:
    """One TLS session as a client. `write` takes what goes to the socket; bytes from there go through `receive`.

    `below` is the session that this one runs inside (a proxy that speaks TLS itself).
    """

    __slots__ = ("_below", "_incoming", "_outgoing", "_session", "_write", "failure", "is_ended", "is_ready")

    def __init__(
        self, context: ssl.SSLContext, host: str, write: Callable[[bytes], None], below: TLSLayer | None = None
    ) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._write = write if below is None else below.send
        self._below = below
        self.is_ready = False
        self.is_ended = False  # nothing more will come: by the server's word, or by `failure`
        self.failure: ssl.SSLError | None = None

    def advance(self) -> None:
        """Take the handshake one step on. Raises `ssl.SSLError` when it fails."""
        try:
            self._session.do_handshake()
            self.is_ready = True
        except ssl.SSLWantReadError:
            pass
        finally:
            self._flush()  # an alert, too, should reach the server

    def receive(self, data: bytes) -> bytes:
        """Return what `data` decrypts to, which may be nothing. Raises `ssl.SSLError` when the handshake fails.

        A failure after it is kept in `failure`, for what came before is good.
        """
        below = self._below
        if below is not None:
            data = below.receive(data)
            self.is_ended, self.failure = below.is_ended, below.failure
            if below.is_ended and below.failure is None:  # the proxy's word, which is not the server's
                self.failure = ssl.SSLEOFError("the session around it ended first")
        self._incoming.write(data)
        if not self.is_ready:
            self.advance()
            if not self.is_ready:
                return b""
        pieces: list[bytes] = []
        try:
            while self._incoming.pending or self._session.pending():
                piece = self._session.read(_RECORDS)
                if not piece:
                    self.is_ended, self.failure = True, None
                    break
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.is_ended = True
            self.failure = None if isinstance(error, ssl.SSLZeroReturnError) else error
        self._flush()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def send(self, data: bytes | memoryview) -> None:
        """Encrypt `data` and write it."""
        self._session.write(data)
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._write(self._outgoing.read())


def create_context() -> ssl.SSLContext:
    """Return a context that trusts what the system trusts.

    SSL_CERT_FILE takes the place of the system's bundle and SSL_CERT_DIR of its folder of certificates; on Windows they
    add to the system's store. Where OpenSSL knows no certificate at all (an interpreter that was built for another
    system), the usual bundles are tried, then the package certifi when it is installed. Takes some 20 ms: create it
    once, in a thread beside the event loop. Raises `ConfigurationError` when one of the two variables names nothing.
    """
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        path = os.environ.get(name)
        if path and not Path(path).exists():
            raise ConfigurationError(f"{name} names {path!r}, which does not exist: correct it or unset it")
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if not _has_trust(context):
        bundle = _find_bundle()
        if bundle is not None:
            context.load_verify_locations(bundle)
    return context


def _has_trust(context: ssl.SSLContext) -> bool:
    if context.cert_store_stats()["x509_ca"] or os.environ.get("SSL_CERT_FILE"):
        return True
    folder: str | None = ssl.get_default_verify_paths().capath  # read by OpenSSL only when a chain asks for it
    return bool(folder) and any(Path(folder).iterdir())


def _find_bundle() -> str | None:
    for path in _BUNDLES:
        if Path(path).is_file():
            return path
    try:
        certifi = import_module("certifi")  # optional, and no dependency
    except ImportError:
        return None
    return str(certifi.where())
