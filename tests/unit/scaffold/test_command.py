"""`fakeserver new`: what it says, what it refuses, and that it leaves nothing half done."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from pathlib import Path

import pytest
import yaml

from fakeserver.cli import main
from fakeserver.scaffold import source
from tests.unit.scaffold.test_skeleton import VENDOR

PLAIN = "openapi: 3.1.0\ninfo: {title: x, version: '1'}\n"


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, output and errors of the command line."""
    out, err = io.StringIO(), io.StringIO()
    return main(["new", *arguments], out, err), out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a folder for temporary files, which must be empty again afterwards."""
    (tmp_path / "work").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def test_it_says_what_is_served_and_what_is_not(elsewhere: Path) -> None:
    """The first line has the numbers, and each reason stands beside its operations."""
    code, out, err = run("acme", "--from", str(VENDOR))
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0] == "fakeserver-acme serves 2 of 7 operations; 5 are not served:"
    assert "  parameter 'filter': the style 'deepObject' is not honoured in the query: searchBoxes" in lines
    assert "  state keeps rows by state" in lines
    assert lines[-1] == "next: pip install -e fakeserver-acme && fakeserver serve --only acme"
    assert sorted(path.name for path in Path("fakeserver-acme").iterdir()) == [
        "README.md",
        "fakeserver_acme",
        "pyproject.toml",
        "tests",
    ]
    assert list((elsewhere / "temporary").iterdir()) == []


UNDATED = (
    PLAIN
    + """paths:
  /a:
    get:
      responses:
        '200':
          content:
            application/json:
              schema: {type: array, items: {type: object, required: [id], properties: {id: {type: integer}}}}
"""
)


@pytest.mark.parametrize(("source", "checked"), [(VENDOR.read_text(), True), (UNDATED, False)])
def test_its_readme_says_what_can_be_checked(source: str, checked: bool) -> None:
    """Promises are named where there are any, with what the check finds at first; else why there are none."""
    Path("source.yaml").write_text(source)
    assert run("acme", "--from", "source.yaml")[0] == 0
    readme = Path("fakeserver-acme/README.md").read_text()
    assert Path("fakeserver-acme/fakeserver_acme/promises.py").exists() is checked
    assert ("promises.py" in readme) is checked
    assert ("whose filter is not written is refused, and the check says so" in readme) is checked
    assert ("There is nothing for `fakeserver check` yet" in readme) is not checked


def test_an_empty_folder_is_taken() -> None:
    """`--out` names the folder; an empty one that exists is as good as none."""
    Path("there").mkdir()
    assert run("acme", "--from", str(VENDOR), "--out", "there")[0] == 0
    assert Path("there/pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("slug", "cause"),
    [
        ("Acme", "lower-case"),
        ("a/b", "lower-case"),
        ("..", "lower-case"),
        ("", "lower-case"),
        ("ns", "another meaning"),
        ("prime", "exists already"),
    ],
)
def test_a_bad_slug_is_refused(slug: str, cause: str) -> None:
    """One that is not safe in paths, or is taken."""
    code, out, err = run(slug, "--from", str(VENDOR))
    assert (code, out) == (2, "")
    assert cause in err
    assert len(err.splitlines()) == 1
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_what_is_there_is_never_overwritten(taken: str) -> None:
    """Neither a file nor a folder with something in it."""
    path = Path("fakeserver-acme")
    if taken == "folder":
        path.mkdir()
        path = path / "mine"
    path.write_text("mine")
    code, _, err = run("acme", "--from", str(VENDOR))
    assert (code, len(err.splitlines())) == (2, 1)
    assert "is not an empty folder" in err
    assert path.read_text() == "mine"


BAD = {
    "not YAML": (b"a: [", "is neither YAML nor JSON"),
    "an indentation that fits nothing": (
        b"info:\n  title: x\n version: 1\n",
        "is neither YAML nor JSON: line 3, column 2: did not find expected key "
        "while parsing a block mapping that begins in line 1",
    ),
    "not UTF-8": (b"\xff\xfe\x00", "is neither YAML nor JSON"),
    "binary": (b"\x00\x01\x02", "is neither YAML nor JSON"),
    "a key given twice": (b"openapi: 3.1.0\nopenapi: 3.1.0\n", "'openapi' is given twice"),
    "a list": (b"[]", "is not an OpenAPI document"),
    "nothing": (b"", "is not an OpenAPI document"),
    "Swagger 2.0": (b"swagger: '2.0'\npaths: {}\n", "is a Swagger 2.0 document"),
    "a version that does not exist": (b"openapi: 4.0.0\npaths: {}\n", "is not an OpenAPI 3.0 or 3.1 document"),
    "no version": (b"paths: {}\n", "does not say which version"),
    "no paths": (PLAIN.encode(), "has no paths"),
    "empty paths": (PLAIN.encode() + b"paths: {}\n", "has no paths"),
    "paths that are a list": (PLAIN.encode() + b"paths: [a]\n", "has no paths"),
    "paths that are text": (PLAIN.encode() + b"paths: {/a: b}\n", "has no operations"),
    "an alias that holds itself": (PLAIN.encode() + b"paths: &a {/a: *a}\n", "holds itself"),
    "aliases of aliases": (
        (PLAIN + "x0: &x0 [1, 1]\n" + "".join(f"x{n + 1}: &x{n + 1} [*x{n}, *x{n}]\n" for n in range(40))).encode()
        + b"paths: {/a: {}}\n",
        "holds itself",
    ),
    "ten thousand levels": (PLAIN.encode() + b"paths: " + b"[" * 10_000, "is "),
    "ten thousand levels of JSON": (
        b'{"openapi": "3.1.0", "paths": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
        "is ",
    ),
    "nothing to serve": (
        PLAIN.encode() + b"paths: {/a: {get: {responses: {'200': {description: x}}}}}\n",
        "none of its 1 operations can be served; get_a: its answer is not a list",
    ),
    "a reference to nothing": (
        PLAIN.encode() + b"paths: {/a: {$ref: '#/nowhere'}}\n",
        "none of its 1 operations can be served; GET /a: reference '#/nowhere' leads nowhere",
    ),
    "references in a circle": (
        PLAIN.encode()
        + b"paths: {/a: {get: {responses: {'200': {$ref: '#/components/responses/a'}}}}}\n"
        + b"components: {responses: {a: {$ref: '#/components/responses/a'}}}\n",
        "leads back to itself",
    ),
    "a schema in a circle": (
        PLAIN.encode()
        + b"paths: {/a: {get: {responses: {'200': {description: x, content: {application/json: {schema: "
        + b"{type: array, items: {$ref: '#/components/schemas/a'}}}}}}}}}\n"
        + b"components: {schemas: {a: {required: [a, id], properties: {id: {type: string}, "
        + b"a: {$ref: '#/components/schemas/a'}}}}}\n",
        "its schema needs values inside each other",
    ),
    "another file": (
        PLAIN.encode() + b"paths: {/a: {get: {$ref: 'other.yaml#/a'}}}\n",
        "bundle the description into one file first",
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "aliases of aliases" else name for name in BAD]
)
def test_a_bad_file_is_one_line(name: str, elsewhere: Path) -> None:
    """It names the file and the cause, and nothing is left behind."""
    content, cause = BAD[name]
    Path("openapi.yaml").write_bytes(content)
    code, out, err = run("acme", "--from", "openapi.yaml")
    assert (code, out) == (2, "")
    assert err.startswith("fakeserver new: openapi.yaml: ")
    assert cause in err
    assert len(err.splitlines()) == 1
    assert len(err) < 500
    assert [path.name for path in Path().iterdir()] == ["openapi.yaml"]
    assert list((elsewhere / "temporary").iterdir()) == []


@pytest.mark.parametrize(("path", "cause"), [("missing.yaml", "No such file"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_one_line(path: str, cause: str) -> None:
    code, _, err = run("acme", "--from", path)
    assert (code, len(err.splitlines())) == (2, 1)
    assert cause in err


def test_a_file_of_any_size_is_refused_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more of it is read than may be read."""
    with open("large.yaml", "wb") as file:
        file.truncate(source.MAX_BYTES + 1)
    code, _, err = run("acme", "--from", "large.yaml")
    assert (code, err) == (2, f"fakeserver new: large.yaml: is larger than {source.MAX_BYTES // 2**20} MB\n")


def test_an_operation_that_cannot_be_listed_is_not_chosen() -> None:
    """`--list` says why, or which one was meant."""
    assert (
        "operation 'getBox' cannot be served: its answer has 2 lists"
        in run("acme", "--from", str(VENDOR), "--list", "getBox")[2]
    )
    assert "did you mean 'boxes/list'?" in run("acme", "--from", str(VENDOR), "--list", "boxes/lst")[2]


def test_json_is_read_as_yaml_is() -> None:
    """The same document in either syntax makes the same skeleton."""
    document = source.Plain().copy(yaml.load(VENDOR.read_text(), Loader=source.Yaml12))
    Path("vendor.json").write_text(json.dumps(document))
    texts = []
    for path in (VENDOR, Path("vendor.json")):
        assert run("acme", "--from", str(path), "--out", "made")[0] == 0
        texts.append({each.name: each.read_text() for each in Path("made").rglob("*") if each.is_file()})
        shutil.rmtree("made")
    assert texts[0] == texts[1]
