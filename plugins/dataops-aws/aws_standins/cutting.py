"""A network that ends connections in the middle of answers, at any byte, also those of TLS."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_ADDRESS = "127.0.0.1"


class Cutting:
    """Forwards connections, and ends each after so many bytes of what the server says, as if that were all.

    Args:
        endpoint: of the server.
        tls: speaks TLS to clients by this, if it is given.

    Attributes:
        after: how many bytes are let through.
        heard: what the server said on the last connection.
    """

    def __init__(self, endpoint: str, tls: ssl.SSLContext | None = None) -> None:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self.after = 1 << 40
        self.heard = bytearray()
        self._upstream, self._tls = (host, int(port)), tls

    @contextmanager
    def running(self) -> Iterator[int]:
        """Forwards until the end of the block; yields the port."""
        listening = socket.create_server((_ADDRESS, 0))
        threading.Thread(target=self._serve, args=(listening,), daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _serve(self, listening: socket.socket) -> None:
        with suppress(OSError):  # it was closed
            while True:
                accepted, _ = listening.accept()
                self.heard = bytearray()
                threading.Thread(target=self._forward, args=(accepted, self.heard), daemon=True).start()

    def _forward(self, accepted: socket.socket, heard: bytearray) -> None:
        with suppress(OSError), socket.create_connection(self._upstream) as server:
            client = accepted if self._tls is None else self._tls.wrap_socket(accepted, server_side=True)
            threading.Thread(target=_pump, args=(client, server), daemon=True).start()
            while len(heard) < self.after and (data := server.recv(1 << 16)):
                data = data[: self.after - len(heard)]
                heard += data
                client.sendall(data)
            # TLS would say farewell here; who loses a connection in the middle does not.
            with socket.socket(fileno=client.detach()) as plain:
                plain.shutdown(socket.SHUT_WR)
                time.sleep(0.05)  # or a reset overtakes what is on its way


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Returns what a server on this machine speaks TLS by, and the file by which clients trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ADDRESS)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_ADDRESS))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, secret = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
