"""Types that openapi-typescript makes of the specs: what they say, and a client that is written with them, compiled by
`tsc --strict` and run against the live fake. The commands and the example are those of docs/typescript.md.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract_tests.yaml_files import read_yaml
from tests.support.asgi import ROOT, SLUGS, SPECS, Row
from tests.support.command import environment
from tests.support.server import Live

PAGE = (ROOT / "docs" / "typescript.md").read_text(encoding="utf-8")
SOURCES = Path(__file__).with_name("typescript")
NAMESPACE = "typescript"
ADMIN = ROOT / "fakeserver" / "admin" / "openapi.yaml"
E2B = ROOT / "examples" / "provider-e2b" / "provider_e2b" / "openapi.yaml"
SPEC_FILES = {**{slug: ROOT / "openapi" / f"{slug}.yaml" for slug in SLUGS}, "admin": ADMIN, "e2b": E2B}
MOST_SECONDS = 240
OURS = re.compile(r"^export type (?:webhooks|\$defs) = Record<string, never>;$")
"""What the generator writes into every file, for what no spec here has."""
DEFAULTED = re.compile(r"/\*\*(?:(?!\*/)[^@]|@(?!default))*@default(?:(?!\*/).)*\*/\s*\"?([\w.-]+)\"?(\??):", re.DOTALL)
"""A property with a default, and the question mark of one that may be left out."""

needs_npm = pytest.mark.skipif(
    shutil.which("npx") is None or not (ROOT / "node_modules" / "openapi-typescript").exists(),
    reason="openapi-typescript is not installed; `make test` installs it where npm is",
)


def block(language: str) -> str:
    """The page's one fenced block in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def run(folder: Path, *command: str) -> str:
    """What a command prints in this folder, with the packages that are there and no others."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**environment(folder), "npm_config_offline": "true", "npm_config_update_notifier": "false"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=MOST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def project(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's project: the types as the page has them made, a client, and the page's example."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    for source in SOURCES.iterdir():
        shutil.copy(source, folder)
    (folder / "example.ts").write_text(at(live, block("ts")), encoding="utf-8")
    run(folder, "bash", "-euo", "pipefail", "-c", at(live, block("sh")))
    run(folder, "npx", "openapi-typescript", str(E2B), "--default-non-nullable=false", "-o", "e2b.d.ts")
    return folder


def at(live: Live, text: str) -> str:
    """A part of the page, for this server instead of the one on port 8000."""
    return text.replace("http://127.0.0.1:8000", live.root)


@pytest.fixture(scope="module")
def compiled(project: Path) -> Path:
    """The folder with the compiled programs; what the types do not allow is an error of the compiler."""
    run(project, "npx", "tsc", "--strict", "--project", ".")
    return project / "out"


@pytest.fixture(scope="module")
def told(live: Live, project: Path, compiled: Path) -> Any:
    """What the client printed."""
    return json.loads(run(project, "node", str(compiled / "client.js"), live.root, NAMESPACE))


# What the types say


def needless_never(text: str) -> list[str]:
    """Lines of generated types that let an object hold nothing."""
    return [line.strip() for line in text.splitlines() if "Record<string, never>" in line and not OURS.match(line)]


def required_in_spite_of_a_default(text: str) -> list[str]:
    """The properties of generated types that have a default and must be there all the same."""
    return [name for name, mark in DEFAULTED.findall(text) if not mark]


def objects(node: Any, place: str = "") -> Iterator[tuple[str, Row]]:
    """Every schema of a spec that is an object's, with its place."""
    if isinstance(node, dict):
        kind = node.get("type")
        if kind == "object" or (isinstance(kind, list) and "object" in kind):
            yield place, node
        for name, member in node.items():
            if name not in ("example", "examples", "default", "enum", "const"):
                yield from objects(member, f"{place}/{name}")
    elif isinstance(node, list):
        for index, member in enumerate(node):
            yield from objects(member, f"{place}/{index}")


@pytest.mark.parametrize("name", SPEC_FILES)
def test_free_form_objects_say_so(name: str) -> None:
    """An object without members of its own says what it may hold, since generators take silence for nothing. A
    parameter in JSON is written as text, whatever its schema."""
    document = read_yaml(SPEC_FILES[name])
    says = {"properties", "additionalProperties", "patternProperties", "oneOf", "anyOf", "allOf"}
    found = dict(objects(document))
    assert found
    assert [place for place, each in found.items() if not each.keys() & says and "/parameters/" not in place] == []


@pytest.mark.slow
@needs_npm
@pytest.mark.parametrize("name", SPEC_FILES)
def test_types_are_pleasant(project: Path, name: str) -> None:
    """No free-form object is an empty one, and nothing is required because it has a default; `npx` made the file."""
    text = (project / f"{name}.d.ts").read_text(encoding="utf-8")
    assert "export interface paths" in text
    assert needless_never(text) == []
    assert required_in_spite_of_a_default(text) == []


def test_unpleasant_types_are_found() -> None:
    """The two questions above find what they ask for."""
    types = """
export type $defs = Record<string, never>;
        metadata: Record<string, never> | null;
        /** @default 0 */
        credits: number;
        /**
         * @description About it.
         * @default before
         */
        "the-phase"?: string;
        /** @description Without one. */
        id: string;
        /**
         * @description About it.
         * @default strict
         * @enum {string}
         */
        handling: "strict" | "lenient";
"""
    assert needless_never(types) == ["metadata: Record<string, never> | null;"]
    assert required_in_spite_of_a_default(types) == ["credits", "handling"]


@pytest.mark.slow
@needs_npm
def test_defaults_are_in_the_types(project: Path) -> None:
    """The page's flag is needed: Dreadnode's reference has defaults, which the types keep and do not require."""
    text = (project / "dreadnode.d.ts").read_text(encoding="utf-8")
    assert {name for name, _ in DEFAULTED.findall(text)} >= {
        *("billed_credits", "estimated_total_credits", "running_credits"),
    }


def test_the_page_names_what_is_installed() -> None:
    """The packages that the page installs are those that these tests are run with."""
    packages = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    command = block("text").split()
    assert command[:3] == ["npm", "install", "--save-dev"]
    assert {*command[3:]} <= {*packages}


# What a client gets by them


@pytest.mark.slow
@needs_npm
def test_the_example_of_the_page_runs(project: Path, compiled: Path) -> None:
    """The page's example is compiled as it stands, and says what its last lines say."""
    assert run(project, "node", str(compiled / "example.js")).startswith("refused:")


@pytest.mark.slow
@needs_npm
@pytest.mark.parametrize("slug", SLUGS)
def test_all_pages(live: Live, told: Any, slug: str) -> None:
    """The client gets every row once, in the order of the list."""
    identity = live.app.services[slug].provider.identity
    assert [each["id"] for each in told["lines"][slug]] == [row[identity] for row in live.rows(slug)]


@pytest.mark.slow
@needs_npm
def test_rows_are_what_their_types_say(live: Live, told: Any) -> None:
    """What the client reads of a row, where it may be null, absent or one of an enum, is what the row has."""
    for line, row in zip(told["lines"]["dreadnode"], live.rows("dreadnode"), strict=True):
        assert line["colour"] == {"running": "green", "paused": "amber", "killed": "grey"}[row["state"]]
        assert line["project"] == (row.get("project_name") or "none")
        assert line["credits"] == row.get("billed_credits", 0) + row.get("running_credits", 0)
        assert (line["ended"] or "")[:19] == (row["killed_at"] or "")[:19]
    for line, row in zip(told["lines"]["instavm"], live.rows("instavm"), strict=True):
        assert line["names"] == sorted(row["metadata"])
        assert line["until"] == (row["end_at"][:10] if row.get("end_at") else None)
    for line, row in zip(told["lines"]["prime"], live.rows("prime"), strict=True):
        assert line["over"] == (row["status"] in ("ERROR", "TERMINATED"))
        assert line["variables"] == len(row["environmentVars"] or {})
        assert line["labels"] == ",".join(row.get("labels") or [])
        assert (line["minutes"] is None) == (not (row["startedAt"] and row["terminatedAt"]))
    for line, row in zip(told["lines"]["superserve"], live.rows("superserve"), strict=True):
        assert line["env"] == row["metadata"].get("env")
        assert line["limit"] == row.get("timeout_seconds")
        assert line["open"] == (len(row["network"]["allow_out"]) if "allow_out" in row.get("network", {}) else None)


@pytest.mark.slow
@needs_npm
def test_filters(live: Live, told: Any) -> None:
    """Filters as openapi-fetch writes them: lists with commas or repeated, JSON text, `metadata.{key}`."""
    found = told["filtered"]
    assert found["dreadnode"] == [row["id"] for row in live.rows("dreadnode") if row["state"] in ("paused", "killed")]
    pair, ids = found["instavm"]
    expected = [row["sandbox_id"] for row in live.rows("instavm") if (pair[0], pair[1]) in row["metadata"].items()]
    assert ids == expected != []
    label, ids = found["prime"]
    labelled = [row for row in live.rows("prime") if label in (row.get("labels") or [])]
    assert ids == [row["id"] for row in labelled if row["status"] != "TERMINATED"]
    assert labelled
    pair, ids, paused = found["superserve"]
    expected = [row["id"] for row in live.rows("superserve") if (pair[0], pair[1]) in row["metadata"].items()]
    assert ids == expected != []
    assert paused == [row["id"] for row in live.rows("superserve") if row["status"] in ("paused", "resuming")] != []
    counts = {state: 0 for state, _ in told["facets"]}
    for row in live.rows("dreadnode"):
        counts[row["state"]] += 1
    assert dict(told["facets"]) == counts


@pytest.mark.slow
@needs_npm
@pytest.mark.parametrize("slug", SLUGS)
def test_errors_of_every_status(told: Any, slug: str) -> None:
    """The body of every documented status is what its type says, so that the client has a sentence for each."""
    (operation,) = (
        each
        for item in SPECS[slug]["paths"].values()
        for each in item.values()
        if isinstance(each, dict) and each["operationId"] == "listSandboxes"
    )
    sentences = told["sentences"][slug]
    assert {*sentences} == {*operation["responses"]} - {"200"}
    for status, sentence in sentences.items():
        assert sentence, status
        assert "undefined" not in sentence


@pytest.mark.slow
@needs_npm
def test_failures(told: Any) -> None:
    """A fault without a phase, a handling and so on is set; its status is typed; a refusal lists its fields."""
    assert told["failures"]["statuses"] == [503, 503, 200]
    assert told["failures"]["rows"]
    kept = {name: told["failures"][name] for name in ("code", "times", "hits", "completed")}
    assert kept == {"code": 503, "times": 2, "hits": 2, "completed": True}
    assert told["failures"]["fields"] == ["times"]


@pytest.mark.slow
@needs_npm
def test_time_state_and_journal(told: Any) -> None:
    """The clock, the journal, the settings and a snapshot, by their types."""
    assert told["health"] == "ok"
    assert told["served"] == [*SLUGS]
    assert told["time"]["aged"] >= 30 * 86_400
    assert told["time"]["after"] < told["time"]["before"]
    assert told["journal"] == [{"status": 200, "caller": "admin", "size": 7}]
    assert told["state"]["changed"] == "enforced"
    assert told["state"]["restored"] != "enforced"
    assert (told["state"]["put"], told["state"]["reset"]) == (204, 204)


@pytest.mark.slow
@needs_npm
def test_documents(told: Any) -> None:
    """Documents are put in with the provider's own type, free-form objects as they are; a wrong one is named."""
    assert told["documents"]["put"] == 204
    (found,) = told["documents"]["found"]
    assert (found["id"], found["labels"]) == ("mine", ["mine"])
    assert found["environmentVars"] == {"DEBUG": "1", "deep": {"more": [1]}}
    (problem,) = told["documents"]["problem"]
    assert (problem["document"], problem["field"]) == (0, "status")
