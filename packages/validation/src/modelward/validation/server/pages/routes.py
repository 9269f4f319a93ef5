"""The addresses of the pages."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from modelward.core.pages import Html, Links, Notice, Prose
from modelward.core.pages.blocks import Block
from modelward.validation.server.api.guard import COOKIE, Guard
from modelward.validation.server.errors import AccessError, NotFoundError
from modelward.validation.server.pages import space as space_page
from modelward.validation.server.pages import views
from modelward.validation.server.pages.frame import ServerPage, fragment
from modelward.validation.server.service import Service
from modelward.validation.server.store import access, progress

router = APIRouter(include_in_schema=False)
Json = dict[str, Any]
Id = Annotated[int, Path(ge=0, lt=2**31)]
PAGE = 100
_STATIC = {"live.js": "text/javascript", "server.css": "text/css"}


class LogInFirst(Exception):
    """A page was asked for by somebody who is not logged in."""


def visitor(request: Request) -> Service:
    """Give what the visitor's tenant can do, or send the visitor to log in."""
    guard: Guard = request.app.state.guard
    try:
        caller = guard.caller(request, None)
    except AccessError as error:
        raise LogInFirst from error
    request.state.tenant = caller.tenant_id
    return Service(guard.database, tenant=caller.tenant_id, holder=caller.key_id)


Visitor = Annotated[Service, Depends(visitor)]


@router.get("/")
def home() -> Response:
    """Go to the jobs."""
    return RedirectResponse("/jobs", 303)


@router.get("/favicon.ico")
def favicon() -> Response:
    """Give no picture: browsers ask for one beside every file."""
    return Response(status_code=204)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """Give the script and the style of the pages."""
    if name not in _STATIC:
        raise NotFoundError("expected a file of the pages")
    content = (files(__package__ or "") / "static" / name).read_bytes()
    return Response(content, media_type=_STATIC[name], headers={"Cache-Control": "no-cache"})


@router.get("/login")
def login_form(request: Request, next: str = "/jobs") -> Response:  # noqa: A002 - the query's name
    """Ask for the API key."""
    return _login_page(request.query_params.get("next", next))


@router.post("/login")
async def login(request: Request) -> Response:
    """Begin a session, kept in a cookie that scripts cannot read and other sites cannot send."""
    guard: Guard = request.app.state.guard
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    key = form.get("key", [""])[0].strip()
    target = form.get("next", ["/jobs"])[0]
    try:
        await run_in_threadpool(guard.knock, request)
        secret = await run_in_threadpool(access.log_in, guard.database, key)
    except AccessError as error:
        return _login_page(target, error.fact, status=401)
    answer = RedirectResponse(target if _ours(target) else "/jobs", 303)
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(access.SESSION_SECONDS),
        httponly=True,
        samesite="strict",
        secure=guard.settings.secure_cookies,
    )
    return answer


@router.post("/logout")
def logout(request: Request) -> Response:
    """End the session."""
    guard: Guard = request.app.state.guard
    if secret := request.cookies.get(COOKIE):
        guard.caller(request, None)
        access.log_out(guard.database, secret)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/jobs")
def jobs(request: Request, service: Visitor) -> Response:
    """List the jobs."""
    found = service.list_jobs()
    version = _version([[job["id"], job["runs"], job["stopped"]] for job in found])
    if request.headers.get("x-version") == version:
        return Response(status_code=204)
    systems = {each["id"]: each["name"] for each in service.list_systems()}
    scenarios = {each["id"]: each["name"] for each in service.list_scenarios()}
    page = ServerPage(
        title="Jobs",
        lead="What is tested, in which space, and how far it is.",
        blocks=views.job_list(found, systems, scenarios),
        logged_in=COOKIE in request.cookies,
        live=True,
        version=version,
    )
    return page.respond()


@router.get("/jobs/{job}")
def overview(request: Request, job: Id, service: Visitor) -> Response:
    """Show how far a job is."""

    def draw(row: Json, space: Json) -> list[Block]:
        with service.database.reading() as tx:
            workers = progress.alive(tx)
        history, explanation = service.history(job), service.explanation(job)
        return views.progress(row, history, explanation, space, workers)

    return _job_page(request, service, job, "", draw)


@router.get("/jobs/{job}/space")
def space(request: Request, job: Id, service: Visitor) -> Response:
    """Show the space of a job."""
    return _job_page(request, service, job, "space", lambda *_: space_page.blocks(service, job))


@router.get("/jobs/{job}/models")
def models(request: Request, job: Id, service: Visitor) -> Response:
    """Show the competition of a job's models."""
    return _job_page(
        request, service, job, "models", lambda _, space: views.models(service.history(job), space)
    )


@router.get("/jobs/{job}/runs")
def runs(
    request: Request,
    job: Id,
    service: Visitor,
    *,
    after: Annotated[int, Query(ge=-1, lt=2**31)] = -1,
    state: Annotated[str, Query(pattern="^(|ready|leased|told)$")] = "told",
    kind: Annotated[str, Query(pattern="^[a-z]{0,16}$")] = "",
    outcome: Annotated[str, Query(pattern="^(|failed|passed)$")] = "",
) -> Response:
    """List a job's runs, filtered."""
    chosen = {"state": state, "kind": kind, "outcome": outcome}
    failed = {"failed": True, "passed": False}.get(outcome)

    def draw(_: Json, space: Json) -> list[Block]:
        page = service.list_runs(
            job, after=after, limit=PAGE, state=state or None, kind=kind or None, failed=failed
        )
        only = "" if failed is None else f"&failed={str(failed).lower()}"
        links = [
            ("CSV", f"/api/v1/jobs/{job}/export?format=csv{only}", "all told runs, for a table"),
            ("JSON lines", f"/api/v1/jobs/{job}/export?format=jsonl{only}", "for a program"),
        ]
        if page["next"] is not None:
            query = urlencode({**chosen, "after": page["next"]})
            links.insert(
                0, ("Next page", f"/jobs/{job}/runs?{query}", f"runs after {page['next']}")
            )
        if after >= 0:
            links.insert(0, ("First page", f"/jobs/{job}/runs?{urlencode(chosen)}", ""))
        table = views.runs_table(page, space, job)
        return [table if page["runs"] else Prose("No run is so."), Links(links)]

    fixed: list[Block] = [Html(fragment("filter.html", choices=_CHOICES, chosen=chosen))]
    return _job_page(request, service, job, "runs", draw, fixed=fixed)


_CHOICES = [
    ("outcome", "Outcome", [("", "all"), ("failed", "failed"), ("passed", "passed")]),
    (
        "state",
        "State",
        [("told", "told"), ("leased", "under way"), ("ready", "ready"), ("", "all")],
    ),
    (
        "kind",
        "Why it was asked",
        [("", "all"), *((k, k) for k in ("initial", "boundary", "explore", "audit", "field"))],
    ),
]
_TABS = (("Progress", ""), ("Space", "space"), ("Runs", "runs"), ("Models", "models"))


def _job_page(
    request: Request,
    service: Service,
    job: int,
    tab: str,
    draw: Any,
    *,
    fixed: list[Block] | None = None,
) -> Response:
    row = service.get_job(job)
    with service.database.reading() as tx:
        explanation = progress.explanation(tx, job) if tab in {"", "space"} else None
        last = progress.latest(tx, job)
        alive = progress.alive(tx)
    marks = [row["runs"], row["stopped"], bool(alive), last and last["told"]]
    if tab == "space":  # drawing takes long: new runs alone are no reason
        marks = [row["runs"]["told"] // 20]
    version = _version([*marks, explanation and explanation["told"], str(request.url.query)])
    if request.headers.get("x-version") == version:
        return Response(status_code=204)
    space = service.get_scenario(row["scenario_id"])
    page = ServerPage(
        title=row["name"],
        lead=f"{service.get_system(row['system_id'])['name']} in {space['name']}. {row['description']}",
        blocks=draw(row, space),
        fixed=fixed or [],
        tabs=[(text, f"/jobs/{job}/{path}".rstrip("/"), path == tab) for text, path in _TABS],
        logged_in=COOKIE in request.cookies,
        live=True,
        version=version,
    )
    return page.respond()


def _version(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _login_page(target: str, problem: str = "", *, status: int = 200) -> Response:
    blocks: list[Block] = [Notice(problem, "bad")] if problem else []
    blocks.append(Html(fragment("login.html", next=target if _ours(target) else "/jobs")))
    lead = "The pages need the same API key as the clients."
    return ServerPage(title="Log in", lead=lead, blocks=blocks).respond(status)


def _ours(target: str) -> bool:
    """Tell whether an address is a page of this server, and of no other."""
    return target.startswith("/") and not target.startswith(("//", "/\\")) and "\\" not in target


async def log_in_first(request: Request, _: Exception) -> Response:
    """Send a visitor to log in, and back after it."""
    return RedirectResponse(f"/login?{urlencode({'next': request.url.path})}", 303)


def problem_page(status: int, detail: str) -> Response:
    """Say in a page what went wrong."""
    blocks: list[Block] = [Notice(detail, "bad"), Links([("All jobs", "/jobs", "")])]
    return ServerPage(title="Not to be had", lead="", blocks=blocks).respond(status)


__all__ = ["LogInFirst", "log_in_first", "problem_page", "router"]
