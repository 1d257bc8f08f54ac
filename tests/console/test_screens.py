"""Failures, clock, journal, worlds, documents and links: what each does, and what it says when it cannot."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from fakeserver.serving.configuration import server_config
from tests.console.conftest import Stage
from tests.console.views import ANSWERED, CLIENT, READY, Console, call_admin
from tests.support.asgi import PATHS, SLUGS, app_of, call, credential, get, identity, rows
from tests.support.chromium import Page
from tests.support.server import Live, listening, serving

pytestmark = pytest.mark.slow


def ask(console: Console, slug: str = "prime", query: str = "", key: str = "") -> httpx.Response:
    """A request of some client, while somebody looks on."""
    return console.live.request(slug, f"{PATHS[slug]}{query and '?'}{query}", key=key)


def labelled(words: str) -> str:
    """The control behind a label, as an expression."""
    every = "[...document.querySelectorAll('form label')]"
    return f"{every}.find((each) => each.innerText === {json.dumps(words)}).nextElementSibling"


# The start page


def test_the_lines_of_the_start_page_work_as_they_stand(console: Console) -> None:
    """What is copied into a shell does what it says: a request, variables, and a command that is led here."""
    page = console.open("#/")
    for slug in SLUGS:
        lines = {
            what: page.until(f"document.querySelector('[aria-label={json.dumps(f'{what} {slug}')}]')?.textContent")
            for what in ("A request to", "fakeserver env for", "fakeserver run for", "Variables for the SDK of")
        }
        told = shell(lines["A request to"])
        assert f'"{identity(slug)}"' in told
        variables = shell(lines["fakeserver env for"] + " && env")
        for export in lines["Variables for the SDK of"].splitlines():
            assert export.removeprefix("export ").replace("'", "") in variables
        if importlib.util.find_spec("trustme"):
            assert "REQUESTS_CA_BUNDLE" in shell(lines["fakeserver run for"].replace("python app.py", "env"))


def shell(line: str) -> str:
    """What a line prints in a shell that has the command."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path}, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


# Failures


def test_a_failure_is_switched_on_and_counts_down(console: Console) -> None:
    """What is left of it is shown as requests use it up; then it is said to be used up."""
    page = console.open("#/failures/prime/listSandboxes")
    page.wait("document.querySelector('[data-switch]')")
    page.run(f"{labelled('What')}.value = '429'")
    page.click("text=Switch it on")
    page.wait("document.body.innerText.includes('3 to go')")
    assert ask(console).status_code == 429
    page.wait("document.body.innerText.includes('2 to go')")
    assert [ask(console).status_code for _ in range(3)] == [429, 429, 200]
    page.wait("document.body.innerText.includes('used up')")
    page.click("text=Switch everything off")
    page.wait("document.body.innerText.includes('all is well')")
    assert console.api("GET", "/faults") == {"faults": []}


def test_a_reset_and_a_delay_are_switched_on(console: Console) -> None:
    """By the same form, which a button above the table leads to."""
    page = console.open("#/failures/superserve/listSandboxes")
    page.click("text=Switch on a delay, a break, or an error for several requests")
    page.wait(f"document.activeElement === {labelled('What')}")
    for count, (what, late) in enumerate((("CONNECTION_RESET_BY_PEER", ""), ("", "50")), 1):
        page.run(f"{labelled('What')}.value = '{what}'; {labelled('Late by (ms)')}.value = '{late}'")
        page.click("text=Switch it on")
        page.wait(f"(document.body.innerText.match(/3 to go/g) ?? []).length === {count}")
    rules = console.api("GET", "/faults")["faults"]
    assert {(each.get("fault"), each.get("delay_ms")) for each in rules} == {
        ("CONNECTION_RESET_BY_PEER", None),
        (None, 50),
    }
    with pytest.raises(httpx.TransportError):
        ask(console, "superserve")
    page.wait("document.body.innerText.includes('2 to go')")


def test_an_error_of_the_table_is_switched_on_for_one_request(console: Console) -> None:
    page = console.open("#/failures/superserve/createSandbox")
    page.click("[data-switch]")
    page.wait("document.body.innerText.includes('1 to go')")
    rule = console.api("GET", "/faults")["faults"][0]
    assert (rule["provider"], rule["operation"], rule["times"]) == ("superserve", "createSandbox", 1)


def test_a_failure_that_cannot_be_is_told(console: Console) -> None:
    """In the admin API's own words, with the field."""
    page = console.open("#/failures/prime/listSandboxes")
    page.wait("document.querySelector('form')")
    page.run(f"{labelled('Late by (ms)')}.value = '99999999'")
    page.click("text=Switch it on")
    page.wait("document.querySelector('main [role=alert]')?.innerText.includes('delay_ms')")


# The clock


def test_the_clock_is_frozen_and_moved(console: Console) -> None:
    """And the states of the newest rows are those of the API before and after."""
    page = console.open("#/clock/prime/listSandboxes")
    page.click("text=Freeze")
    page.wait("document.querySelector('#pace').innerText === 'frozen'")
    page.click("text=Advance a day")
    page.wait("document.querySelector('.now').innerText.startsWith('2026-01-19')")
    page.wait("[...document.querySelectorAll('td')].some((each) => each.innerText === 'TERMINATED')")
    assert console.api("GET", "/clock")["frozen"] is True
    newest = [each["status"] for each in rows("prime", get(console.live.app, "prime", "per_page=50"))]
    line = "[...document.querySelectorAll('tr')].find((each) => each.cells[0].innerText === 'TERMINATED')"
    page.wait(f"{line}.cells[2].innerText === '{newest.count('TERMINATED')}'")
    page.click("text=Real time again")
    page.wait("document.querySelector('#pace').innerText === 'at real pace'")


def test_a_move_that_cannot_be_is_told(console: Console) -> None:
    page = console.open("#/clock")
    page.wait("document.querySelectorAll('form').length === 3")
    page.fill("[placeholder='2026-01-19T12:00:00Z']", "yesterday")
    page.click("text=Set")
    page.wait("document.querySelector('main [role=alert]')?.innerText.includes('instant')")


# The journal


def test_requests_are_seen_as_they_arrive(console: Console) -> None:
    """Newest first, with the warnings about their clients; a filter keeps the others out."""
    ask(console, query="status=PAUSED")
    page = console.open("#/journal")
    page.wait("document.querySelectorAll('[data-entry]').length === 1")
    ask(console, query="stauts=PAUSED")
    page.wait("document.querySelector('[data-entry] .warning')?.innerText.includes('stauts')")
    ask(console, "superserve", query="__code=503")
    page.wait("document.querySelectorAll('[data-entry]').length === 3")
    assert (
        page.run("[...document.querySelectorAll('[data-entry]')].map((each) => each.dataset.entry).join()") == "3,2,1"
    )
    for choice, left in (
        ("~only=warnings", "2"),
        ("~only=faults", "3"),
        ("~provider=superserve", "3"),
        ("~status=2", "2,1"),
    ):
        page.run(f"location.hash = '#/journal?{choice}'")
        page.wait(
            f"[...document.querySelectorAll('[data-entry]')].map((each) => each.dataset.entry).join() === '{left}'"
        )
    page.click("text=Empty the journal")
    page.wait("document.querySelectorAll('[data-entry]').length === 0")


def test_why_is_told_and_the_request_sent_again(console: Console) -> None:
    """Filters with what they find and leave, the arithmetic of the page, what was ignored; and curl, and again."""
    total = get(console.live.app, "prime", "status=RUNNING").value["total"]
    ask(console, query="status=RUNNING&per_page=2&page=2&nothing=1")
    page = console.open("#/journal")
    page.click("[data-entry] button")
    page.wait("document.querySelector('.why')")
    # What is open stands in the address, and no longer when it is closed.
    assert page.run("decodeURIComponent(location.hash)") == "#/journal?~request=2"
    page.click("text=Close")
    assert page.run("location.hash") == "#/journal"
    page.click("[data-entry] button")
    page.wait("!document.querySelector('[aria-label=Why]').hidden")
    why = page.run("document.querySelector('.why').innerText")
    for words in (
        f"finds {total} of them; {total} are left",
        "page 2 of",
        "from row 3 on",
        "2 rows, more follow",
        "does not know it: nothing",
    ):
        assert words in why
    assert "status=RUNNING" in page.run("document.querySelector('[aria-label=\"As curl\"]').innerText")
    page.click("text=Send it again")
    page.wait("document.querySelector('[aria-label=Answer]')")
    assert len(console.api("GET", "/requests")["requests"]) == 3
    page.click("text=Open it in the explorer")
    page.wait("location.hash.startsWith('#/explore/prime/listSandboxes?status=RUNNING')")


def test_an_entry_that_is_gone_is_told(console: Console) -> None:
    page = console.open("#/journal?~request=99")
    page.wait("document.querySelector('main [role=alert]')?.innerText.includes(\"no request '99'\")")


def test_a_journal_that_stands_still(console: Console) -> None:
    """While it is paused, what arrives is kept, and shown when it goes on."""
    page = console.open("#/journal")
    page.click("#pause")
    ask(console)
    page.run("new Promise((resolve) => setTimeout(resolve, 800))")
    assert console.count("[data-entry]") == 0
    page.click("#pause")
    page.wait("document.querySelectorAll('[data-entry]').length === 1")


# Worlds


def test_two_hundred_namespaces(console: Console) -> None:
    """They are found by their names, opened and forgotten."""
    for number in range(200):
        call(console.live.app, f"/ns/world-{number}/prime{PATHS['prime']}", headers=credential("prime"))
    page = console.open("#/worlds")
    page.wait("document.body.innerText.includes('200 of 200 namespaces')")
    page.fill("[type=search]", "world-137")
    page.wait("document.querySelectorAll('main tbody tr').length === 1")
    page.click("text=Forget")
    page.wait("document.body.innerText.includes('of 199 namespaces')")
    page.fill("[type=search]", "world-42")
    page.click("text=world-42")
    page.wait(f"location.pathname === '/ns/world-42/' && {READY}")
    assert "world-42" in page.run("document.querySelector('#world').innerText")
    page.wait("document.querySelectorAll('.card').length === 4")
    assert "/ns/world-42/prime" in page.text()


def test_a_world_is_reset_after_one_more_question(console: Console) -> None:
    console.api("PUT", "/documents/prime/main", [])
    page = console.open("#/worlds")
    page.click("text=Reset")
    assert get(console.live.app, "prime").value["total"] == 0
    page.click("text=Reset everything in this world?")
    page.wait("[...document.querySelectorAll('button')].some((each) => each.innerText === 'Reset')")
    assert get(console.live.app, "prime").value["total"] > 0


def test_a_snapshot_goes_down_and_up(console: Console, tmp_path: Path) -> None:
    """What was downloaded puts the world back; what is no snapshot is refused with the reason."""
    page = console.open("#/worlds")
    console.api("PUT", "/documents/prime/main", [])
    page.browser.call(
        "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), browserContextId=page.context
    )
    page.click("text=Take a snapshot")
    file = tmp_path / "root.snapshot.json"
    page.wait("document.querySelector('#said').innerText.includes('downloads')")
    for _ in range(100):
        if file.exists() and file.read_bytes().endswith(b"}"):
            break
        page.run("new Promise((resolve) => setTimeout(resolve, 50))")
    assert json.loads(file.read_bytes())["documents"]
    console.api("POST", "/reset")
    assert get(console.live.app, "prime").value["total"] > 0
    page.choose("[type=file]", file)
    page.wait("document.querySelector('#said').innerText.includes('what it was')")
    assert get(console.live.app, "prime").value["total"] == 0
    file.write_text('{"version": "x"}', encoding="utf-8")
    page = console.open("#/worlds")
    page.choose("[type=file]", file)
    page.wait("document.querySelector('main [role=alert]')")


def test_a_setting_is_changed(console: Console) -> None:
    page = console.open("#/worlds")
    page.fill("main select", "manual")
    page.wait("document.querySelector('#said').innerText.includes('manual')")
    assert console.api("GET", "/settings")["transitions"] == "manual"


# Documents


def test_documents_are_read_checked_and_stored(console: Console) -> None:
    """What is no JSON is told here, what is no document by the server, with its place; and what is right is stored."""
    page = console.open("#/documents/superserve/main")
    page.click("text=Load all")
    page.wait("document.querySelector('textarea').value.length > 10")
    documents = json.loads(page.run("document.querySelector('textarea').value"))
    assert len(documents) == len(console.api("GET", "/documents/superserve/main"))
    page.fill("textarea", "[")
    page.click("text=Have exactly these")
    page.wait("document.querySelector('main [role=alert]')?.innerText.includes('no JSON')")
    page.fill("textarea", json.dumps([documents[0], {**documents[1], "status": "NOPE"}]))
    page.click("text=Have exactly these")
    page.wait("document.querySelector('main [role=alert]')?.innerText.includes('document 1')")
    page.fill("textarea", json.dumps(documents[:2]))
    page.click("text=Have exactly these")
    page.wait("document.querySelector('main .good')")
    assert console.api("GET", "/documents/superserve/main") == documents[:2]
    page.click("text=Add these")
    page.wait("document.querySelector('main [role=alert]')?.innerText.includes('id')")


# UI states by link


def test_every_error_is_a_link(console: Console) -> None:
    """Each row is an address that answers so, here and for an application."""
    page = console.open("#/links/prime/listSandboxes")
    page.wait("document.querySelectorAll('[data-state]').length > 10")
    page.run("navigator.clipboard.writeText = async (text) => { window.taken = text; }")
    page.run("document.querySelector('[data-state^=\"429\"]').closest('tr').querySelector('.copy').click()")
    page.wait("window.taken")
    taken = page.run("window.taken")
    assert CLIENT.get(taken, headers=credential("prime")).status_code == 429
    page.click('[data-state^="429"]')
    page.wait(f"{ANSWERED}?.startsWith('429')")


def test_scenarios_are_links_too(console: Console) -> None:
    """Those that the admin API lists for this very list, before the errors; and each shows what it says."""
    listed = [each for each in console.api("GET", "/scenarios") if each["provider"] == "prime"]
    names = [each["scenario"] for each in listed if each["operation"] == "listSandboxes"]
    page = console.open("#/links/prime/listSandboxes")
    every = "[...document.querySelectorAll('[data-state]')].map((each) => each.dataset.state)"
    told = page.until(f"{every}.length && {every}")
    assert told[: len(names)] == names
    assert told[len(names)].startswith("400")
    page.click("[data-state=one]")
    page.wait(f"{ANSWERED}?.startsWith('200, 1 row of 1') && {ANSWERED}.includes('asked for by one')")


def test_a_world_is_put_into_a_scenario(console: Console) -> None:
    """Until somebody takes it away."""
    page = console.open("#/worlds")
    choice = "[...document.querySelectorAll('label')].find((each) => each.innerText === 'Lists of prime show')"
    for name, total in (("empty", 0), ("", None)):
        page.wait(f"Boolean({choice})")
        page.run(
            f"(() => {{ const field = {choice}.nextElementSibling; field.value = '{name}';"
            " field.dispatchEvent(new Event('change')); })()"
        )
        page.wait(f"document.querySelector('#said').innerText === 'Lists of prime show {name or 'its documents'}'")
        found = get(console.live.app, "prime").value["total"]
        assert found == total if total is not None else found > 0


# Whatever a text holds

HOSTILE = [
    '<img src=x onerror="window.harm=1">',
    "</script><script>window.harm=1</script>",
    "\u202egnp.exe\u2066 \u2067 x\u200f",
    "'\"`${window.harm=1}{{window.harm=1}}",
    "long" * 2_500,
]


def spoil(live: Live) -> str:
    """A world in which every text that somebody may write is one of those; the id of its row."""
    app, api = live.app, functools.partial(call_admin, live.root)
    document = rows("superserve", get(app, "superserve"))[0]
    rotten = {**document, "metadata": {text[:60]: text[:200] for text in HOSTILE[:4]}, "name": HOSTILE[0][:60]}
    api("PUT", "/documents/superserve/main", [rotten])
    vm = rows("instavm", get(app, "instavm"))[0]
    api("PUT", "/documents/instavm/main", [{**vm, "metadata": {each: each for each in HOSTILE}, "name": HOSTILE[4]}])
    api(
        "PUT",
        "/documents/prime/main",
        [
            {**each, "name": HOSTILE[index % 5][:100], "labels": [HOSTILE[index % 5]]}
            for index, each in enumerate(rows("prime", get(app, "prime"))[:10])
        ],
    )
    for text in HOSTILE[:4]:
        printable = re.sub(r"[^\x20-\x7e]", "?", text)
        api(
            "POST",
            "/faults",
            {"provider": "prime", "operation": "createSandbox", "headers": {"X-Rotten": printable}, "times": 1},
        )
        CLIENT.get(
            f"{live.root}/prime{PATHS['prime']}",
            params={text: text, "labels": text},
            headers=credential("prime"),
        )
        api("POST", "/commands", {"pattern": text[:50], "stdout": text, "stderr": text})
    return str(document["id"])


@pytest.fixture(scope="module")
def rotten(stage: tuple[Stage, str]) -> tuple[Live, str]:
    """Such a world, which no test changes any more."""
    stage[0].app = app_of(size=200)
    live = Live(stage[0].app, stage[1])
    return live, spoil(live)


@pytest.mark.parametrize(
    "view",
    [
        "explore/superserve/listSandboxes?~row={id}",
        "explore/instavm/listSandboxes",
        "explore/prime/listSandboxes?labels={hostile}&~as={hostile}",
        "failures/prime/createSandbox",
        "journal?~text={hostile}",
        "journal?~request=1",
        "worlds",
        "documents/superserve/main",
        "{hostile}/{hostile}",
        "explore/{hostile}/{hostile}",
        "call/prime/createSandbox?:x={hostile}",
        "clock/instavm",
    ],
)
def test_hostile_texts_are_texts(stage: tuple[Stage, str], rotten: tuple[Live, str], narrow: Page, view: str) -> None:
    """In documents, headers, faults, command output, the journal and the address: nothing runs, nothing is markup, and
    the page is no wider than its window."""
    live, identity = rotten
    stage[0].app = live.app
    page, console = narrow, Console(live, narrow)
    address = view.replace("{id}", identity)
    for text in HOSTILE[:4]:
        console.open(f"#/{address.replace('{hostile}', quote(text, safe=''))}")
        page.wait("!document.querySelector('main').innerText.includes('Loading')")
        assert page.run("window.harm") is None
        assert console.count("main img, main script, main style, main iframe") == 0
        assert page.run("document.documentElement.scrollWidth <= innerWidth"), view
        assert not [each for each in page.complaints() if "Content Security Policy" in each or "TrustedHTML" in each]
        if "{hostile}" not in view:
            break


def test_files_and_commands_with_hostile_names(console: Console) -> None:
    """What a sandbox has on its disk, and what it wrote."""
    made = call(
        console.live.app,
        "/superserve/sandboxes",
        method="POST",
        headers={**credential("superserve"), "content-type": "application/json"},
        body=b'{"name": "x"}',
    ).value["id"]
    command = "cd /root; touch '<img src=x onerror=harm=1>' ; echo '<script>window.harm=1</script>' | tee >(cat >&2)"
    call(
        console.live.app,
        f"/superserve/sandboxes/{made}/exec",
        method="POST",
        headers={**credential("superserve"), "content-type": "application/json"},
        body=json.dumps({"command": command}).encode(),
    )
    page = console.explore("superserve", f"~row={made}")
    page.click("text=Look at its files")
    page.click("text=root")
    page.click("text=<img src=x onerror=harm=1>")
    page.wait("document.querySelector('[aria-label=\"/root/<img src=x onerror=harm=1>\"]')")
    assert "<script>" in page.text()
    assert (page.run("window.harm"), console.count("main img, main script")) == (None, 0)


# A server that goes away and comes back


def test_a_restart_is_survived_with_a_clear_word(page: Page) -> None:
    """The page says that nobody answers, and goes on by itself when somebody does."""
    config = server_config(app_of(size=20))
    with listening(config) as root:
        page.open(f"{root}/#/failures/prime/listSandboxes")
        page.wait("document.querySelector('[data-switch]')")
    page.click("[data-switch]")
    page.wait("!document.querySelector('#lost').hidden")
    assert "does not answer" in page.run("document.querySelector('#lost').innerText")
    with listening(server_config(app_of(size=20, epoch=1_700_000_000_000_000)), port=int(root.rpartition(":")[2])):
        page.wait("document.querySelector('#lost').hidden")
        page.wait("document.querySelector('#said').innerText.includes('started anew')")
        page.wait("document.querySelector('[data-switch]')")


def test_a_million_documents(page: Page) -> None:
    """A page of rows, a deep page, a filter and a count cost as much as among a thousand: the page asks the same."""
    asked = {}
    for size in (1_000, 100_000):
        with serving(app_of(size=size)) as live:
            page.clear()
            console = Console(live, page)
            console.explore("prime", "status=RUNNING&page=2&per_page=20")
            page.wait(f"{ANSWERED}.includes('20 rows')")
            asked[size] = sorted(
                re.sub(r"http://[^/]+", "", each["request"]["url"]) for each in page.heard("Network.requestWillBeSent")
            )
            page.clear()
    assert asked[1_000] == asked[100_000]


def test_an_answer_that_is_too_long_is_read_no_further(console: Console) -> None:
    """A plugin's list may have no pages, and a million rows."""
    page = console.open("#/")
    module = "import(document.querySelector('script').src.replace('main.js', 'api.js'))"
    told = page.run(
        f"{module}.then(({{ask}}) => ask('/prime/openapi.json', {{most: 1000}}))"
        ".then((told) => told.text.length, (error) => error.message)"
    )
    assert told == "The answer is longer than 0.001 MB, and was read no further: ask for less of it."
    told = page.run(f"{module}.then(({{ask}}) => ask('/prime/openapi.json', {{most: 1e6}})).then((told) => told.text)")
    assert json.loads(told)["servers"] == [{"url": "/prime", "description": "This fake"}]


def test_a_token_is_asked_for_once(page: Page) -> None:
    """The pages of a server with a token ask for it; a wrong one is asked for again."""
    with serving(app_of(size=20, admin_token="sesame")) as live:
        page.open(f"{live.root}/")
        page.wait("document.querySelector('#lost input')")
        page.fill("#lost input", "wrong")
        page.click("text=Use it")
        page.wait("document.querySelector('#lost input')?.value === ''")
        page.fill("#lost input", "sesame")
        page.click("text=Use it")
        page.wait("document.querySelectorAll('.card').length === 4")
        page.run("location.hash = '#/journal'")
        page.wait("document.querySelector('#count')")
        live.request("prime", PATHS["prime"])
        page.wait("document.querySelector('[data-entry]')")
