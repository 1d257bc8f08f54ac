"""Further callers of a run: what a stranger or a colleague is shown, judged by their own lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from contract_tests.judging import snapshots
from contract_tests.judging.check import Check
from contract_tests.judging.judge import Breach, Question
from contract_tests.judging.lacking import Inconclusive
from contract_tests.outcome import Lack, ListUnreadable, Snapshot
from contract_tests.promises.paging import Body
from contract_tests.sending.ask import Reply
from contract_tests.sending.transport import SendingStopped

REFUSED = 401
REFUSALS = (REFUSED, 403, 404)
"""How a list is kept from a caller who is not let in."""
TOO_MANY = 429


class Caller(Check):
    """The run with the eyes of another caller. Lists, questions and suspicions are that caller's; what is found belongs
    to the law that the run exercises, and the run's plan decides what is sent."""

    def __init__(self, first: Check, credential: str) -> None:
        super().__init__(first.target, first.transport, first.options, first.plan)
        first.transport.watch(first)
        self.first, self.credential = first, credential
        self.breaches, self.witnesses, self.reasons = first.breaches, first.witnesses, first.reasons

    @property
    def account(self) -> str:
        return self.first.account

    @property
    def law(self) -> str:
        return self.first.law

    @contextmanager
    def probing(self, probe: str) -> Iterator[bool]:
        with self.first.probing(probe) as wanted:
            yield wanted

    def wants(self, probe: str) -> bool:
        return self.first.wants(probe)

    def wants_some(self) -> bool:
        return self.first.wants_some()

    def breach(self, breach: Breach) -> None:
        self.first.breach(breach)

    def witness(self, text: str) -> None:
        self.first.witness(text)

    def inconclusive(self, reason: str, lack: Lack = Lack.ROWS) -> None:
        self.first.inconclusive(reason, lack)

    def conforms(self, reply: Reply) -> None:
        self.first.conforms(reply)

    def question(self, *filters: Any, **more: Any) -> Question:
        return super().question(*filters, **more).asked(credential=self.credential)

    def accept(self, question: Question, reply: Reply) -> Body | None:
        """As of any caller; but a list that is refused as a whole may be the fault of an old credential."""
        if question.whole and reply.status in REFUSALS:
            return None
        return super().accept(question, reply)

    def read(self, scope: str) -> Snapshot:
        return snapshots.read(self, scope, self.credential)

    def own(self, scope: str | None = None) -> Snapshot:
        """This caller's list of a scope. Inconclusive where they are given none, which says nothing about the
        deployment: the credential may be an old one, or somebody else's."""
        try:
            return self.snapshot(scope)
        except ListUnreadable as error:
            raise Inconclusive(refused(self.credential, error.reply), Lack.UNUSED) from None


def refused(credential: str, reply: Reply) -> str:
    """Why nothing can be asked as this caller, in one sentence."""
    if reply.status == TOO_MANY:
        raise SendingStopped("the deployment limits requests; ask more slowly (--rate)")
    return f"the caller of --{credential}-token was answered with {reply.status}, so nothing could be asked as them"


def seen_by(check: Check, credential: str) -> Caller:
    """The run with the eyes of the caller whom this credential belongs to."""
    known = check.callers.get(credential)
    if not isinstance(known, Caller):
        known = check.callers[credential] = Caller(check, credential)
    return known
