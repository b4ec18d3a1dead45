"""Who may ask, with a real Node server as issuer and as API; and no secret lies about anywhere."""

import hashlib
import json
import shutil
import time
from pathlib import Path

import bcrypt
import helpers
import httpx
import pytest
import tokens
from project import APPS

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")

ISSUER = f"node {APPS / 'issuer.js'}"
SECRETS = {
    "secret.txt": "a secret of the tests that stands in a file: 9c1f3ab7",
    "env": "a secret of the tests from the environment: 77d0e4c2",
}
PASSWORD, KEY = "open sesame 5e1d", "a long random key 0b6f"


def issuer(project, more):
    project.write(f"""
[services.api]
command = "{ISSUER}"
port = {project.port}
[listeners.web]
bind = {project.listen}
{more}
""")


def ask(project, path="/", token=None, **headers):
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.get(project.url + path, headers=headers)


def direct(project, path):
    return httpx.get(f"http://127.0.0.1:{project.port}{path}").text


@needs_node
def test_tokens_of_an_issuer_are_good_while_its_keys_change(project):
    address = f"http://127.0.0.1:{project.port}/jwks.json"
    issuer(
        project,
        f"""
[[routes]]
listener = "web"
service = "api"
path = "/open"
[[routes]]
listener = "web"
service = "api"
jwt = {{ keys = "{address}", scopes = ["read"], headers = {{ X-User = "sub" }} }}
cors = ["https://me.github.io"]
""",
    )
    project.cli("start")
    # The issuer is a worker of this very daemon: until its keys are there the answer is 503.
    first = direct(project, "/token?kid=first&scope=read")
    helpers.until(lambda: ask(project, token=first).status_code == 200)
    answer = ask(project, "/a?b=c", first, **{"X-User": "root"}).json()
    assert answer["headers"]["x-user"] == "ada"
    assert answer["headers"]["authorization"] == f"Bearer {first}"
    assert "x-user" not in ask(project, "/open", **{"X-User": "root"}).json()["headers"]

    nobody = ask(project, Origin="https://me.github.io")
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"] == 'Bearer realm="api"'
    assert nobody.headers["access-control-allow-origin"] == "https://me.github.io"
    assert ask(project, token=direct(project, "/token?kid=first&scope=write")).status_code == 403
    assert ask(project, token=direct(project, "/token?kid=first&for=-60")).status_code == 401

    direct(project, "/rotate?kid=second")
    second = direct(project, "/token?kid=second&scope=read")
    assert ask(project, token=second).status_code == 200  # waits while the keys are fetched

    # Keys that were fetched outlive the daemon, and the issuer.
    helpers.until((project.state_dir() / "keys.json").exists)
    project.cli("stop", "api")
    project.cli("upgrade")
    assert ask(project, token=second).status_code == 503  # stopped; the token was good
    assert "no worker" not in ask(project, token=first[:-4] + "AAAA").text
    assert ask(project, token=first[:-4] + "AAAA").status_code == 401


@needs_node
def test_a_service_of_the_same_file_is_asked(project):
    issuer(
        project,
        """
[[routes]]
listener = "web"
service = "api"
forward_auth = { service = "api", path = "/verify", headers = ["X-Level"] }
""",
    )
    project.cli("start")
    assert ask(project).status_code == 402
    answer = ask(project, **{"X-Plan": "gold", "X-Level": "9"})
    assert (answer.status_code, answer.json()["headers"]["x-level"]) == (200, "7")


def test_no_secret_is_written_down_or_told_anywhere(project):
    project.env["A_SECRET_OF_TESTS"] = SECRETS["env"]
    (project.folder / "secret.txt").write_text(SECRETS["secret.txt"])
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (project.folder / "htpasswd").write_text(f"ada:{hashed}\n")
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    (project.folder / "keys").write_text(f"shop:{digest}\n")
    project.service(
        more='jwt = { secret = "file:secret.txt" }\nbasic_auth = "htpasswd"\napi_keys = "keys"\n'
        '[[routes]]\nlistener = "api"\nservice = "api"\npath = "/env"\n'
        'jwt = { secret = "env:A_SECRET_OF_TESTS" }'
    )
    printed = project.cli("start")
    good = {name: signed(secret) for name, secret in SECRETS.items()}
    assert ask(project, token=good["secret.txt"]).status_code == 200
    assert ask(project, "/env", good["env"]).status_code == 200
    assert ask(project, token=good["env"]).status_code == 401
    assert ask(project, **{"X-API-Key": KEY}).status_code == 200
    assert httpx.get(project.url, auth=("ada", PASSWORD)).status_code == 200
    assert httpx.get(project.url, auth=("ada", "wrong")).status_code == 401

    # A changed file counts from the next apply on.
    changed = "another secret of the tests in the file: 41aa90be"
    (project.folder / "secret.txt").write_text(changed)
    assert ask(project, token=good["secret.txt"]).status_code == 200
    printed += project.cli("apply")
    assert ask(project, token=good["secret.txt"]).status_code == 401
    assert ask(project, token=signed(changed)).status_code == 200
    (project.folder / "secret.txt").write_text("too short")
    printed += project.cli("apply", code=78)
    assert ask(project, token=signed(changed)).status_code == 200  # a wrong file changes nothing
    (project.folder / "secret.txt").write_text(changed)

    for verb in (["status", "--json"], ["describe", "api"], ["events"], ["why", "api"], ["check"]):
        printed += project.cli(*verb)
    hidden = [
        *SECRETS.values(),
        changed,
        PASSWORD,
        KEY,
        hashed,
        digest,
        *good.values(),
        "too short",
    ]
    texts = [printed.encode()]
    texts += [path.read_bytes() for path in project.home.rglob("*") if path.is_file()]
    assert len(texts) > 5
    for secret in hidden:
        assert not any(secret.encode() in text for text in texts), secret

    # A daemon that comes after a crash reads them anew.
    project.cli("upgrade")
    assert ask(project, token=signed(changed)).status_code == 200
    assert ask(project, "/env", good["env"]).status_code == 200


def signed(secret):
    return tokens.jwt.encode({"sub": "ada", "exp": time.time() + 600}, secret, "HS256")


def test_a_proxy_whose_table_asks_nobody_carries_nothing_for_it(project):
    project.service(more="instances = 1").cli("start")
    assert httpx.get(project.url).status_code == 200
    for each in project.status()["proxies"]:
        maps = Path(f"/proc/{each['pid']}/maps").read_text()
        assert "cryptography" not in maps
        assert "bcrypt" not in maps
    assert json.loads(project.cli("status", "--json"))["services"]
