from stage import Stage, echo, request


async def test_options_for_the_server_itself_is_answered_here(stage: Stage):
    worker = await stage.upstream(echo)
    await stage.apply(worker)
    client = await stage.connect()
    for _ in range(2):
        await client.send(request("OPTIONS", "*"))
        status, fields, _ = await client.answer()
        assert status == 204
        assert "get" in fields["allow"]
    assert worker.connections == 0


async def test_a_request_that_runs_in_a_circle_is_a_508(stage: Stage):
    await stage.apply(await stage.upstream(echo))
    round_trips = ("Via: 1.1 webqx-sv", "Via: 1.1 webqx-sv")
    assert (await stage.ask(request("GET", "/", *round_trips)))[0] == 508


async def test_a_refusal_of_a_whole_request_keeps_the_connection(stage: Stage):
    await stage.apply(expecting=False, reason="down")
    client = await stage.connect()
    for number in range(3):
        await client.send(request("POST", f"/{number}", body=b"whole"))
        status, fields, _ = await client.answer()
        assert status == 503
        assert "connection" not in fields


async def test_a_refusal_of_a_head_request_has_no_body(stage: Stage):
    await stage.apply(expecting=False, reason="down")
    client = await stage.connect()
    for _ in range(2):
        await client.send(request("HEAD"))
        assert (await client.answer(to_head=True))[0] == 503


async def test_a_refused_body_is_never_read_as_a_request(stage: Stage):
    await stage.apply(expecting=False, reason="down")
    client = await stage.connect()
    smuggled = request("GET", "/smuggled")
    await client.send(request("POST", "/", f"Content-Length: {len(smuggled) + 9}") + smuggled)
    assert (await client.answer())[0] == 503
    assert await client.ended()


async def test_every_exchange_leaves_one_line_with_its_id(stage: Stage):
    await stage.apply(expecting=False, reason="api is down")
    _, fields, _ = await stage.ask(request("GET", "/x"))
    (line,) = stage.log_lines()
    assert " 127.0.0.1 GET /x 503 0 " in line
    assert line.endswith(f" - {fields['x-request-id']} 0 api is down")
