"""The explorer against the API's own answers: every filter's control, every way of paging, facets, and what is done
with a row."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest

from fakeserver.serving.app import App
from tests.console.conftest import Stage
from tests.console.views import ANSWERED, ROWS, Console
from tests.support.asgi import (
    FACETS,
    SLUGS,
    SPECS,
    app_of,
    call,
    credential,
    identity,
    resolved,
    rows,
    services,
)
from tests.support.asgi import get as ask
from tests.support.chromium import Page
from tests.support.server import Live

pytestmark = pytest.mark.slow
SECONDS = 60
CHOSEN: dict[str, dict[str, str]] = {
    # By provider, for each parameter of its listing: what a person does, and the query that it means. `chip` presses,
    # `text` types, `pair` fills a key and a value in.
    "dreadnode": {
        "state": "chip running,paused",
        "project_id": "text {project_id}",
        "limit": "text 7",
        "cursor": "text {cursor}",
    },
    "instavm": {"metadata": 'text {"env": "prod"}', "limit": "text 5"},
    "prime": {
        "team_id": "text research",
        "user_id": "text user_admin",
        "status": "chip PAUSED",
        "is_active": "chip true",
        "labels": "text prod",
        "page": "text 2",
        "per_page": "text 4",
    },
    "superserve": {
        "metadata": "pair env=prod",
        "status": "chip paused",
        "limit": "text 6",
        "offset": "text 3",
        "q": "text a",
        "sort": "chip name",
        "order": "chip asc",
    },
}
QUERIES = {
    ("dreadnode", "state"): "state=running,paused",
    ("instavm", "metadata"): "metadata=%7B%22env%22%3A%20%22prod%22%7D",
    ("superserve", "metadata"): "metadata.env=prod",
}


OTHERS: dict[tuple[str, str], dict[str, str]] = {
    # The same for the other lists.
    ("dreadnode", "listRuntimes"): {
        "state": "chip idle",
        "project_id": "text {project_id}",
        "owner": "chip me",
        "limit": "text 2",
        "cursor": "text {next_cursor}",
    },
    ("dreadnode", "listEnvironments"): {"state": "chip ready", "limit": "text 1", "page": "text 2"},
    ("instavm", "listSnapshots"): {"type": "chip user"},
    ("superserve", "listSnapshots"): {"limit": "text 1", "offset": "text 1"},
    ("superserve", "listTemplates"): {"name_prefix": "text superserve/p"},
    ("superserve", "listTemplateBuilds"): {"limit": "text 1"},
}
BEFORE = {("listRuntimes", "cursor"): "limit=2", ("listEnvironments", "page"): "limit=1"}
"""The query of a list before a control is used that needs more than one page."""
SIZED = {("superserve", "listSnapshots"): "limit=50"}
"""The query of a list that has no size of a page by itself, so that the console asks for one."""


def lists_of(slug: str) -> dict[str, tuple[str, set[str]]]:
    """The lists of a spec that have parameters in their query, with their paths and those."""
    found = {}
    for path, item in SPECS[slug]["paths"].items():
        operation = item.get("get", {})
        declared = [resolved(slug, each) for each in [*item.get("parameters", ()), *operation.get("parameters", ())]]
        names = {each["name"] for each in declared if each["in"] == "query"}
        served = operation.get("operationId") in services()[slug].provider.operations
        if served and names and operation["operationId"].startswith("list"):
            found[operation["operationId"]] = (path, names)
    return found


def test_every_parameter_of_every_listing_has_a_case() -> None:
    """A new parameter wants a case here."""
    for slug, cases in CHOSEN.items():
        others = {operation: set(ways) for (other, operation), ways in OTHERS.items() if other == slug}
        assert {name: names for name, (_, names) in lists_of(slug).items()} == {"listSandboxes": set(cases), **others}


@pytest.fixture(scope="module")
def stocked() -> App:
    """A world that has some of everything that is listed, made as clients make it."""
    app = app_of(size=200)

    def make(slug: str, path: str, body: Any) -> dict[str, Any]:
        headers = {**credential(slug), "content-type": "application/json"}
        reply = call(app, f"/{slug}{path}", method="POST", headers=headers, body=json.dumps(body).encode())
        assert reply.status < 300, reply.body
        return dict(reply.value)

    workspace = "/api/v1/org/acme/ws/main"
    project = ask(app, "dreadnode", path=f"{workspace}/projects").value[0]["key"]
    for number in range(3):
        make("dreadnode", f"{workspace}/environments", {"task_ref": f"task-{number}"})
        make("dreadnode", f"{workspace}/runtimes", {"key": f"runtime-{number}", "project": project})
    sandbox = make("superserve", "/sandboxes", {"name": "with-snapshots"})["id"]
    template = make("superserve", "/templates", {"name": "mine", "build_spec": {"from": "ubuntu:24.04"}})["id"]
    for _ in range(2):
        make("superserve", f"/sandboxes/{sandbox}/snapshot", {})
    make("superserve", f"/templates/{template}/builds", {})
    return app


@pytest.mark.parametrize(("slug", "operation"), OTHERS)
def test_the_controls_of_other_lists_do_too(
    stocked: App, stage: tuple[Stage, str], page: Page, slug: str, operation: str
) -> None:
    """Of what is in the path the page knows the first that there is."""
    stage[0].app = stocked
    console, (template, _) = Console(Live(stocked, stage[1]), page), lists_of(slug)[operation]
    found = 0
    for name, way in OTHERS[slug, operation].items():
        before = BEFORE.get((operation, name), SIZED.get((slug, operation), ""))
        console.explore(slug, before, operation)
        filled = page.run(
            "Object.fromEntries([...document.querySelectorAll('.filters [data-parameter]')]"
            ".map((each) => [each.dataset.parameter, each.value]))"
        )
        path = template.format(**filled)
        if "{" in way:
            first = ask(stocked, slug, before, path=path).value
            way = way.format(next_cursor=first["next_cursor"], project_id=first["items"][0]["project_id"])
        asked = [f"{name}={way.partition(' ')[2]}", "" if name == "limit" else before]
        answer = ask(stocked, slug, "&".join(filter(None, asked)), path=path).value
        rows = next(each for each in [answer, *getattr(answer, "values", list)()] if isinstance(each, list))
        expected = json.dumps([str(each["id"]) for each in rows[:200]])
        use(console, name, way)
        page.wait(f"{ANSWERED} && JSON.stringify({ROWS}) === JSON.stringify({expected})")
        found += len(rows)
    assert found > 0


def shown_ids(console: Console) -> list[str]:
    """The ids of the rows that the page shows."""
    return console.rows()


def use(console: Console, name: str, way: str) -> None:
    """Work a control as a person does."""
    page = console.page
    kind, _, values = way.partition(" ")
    place = f"[data-parameter={json.dumps(name)}]"
    if kind == "chip":
        for value in values.split(","):
            before = page.run("location.hash")
            page.click(f"{place}[data-value={json.dumps(value)}]")
            pressed = f"document.querySelector('{place}[data-value={json.dumps(value)}]')?.ariaPressed === 'true'"
            page.wait(f"location.hash !== {json.dumps(before)} && {pressed}")
    elif kind == "pair":
        key, _, value = values.partition("=")
        page.fill(f"{place}[data-part=key]", key)
        page.fill(f"{place}[data-part=value]", value)
        page.click(f"[data-add={json.dumps(name)}]")
    else:
        page.fill(place, values)


@pytest.mark.parametrize(("slug", "name"), [(slug, name) for slug, cases in CHOSEN.items() for name in cases])
def test_a_control_means_what_the_api_says(reader: Console, slug: str, name: str) -> None:
    """The rows that are shown are those that the API answers to the query that the control stands for."""
    app, way = reader.live.app, CHOSEN[slug][name]
    if "{" in way and not way.startswith('text {"'):
        first = ask(app, slug, "limit=50").value
        facts = {
            "cursor": first["next_cursor"],
            "project_id": next(each["project_id"] for each in first["items"] if each["project_id"]),
        }
        way = way.format(**facts)
    values = way.partition(" ")[2]
    query = QUERIES.get((slug, name), f"{name}={values}")
    if slug == "superserve" and name != "limit":
        # Its list has no size of a page by itself, so the page asks for one.
        query += "&limit=50"
    expected = [str(each[identity(slug)]) for each in rows(slug, ask(app, slug, query))]
    everything = [str(each[identity(slug)]) for each in rows(slug, ask(app, slug))]
    reader.explore(slug)
    reader.page.wait(f"{ROWS}.length")
    assert shown_ids(reader) == everything[: 50 if slug == "superserve" else 200]
    use(reader, name, way)
    wanted = json.dumps(expected[:200])
    reader.page.wait(f"{ANSWERED} && JSON.stringify({ROWS}) === JSON.stringify({wanted})")
    assert expected
    # The address alone brings the same rows.
    address = reader.page.run("location.hash")
    reader.open("#/clock")
    reader.open(address)
    reader.page.wait(ANSWERED)
    assert shown_ids(reader) == expected[:200]


def test_a_filter_can_be_taken_away_again(reader: Console) -> None:
    page = reader.explore("prime", "status=PAUSED&labels=prod")
    page.click("[data-value=PAUSED]")
    page.wait("!location.hash.includes('PAUSED')")
    page.click("text=Clear the filters")
    page.wait("!location.hash.includes('?')")


@pytest.mark.parametrize(
    ("slug", "query", "size"),
    [("dreadnode", "limit=40", 40), ("prime", "per_page=40", 40), ("superserve", "limit=40", 40)],
)
def test_the_pager_leads_through_every_row(reader: Console, slug: str, query: str, size: int) -> None:
    """By cursor, by number and by offset: every row once, in the order of the list, until there is no next page."""
    expected = [str(each[identity(slug)]) for each in reader.live.rows(slug)]
    page, found = reader.explore(slug, query), []
    while True:
        found += shown_ids(reader)
        following = "[...document.querySelectorAll('.pager a')].find((each) => each.innerText === 'Next page')"
        if not page.run(f"Boolean({following})"):
            break
        last = found[-1]
        page.run(f"{following}.click()")
        page.wait(f"{ROWS}.length && !{ROWS}.includes({json.dumps(last)})")
    assert found == expected
    assert len(found) > size


def test_a_list_without_pages_says_so(reader: Console) -> None:
    """InstaVM has one page; a larger one can be asked for."""
    page = reader.explore("instavm", "limit=5")
    assert "there is no second page" in page.run("document.querySelector('.pager').innerText")
    page.click("text=More rows")
    page.wait("document.querySelectorAll('section.rows tbody tr').length === 10")


def test_badges_are_the_apis_own_counts(reader: Console) -> None:
    """Each tab has the count of the facets without that filter; a tab pressed shows as many rows as it says."""
    app = reader.live.app
    page = reader.explore("dreadnode", "limit=100")
    page.wait("document.querySelector('[data-facet=states]')")
    told = page.run(
        "[...document.querySelectorAll('[data-facet=states]')]"
        ".map((each) => [each.dataset.bucket, Number(each.querySelector('.count').innerText)])"
    )
    facets = ask(app, "dreadnode", path=FACETS).value
    counts = {each["value"]: each["count"] for each in facets["states"]}
    assert dict(map(tuple, told)) == {"": sum(counts.values()), **counts}
    page.click("[data-facet=states][data-bucket=paused]")
    page.wait("document.querySelector('[data-facet=states][data-bucket=paused]')?.ariaCurrent === 'true'")
    assert len(shown_ids(reader)) == min(100, counts["paused"])
    # The other tabs keep their counts, and those of projects are of paused ones.
    assert (
        page.run("Number(document.querySelector('[data-facet=states][data-bucket=killed] .count').innerText)")
        == counts["killed"]
    )
    projects = ask(app, "dreadnode", "state=paused", path=FACETS).value["projects"]
    told = page.run(
        "[...document.querySelectorAll('[data-facet=projects]')]"
        ".map((each) => Number(each.querySelector('.count')?.innerText))"
    )
    # Sandboxes of no project are counted in none of them, so that all projects together are not all sandboxes.
    assert told == [None, *(each["count"] for each in projects[:12])]
    page.click("[data-more=projects]")
    every = "[...document.querySelectorAll('[data-facet=projects] .count')].map((each) => Number(each.innerText))"
    assert page.run(every) == [each["count"] for each in projects]
    # What a scenario shows is counted, and not what the world holds.
    page = reader.explore("dreadnode", "__scenario=long-text&state=killed")
    page.wait("document.querySelector('[data-facet=states]')")
    shown = ask(app, "dreadnode", "__scenario=long-text", path=FACETS).value["states"]
    told = page.run(
        "[...document.querySelectorAll('[data-facet=states] .count')].map((each) => Number(each.innerText))"
    )
    assert told == [120, *(each["count"] for each in shown)]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("__code=429", "429"),
        ("status=NOPE", "422"),
        ("__fault=TRUNCATED_BODY", "No whole answer came"),
        ("team_id=nobody", "403"),
    ],
)
def test_a_refusal_is_shown_as_it_came(reader: Console, query: str, words: str) -> None:
    """With its status and body, and the controls stay."""
    page = reader.explore("prime", query)
    assert words in page.run(ANSWERED)
    assert reader.count("[data-parameter=status]") == 6


def test_an_empty_list_says_so(console: Console) -> None:
    console.api("PUT", "/documents/prime/main", [])
    page = console.explore("prime")
    assert "No rows" in page.run("document.querySelector('.empty').innerText")


# The request


def code_of(console: Console, label: str) -> str:
    """The text of a snippet below a list."""
    text: str = console.page.run(f"document.querySelector('[aria-label={json.dumps(label)}]').textContent")
    return text


@pytest.mark.parametrize(
    ("slug", "query"),
    [
        ("instavm", "limit=3&metadata=%7B%22env%22%3A%20%22prod%22%7D"),
        ("prime", "labels=prod&status=RUNNING&per_page=3"),
        ("prime", "is_active=true&per_page=3"),
        ("superserve", "metadata.env=prod&limit=3&status=active"),
        ("dreadnode", "state=running&limit=3"),
    ],
)
def test_the_request_is_the_same_in_every_language(reader: Console, slug: str, query: str) -> None:
    """As curl, as Python with the provider's SDK where that can say it, and as fetch: each brings the rows that are
    shown, when it is run as it stands."""
    page = reader.explore(slug, query)
    first = shown_ids(reader)[0]
    curl = subprocess.run(shlex.split(code_of(reader, "As curl")), capture_output=True, text=True, timeout=SECONDS)
    assert [str(each[identity(slug)]) for each in rows_in(slug, json.loads(curl.stdout))] == shown_ids(reader)
    program = code_of(reader, "As Python")
    assert ("import urllib.request" in program) is ("is_active" in query)
    if slug != "dreadnode":
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS)
        assert run.returncode == 0, run.stderr
        assert first in run.stdout
    script = code_of(reader, "As fetch").replace("const response =", "globalThis.response =").partition(";\n")[0]
    assert page.run(f"(async () => {{ {script}; return response.status; }})()") == 200
    assert page.run("response.json().then((value) => JSON.stringify(value))") == json.dumps(
        json.loads(curl.stdout), separators=(",", ":"), ensure_ascii=False
    )


def rows_in(slug: str, value: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        value if isinstance(value, list) else value["items" if slug == "dreadnode" else "sandboxes"]
    )
    return found


# A row


def act(console: Console, name: str, *, expect: int) -> str:
    """Do something with the row that is open; what was answered."""
    page = console.page
    page.click(f"[data-action={name}]")
    page.click(f"[data-send={name}]")
    told, body = page.until(
        f"(() => {{ const told = [...document.querySelectorAll('[data-answered]')]"
        f".find((each) => each.innerText.startsWith('{name}:'));"
        " return [told.dataset.answered, told.nextElementSibling?.textContent ?? '']; })()"
    )
    assert told == str(expect), body
    return str(body)


def state_of(console: Console) -> str:
    text: str = console.page.until("document.querySelector('.states [aria-current]').innerText")
    return text


def create(console: Console, slug: str, body: dict[str, Any]) -> str:
    """Create a sandbox by the form; its id."""
    page = console.open(f"#/call/{slug}/createSandbox")
    page.fill("textarea", json.dumps(body))
    page.click("[data-send=createSandbox]")
    page.wait("document.querySelector('[data-answered]')")
    assert page.run("document.querySelector('[data-answered]').dataset.answered") in ("200", "201", "202"), page.text()
    made = json.loads(page.run("document.querySelector('[aria-label=\"Body of the answer\"]').textContent"))
    return str(made.get(identity(slug)) or made.get("vm_id") or made["id"])


def test_a_life_of_superserve(console: Console) -> None:
    """Created, paused, resumed, a command run, and killed: each step by the page, and the state moves along."""
    made = create(console, "superserve", {"name": "from the console"})
    page = console.explore("superserve", f"~row={made}")
    assert state_of(console) == "active"
    act(console, "pauseSandbox", expect=204)
    page.wait("document.querySelector('.states [aria-current]').innerText === 'paused'")
    act(console, "resumeSandbox", expect=200)
    page.wait("document.querySelector('.states [aria-current]').innerText === 'active'")
    page.click("[data-action=execCommand]")
    page.fill("[aria-label=execCommand] textarea", '{"command": "echo made > /root/seen.txt; cat /root/seen.txt"}')
    page.click("[data-send=execCommand]")
    page.wait(
        "[...document.querySelectorAll('.details td')].some((each) => each.innerText.includes('cat /root/seen.txt'))"
    )
    page.click("text=Look at its files")
    page.click("text=root")
    page.click("text=seen.txt")
    page.wait("document.querySelector('[aria-label=\"/root/seen.txt\"]')?.textContent === 'made\\n'")
    act(console, "deleteSandbox", expect=204)
    page.wait("document.querySelector('.details').hidden")
    assert made not in shown_ids(console)


def test_a_command_of_prime_fetches_its_token_first(console: Console) -> None:
    """What the gateway's path and its credential ask for, another operation answers; the page asks it by itself."""
    made = create(console, "prime", {"name": "mine", "docker_image": "python:3.11-slim"})
    page = console.explore("prime", f"~row={made}")
    assert state_of(console) == "RUNNING"
    page.click("[data-action=executeCommand]")
    page.fill("[aria-label=executeCommand] textarea", json.dumps({"command": "echo $((6 * 7))", "sandbox_id": made}))
    page.click("[data-send=executeCommand]")
    page.wait("[...document.querySelectorAll('.details td')].some((each) => each.innerText.trim() === '42')")
    act(console, "deleteSandbox", expect=200)
    page.wait("document.querySelector('.states [aria-current]').innerText === 'TERMINATED'")


def test_a_command_of_instavm(console: Console) -> None:
    """Its commands are sent to no path of the sandbox, but name it in their body."""
    made = create(console, "instavm", {})
    page = console.explore("instavm", f"~row={made}")
    page.click("[data-action=executeCommand]")
    page.wait("document.querySelector('[aria-label=executeCommand] textarea')")
    assert "command" in page.run("document.querySelector('[aria-label=executeCommand] textarea').value")
    act(console, "pauseSandbox", expect=200)
    page.wait("document.querySelector('.states [aria-current]').innerText.includes('suspended')")


@pytest.mark.parametrize(
    ("slug", "operation"),
    [
        ("dreadnode", "createEnvironment"),
        ("instavm", "createSandbox"),
        ("prime", "createSandbox"),
        ("superserve", "createSandbox"),
    ],
)
def test_what_a_form_begins_with_is_accepted(console: Console, slug: str, operation: str) -> None:
    """Whoever just presses gets a sandbox: path and body are filled in."""
    page = console.open(f"#/call/{slug}/{operation}")
    page.click(f"[data-send={operation}]")
    assert page.until("document.querySelector('[data-answered]')?.dataset.answered").startswith("2")


def test_a_command_of_dreadnode_takes_the_token_that_was_told_once(console: Console) -> None:
    """A header is a field of the form, and what an answer told before is in it."""
    page = console.open("#/call/dreadnode/createEnvironment")
    page.click("[data-send=createEnvironment]")
    body = page.until("document.querySelector('[aria-label=\"Body of the answer\"]')?.textContent")
    console.open(f"#/call/dreadnode/executeInEnvironment?:environment_id={json.loads(body)['id']}")
    page.wait("document.querySelector('[data-header=X-Environment-Token]')?.value.startsWith('Bearer ')")
    page.click("[data-send=executeInEnvironment]")
    told = page.until("document.querySelector('[aria-label=\"Body of the answer\"]')?.textContent")
    assert "hello\\n" in told
    page.fill("[data-header=X-Environment-Token]", "Bearer another")
    page.click("[data-send=executeInEnvironment]")
    page.wait("document.querySelector('[data-answered]').dataset.answered === '403'")


def test_what_cannot_be_done_is_told(reader: Console) -> None:
    """The provider's own refusal, with its body; the row stays as it is."""
    paused = rows("superserve", ask(reader.live.app, "superserve", "status=paused"))[0]["id"]
    reader.explore("superserve", f"status=paused&~row={paused}")
    assert "error" in act(reader, "pauseSandbox", expect=409)
    assert state_of(reader) == "paused"


def test_a_row_is_changed_as_json(console: Console) -> None:
    """Stored as it is written; what the specification refuses is told by its field."""
    row = rows("prime", ask(console.live.app, "prime"))[0]
    page = console.explore("prime", f"~row={row['id']}")
    page.click("text=Change it as JSON")
    page.fill(".details form textarea", json.dumps({**row, "status": "NOPE"}))
    page.click("text=Store it")
    page.wait("document.querySelector('.details [role=alert]')?.innerText.includes('status')")
    page.fill(".details form textarea", json.dumps({**row, "name": "renamed here"}))
    page.click("text=Store it")
    page.wait("document.querySelector('.details h2')?.innerText === 'renamed here'")
    assert rows("prime", ask(console.live.app, "prime"))[0]["name"] == "renamed here"


def test_other_lists_are_explored_too(reader: Console) -> None:
    """Whatever answers with rows: Dreadnode's runtimes are in a workspace, which the page looks up."""
    page = reader.explore("dreadnode", operation="listRuntimes")
    assert page.run(ANSWERED).startswith("200")
    page = reader.explore("superserve", operation="listTemplates")
    assert page.run(ANSWERED).startswith("200")
    assert len(reader.rows()) > 0


def test_an_address_changes_nothing(console: Console) -> None:
    """Whoever lures somebody to an address of the console makes them read, and nothing else: only lists are asked."""
    console.open("#/call/superserve/deleteSandbox?:sandbox_id=x")
    console.open("#/explore/superserve/deleteSandbox?:sandbox_id=x")
    console.open("#/failures/prime/listSandboxes?code=503")
    told = console.api("GET", "/requests")["requests"]
    assert {each["method"] for each in told} <= {"GET"}
    assert console.api("GET", "/faults") == {"faults": []}


@pytest.mark.parametrize("slug", SLUGS)
def test_every_list_of_a_provider_opens(reader: Console, slug: str) -> None:
    """No list makes the page fail, whatever it needs in its path."""
    page = reader.explore(slug)
    names = page.run("[...document.querySelectorAll('.bar select')[1].options].map((each) => each.value)")
    assert "listSandboxes" in names
    for name in names:
        reader.explore(slug, operation=name)
        assert page.complaints() == []
        # Each row has a name of its own, and opens by it.
        assert len(set(reader.rows())) == len(reader.rows())
