"""Requests that a worker takes along: the daemon hears of them, and may have them refused."""

from stage import Peer, Stage, echo, ok, request

from webqx_supervisor.model.link import Lost, Survived
from webqx_supervisor.proxy.losses import MOST


async def dies(peer: Peer) -> None:
    await peer.head()


async def breaks_off(peer: Peer) -> None:
    await peer.head()
    await peer.send(ok(b"." * 50_000)[:-5])


async def test_a_request_without_an_answer_is_told_of(stage: Stage):
    await stage.apply(await stage.upstream(dies))
    await stage.ask(request("POST", "/pay?sum=7", body=b"x"))
    (lost,) = await stage.hears_of(Lost)
    assert lost.upstream == "api:1@1"
    assert (lost.request.method, lost.request.target) == ("POST", "/pay?sum=7")
    assert lost.request.request_id in stage.log_lines()[0]


async def test_so_is_one_whose_answer_breaks_off(stage: Stage):
    await stage.apply(await stage.upstream(breaks_off))
    client = await stage.connect()
    await client.send(request(path="/long"))
    await client.ended()
    (lost,) = await stage.hears_of(Lost)
    assert lost.request.target == "/long"


async def test_each_attempt_is_told_of_with_the_same_fingerprint(stage: Stage):
    await stage.apply(
        await stage.upstream(dies, "1"),
        await stage.upstream(dies, "2"),
        await stage.upstream(echo, "3"),
    )
    for _ in range(3):
        assert (await stage.ask(request()))[0] == 200
    lost = await stage.hears_of(Lost, 2)
    assert len({each.request.fingerprint for each in lost}) == 1


async def test_other_requests_have_other_fingerprints(stage: Stage):
    await stage.apply(await stage.upstream(dies))
    for each in (
        request("POST", "/", body=b"x"),
        request("POST", "/", body=b"xx"),
        request("POST", "/?a", body=b"x"),
        request("PATCH", "/", body=b"x"),
    ):
        await stage.ask(each)
    assert len({each.request.fingerprint for each in await stage.hears_of(Lost, 4)}) == 4


async def test_a_client_that_goes_away_is_no_loss(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    client = await stage.connect()
    await client.send(request("POST", "/", "Content-Length: 100"))
    await client.stream.aclose()
    assert (await stage.ask(request()))[0] == 200
    assert not [each for each in stage.said if isinstance(each, Lost)]


async def test_of_one_worker_no_more_than_so_many_are_told_of(stage: Stage):
    await stage.apply(await stage.upstream(dies))
    for _ in range(MOST + 3):
        await stage.ask(request("POST", "/", body=b"x"))
    assert len(await stage.hears_of(Lost, MOST)) == MOST
    assert stage.proxy.gateway.losses["api:1@1"] == MOST + 3
    await stage.apply()
    assert not stage.proxy.gateway.losses


async def test_a_suspect_that_is_answered_is_told_of_once(stage: Stage):
    worker, other = await stage.upstream(dies, "1"), await stage.upstream(echo, "2")
    await stage.apply(worker)
    await stage.ask(request("POST", "/", body=b"x"))
    (lost,) = await stage.hears_of(Lost)
    stage.suspects = (lost.request.fingerprint,)
    await stage.apply(other)
    for _ in range(3):
        assert (await stage.ask(request("POST", "/", body=b"x")))[0] == 200
    await stage.hears(Survived("api", lost.request.fingerprint))
    assert len(await stage.hears_of(Survived)) == 1


async def test_a_request_in_quarantine_is_refused_and_no_other(stage: Stage):
    worker, other = await stage.upstream(dies, "1"), await stage.upstream(echo, "2")
    await stage.apply(worker)
    await stage.ask(request("POST", "/poison", body=b"x"))
    (lost,) = await stage.hears_of(Lost)
    stage.quarantined = (lost.request.fingerprint,)
    await stage.apply(other)
    status, _, body = await stage.ask(request("POST", "/poison", body=b"x"))
    assert status == 500
    assert b"worker after worker of api died over this request" in body
    assert other.connections == 0
    assert (await stage.ask(request("POST", "/harmless", body=b"x")))[0] == 200


async def test_one_that_waits_is_refused_as_soon_as_the_verdict_comes(stage: Stage):
    workers = [await stage.upstream(dies, str(number)) for number in range(4)]
    await stage.apply(*workers)
    client = await stage.connect()
    await client.send(request(path="/poison"))
    lost = await stage.hears_of(Lost, 2)
    stage.quarantined = (lost[0].request.fingerprint,)
    await stage.apply(*workers)
    assert (await client.answer())[0] == 500
    assert sum(worker.connections for worker in workers) <= 3
