"""What is recorded of a request, by a real proxy."""

import json
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import pytest
from helpers import auntil
from stage import Stage, echo, ok, request

from webqx_supervisor.model.audit import SPOOLS, AccessAudit, OnFailure
from webqx_supervisor.model.auth import ApiKeys, Auth, Credentials, Source, SourceKind
from webqx_supervisor.model.filters import Access, Filters
from webqx_supervisor.model.gateway import FixedAnswer, Pause, Route
from webqx_supervisor.proxy.filters.audit import AuditFilter


def recorded(folder):
    lines = [
        line
        for path in sorted((folder / SPOOLS).glob("*"))
        for line in path.read_text().splitlines()
    ]
    return [json.loads(line) for line in lines]


async def play(stage, *requests, upstream=echo, audit=AccessAudit(), **filters):  # noqa: B008 - frozen
    stage.filter(audit=audit, **filters)
    await stage.apply(await stage.upstream(upstream))
    return [await stage.ask(each) for each in requests]


async def test_a_record_says_who_accessed_what(stage: Stage, tmp_path):
    await play(stage, request("GET", "/patients/7?name=Anna", "Cookie: secret=1"))
    (record,) = recorded(tmp_path)
    time, request_id = record.pop("time"), record.pop("request_id")
    assert record == {
        "kind": "access",
        "service": "api",
        "route": "/",
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/patients/7",
        "status": 200,
    }
    assert time.endswith("Z")
    assert stage.log_lines()[0].split()[-3] == request_id


async def test_neither_query_nor_body_nor_fields_are_recorded(stage: Stage, tmp_path):
    await play(
        stage, request("POST", "/a?q=hidden1", "Authorization: Bearer hidden2", body=b"hidden3")
    )
    assert "hidden" not in json.dumps(recorded(tmp_path))


async def test_what_is_to_be_left_out_is(stage: Stage, tmp_path):
    audit = AccessAudit(redact=("client", "/patients/*"))
    await play(stage, request("GET", "/p%61tients/7/x"), audit=audit)
    (record,) = recorded(tmp_path)
    assert (record["client"], record["path"]) == ("[redacted]", "/patients/*/x")


async def test_whoever_is_refused_is_recorded_too(stage: Stage, tmp_path):
    (answer,) = await play(stage, request(), access=Access(deny=("127.0.0.0/8",)))
    assert answer[0] == 403
    (record,) = recorded(tmp_path)
    assert (record["status"], record["reason"]) == (403, "this address may not ask here")


async def test_who_asks_is_recorded_when_it_is_proven(stage: Stage, tmp_path):
    source = Source(SourceKind.API_KEYS, "file:/keys")
    hashed = sha256(b"a long key").hexdigest()
    stage.credentials = (Credentials(source, f"shop:{hashed}", ""),)
    auth = Auth(api_keys=ApiKeys(source))
    key = request("GET", "/", "X-API-Key: a long key")
    wrong = request("GET", "/", "X-API-Key: another")
    await play(stage, key, wrong, auth=auth)
    known, unknown = recorded(tmp_path)
    assert (known["subject"], known["status"]) == ("shop", 200)
    assert unknown["status"] == 401
    assert "subject" not in unknown


@pytest.mark.parametrize(
    ("claims", "subject", "said"),
    [
        ({"sub": "a", "iss": "https://id"}, "sub", {"subject": "a", "issuer": "https://id"}),
        ({"sub": 'a"\n\u2028', "x": {"mail": "b"}}, "sub", {"subject": 'a"\n\u2028'}),
        ({"sub": "a", "x": {"mail": "b"}}, "x.mail", {"subject": "b"}),
        ({"sub": {"n": 1}}, "sub", {"subject": '{"n":1}'}),
        ({}, "sub", {"subject": ""}),
        (None, "sub", {}),
    ],
)
def test_the_subject_is_what_the_claim_says(claims, subject, said):
    filter_ = AuditFilter(AccessAudit(subject=subject), Route("web", "api"))
    exchange = SimpleNamespace(claims=claims)
    assert json.loads("{" + filter_._who(exchange)[1:] + "}") == said


async def test_an_answer_of_the_proxy_itself_is_recorded(stage: Stage, tmp_path):
    filters = Filters(audit=AccessAudit())
    stage.routes = (Route("web", answer=FixedAnswer(body="hi"), filters=filters, name="hi"),)
    await stage.apply()
    await stage.ask(request())
    (record,) = recorded(tmp_path)
    assert (record["service"], record["route"], record["status"]) == ("", "hi", 200)


async def test_of_what_may_never_end_the_beginning_is_recorded(stage: Stage, tmp_path):
    async def events(peer):
        await peer.head()
        await peer.send(ok(b"data: 1\n\n", "Content-Type: text/event-stream"))

    await play(stage, request("GET", "/events", "Accept: text/event-stream"), upstream=events)
    begin, end = recorded(tmp_path)
    assert (begin["phase"], begin["request_id"]) == ("begin", end["request_id"])
    assert "status" not in begin
    assert end["status"] == 200


@pytest.mark.parametrize(("policy", "status"), [(OnFailure.REFUSE, 503), (OnFailure.GO_ON, 200)])
async def test_what_cannot_be_recorded_is_refused_or_goes_on(
    stage: Stage, tmp_path, policy, status
):
    (tmp_path / SPOOLS).write_text("in the way")
    answers = await play(
        stage, request(), request("GET", "/2"), audit=AccessAudit(on_failure=policy)
    )
    assert [each[0] for each in answers] == [200, status]
    (tmp_path / SPOOLS).unlink()
    assert stage.proxy.gateway.audit._write_held()
    records = recorded(tmp_path)
    assert [each["path"] for each in records] == ["/", "/2"][: len(records)]
    assert len(records) == (1 if policy is OnFailure.REFUSE else 2)


async def test_what_was_held_by_a_pause_is_recorded_once(stage: Stage, tmp_path):
    filters = Filters(audit=AccessAudit())
    route = Route("web", "api", filters=filters)
    upstream = await stage.upstream(echo)
    stage.routes = (replace(route, pause=Pause("api", hold=20.0)),)
    await stage.apply(upstream)
    client = await stage.connect()
    await client.send(request())
    await auntil(lambda: any(each.busy for each in stage.proxy.gateway.clients))
    stage.routes = (route,)
    await stage.apply(upstream)
    assert (await client.answer())[0] == 200
    await auntil((tmp_path / SPOOLS).exists)
    assert [each["status"] for each in recorded(tmp_path)] == [200]


async def test_a_route_without_it_records_nothing(stage: Stage, tmp_path):
    await play(stage, request(), audit=None)
    assert not (tmp_path / SPOOLS).exists()
