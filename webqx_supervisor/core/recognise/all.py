"""All kinds of projects, the surest sign first; and folders that hold several."""

from dataclasses import replace

from webqx_supervisor.core.recognise import node, others, python
from webqx_supervisor.core.recognise.folder import Folder, service_name
from webqx_supervisor.model.draft import Draft

KINDS = (
    node.ecosystem,
    others.procfile,
    python.django,
    python.asgi,
    python.flask,
    others.rails,
    others.go,
    node.node,
    others.site,
)
LOOKED_FOR = (
    "ecosystem.config.json, Procfile, manage.py, FastAPI, Flask, Rails' Gemfile, go.mod, "
    "package.json, index.html"
)


def recognise(folder: Folder) -> Draft | None:
    """Return what the folder holds; else what the folders in it hold, together."""
    own = _own(folder)
    if own is not None and own.services:
        return _with_own_names(own)
    inner = [(part, folder.below(part)) for part in folder.parts()]
    # Of a repository for many, as packages/api and apps/web.
    deeper = [(f"{part}/{one}", below.below(one)) for part, below in inner for one in below.parts()]
    drafts = [own] if own is not None else []
    for level in (inner, deeper):
        found = [(part, draft) for part, at in level if (draft := _own(at)) is not None]
        if any(draft.services for _, draft in found):  # its pages are among them
            return _with_own_names(_together(found))
        if any(_runs(draft) for _, draft in found):
            drafts.append(_together(found))
        drafts += [draft for _, draft in found]
    return next((draft for draft in drafts if _runs(draft)), drafts[0] if drafts else None)


def _runs(draft: Draft) -> bool:
    return bool(draft.services or draft.files)


def _own(folder: Folder) -> Draft | None:
    drafts = [draft for kind in KINDS if (draft := kind(folder)) is not None]
    if not drafts:
        return None
    first, *rest = drafts
    # Its assets have a package.json, and its pages an index.html: that is no project of its own.
    also = tuple(f"{draft.kind} is here as well" for draft in rest if draft.services)
    return replace(first, also=(*first.also, *also))


def _together(found: list[tuple[str, Draft]]) -> Draft:
    services, files, also = [], [], []
    for part, draft in found:
        for service in draft.services:
            cwd = f"{part}/{service.cwd}" if service.cwd else part
            services.append(replace(service, cwd=cwd, why=f"{part}: {service.why}"))
        files += [
            replace(each, folder=part if each.folder == "." else f"{part}/{each.folder}")
            for each in draft.files
        ]
        also += [f"{part}: {text}" for text in draft.also]
    kind = " and ".join(f"{draft.kind} ({part})" for part, draft in found if _runs(draft))
    return Draft(kind, tuple(services), tuple(files), tuple(also))


def _with_own_names(draft: Draft) -> Draft:
    """Have no two services of one name: of a second one the folder tells, or a number."""
    names: set[str] = set()
    services = []
    for service in draft.services:
        folder = f"{service_name(service.cwd)}-" if service.cwd else ""
        tries = (f"{folder}{service.name}", *(f"{service.name}-{n}" for n in range(2, 1000)))
        name = next(each for each in (service.name, *tries) if each not in names)
        names.add(name)
        services.append(replace(service, name=name))
    return replace(draft, services=tuple(services))
