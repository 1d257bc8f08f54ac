"""What Superserve's operations take in and refuse: sentences word for word, network rules, and caps of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakeserver.providers import PROVIDERS
from fakeserver.serving.app import App, Settings, create_app
from tests.support.admin import small_app
from tests.support.asgi import EPOCH
from tests.support.superserve import advance, ask, change_settings, create, freeze, listed, message

UNREADABLE = "Request body is not valid JSON or contains unknown fields."
NAME = "name is required and must be 1-64 characters"
TIMEOUT = "timeout_seconds must be between 1 and 604800 (7 days), or null to disable"
AUTO_DELETE = "auto_delete_seconds must be between 0 and 2592000 (30 days), or null to disable"
NOTHING = (
    "patch body must include at least one field (network, metadata, auto_delete_seconds, timeout_seconds, "
    "preview_access)"
)
MANY = {f"k{number}": "v" for number in range(65)}


@pytest.fixture
def app() -> App:
    server = small_app()
    freeze(server)
    return server


CREATIONS: list[tuple[Any, str]] = [
    (b"", UNREADABLE),
    (b"{", UNREADABLE),
    ([], UNREADABLE),
    ({"name": 1}, UNREADABLE),
    ({"name": "a", "colour": "red"}, UNREADABLE),
    ({"name": "", "colour": "red"}, UNREADABLE),
    ({"name": "a", "timeout_seconds": "60"}, UNREADABLE),
    ({"name": "a", "metadata": {"a": 1}}, UNREADABLE),
    ({"name": "a", "vcpu_count": 8}, UNREADABLE),
    ({}, NAME),
    ({"name": ""}, NAME),
    ({"name": "a" * 65}, NAME),
    ({"name": "ä" * 33}, NAME),
    ({"name": "", "timeout_seconds": 0}, NAME),
    ({"name": "a", "timeout_seconds": 0}, TIMEOUT),
    ({"name": "a", "timeout_seconds": 604_801}, TIMEOUT),
    ({"name": "a", "timeout_seconds": 0, "auto_delete_seconds": -1}, TIMEOUT),
    ({"name": "a", "auto_delete_seconds": -1}, AUTO_DELETE),
    ({"name": "a", "auto_delete_seconds": 2_592_001}, AUTO_DELETE),
    ({"name": "a", "network": {"deny_out": ["a.com"]}}, 'deny_out only supports CIDRs, got "a.com"'),
    ({"name": "a", "network": {"deny_out": ["1.1.1.1/33"]}}, 'deny_out only supports CIDRs, got "1.1.1.1/33"'),
    ({"name": "a", "network": {"deny_out": ["01.1.1.1"]}}, 'deny_out only supports CIDRs, got "01.1.1.1"'),
    ({"name": "a", "network": {"deny_out": ["::/0"]}}, 'IPv6 is not supported, got "::/0" in deny_out'),
    ({"name": "a", "network": {"allow_out": ["b.com", "::1"]}}, 'IPv6 is not supported, got "::1" in allow_out'),
    ({"name": "a", "metadata": MANY}, "metadata has 65 keys, max is 64"),
    ({"name": "a", "metadata": {"": "x"}}, "metadata keys cannot be empty"),
    ({"name": "a", "metadata": {"k" * 257: "v"}}, f'metadata key "{"k" * 257}" is 257 bytes, max is 256'),
    ({"name": "a", "metadata": {"k": "ä" * 1_025}}, 'metadata value for key "k" is 2050 bytes, max is 2048'),
    (
        {"name": "a", "metadata": {"Superserve.x": "v"}},
        'metadata key "Superserve.x" uses reserved prefix "superserve."',
    ),
    ({"name": "a", "metadata": {f"k{n}": "v" * 2_048 for n in range(8)}}, "metadata exceeds 16384 bytes total"),
    ({"name": "a", "env_vars": MANY}, "env_vars has 65 keys, max is 64"),
    ({"name": "a", "env_vars": {"": "x"}}, "env_vars keys cannot be empty"),
    ({"name": "a", "env_vars": {"a=b": "x"}}, 'env_vars key "a=b" contains invalid character'),
    ({"name": "a", "env_vars": {"K": "v" * 8_193}}, 'env_vars value for key "K" is 8193 bytes, max is 8192'),
    ({"name": "a", "env_vars": {f"K{n}": "v" * 8_192 for n in range(8)}}, "env_vars exceeds 65536 bytes total"),
    ({"name": "a", "preview_access": "legacy_public"}, 'preview_access must be "public" or "private"'),
    ({"name": "a", "secrets": {"1A": "x"}}, 'secrets key "1A" is not a valid env-var name'),
    (
        {"name": "a", "env_vars": {"A": "1"}, "secrets": {"A": "x"}},
        'env-var key "A" appears in both env_vars and secrets; pick one',
    ),
    ({"name": "a", "from_template": " "}, "from_template is empty"),
    ({"name": "a", "from_snapshot": "latest"}, "from_snapshot must be a snapshot ID"),
]


@pytest.mark.parametrize(("body", "sentence"), CREATIONS, ids=lambda value: str(value)[:50])
def test_a_creation_is_refused_with_one_sentence(app: App, body: Any, sentence: str) -> None:
    """The first mistake in the server's order, in its words, and nothing is made."""
    version = app.world.version
    assert message(ask(app, "POST", "/sandboxes", body)) == (400, "bad_request", sentence)
    assert app.world.version == version


CHANGES: list[tuple[Any, str]] = [
    (b"", "Invalid request body: EOF"),
    ({"colour": 1}, 'Invalid request body: json: unknown field "colour"'),
    ({"name": "other"}, 'Invalid request body: json: unknown field "name"'),
    ({}, NOTHING),
    ({"network": None, "metadata": None, "preview_access": None}, NOTHING),
    ({"timeout_seconds": 0}, TIMEOUT),
    ({"auto_delete_seconds": 2_592_001}, AUTO_DELETE),
    ({"preview_access": "secret", "timeout_seconds": 0}, 'preview_access must be "public" or "private"'),
    ({"network": {"deny_out": ["a.com"]}, "metadata": {"": ""}}, 'deny_out only supports CIDRs, got "a.com"'),
    ({"metadata": {"": ""}}, "metadata keys cannot be empty"),
]


@pytest.mark.parametrize(("body", "sentence"), CHANGES, ids=lambda value: str(value)[:50])
def test_a_change_is_refused_with_one_sentence(app: App, body: Any, sentence: str) -> None:
    path = create(app)
    version = app.world.version
    assert message(ask(app, "PATCH", path, body)) == (400, "bad_request", sentence)
    assert app.world.version == version


def test_a_change_is_made_whole_or_not_at_all(app: App) -> None:
    path = create(app, metadata={"a": "1"})
    before = ask(app, "GET", path).value
    assert ask(app, "PATCH", path, {"metadata": {"b": "2"}, "network": {"deny_out": ["x"]}}).status == 400
    assert ask(app, "GET", path).value == before


@pytest.mark.parametrize("identity", ["x", "1", "00000000-0000-4000-8000-00000000000", "..", "%C3%A4", "%00", "%ff"])
def test_an_id_that_is_none_comes_first(app: App, identity: str) -> None:
    """A path that names no id is refused, whatever the body is like, with the id as it came."""
    for method, tail in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/snapshot")):
        refused = message(ask(app, method, f"/sandboxes/{identity}{tail}", b"{"))
        assert refused[:2] == (400, "bad_request")
        assert refused[2].startswith("Invalid sandbox_id: ")
        assert refused[2].endswith(" is not a valid UUID")
    if identity.isascii() and "%" not in identity:
        assert f'"{identity}"' in refused[2]


def test_an_id_is_read_in_either_case(app: App) -> None:
    path = create(app)
    assert ask(app, "GET", f"/sandboxes/{path.rpartition('/')[2].upper()}").value == ask(app, "GET", path).value


def test_what_is_null_is_absent(app: App) -> None:
    """As the SDK sends it."""
    body = dict.fromkeys(("from_template", "timeout_seconds", "metadata", "env_vars", "network", "secrets"))
    row = ask(app, "GET", create(app, **body)).value
    assert {"timeout_seconds", "network"}.isdisjoint(row)
    assert row["metadata"] == {}


RULES: list[tuple[Any, Any]] = [
    ({}, None),
    ({"allow_out": [], "deny_out": None}, None),
    ({"allow_out": ["a.com", "8.8.8.8", "10.1.2.3/8"]}, {"allow_out": ["8.8.8.8/32", "10.1.2.3/8", "a.com"]}),
    ({"deny_out": ["0.0.0.0/0", "::ffff:1.2.3.4"]}, {"deny_out": ["0.0.0.0/0", "1.2.3.4/32"]}),
    ({"deny_out": ["::ffff:1.2.3.0/120"]}, {"deny_out": ["1.2.3.0/24"]}),
    ({"allow_out": ["*.a.com", "1.1.1.1/x", "1.1.1.1/01"]}, {"allow_out": ["*.a.com", "1.1.1.1/x", "1.1.1.1/01"]}),
]


@pytest.mark.parametrize(("rules", "kept"), RULES)
def test_network_rules_are_kept_as_the_server_keeps_them(app: App, rules: Any, kept: Any) -> None:
    """Addresses as networks, in front of domains; a change replaces all of them."""
    path = create(app, network=rules)
    assert ask(app, "GET", path).value.get("network") == kept
    ask(app, "PATCH", path, {"network": {"deny_out": ["9.9.9.9"]}})
    assert ask(app, "GET", path).value["network"] == {"deny_out": ["9.9.9.9/32"]}
    ask(app, "PATCH", path, {"network": rules})
    assert ask(app, "GET", path).value.get("network") == kept


def test_no_team_has_secrets(app: App) -> None:
    refused = message(ask(app, "POST", "/sandboxes", {"name": "a", "secrets": {"KEY": "prod"}}))
    assert refused == (400, "secret_not_found", 'secrets[KEY] references "prod", which does not exist for this team')


def test_environment_variables_are_shown_nowhere(app: App) -> None:
    made = ask(app, "POST", "/sandboxes", {"name": "a", "env_vars": {"KEY": "hidden-value"}})
    path = f"/sandboxes/{made.value['id']}"
    for reply in (made, ask(app, "GET", path), ask(app, "GET", "/sandboxes")):
        assert b"hidden-value" not in reply.body


# Caps


def capped(folder: Path, **caps: int) -> App:
    """A server whose recipe has caps."""
    lines = "".join(f"  {name}: {most}\n" for name, most in caps.items())
    recipe = PROVIDERS["superserve"].recipe.read_text("utf-8")
    (folder / "superserve.yaml").write_text(f"{recipe}caps:\n{lines}", "utf-8")
    settings = Settings(size=0, epoch=EPOCH, only=("superserve",), fixtures=folder, rate_limits=False)
    return create_app(settings)


def test_there_is_no_cap_unless_a_recipe_has_one(app: App) -> None:
    for _ in range(60):
        create(app)
    assert len(listed(app, "q=mine")) == 60


def test_a_cap_counts_what_is_not_paused(tmp_path: Path) -> None:
    """A sandbox too many is refused, and so is a resume; what is paused, failed or another team's does not count."""
    app = capped(tmp_path, sandboxes=2)
    too_many = (
        429,
        "too_many_sandboxes",
        "team has reached the limit of 2 sandboxes; delete some or contact support@superserve.ai for higher",
    )
    paths = [create(app), create(app)]
    assert message(ask(app, "POST", "/sandboxes", {"name": "a"})) == too_many
    assert ask(app, "POST", "/sandboxes", {"name": "a"}, who="outsider").status == 201
    ask(app, "POST", f"{paths[0]}/pause")
    paths.append(create(app))
    for tail in ("/resume", "/activate"):
        assert message(ask(app, "POST", paths[0] + tail)) == too_many
    assert ask(app, "GET", paths[0]).value["status"] == "paused"
    ask(app, "POST", f"{paths[1]}/pause", prefer="outcome=vm_lost")
    assert ask(app, "POST", f"{paths[0]}/resume").status == 200
    ask(app, "DELETE", paths[2])
    assert ask(app, "POST", "/sandboxes", {"name": "a"}).status == 201


def test_caps_of_other_things(tmp_path: Path) -> None:
    app = capped(tmp_path, templates=1, builds=1, snapshots=1)
    freeze(app)
    change_settings(app, transitions="clock")
    spec = {"build_spec": {"from": "debian"}}
    template = ask(app, "POST", "/templates", {"name": "one", **spec}).value["id"]
    assert message(ask(app, "POST", "/templates", {"name": "two", **spec}))[:2] == (429, "too_many_builds")
    advance(app, 60)
    assert message(ask(app, "POST", "/templates", {"name": "two", **spec}))[:2] == (429, "too_many_templates")
    assert ask(app, "POST", f"/templates/{template}/builds").status == 201
    assert message(ask(app, "POST", f"/templates/{template}/builds"))[:2] == (429, "too_many_builds")
    change_settings(app, transitions="immediate")
    path = create(app)
    snapshot = ask(app, "POST", f"{path}/snapshot", {"idempotency_key": "k"}).value["id"]
    assert message(ask(app, "POST", f"{path}/snapshot"))[:2] == (429, "too_many_snapshots")
    assert ask(app, "POST", f"{path}/snapshot", {"idempotency_key": "k"}).status == 200
    ask(app, "DELETE", f"/snapshots/{snapshot}")
    assert ask(app, "POST", f"{path}/snapshot").status == 201


@pytest.mark.parametrize(("cap", "cause"), [("sandboxen: 5", "unknown key 'sandboxen'"), ("sandboxes: -1", "0")])
def test_a_recipe_with_a_wrong_cap(tmp_path: Path, cap: str, cause: str) -> None:
    recipe = PROVIDERS["superserve"].recipe.read_text("utf-8")
    (tmp_path / "superserve.yaml").write_text(f"{recipe}caps:\n  {cap}\n", "utf-8")
    with pytest.raises(Exception, match=rf"superserve\.yaml: caps.*{cause}"):
        create_app(Settings(size=0, only=("superserve",), fixtures=tmp_path))
