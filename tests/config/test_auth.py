"""config/auth.py, config/auth_check.py: who may ask, as a person writes it, and what is wrong."""

import hashlib

import bcrypt
import pytest
import tokens
from tokens import jwk, jwks

from webqx_supervisor.config.services_toml import parse
from webqx_supervisor.model.auth import (
    ApiKeys,
    Auth,
    BasicAuth,
    ForwardAuth,
    Jwt,
    Source,
    SourceKind,
)
from webqx_supervisor.model.codec import from_plain, to_plain
from webqx_supervisor.model.config import Config
from webqx_supervisor.model.errors import ConfigError

API = '[services.api]\ncommand = "true"\nport = 3001\nlisten = 3000\n'
AUTH = '[services.auth]\ncommand = "true"\nport = 4001\n'
ROUTE = '[[routes]]\nlistener = "api"\nservice = "api"\npath = "/x"\n'
FILES = {
    "jwks.json": jwks(jwk("RS256", "a")),
    "key.pem": tokens.pem("ES256"),
    "secret.txt": tokens.SECRET + "\n",
    "htpasswd": f"ada:{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode()}\n",
    "keys": f"shop:{hashlib.sha256(b'k').hexdigest()}\n",
    "short.txt": "hunter2",
}


@pytest.fixture
def compiled(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    def compile_text(text):
        return parse(text, str(tmp_path / "services.toml"), 2)

    return compile_text


def of_file(kind, name, folder):
    return Source(kind, f"file:{folder / name}")


def test_a_file_of_keys_is_all_that_tokens_need(compiled, tmp_path):
    (route,) = compiled(API + 'jwt = "jwks.json"').routes
    keys = of_file(SourceKind.KEYS, "jwks.json", tmp_path)
    assert route.filters.auth == Auth(jwt=Jwt(keys=(keys,)))


def test_the_whole_table_becomes_the_policy(compiled, tmp_path):
    config = compiled(
        API + "[services.api.jwt]\n"
        'keys = ["key.pem", "https://issuer.example/jwks.json"]\nsecret = "file:secret.txt"\n'
        'algorithms = ["ES256", "HS256"]\nissuer = "https://issuer.example"\n'
        'audience = ["api", "web"]\nleeway = "5s"\nmust_expire = false\n'
        'claims = { role = ["admin", "owner"], level = 3, verified = true }\nscopes = ["read"]\n'
        'headers = { X-User = "sub", X-Roles = "realm_access.roles" }\ncookie = "session"\n'
        'optional = true\nrealm = "clinic"\n'
    )
    (route,) = config.routes
    assert route.filters.auth == Auth(
        jwt=Jwt(
            keys=(
                of_file(SourceKind.KEYS, "key.pem", tmp_path),
                Source(SourceKind.KEYS, "https://issuer.example/jwks.json"),
                of_file(SourceKind.SECRET, "secret.txt", tmp_path),
            ),
            algorithms=("ES256", "HS256"),
            issuers=("https://issuer.example",),
            audiences=("api", "web"),
            leeway=5.0,
            must_expire=False,
            claims=(("role", ('"admin"', '"owner"')), ("level", ("3",)), ("verified", ("true",))),
            scopes=("read",),
            headers=(("X-User", "sub"), ("X-Roles", "realm_access.roles")),
            cookie="session",
            optional=True,
            realm="clinic",
        ),
        reserved=("X-Roles", "X-User"),
    )
    assert from_plain(Config, to_plain(config)) == config
    assert tokens.SECRET not in str(to_plain(config))


def test_the_other_ways_have_short_forms_too(compiled, tmp_path):
    (route,) = compiled(
        API + 'basic_auth = "htpasswd"\napi_keys = "keys"\nforward_auth = "auth"\n' + AUTH
    ).routes
    assert route.filters.auth == Auth(
        basic=BasicAuth(of_file(SourceKind.PASSWORDS, "htpasswd", tmp_path)),
        api_keys=ApiKeys(of_file(SourceKind.API_KEYS, "keys", tmp_path)),
        forward=ForwardAuth("auth"),
        reserved=("X-User",),
    )


def test_what_tells_a_service_who_asks_can_be_said_on_none_of_its_routes(compiled):
    routes = compiled(
        API
        + 'jwt = { keys = "jwks.json", headers = { X-User = "sub" } }\n'
        + ROUTE
        + "jwt = false\n"
        + AUTH
        + '[[routes]]\nlistener = "api"\nservice = "auth"\npath = "/auth"\nbackup = "api"\n'
        + '[[routes]]\nlistener = "api"\nservice = "auth"\npath = "/login"\n'
    ).routes
    open_one, with_backup, login, own = routes
    assert open_one.filters.auth == Auth(reserved=("X-User",))
    assert with_backup.filters.auth.reserved == ("X-User",)
    assert login.filters.auth == Auth()
    assert own.filters.auth.reserved == ("X-User",)


def test_a_secret_may_come_from_the_environment(compiled, monkeypatch):
    monkeypatch.setenv("A_SECRET_OF_TESTS", tokens.SECRET)
    (route,) = compiled(API + 'jwt = { secret = "env:A_SECRET_OF_TESTS" }').routes
    assert route.filters.auth.jwt.keys == (Source(SourceKind.SECRET, "env:A_SECRET_OF_TESTS"),)


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("jwt = {}", "jwt", "nothing to verify by"),
        ('jwt = "nothing.json"', "jwt.keys", "cannot be read: No such file"),
        ('jwt = "htpasswd"', "jwt.keys", "found neither"),
        ('jwt = "http://issuer.example/jwks.json"', "jwt", "can be changed on the way"),
        ('jwt = "ftp://issuer.example/jwks.json"', "jwt", "wanted a file or an address"),
        ('jwt = { secret = "hunter2" }', "jwt.secret", "in every copy of it"),
        ('jwt = { secret = "file:short.txt" }', "jwt.secret", "can be guessed"),
        ('jwt = { secret = "file:key.pem" }', "jwt.secret", "it belongs in `keys`"),
        ('jwt = { secret = "env:NOT_SET_IN_TESTS" }', "jwt.secret", "not set in the environment"),
        ('jwt = { keys = "jwks.json", algorithms = ["none"] }', "jwt.algorithms", "nobody signed"),
        ('jwt = { keys = "jwks.json", algorithms = ["RS265"] }', "jwt.algorithms", "`RS256`?"),
        ('jwt = { keys = "jwks.json", headers = { Authorization = "sub" } }', "jwt", "of your own"),
        ('jwt = { keys = "jwks.json", headers = { X_User = "sub" } }', "jwt", "underscore"),
        (
            'jwt = { keys = "jwks.json", claims = { a = 1.5 } }',
            "jwt.claims",
            "wanted text, a number",
        ),
        (
            'jwt = { keys = "jwks.json", claims = { a = [] } }',
            "jwt.claims",
            "wanted text, a number",
        ),
        ('jwt = { keys = "jwks.json", scopes = ["a b"] }', "jwt.scopes", "wanted one scope"),
        ('jwt = { keys = "jwks.json", realm = \'a"b\' }', "jwt.realm", "plain ASCII"),
        ('jwt = { keys = "jwks.json", isuer = "x" }', "jwt.isuer", "did you mean `issuer`?"),
        ('basic_auth = "keys"', "basic_auth", "line 1: wanted a bcrypt hash"),
        ('api_keys = "htpasswd"', "api_keys", "line 1: wanted the SHA-256"),
        ('forward_auth = "auht"', "forward_auth", "did you mean `auth`?"),
        ('forward_auth = { service = "auth", path = "x" }', "forward_auth.path", "wanted a path"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_without_the_secret(compiled, text, key, message):
    with pytest.raises(ConfigError) as raised:
        compiled(API + text + "\n" + AUTH)
    told = [(problem.key, problem.line, problem.message) for problem in raised.value.problems]
    assert len(told) == 1, told
    assert told[0][0].startswith(f"services.api.{key}")
    assert told[0][1] == 5
    assert message in told[0][2]
    assert "hunter2" not in told[0][2]


def test_a_service_that_has_no_port_cannot_be_asked(compiled):
    with pytest.raises(ConfigError, match="has no `port` to ask at"):
        compiled(API + 'forward_auth = "job"\n[services.job]\ncommand = "true"\n')


def test_a_remote_service_can(compiled):
    remote = '[services.sso]\nremote = ["http://10.0.0.1:80"]\n'
    (route,) = compiled(API + 'forward_auth = "sso"\n' + remote).routes
    assert route.filters.auth.forward == ForwardAuth("sso")


def test_over_tcp_nobody_is_asked(compiled):
    text = API.replace("3000", '{ bind = 3000, protocol = "tcp" }') + 'jwt = "jwks.json"'
    with pytest.raises(ConfigError, match="no meaning for a service behind tcp"):
        compiled(text)
