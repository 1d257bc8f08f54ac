"""Reading a whole listing, page by page, and knowing when that is done: or saying why nobody can know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contract_tests.judging.judge import Breach, Question, is_refusal, refused
from contract_tests.outcome import ListUnreadable, Options, Pairs, Row, Snapshot
from contract_tests.promises.form import Promises
from contract_tests.promises.paging import Body, leads_on
from contract_tests.sending.ask import Ask, Reply
from contract_tests.sending.transport import Transport

MAX_PAGES = 400
PAGES = {"polite": 3, "default": 20}
"""Pages of one list that a profile reads, so that reading leaves room for asking; others read `MAX_PAGES`."""
MIN_PAGES = 12
"""A listing that hands out far smaller pages than it promises is read so far."""
FAR_SMALLER = 4


class Reader(Protocol):
    """The check that reads: it sends, and it judges every answer on the way."""

    @property
    def promises(self) -> Promises: ...

    @property
    def transport(self) -> Transport: ...

    @property
    def options(self) -> Options: ...

    def accept(self, question: Question, reply: Reply) -> Body | None: ...

    def breach(self, breach: Breach) -> None: ...


def read(reader: Reader, scope: str, credential: str) -> Snapshot:
    """The whole listing of a scope. Pages that overlap are read as they come; the laws about pages say so."""
    promises = reader.promises
    base, path = promises.scopes.query(scope), promises.path(scope)
    walk = Walk(promises, PAGES.get(reader.options.profile, MAX_PAGES))
    while walk.goes_on():
        ask = Ask(path, (*base, *walk.page()), credential)
        question = Question(ask, scope, base, walk.size, 0, walk.number, whole=True)
        reply = reader.transport.send(ask)
        walk.asks.append(ask)
        if walk.may_be_behind(reply.status):
            # Rows may have gone since the page that led here, and no server need have a page behind the end.
            reader.breach(Breach(refused(reply.status), (ask,), by=promises.listing.paging.behind))
            walk.doubt = f"page {walk.number} was answered with {reply.status}"
            break
        body = reader.accept(question, reply)
        if body is None:
            raise ListUnreadable(reply)
        walk.take(body)
    if walk.circle:
        sentence = "a cursor led back to a page that was read before"
        reader.breach(Breach(sentence, tuple(walk.asks[-2:]), by=promises.listing.paging.statement, law="cursors.end"))
    complete = walk.complete and not walk.doubt
    return Snapshot(scope, tuple(walk.rows), complete, tuple(walk.asks), reader.transport.sent, walk.doubt)


def doubts(snapshots: Mapping[str, Snapshot]) -> list[str]:
    """The lists that may hold more rows than could be read, each in one sentence. What lies behind is not judged."""
    return [
        f"{f'the list of {scope}' if scope else 'the list'} may hold more rows than could be read: {snapshot.doubt}"
        for scope, snapshot in snapshots.items()
        if snapshot.doubt
    ]


@dataclass(slots=True)
class Walk:
    """Page after page, until an answer tells that no row is left, or leaves it open."""

    promises: Promises
    most: int = MAX_PAGES
    """Pages that are read at all."""
    rows: list[Row] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    number: int = 1
    cursor: str = ""
    complete: bool = False
    circle: bool = False
    doubt: str = ""
    _done: bool = False
    _names: set[str] = field(default_factory=set)
    _cursors: set[str] = field(default_factory=set)

    @property
    def size(self) -> int | None:
        return self.promises.listing.paging.largest

    def page(self) -> Pairs:
        """The parameters of the next page."""
        skipped = 0 if self.size is None else (self.number - 1) * self.size
        return self.promises.listing.paging.query(
            size=self.size, number=self.number, offset=skipped, cursor=self.cursor
        )

    def goes_on(self) -> bool:
        if self._done:
            return False
        read, size = len(self.asks), self.size
        if read >= self.most:
            self.doubt = f"it has more than {self.most} pages, which is all that this profile reads of a list"
        elif size is not None and read >= MIN_PAGES and len(self.rows) * FAR_SMALLER < read * size:
            self.doubt = f"its pages are far smaller than {size} rows"
        return not self.doubt

    def may_be_behind(self, status: int) -> bool:
        """Whether the page that was asked for may be refused because the list has ended."""
        return self.number > 1 and self.promises.listing.cursor is None and is_refusal(status)

    def take(self, body: Body) -> None:
        """Keep the rows of a page, and find out whether another one follows."""
        identity = self.promises.listing.identity
        self.rows += [row for row in body.rows if row[identity] not in self._names]
        self._names |= {row[identity] for row in body.rows}
        paging = self.promises.listing.paging
        if paging.cursor is not None:
            self._by_cursor(body)
        elif self.size is not None and (paging.number or paging.offset):
            self._by_count(body)
        else:
            self._at_once(body)
        header = leads_on(paging, body) if self._done else ""
        if header:
            hint = f"the header {header} seems to lead to more, and no promise speaks of it"
            self.doubt = f"{self.doubt}; {hint}" if self.doubt else hint

    def _by_cursor(self, body: Body) -> None:
        cursor = self.promises.listing.paging.cursor
        assert cursor is not None
        self.cursor, self.doubt = cursor.following(body), cursor.doubt(body)
        self.circle = self.cursor in self._cursors
        self._cursors.add(self.cursor)
        self.complete = not self.cursor
        self._done = self.complete or self.circle

    def _by_count(self, body: Body) -> None:
        paging = self.promises.listing.paging
        total = paging.total.of(body) if paging.total is not None else None
        self.number += 1
        short = len(body.rows) < (self.size or 1)
        if total is None and not short:
            return  # Full pages lead on, whatever they say of the total.
        if total is None and body.rows:
            self.doubt = "no total tells whether rows follow its last page"
        # Where the total promises more than a page that is not full, the law about totals has said so.
        self.complete = self._done = total is None or len(self.rows) >= total or short

    def _at_once(self, body: Body) -> None:
        size = self.size
        self.complete, self._done = size is None or len(body.rows) < size, True
        if not self.complete:
            self.doubt = f"it fills its longest page of {size} rows, and nothing leads further"
