"""One small project of each kind, by the names and texts that are in it."""

import json

import pytest

from webqx_supervisor.core.recognise.all import recognise
from webqx_supervisor.core.recognise.folder import Folder, needs_shell, service_name, with_port

LISTENS = "http.createServer(f).listen(process.env.PORT)"
DJANGO = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'clinic.settings')"
MAIN = 'package main\nfunc main() { http.ListenAndServe(":"+os.Getenv("PORT"), nil) }'


def folder(*names, **texts):
    """Make a folder; in the names of keywords `__` is a dot, and `___` a slash."""
    files = {name.replace("___", "/").replace("__", "."): text for name, text in texts.items()}
    return Folder("clinic", frozenset([*names, *files]), files)


def package(**keys):
    return json.dumps(keys)


def only(draft):
    (service,) = draft.services
    return service


@pytest.mark.parametrize(
    ("lock", "manager"),
    [("package-lock.json", "npm"), ("yarn.lock", "yarn"), ("pnpm-lock.yaml", "pnpm")],
)
def test_a_start_script_by_its_manager(lock, manager):
    text = package(name="@me/api", scripts={"start": "NODE_ENV=production tsx src/main.ts"})
    service = only(recognise(folder(lock, package__json=text)))
    assert (service.name, service.command) == ("api", f"{manager} start")


def test_the_manager_that_is_asked_for():
    text = package(packageManager="pnpm@9.0.0", scripts={"start": "tsx x.ts"})
    assert only(recognise(folder("yarn.lock", package__json=text))).command == "pnpm start"


def test_node_itself_where_the_script_is_nothing_else():
    text = package(scripts={"start": "node --enable-source-maps server.js"})
    service = only(recognise(folder(package__json=text, server__js=LISTENS)))
    assert service.command == "node --enable-source-maps server.js"
    assert (service.instances, service.hints) == (2, ())


def test_a_server_that_does_not_know_its_port_is_one():
    text = package(scripts={"start": "node server.js"})
    service = only(recognise(folder(package__json=text, server__js="app.listen(8080)")))
    assert service.instances == 1
    assert "process.env.PORT" in service.hints[0]


def test_main_counts_where_it_listens():
    assert only(recognise(folder(package__json="{}", server__js=LISTENS))).command
    text = package(main="./lib")
    assert only(recognise(folder(package__json=text, lib__js=LISTENS))).command == "node lib.js"
    assert recognise(folder(package__json=text, lib__js="module.exports = 1")) is None


def test_a_framework_that_reads_the_port_itself():
    text = package(scripts={"start": "next start"}, dependencies={"next": "15"})
    assert only(recognise(folder(package__json=text))).instances == 2


@pytest.mark.parametrize("start", ["vite", "react-scripts start", "ng serve", ""])
def test_a_front_end_is_served_as_files(start):
    scripts = {"start": start, "build": "x"} if start else {"build": "x"}
    text = package(scripts=scripts, devDependencies={"vite": "6"})
    draft = recognise(folder("dist/index.html", package__json=text))
    assert (draft.files[0].folder, draft.files[0].fallback) == ("dist", "index.html")
    unbuilt = recognise(folder("index.html", package__json=text, yarn__lock=""))
    assert "yarn run build" in unbuilt.also[0]
    assert not unbuilt.services


def test_a_package_that_is_no_json_object():
    assert recognise(folder(package__json="[1]")) is None
    assert recognise(folder(package__json="{")) is None
    assert recognise(folder(package__json=package(scripts=[1], dependencies=3))) is None


def test_pm2s_json():
    text = json.dumps(
        {
            "apps": [
                {
                    "name": "api",
                    "script": "api.js",
                    "args": ["--x", "1"],
                    "instances": 0,
                    "env": {"PORT": 3000, "NODE_ENV": "production"},
                    "max_memory_restart": "1G",
                },
                {"script": "./jobs.py", "instances": -1, "cwd": "./back"},
                {"script": "run.sh", "interpreter": "bash"},
                {"script": "binary", "interpreter": "none"},
                {"name": "no script"},
            ]
        }
    )
    api, jobs, run, binary = recognise(folder(ecosystem__config__json=text)).services
    assert (api.command, api.instances, api.web) == ("node api.js --x 1", "max", True)
    assert api.env == (("NODE_ENV", "production"),)
    assert "max_memory_restart" in api.hints[0]
    assert (jobs.command, jobs.instances) == ("python3 ./jobs.py", "max-1")
    assert (jobs.name, jobs.web, jobs.cwd) == ("jobs", False, "./back")
    assert (run.command, binary.command) == ("bash run.sh", "binary")
    assert recognise(folder(ecosystem__config__json='{"apps": 1}')) is None


@pytest.mark.parametrize(
    ("requirements", "words"),
    [
        ("Django\ngunicorn==23\n", "-m gunicorn clinic.wsgi --bind 127.0.0.1:{port}"),
        ("Django\nuvicorn\n", "-m uvicorn clinic.asgi:application --host 127.0.0.1 --port {port}"),
        ("Django\n", "manage.py runserver 127.0.0.1:{port} --noreload"),
    ],
)
def test_django(requirements, words):
    project = folder("clinic/asgi.py", manage__py=DJANGO, requirements__txt=requirements)
    service = only(recognise(project))
    assert service.command == f"python3 {words}"
    assert bool(service.hints) == ("runserver" in words)


def test_the_python_of_the_project():
    project = folder(".venv/bin/python", ".venv/bin/gunicorn", manage__py=DJANGO)
    assert only(recognise(project)).command.startswith(".venv/bin/python -m gunicorn")


@pytest.mark.parametrize(
    ("lock", "run"), [("uv.lock", "uv run python"), ("poetry.lock", "poetry run python")]
)
def test_the_python_of_a_manager(lock, run):
    assert only(recognise(folder(lock, manage__py=DJANGO))).command.startswith(f"{run} manage.py")


def test_fastapi_and_its_kin():
    service = only(recognise(folder(app___main__py="api: FastAPI = FastAPI()\n")))
    assert service.command == "python3 -m uvicorn app.main:api --host 127.0.0.1 --port {port}"
    assert recognise(folder(tests___test_main__py="app = FastAPI()\n")) is None
    assert "Starlette" in recognise(folder(main__py="x = Starlette(debug=True)")).kind


def test_an_application_with_requirements_of_its_own_is_a_project_of_its_own():
    app = "app = FastAPI()\n"
    draft = recognise(folder("back/requirements.txt", back___main__py=app))
    assert (only(draft).cwd, only(draft).command.split()[3]) == ("back", "main:app")
    assert only(recognise(folder(back___main__py=app))).command.split()[3] == "back.main:app"
    assert (
        only(recognise(folder(src___app___main__py=app))).command.split()[3] == "src.app.main:app"
    )
    assert only(recognise(folder(a___b___c___main__py=app))).cwd == "a/b"


def test_flask():
    service = only(recognise(folder(app__py="web = Flask(__name__)\n")))
    assert service.command == "python3 -m flask --app app:web run --host 127.0.0.1 --port {port}"
    project = folder(app__py="web = Flask(__name__)\n", pyproject__toml='["gunicorn"]')
    assert only(recognise(project)).command == "python3 -m gunicorn app:web --bind 127.0.0.1:{port}"


def test_rails():
    gems = "gem 'rails', '~> 8'\n"
    assert "bin/rails server" in only(recognise(folder(Gemfile=gems))).command
    with_puma = gems + 'gem "puma"\n'
    assert only(recognise(folder(Gemfile=with_puma))).command.endswith("tcp://127.0.0.1:{port}")
    own = folder(Gemfile=with_puma, config___puma__rb='port ENV.fetch("PORT")')
    assert only(recognise(own)).command == "bundle exec puma -C config/puma.rb"
    assert recognise(folder(Gemfile="gem 'jekyll'")) is None


def test_go():
    module = "module github.com/me/clinic/v2\n"
    service = only(recognise(folder(go__mod=module, main__go=MAIN)))
    assert (service.name, service.command, service.instances) == ("clinic", "go run .", 2)
    inner = folder(go__mod=module, cmd___web___main__go=MAIN)
    assert only(recognise(inner)).command == "go run ./cmd/web"
    built = folder("bin/clinic", go__mod=module, main__go="package main\nfunc main() {}")
    service = only(recognise(built))
    assert (service.command, service.instances) == ("./bin/clinic", 1)
    assert recognise(folder(go__mod=module, lib__go="package lib")) is None


def test_a_procfile():
    text = (
        "web: gunicorn app:app -b :$PORT\nwork: cd x && run\nclock: TZ=UTC run\nrelease: migrate\n"
    )
    draft = recognise(folder(Procfile=text))
    web, work, clock = draft.services
    assert (web.command, web.instances, web.web) == ("gunicorn app:app -b :{port}", 2, True)
    assert (work.command, work.web) == (("sh", "-c", "cd x && run"), False)
    assert clock.command == ("sh", "-c", "TZ=UTC run")
    assert draft.also == ("`release: migrate`",)
    assert recognise(folder(Procfile="# nothing\n")) is None


@pytest.mark.parametrize(
    ("name", "served"),
    [("index.html", "."), ("public/index.html", "public"), ("dist/index.html", "dist")],
)
def test_plain_files(name, served):
    assert recognise(folder(name)).files[0].folder == served


def test_the_surest_sign_counts_and_the_rest_is_told():
    text = package(scripts={"start": "node x.js"})
    draft = recognise(folder("index.html", manage__py=DJANGO, package__json=text))
    assert draft.kind == "a Django project"
    assert draft.also == ("a project of Node is here as well",)


def test_a_folder_of_projects():
    text = package(name="api", scripts={"start": "node x.js"})
    draft = recognise(
        folder(
            "site/index.html",
            backend___package__json=text,
            other___package__json=text,
            third___manage__py=DJANGO,
        )
    )
    assert [(each.name, each.cwd) for each in draft.services] == [
        *(("api", "backend"), ("other-api", "other"), ("third", "third")),
    ]
    assert [each.folder for each in draft.files] == ["site"]
    assert "(backend)" in draft.kind


def test_a_repository_for_many():
    text = package(name="api", scripts={"start": "node x.js"})
    draft = recognise(
        folder(
            "apps/web/dist/index.html",
            package__json=package(workspaces=["packages/*"]),
            packages___api___package__json=text,
        )
    )
    assert [(each.name, each.cwd) for each in draft.services] == [("api", "packages/api")]
    assert [each.folder for each in draft.files] == ["apps/web/dist"]


def test_a_site_in_a_folder_of_folders():
    assert [each.folder for each in recognise(folder("a/b/index.html")).files] == ["a/b"]
    assert [each.folder for each in recognise(folder("a/index.html")).files] == ["a"]


def test_two_of_a_name_get_a_number():
    text = json.dumps({"apps": [{"name": "x", "script": "a"}, {"name": "x", "script": "b"}]})
    draft = recognise(folder(ecosystem__json=text))
    assert [each.name for each in draft.services] == ["x", "x-2"]


def test_nothing():
    assert recognise(folder("README.md")) is None


@pytest.mark.parametrize(
    ("text", "name"), [("@me/my api!", "my-api"), ("", "app"), ("--x--", "x"), ("é", "app")]
)
def test_names(text, name):
    assert service_name(text) == name


@pytest.mark.parametrize(
    ("command", "shell"),
    [("node x.js", False), ("A=1 x", True), ("x --a=1", False), ("x | y", True), ("x *.js", True)],
)
def test_shells(command, shell):
    assert needs_shell(command) == shell


def test_a_program_alone_takes_the_shells_place():
    assert with_port("run ${PORT:-3000}") == "run {port}"
    assert with_port("run $HOME") == ("sh", "-c", "exec run $HOME")
    assert with_port("a; b") == ("sh", "-c", "a; b")
