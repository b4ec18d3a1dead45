"""daemon/keyfetch.py: keys over HTTP and TLS, from issuers good and bad."""

import datetime as dt
import ipaddress
import ssl
from functools import partial

import pytest
import tokens
import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from helpers import free_port
from tokens import jwk, jwks

from webqx_supervisor.daemon import keyfetch
from webqx_supervisor.daemon.keyfetch import Fetched, Fetcher, FetchFailed

KEYS = jwks(jwk("ES256", "a"))


def answer(body, *fields, status="200 OK"):
    octets = body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(octets)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + octets


@pytest.fixture
async def issuer(nursery):
    """Return what starts a server that answers so; it gives the port."""

    async def serve(octets, context=None):
        async def talk(stream):
            with trio.move_on_after(20):
                try:
                    asked = await stream.receive_some(65536)
                    assert asked.startswith(b"GET /jwks.json HTTP/1.1\r\n")
                    if octets is None:
                        await trio.sleep_forever()
                    await stream.send_all(octets)
                    await stream.aclose()
                except trio.BrokenResourceError:
                    pass  # who fetched hung up

        port = free_port()
        serving = partial(trio.serve_tcp, talk, port, host="127.0.0.1")
        if context is not None:
            serving = partial(trio.serve_ssl_over_tcp, talk, port, context, host="127.0.0.1")
        await nursery.start(serving)
        return port

    return serve


@pytest.fixture
async def fetch():
    fetcher = Fetcher()
    yield lambda port, scheme="http": fetcher.fetch(f"{scheme}://127.0.0.1:{port}/jwks.json")
    await fetcher.aclose()


async def test_keys_come_with_the_time_for_which_they_are_good(issuer, fetch):
    assert await fetch(await issuer(answer(KEYS))) == Fetched(KEYS, None)
    port = await issuer(answer(KEYS, "Cache-Control: public, max-age=900"))
    assert await fetch(port) == Fetched(KEYS, 900.0)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (answer("no", status="500 Oh"), "127.0.0.1 answered 500"),
        (answer("", "Location: http://127.0.0.1:1/", status="302 Found"), "answered 302"),
        (answer("<html>"), "answered no JSON Web Key Set"),
        (answer('{"keys": []}'), "answered no JSON Web Key Set"),
        (answer('{"keys": 5}'), "answered no JSON Web Key Set"),
        (answer('{"keys": [{"kty": "oct", "k": "AAAA"}]}'), "answered no JSON Web Key Set"),
        (answer('{"keys": [], "keys": []}'), "answered no JSON Web Key Set"),
        (answer('{"keys": ["' + "x" * keyfetch.SIZE_LIMIT + '"]}'), "answered more than"),
        (answer(KEYS)[:-5], "RemoteProtocolError"),
        (b"nonsense\r\n\r\n", "RemoteProtocolError"),
        (b"", "RemoteProtocolError"),
    ],
)
async def test_what_is_no_set_of_keys_is_told_with_its_reason(issuer, fetch, octets, reason):
    port = await issuer(octets)
    with pytest.raises(FetchFailed, match=reason):
        await fetch(port)


async def test_nobody_there_is_told_as_well(fetch):
    with pytest.raises(FetchFailed, match="ConnectError"):
        await fetch(free_port())


async def test_who_says_nothing_is_not_waited_for_for_long(issuer, fetch, monkeypatch):
    monkeypatch.setattr(keyfetch, "TIME_LIMIT", 1.0)
    with pytest.raises(FetchFailed, match="no answer within"):
        await fetch(await issuer(None))


@pytest.fixture
def certificate(tmp_path):
    key = tokens.private_key("P-256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer of the tests")])
    now = dt.datetime.now(dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


async def test_over_tls_the_issuer_must_prove_who_it_is(issuer, fetch, certificate, monkeypatch):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    port = await issuer(answer(KEYS), context)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert (await fetch(port, "https")).text == KEYS
    monkeypatch.delenv("SSL_CERT_FILE")
    other = Fetcher()
    with pytest.raises(FetchFailed, match="ConnectError"):
        await other.fetch(f"https://127.0.0.1:{port}/jwks.json")
    await other.aclose()
