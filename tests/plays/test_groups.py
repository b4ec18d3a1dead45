"""Several services meant by one word; and those that only a profile starts."""

import json
import os
import signal

import helpers
from project import PYTHON

SLEEP = f'["{PYTHON}", "-c", "import time; time.sleep(3600)"]'


def write(project, tools='profiles = ["dev"]', more=""):
    return project.write(f"""
[services.api-a]
command = {SLEEP}
group = "backend"
[services.api-b]
command = {SLEEP}
group = ["backend", "public"]
[services.web]
command = {SLEEP}
[services.tools]
command = {SLEEP}
group = "backend"
{tools}
{more}
""")


def states(project):
    return {row["name"]: row["state"] for row in project.status()["services"]}


def running(project):
    return {name for name, state in states(project).items() if state == "RUNNING"}


def pids(project):
    rows = project.status()["services"]
    return {row["name"]: [worker["pid"] for worker in row["workers"]] for row in rows}


def changed(before, after):
    return {name for name in after if before[name] != after[name]}


def kill_the_daemon(project):
    daemon = project.status()["daemon"]["pid"]
    os.kill(daemon, signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 0)
    assert project.status()["daemon"]["pid"] != daemon


def test_verbs_take_groups_and_globs(project):
    write(project).cli("start")
    before = pids(project)
    assert project.cli("restart", "backend") == "restarted api-a, api-b\n"
    assert changed(before, after := pids(project)) == {"api-a", "api-b"}
    assert project.cli("reload", "web", "api-?") == "reloaded web, api-a, api-b\n"
    assert changed(after, pids(project)) == {"api-a", "api-b", "web"}
    assert project.cli("stop", "*-a", "public") == "stopped api-a, api-b\n"
    assert running(project) == {"web"}
    table = project.cli("start", "backend")
    assert "api-b" in table
    assert "web" not in table.partition("\n\n")[0]
    assert running(project) == {"web", "api-a", "api-b"}


def test_what_only_looks_takes_them_too(project):
    write(project).cli("start")
    shown = project.cli("status", "public", "we*")
    assert "api-b:1" in shown
    assert "web:1" in shown
    assert "api-a" not in shown
    assert "GROUP" in shown
    rows = json.loads(project.cli("describe", "backend", "--json"))["services"]
    assert [row["service"]["name"] for row in rows] == ["api-a", "api-b", "tools"]
    assert rows[1]["service"]["groups"] == ["backend", "public"]
    assert json.loads(project.cli("describe", "web", "--json"))["service"]["name"] == "web"
    assert "name: api-a" in project.cli("describe", "backend")
    assert "api-a: no death is on record" in project.cli("why", "backend")
    assert {
        row["service"] for row in json.loads(project.cli("why", "api-*", "--json"))["services"]
    } == {
        "api-a",
        "api-b",
    }
    kinds = json.loads(project.cli("events", "public", "web", "--json"))["events"]
    assert {event["service"] for event in kinds} == {"api-b", "web"}


def test_lines_of_a_group_are_shown_together(project):
    say = '["sh", "-c", "echo I am $WEBQX_SV_SERVICE; exec sleep 3600"]'
    project.write(
        "".join(
            f'[services.{name}]\ncommand = {say}\ngroup = "{group}"\n'
            for name, group in (("a", "x"), ("b", "x"), ("c", "y"))
        )
    ).cli("start")
    lines = helpers.until(lambda: (text := project.cli("logs", "x")).count("I am") == 2 and text)
    assert "I am a" in lines
    assert "I am b" in lines
    assert "I am a" in project.cli("logs", "x:1")
    assert "has no worker 7" in project.cli("logs", "x:7", code=4)


def test_a_word_that_means_nothing_says_what_there_is(project):
    write(project)
    there = "there is: api-a, api-b, tools, web; groups: backend, public"
    assert there in project.cli("start", "apy", code=4)
    project.cli("start")
    for words in (
        ("restart", "apy"),
        ("reload", "x-*"),
        ("status", "x"),
        ("events", "x"),
        ("logs", "x"),
        ("describe", "x-*"),
        ("why", "x"),
        ("stop", "web", "x"),
    ):
        assert there in project.cli(*words, code=4)
    assert running(project) == {"api-a", "api-b", "web"}
    assert "backend is no single service" in project.cli("scale", "backend", "2", code=2)


def test_a_group_must_not_have_the_name_of_a_service(project):
    project.write(
        '[services.api]\ncommand = "true"\n[services.web]\ncommand = "true"\ngroup = "api"\n'
    )
    said = project.cli("check", code=78)
    assert "services.toml:5: services.web.group: a service is called `api`" in said


def test_services_with_a_profile_wait_for_it(project):
    write(project).cli("start")
    assert running(project) == {"api-a", "api-b", "web"}
    assert "STOPPED (profile dev)" in project.cli("status")
    tools = next(row for row in project.status()["services"] if row["name"] == "tools")
    assert (tools["inactive"], tools["profiles"]) == (True, ["dev"])
    project.cli("restart")
    project.cli("reload", "backend")
    assert running(project) == {"api-a", "api-b", "web"}
    assert "no profile 'dve'" in project.cli("start", "--profile", "dve", code=4)
    project.cli("start", "--profile", "dev")
    assert running(project) == {"api-a", "api-b", "web", "tools"}
    assert project.status()["daemon"]["profiles"] == ["dev"]
    assert ", profile dev" in project.cli("status")


def test_a_name_starts_it_whatever_its_profile(project):
    write(project).cli("start", "tools")
    assert running(project) == {"tools"}
    assert project.status()["daemon"]["profiles"] == []
    project.cli("restart", "backend")
    assert running(project) == {"tools", "api-a", "api-b"}
    kill_the_daemon(project)
    assert running(project) == {"tools", "api-a", "api-b"}


def test_a_group_of_nothing_but_inactive_ones_says_what_to_do(project):
    write(
        project,
        'profiles = ["dev"]\n[services.t2]\ncommand = "true"\nprofiles = "dev"\ngroup = "x"',
    )
    assert "start --profile dev" in project.cli("start", "x", code=4)
    project.cli("start")
    assert "start --profile dev" in project.cli("start", "x", code=4)


def test_the_profiles_are_remembered_by_every_later_daemon(project):
    write(project).cli("start", "--profile", "dev")
    assert running(project) == {"api-a", "api-b", "web", "tools"}
    kill_the_daemon(project)
    project.cli("upgrade")
    assert project.status()["daemon"]["profiles"] == ["dev"]
    write(project, more=f'[services.new]\ncommand = {SLEEP}\nprofiles = ["dev"]\n')
    project.cli("apply")
    assert running(project) == {"api-a", "api-b", "web", "tools", "new"}
    keeper = project.status()["daemon"]["keeper_pid"]
    os.kill(keeper, signal.SIGKILL)
    helpers.until(lambda: not helpers.is_running(keeper))
    project.cli("start")
    assert project.status()["daemon"]["keeper_pid"] not in (None, keeper)
    assert project.status()["daemon"]["profiles"] == ["dev"]
    assert running(project) == {"api-a", "api-b", "web", "tools", "new"}
    project.cli("stop")
    project.cli("start")
    assert running(project) == {"api-a", "api-b", "web"}


def test_a_profile_added_later_is_remembered_as_well(project):
    write(project).cli("start")
    project.cli("start", "--profile", "dev", "web")
    assert running(project) == {"api-a", "api-b", "web"}
    kill_the_daemon(project)
    assert project.status()["daemon"]["profiles"] == ["dev"]
    project.cli("start")
    assert running(project) == {"api-a", "api-b", "web", "tools"}


def test_the_profiles_are_remembered_when_keeper_and_daemon_die_together(project):
    write(project).cli("start", "--profile", "dev")
    before, daemon = pids(project), project.status()["daemon"]
    for name in ("keeper_pid", "pid"):
        os.kill(daemon[name], signal.SIGKILL)
    helpers.until(lambda: project.run("status").returncode == 3)
    project.cli("start")
    assert project.status()["daemon"]["profiles"] == ["dev"]
    assert pids(project) == before


def test_profiles_hold_in_the_foreground_too(project):
    write(project)
    with project.popen("start", "--foreground", "--profile", "dev", "web", "tools") as process:
        try:
            helpers.until(lambda: project.run("status").returncode == 0)
            helpers.until(lambda: running(project) == {"web", "tools"})
            assert project.status()["daemon"]["profiles"] == ["dev"]
        finally:
            process.terminate()
            process.communicate()


def test_what_waits_for_something_inactive_says_so(project):
    need = 'depends_on = { tools = "started" }\n'
    write(project, more=f'[services.x]\ncommand = {SLEEP}\nprofiles = ["dev"]\n{need}')
    said = project.cli("start", "x", code=1)
    assert "x: waits for tools (started), which is stopped" in said
    project.cli("start", "tools")
    helpers.until(lambda: running(project) == {"x", "tools"})


def test_events_of_a_group_are_followed(project):
    write(project).cli("start")
    with project.popen("events", "-f", "public", "--json") as following:
        try:
            events = [json.loads(following.stdout.readline())]  # from here on it is there
            project.cli("restart", "web")
            project.cli("restart", "backend")
            while events[-1]["text"] != "restart":
                events.append(json.loads(following.stdout.readline()))
            assert {event["service"] for event in events} == {"api-b"}
        finally:
            following.terminate()
            following.communicate()


def test_apply_starts_what_no_profile_keeps_down_any_longer(project):
    write(project, more=f'[services.new]\ncommand = {SLEEP}\nprofiles = ["dev"]\n').cli("start")
    write(project, tools="", more=f'[services.new]\ncommand = {SLEEP}\nprofiles = ["test"]\n')
    project.cli("apply")
    assert running(project) == {"api-a", "api-b", "web", "tools"}


def test_profiles_come_from_the_environment_too(project):
    project.env["WEBQX_SV_PROFILES"] = "other,dev"
    write(project).cli("start")
    assert running(project) == {"api-a", "api-b", "web", "tools"}
    assert project.status()["daemon"]["profiles"] == ["other", "dev"]
    project.cli("stop")
    write(project, 'profiles = ["dev"]\n[services.t2]\ncommand = "true"\nprofiles = ["test"]')
    project.cli("start", "--profile", "test", "web")
    assert project.status()["daemon"]["profiles"] == ["test"]
    project.cli("start", "web")
    assert project.status()["daemon"]["profiles"] == ["test", "dev"]


def test_a_need_that_a_profile_leaves_unmet_is_an_error(project):
    write(project, more=f'[services.x]\ncommand = {SLEEP}\ndepends_on = {{ tools = "started" }}\n')
    said = project.cli("check", code=78)
    assert "services.x.depends_on.tools: `tools` is started only with profile dev" in said
    write(
        project,
        more=f'[services.x]\ncommand = {SLEEP}\nprofiles = ["dev"]\n'
        'depends_on = { tools = "started" }\n',
    )
    project.cli("start", "--profile", "dev")
    assert running(project) == {"api-a", "api-b", "web", "tools", "x"}
