"""The secrets of one instance: made at the first use, kept in files that only their owner can read.

Nothing here is ever replaced: a file that is there is the secret. Keys for internal tokens are ES256; their public
halves stand together in `internal-jwks.json`, the key id being the caller's name.

Each may come from outside instead: `BODEGA_SECRET_<NAME>_FILE` names a file, to which a link is kept here, so that a
later command that is not told finds it as well.
"""

import ipaddress
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from bodega.platform.system import LOOPBACK, Instance

CLI = "cli"
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_GIVEN = re.compile(r"BODEGA_SECRET_[A-Z0-9_]+_FILE")
# Some stand in URLs and in engines' configuration, where other characters would have to be written otherwise.
_USABLE = re.compile(r"[A-Za-z0-9._~-]{16,}")


class SecretError(Exception):
    """A secret that was given from outside cannot be used; the message says which and why."""


def variable(name: str) -> str:
    """What names the file of a secret from outside: `link.secret` is BODEGA_SECRET_LINK_SECRET_FILE."""
    return f"BODEGA_SECRET_{re.sub('[^A-Z0-9]', '_', name.upper())}_FILE"


@dataclass(frozen=True)
class Secrets:
    """Reads secrets by name, making what is missing. `folder` has mode 0700, each file 0600."""

    folder: Path

    @classmethod
    def of(cls, instance: Instance) -> "Secrets":
        """The secrets of an instance, every key and secret file of its services in place. Raises SecretError."""
        for name in filter(_GIVEN.fullmatch, os.environ):
            _must_be_usable(name, Path(os.environ[name]))
        found = cls(instance.data / "secrets")
        found.folder.mkdir(parents=True, exist_ok=True)
        found.folder.chmod(0o700)
        for path in found.folder.iterdir():
            if not path.is_symlink() and (given := os.environ.get(variable(path.name))):
                raise SecretError(
                    f"{variable(path.name)} names {given}, but this instance has made a secret of its own, {path}, and "
                    "works with it"
                )
        found._make_keys((*instance.system.services, CLI))
        return found

    def read(self, name: str) -> str:
        """A random secret of 32 bytes in hexadecimal, or what was given from outside; the same at every call."""
        return self.file(name).read_text().strip()

    def file(self, name: str) -> Path:
        """The file of such a secret, for those who are given a path rather than a value."""
        return self._made(name, lambda: secrets.token_hex(32))

    def key_file(self, caller: str) -> Path:
        """The private key (PEM) with which a caller signs its internal tokens."""
        return self.folder / f"{caller}.key.pem"

    def certificate(self, name: str) -> tuple[str, str]:
        """A certificate and its private key (PEM) for an engine whose own parts know each other by it: it is its own
        authority, so it vouches for nobody else, and it does not end, since there is nobody to renew it."""
        both = self._made(f"{name}.pem", lambda: _self_signed(name)).read_text()
        key, _, certificate = both.partition(_CERTIFICATE)
        return _CERTIFICATE + certificate, key

    @property
    def jwks_file(self) -> Path:
        """The public keys of all callers, as a JWK set."""
        return self.folder / "internal-jwks.json"

    def _make_keys(self, callers: tuple[str, ...]) -> None:
        public = []
        for caller in callers:
            pem = self._made(
                self.key_file(caller).name, lambda: ECKey.generate_key("P-256").as_pem(private=True).decode()
            )
            key = ECKey.import_key(pem.read_text())
            public.append({**key.as_dict(private=False), "kid": caller, "alg": "ES256", "use": "sig"})
        jwks = json.dumps({"keys": public}, indent=1, sort_keys=True)
        if not self.jwks_file.exists() or self.jwks_file.read_text() != jwks:
            _write(self.jwks_file, jwks)

    def _made(self, name: str, make: Callable[[], str]) -> Path:
        path = self.folder / name
        if given := os.environ.get(variable(name)):
            _link(path, Path(given).absolute())
        elif path.is_symlink() and not path.exists():
            raise SecretError(f"{path} leads to {path.readlink()}, which is not there")
        elif not path.exists():
            _write(path, make(), keep=True)
        return path


def _self_signed(name: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"bodega {name}")])
    addresses = [x509.DNSName(name), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(LOOPBACK))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))  # whatever this machine's clock says
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def _link(path: Path, target: Path) -> None:
    if not path.is_symlink() or path.readlink() != target:
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        draft.symlink_to(target)
        draft.replace(path)


def _must_be_usable(told_by: str, file: Path) -> None:
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"{told_by} names {file}, which cannot be read: {error}") from error
    if told_by.endswith("_KEY_PEM_FILE"):  # of a service
        try:
            usable = ECKey.import_key(text).curve_name == "P-256"
        except ValueError:
            usable = False
        if not usable:
            raise SecretError(f"{told_by} names {file}, which holds no private key of the curve P-256 (PEM)")
    elif told_by.endswith("_PEM_FILE"):  # of an engine, which judges it
        return
    elif not _USABLE.fullmatch(text):
        raise SecretError(
            f"{told_by} names {file}, which does not hold at least 16 letters, digits, or characters of ._~-"
        )


def _write(path: Path, text: str, *, keep: bool = False) -> None:
    """Write whole or not at all; with `keep`, whoever was first wins, so that two starts at once agree."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if not keep:
        draft.replace(path)
        return
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # made by another start a moment ago: theirs is the secret
    finally:
        draft.unlink()
