"""A certificate authority of a test's own, and one certificate for `localhost`."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def certificates(folder: Path) -> Path:
    """Writes `front.pem` (key and certificate) and `authority.pem`; the latter's path, for `SSL_CERT_FILE`."""
    now = dt.datetime.now(dt.UTC)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def certificate(subject: str, key, issuer: str, issuer_key, *, authority: bool) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
            )  # fmt: skip
            made = made.add_extension(usage, critical=True)
        else:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return made.sign(issuer_key, hashes.SHA256())

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = folder / "authority.pem"
    authority.write_bytes(certificate("test authority", root, "test authority", root, authority=True).public_bytes(Encoding.PEM))
    private = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "front.pem").write_bytes(
        private + certificate("localhost", leaf, "test authority", root, authority=False).public_bytes(Encoding.PEM)
    )
    return authority
