"""The admin API as tests call it: what it refuses is an assertion error that shows every issue."""

from __future__ import annotations

import json
import urllib.error

from fakeserver import calls
from fakeserver.problems import Document, Json

CALL_SECONDS = 30.0


class AdminError(AssertionError):
    """An admin call was refused. The message has every issue with its place; `issues` are the same as the API has them:
    objects with `field` and `detail`, and the position of the `document` where several were sent."""

    def __init__(self, status: int, problem: Document) -> None:
        self.status = status
        self.issues: list[Document] = problem.get("errors", [])
        places = [f"{place_of(issue)}: {issue['detail']}" for issue in self.issues]
        several = f"{len(places)} things are wrong\n  " + "\n  ".join(places)
        super().__init__(several if len(places) > 1 else problem["detail"])


def place_of(issue: Document) -> str:
    """Where an issue is, as `document 2, name`."""
    return f"document {issue['document']}, {issue['field']}" if "document" in issue else str(issue["field"])


class Admin:
    """The admin API of one world."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def call(self, method: str, path: str, body: Json = None) -> Json:
        """The JSON answer of an admin call, or None where it has none. AdminError: it is refused."""
        text, _ = self.send(method, path, body)
        return json.loads(text) if text else None

    def send(self, method: str, path: str, body: Json = None) -> tuple[bytes, str]:
        """The bytes of the answer, and their media type."""
        try:
            return calls.send(f"{self.base_url}/__admin{path}", method, body, seconds=CALL_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                raise AdminError(error.code, json.loads(error.read())) from None
