"""A report as text, Markdown, JUnit, JSON and HTML: the whole story, and no credential."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from html import unescape
from typing import cast
from xml.etree import ElementTree

import pytest

from contract_tests.outcome import Evidence, Options, Outcome, Power, Tier, Verdict, broken, holds, inconclusive
from contract_tests.reporting import exit_codes, github, html, junit, markdown, text
from contract_tests.reporting import json as json_report
from contract_tests.reporting.formats import IN_FILES, ON_STDOUT
from contract_tests.reporting.report import Report, decide
from contract_tests.reporting.wording import MAX_ROW
from contract_tests.sending.ask import Ask
from contract_tests.sending.credentials import Credentials
from tests.support.deployments import judged, planted

CANARY = "prime-admin-key"


def test_a_broken_promise_is_told_in_full_and_without_credentials() -> None:
    """One sentence, the requests as curl lines, the page; the token is in no artefact."""
    report = judged(planted("prime", "status_ignored"))
    assert decide(report)[0] == exit_codes.BROKEN
    told = text.render(report)
    assert "rows do not match the filter status=" in told
    assert "$TOKEN" in told
    assert "reference page 003" in told
    artefacts = [told, markdown.render(report), json_report.render(report), junit.render(report), html.render(report)]
    assert not [each for each in artefacts if CANARY in each]
    failures = ElementTree.fromstring(artefacts[3].split("\n", 1)[1]).findall(".//failure")
    assert len(failures) == len(report.failing)
    assert json.loads(artefacts[2])["exit_code"] == 1
    assert "<script" not in artefacts[4]
    assert "http" not in artefacts[4].split("<style>")[0]


def test_redaction_is_the_last_line_of_defence() -> None:
    """Even a law that puts a credential into a sentence does not publish it."""
    report = Report("prime", "", Options(), (broken("x", f"saw {CANARY}"),))
    assert CANARY not in Credentials({"token": CANARY}).redact(text.render(report))


ASK = Ask("/api/v1/sandbox", (("status", "<&|>"),))
REPORT = Report(
    "prime",
    "https://prime.example.test",
    Options(seed=7),
    (
        holds("a.held", "7 rows | of 9"),
        broken("b.lost", "one <row> is\x00lost", (ASK,), ({"id": "x" * 500},), promise="None is lost.", page="003"),
        broken("c.odd", "out of order", tier=Tier.SHOULD),
        inconclusive("d.unsaid", "there are no rows"),
        Outcome("e.known", Verdict.ACCEPTED, sentence="known until then"),
        holds("op: check", "3 cases", layer="conformance"),
    ),
    ("the <budget> is used up",),
    {"laws and oracle": 12, "conformance": 3},
    1.26,
    Power(9, 10, ("no team was given",)),
    0.8,
)


def test_text() -> None:
    """The verdict, what is broken in full, a line per law, the notes, the power, the requests and the verdict again."""
    lines = text.render(REPORT).splitlines()
    assert lines[0] == "1 promise is broken: b.lost"
    assert lines[2:5] == [
        "BROKEN: b.lost: one <row> is\ufffdlost",
        "  promised: None is lost. (reference page 003)",
        "  curl -s --compressed -H 'Accept: application/json' -H \"Authorization: Bearer $TOKEN\" "
        "'https://prime.example.test/api/v1/sandbox?status=%3C%26%7C%3E'",
    ]
    assert lines[5] == f'  row: {{"id": "{"x" * 500}"}}'
    assert lines[7:] == [
        "warning: c.odd: out of order",
        "",
        "ok       MUST   a.held     7 rows | of 9",
        "BROKEN   MUST   b.lost     one <row> is\ufffdlost",
        "warning  SHOULD c.odd      out of order",
        "?        MUST   d.unsaid   there are no rows",
        "accepted MUST   e.known    known until then",
        "ok       MUST   op: check  3 cases",
        "",
        "note: the <budget> is used up",
        "This run would have caught 9 of 10 known fault types (95 % interval 59 to 99 %); not seen: no team was given.",
        "15 requests (12 for laws and oracle, 3 for conformance), 1.3 s",
        "prime: 1 promise is broken: b.lost",
    ]
    assert "\x1b[31mBROKEN\x1b[0m" in text.render(REPORT, colour=True)


def test_a_terminal_obeys_no_deployment() -> None:
    """What a deployment says may hold an escape sequence; only the colour of a report is one."""
    report = Report("prime", "", Options(), (broken("b", "says \x1b[2J\x9b2J\x07"),))
    assert "\x1b" not in text.render(report) + markdown.render(report) + github.render(report)
    assert not {"\x07", "\x9b"} & {*text.render(report)}


class Odd(StrEnum):
    KIND = "of another kind"


def test_a_verdict_that_a_report_does_not_know_is_its_own_mark() -> None:
    """A report on it is printed all the same, in every format, and it fails nobody."""
    odd = Outcome("a.odd", cast(Verdict, Odd.KIND), sentence="why not")
    report = Report("prime", "", Options(), (holds("b", "rows"), odd))
    told = {name: render(report) for name, render in {**ON_STDOUT, **IN_FILES}.items()}
    assert "of another kind MUST   a.odd  why not" in told["text"]
    assert "| of another kind | MUST | a.odd | why not |" in told["markdown"]
    assert json.loads(told["json"])["laws"][1]["result"] == "of another kind"
    assert ElementTree.fromstring(told["junit"].split("\n", 1)[1]).find("testcase[@name='a.odd']/skipped") is not None
    assert "of another kind: why not" in told["sarif"]
    assert '<td class="of another kind">' in told["html"]


def test_a_long_row_shows_the_fields_in_question() -> None:
    """The id and these fields are whole, wherever they stand in the row and however long they are; the rest is cut."""
    row = {"noise": "n" * 1000, "id": "i1", "labels": ["l" * 500], "status": "RUNNING", "rest": "r" * 1000}
    report = Report("prime", "", Options(), (broken("b", "lost", (ASK,), (row,), fields=("labels", "status", "gone")),))
    (line,) = [line for line in text.render(report).splitlines() if line.startswith("  row:")]
    begins = json.dumps({name: row[name] for name in ("id", "labels", "status")})[:-1]
    assert line.startswith(f"  row: {begins}, ")
    assert len(line) < len(begins) + MAX_ROW + 20
    assert line.endswith(" …")


OTHERS = Report(
    "prime",
    "https://prime.example.test",
    Options(),
    (
        broken(
            "b.lost",
            "one way",
            (ASK,),
            alike=(Ask("/alike"),),
            others=(Evidence("another way", Tier.SHOULD, (Ask("/other"),), ({"id": "r1"},)),),
            untold=3,
        ),
    ),
)


@pytest.mark.parametrize("render", [*ON_STDOUT.values(), *IN_FILES.values()])
def test_every_way_in_which_a_law_is_broken_is_told(render: Callable[[Report], str]) -> None:
    """With its requests and rows, in every format, and how many more there are."""
    told = render(OTHERS)
    for part in ("one way", "another way", "/alike", "/other", "r1"):
        assert part in told, part
    assert "3 more ways" in told or json.loads(told)["laws"][0]["untold"] == 3


def test_markdown_ends_no_block_early() -> None:
    """A fence in a deployment's own words ends no block."""
    report = Report("prime", "", Options(), (broken("b", "a ``` b ```` c"),))
    assert markdown.render(report).count("`````") == 2


def test_json() -> None:
    """All of it, for scripts: results by name, and the power with what it must be."""
    told = json.loads(json_report.render(REPORT))
    assert [law["result"] for law in told["laws"]] == ["ok", "broken", "warning", "inconclusive", "accepted", "ok"]
    estimate = {"share": 0.9, "interval": [0.5958, 0.9821], "caught": 9, "total": 10}
    unseen = ["no team was given"]
    assert told["power"] == {"caught": 9, "total": 10, "estimate": estimate, "unseen": unseen, "minimum": 0.8}
    assert (told["exit_code"], told["seed"], told["seconds"], told["requests"]["conformance"]) == (1, 7, 1.26, 3)
    assert told["laws"][1]["rows"] == [{"id": "x" * 500}]
    assert json.loads(json_report.render(Report("prime", "", Options())))["power"] is None


def test_html() -> None:
    """Nothing in a report is taken for HTML."""
    told = html.render(REPORT)
    assert "one &lt;row&gt; is" in told
    assert "<li>the &lt;budget&gt; is used up</li>" in told
    assert '<td class="warning">warning</td>' in told
    assert "<row>" not in told


def test_markdown() -> None:
    """Cells survive a pipe, and what is broken stands in a block of its own."""
    told = markdown.render(REPORT)
    assert "| ok | MUST | a.held | 7 rows \\| of 9 |" in told
    assert "| BROKEN | MUST | b.lost | one &lt;row> is\ufffdlost |" in told
    assert told.count("```") == 4
    assert told.index("```") < told.index("| ok |")
    assert "**1 promise is broken: b.lost** (exit 1)" in told


WITHOUT_VERDICT = {
    "could not check": Report("prime", "", Options(), could_not_check="nobody: answers, 100% sure\nreally"),
    "cut short": Report("prime", "", Options(), (holds("a"),), ("interrupted",), cut_short="interrupted: at 100%"),
    "broken, then cut short": Report("prime", "", Options(), (broken("b", "x"),), ("interrupted",), cut_short="gone"),
    "nothing": Report("prime", "", Options()),
}


@pytest.mark.parametrize("name", WITHOUT_VERDICT)
@pytest.mark.parametrize("form", [*ON_STDOUT, *IN_FILES])
def test_every_format_carries_the_verdict_and_the_reason(name: str, form: str) -> None:
    """Also of a run that could not check, or that somebody has interrupted."""
    report = WITHOUT_VERDICT[name]
    _, sentence = decide(report)
    told = {**ON_STDOUT, **IN_FILES}[form](report)
    if form == "github":
        told = told.replace("%0A", "\n").replace("%25", "%")
    elif form in ("json", "sarif"):
        told = json.dumps(json.loads(told), ensure_ascii=False).replace("\\n", "\n")
    elif form in ("junit", "html"):
        told = unescape(told)
    assert " ".join(sentence.split()) in " ".join(told.split())
    if report.notes and form != "junit":
        assert "interrupted" in told


def test_github() -> None:
    """The verdict first, then one annotation for each cause; what is text of a deployment's ends no command."""
    lines = github.render(REPORT).splitlines()
    assert lines[0] == (
        "::error title=contract of prime::prime: 1 promise is broken: b.lost%0Anote: the <budget> is used up"
    )
    assert lines[1].startswith("::error title=prime%3A b.lost::BROKEN: b.lost: one <row> is\ufffdlost%0A  promised: ")
    assert "status=%253C%2526%257C%253E" in lines[1]
    assert lines[2] == "::warning title=prime%3A c.odd::warning: c.odd: out of order"
    assert len(lines) == 3
    (held,) = github.render(Report("prime", "", Options(), (holds("a", "b"),))).splitlines()
    assert held == "::notice title=contract of prime::prime: 1 law holds"
    assert github.command("error", "a:b,c%\n", "d:e,f%\r\n::notice::x") == (
        "::error title=a%3Ab%2Cc%25%0A::d:e,f%25%0D%0A::notice::x"
    )
