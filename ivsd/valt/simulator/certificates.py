"""Certificates that are good, and those that a client must not trust.

They are made with the package trustme, which nothing else in the simulator needs:
`pip install 'ivsd[simulator]'`.
"""

from __future__ import annotations

import datetime
import hashlib
import ssl
from dataclasses import dataclass
from typing import Any

KINDS = ("good", "self_signed", "expired", "wrong_name", "not_yet_valid")
_ELSEWHERE = "elsewhere.example.com"
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate ready to be shown."""

    kind: str
    context: ssl.SSLContext
    fingerprint: str  # SHA-256 of the DER form, 64 hex digits: what a client pins


class Certificates:
    """An authority of its own and what it issues for one host; each kind is made once.

    ============= =================================================================================
    kind          what a client that trusts the authority finds
    ============= =================================================================================
    good          nothing wrong
    self_signed   signed by itself, not by the authority
    expired       valid until yesterday
    not_yet_valid valid from tomorrow on
    wrong_name    valid for another host
    ============= =================================================================================
    """

    def __init__(self, host: str) -> None:
        try:
            import trustme
        except ImportError:
            raise ImportError(
                "the simulator's own certificates need the package trustme: "
                "pip install 'ivsd[simulator]'"
            ) from None
        self._authority: Any = trustme.CA()
        wildcards = ("", "0.0.0.0", "::")  # noqa: S104 - nothing is bound here
        known = ["localhost", "127.0.0.1", "::1"]
        self._names = known if host in (*wildcards, *known) else [host, *known]
        self._made: dict[str, Certificate] = {}

    @property
    def ca_pem(self) -> str:
        """The authority's certificate, for a client to trust."""
        text: str = self._authority.cert_pem.bytes().decode()
        return text

    def get(self, kind: str) -> Certificate:
        """Raises ValueError for a kind that does not exist."""
        if kind not in KINDS:
            raise ValueError(f"a certificate is one of {', '.join(KINDS)}, not {kind!r}")
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        return self._made[kind]

    def _make(self, kind: str) -> Certificate:
        now = datetime.datetime.now(datetime.UTC)
        validity = {}
        if kind == "expired":
            validity = {"not_before": now - 30 * _DAY, "not_after": now - _DAY}
        elif kind == "not_yet_valid":
            validity = {"not_before": now + _DAY, "not_after": now + 30 * _DAY}
        if kind == "self_signed":
            key_and_chain = self._signed_by_itself(now)
        else:
            names = [_ELSEWHERE] if kind == "wrong_name" else self._names
            issued = self._authority.issue_cert(*names, **validity)
            key_and_chain = issued.private_key_and_cert_chain_pem
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with key_and_chain.tempfile() as path:
            context.load_cert_chain(path)
        _, begin, end = key_and_chain.bytes().decode().partition("-----BEGIN CERTIFICATE-----")
        der = ssl.PEM_cert_to_DER_cert(begin + end)
        return Certificate(kind, context, hashlib.sha256(der).hexdigest())

    def _signed_by_itself(self, now: datetime.datetime) -> Any:
        """Key and certificate in PEM; trustme has only authorities for this."""
        import trustme
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "VALT")])
        issued = self._authority.issue_cert(*self._names).cert_chain_pems[0].bytes()
        names = x509.load_pem_x509_certificate(issued).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        leaf = (
            x509.CertificateBuilder(issuer_name=name, subject_name=name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 30 * _DAY)
            .not_valid_after(now + 300 * _DAY)
            .add_extension(names.value, critical=False)
            .sign(key, hashes.SHA256())
        )
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        secret = key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        return trustme.Blob(secret + leaf.public_bytes(pem))
