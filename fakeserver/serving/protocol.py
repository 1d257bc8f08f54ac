"""Answers on the wire: whole, late, in dribbles, or broken in the ways that connections break."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from fakeserver.pipeline.exchange import Answer
from fakeserver.pipeline.repeats import Opening, Repeat
from fakeserver.serving.app import App, Hold
from fakeserver.serving.heads import find_unescaped, is_held, target_of
from fakeserver.serving.outbox import outbox_of
from fakeserver.serving.remembering import AGAIN, ALIKE, HEAD_END, LINE, MAX_PACKET, Around, Frame, Key
from fakeserver.serving.sending import ANSWER, TRANSPORT, in_lines

AtOnce = Callable[[Scope, bytes], Answer | None]
"""An application's answer to a request and its body where it has one without waiting for anything, else None."""
GRACE_SECONDS = 0.6
"""For answers that are being made or sent when the server is told to end: with what uvicorn does before and after, it
ends within a second, and a container is killed only after ten."""
MAX_JOINED = 8_192
"""Bytes of a body that are copied, so that one piece leaves, which is less work than two."""
MAX_HEAD = 65_536
"""Bytes of a request's head that are kept until it is whole."""
READS = b"GET ", b"HEAD "
"""What packets begin with that seldom have bodies."""
BODILESS = frozenset({b"GET", b"HEAD"})
"""Methods whose requests seldom have bodies, and never any that somebody looks at."""


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with two additions. An answer that the application has `at_once` and whole leaves in one
    system call and without a task of its own, which would cost as much as making it, and together with others
    (`outbox`); and the connection is handed to the application, which may have to break it. All of it stands on private
    parts of uvicorn, so pyproject.toml holds uvicorn to one minor, and each override says what it is needed for."""

    # The application's shortcut is looked up once per connection and not once per request.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.at_once: AtOnce | None = getattr(self.app, "at_once", None)
        # Whatever stands in front of the application has to see every request.
        self.again = self.app if isinstance(self.app, App) else None
        self.hold: Hold | None = None if self.again is None else self.again.hold
        self.late: list[bytes] | None = None
        self.default: list[tuple[bytes, bytes]] = []
        self.default_lines = b""
        self.is_ending = False
        self.address = self.client[0] if self.client else ""
        self.frame: Frame | None = None
        self.rested, self.used = True, 0.0
        self.forget_packet()
        self.timer: asyncio.TimerHandle | None = None
        self.outbox = outbox_of(self.loop)
        self.waiting: deque[RequestResponseCycle] = deque()
        self.head: bytes | None = None
        self.held: bytearray | None = None

    def data_received(self, packet: bytes) -> None:
        if self.late is not None:
            # What came first is read first.
            self.late.append(packet)
        else:
            self.read_packet(packet, self.hold if self.rested else None)

    def go_on(self, error: Exception | None) -> None:
        """Read what was held; where something went wrong, the application will say so."""
        packets, self.late = self.late or [], None
        for number, packet in enumerate(packets):
            if not self.transport.is_closing():
                (self.data_received if number else self.read_packet)(packet)
        if self.is_ending and self.late is None:
            self.shutdown()

    # Nothing else tells where a packet begins, and only the first request of a packet is answered at once.
    def read_packet(self, packet: bytes, hold: Hold | None = None) -> None:
        self.used, begins = self.loop.time(), self.rested
        self.outbox.send_late()
        self.forget_packet()
        knows = self.again if begins and len(packet) <= MAX_PACKET else None
        if knows is not None and self.answer_known(knows, packet, hold):
            return
        if self.key is None and hold is not None and self.keep_back(packet, hold):
            return
        # Nothing is known of it, nor how long it takes.
        self.outbox.send()
        self.first = True
        self.packet = packet if self.head is None else (self.head + packet)[-MAX_HEAD:]
        self.begun, self.has_bodies = 0, False
        super().data_received(packet)
        if self.head is not None:
            self.head = self.packet
        if begins and self.rested and self.begun == 1 and not self.transport.is_closing():
            self.remember()

    def forget_packet(self) -> None:
        """Nothing is known of the packet."""
        self.seen = self.alike = False
        self.key: Key | None = None
        self.around: Around | None = None
        self.ready: Answer | None = None
        self.repeat: Repeat | None = None
        self.opening: Opening | None = None

    # An application may want to know more before it reads. Who waits for that together is answered together, each for
    # the price of an answer that is there at once.
    def keep_back(self, packet: bytes, hold: Hold) -> bool:
        """Whether a packet is held until the application wants to read it."""
        frame = self.frame
        world = frame.opening.world if frame is not None and packet.startswith(frame.front) else None
        if not hold(packet, world, self.go_on):
            return False
        self.late = [packet]
        self._unset_keepalive_if_required()
        return True

    def answer_known(self, app: App, packet: bytes, hold: Hold | None) -> bool:
        """Whether a packet was answered without parsing it, since the same bytes came before, or all of them but the
        query or the body; or is held. An answer that cannot be sent at once is `ready` when the packet is parsed: it
        may have taken effect, and is not asked for again."""
        before = self.cycle
        idle = before is None or before.response_complete
        if not idle or self.flow.write_paused or self.transport.is_closing():
            return False
        answer = self.ask_again(app, packet, hold) if packet.startswith(READS) else self.ask_behind(app, packet)
        if answer is None:
            return self.late is not None
        if not self.send_now(answer, "GET", stays=True):
            self.ready = answer
            return False
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        self.remember()
        return True

    def ask_again(self, app: App, packet: bytes, hold: Hold | None) -> Answer | None:
        """The answer to a packet that came before, unless it is held."""
        self.key = key = packet, self.address
        remembered = app.remembered
        kept = remembered.find(key)
        answer = None if kept is None else app.repeat(kept)
        if answer is None:
            if hold is not None and self.keep_back(packet, hold):
                return None
            if kept is not None:
                remembered.drop(key)
            self.seen = remembered.was_seen(packet)
            answer = self.ask_framed(app, packet)
        return answer

    def ask_framed(self, app: App, packet: bytes) -> Answer | None:
        """The answer to a packet that came before with another query, which most often was the last one here."""
        remembered, frame = app.remembered, self.frame
        query = None if frame is None or frame.by is not remembered else frame.query_of(packet)
        if query is None:
            line = LINE.match(packet)
            if line is None:
                return None
            start, end = line.span(1)
            front, query, back = packet[:start], packet[start:end], packet[end:]
            self.around = front, back, self.address
            opening = remembered.openings.get(self.around)
            if opening is None:
                self.alike = remembered.was_seen(self.around)
                return None
            frame = self.frame = Frame(front, back, opening, remembered)
        assert frame is not None
        return app.ask(frame.opening, query, again=self.seen)

    def ask_behind(self, app: App, packet: bytes) -> Answer | None:
        """The answer to a packet that came before with another body; its head says how long that is."""
        head, _, body = packet.partition(HEAD_END)
        self.around = head, b"", self.address
        opening = app.remembered.openings.get(self.around)
        if opening is None or len(body) != opening.length:
            self.alike = opening is None and bool(body) and app.remembered.was_seen(self.around)
            return None
        return app.ask(opening, opening.request.query, body)

    def remember(self) -> None:
        """Keep what is known by the packet, which was one request and was answered at once."""
        if self.again is None:
            return
        if self.repeat is not None and self.key is not None:
            self.again.remembered.keep(self.key, self.repeat)
        if self.opening is not None and self.around is not None:
            self.again.remembered.openings.keep(self.around, self.opening)

    def end_at_once(self) -> None:
        """What uvicorn does behind an answer, but for its timer of an idle connection, which each packet takes away
        again: here one timer looks whether the connection has been used since."""
        self.server_state.total_requests += 1
        if self.timer is None and not self.transport.is_closing():
            self.timer = self.loop.call_later(self.timeout_keep_alive, self.end_idle)

    def end_idle(self) -> None:
        """End the connection if it has been idle for long enough, or look again when it will have been."""
        if self.timeout_keep_alive_task is not None:
            # uvicorn's own timer runs, behind what a task has answered.
            self.timer = None
            return
        left = self.timeout_keep_alive - (self.loop.time() - self.used)
        idle = self.rested and (self.cycle is None or self.cycle.response_complete)
        if not idle or left > 0:
            self.timer = self.loop.call_later(left if left > 0 else self.timeout_keep_alive, self.end_idle)
        elif not self.transport.is_closing():
            self.transport.close()

    # The parser refuses a request whose target has bytes that belong escaped, and uvicorn says no more than that it is
    # invalid. The application can say what is wrong, in the words of the provider, and note it.
    def send_400_response(self, msg: str) -> None:
        self.outbox.send()
        if self.head is not None and self.cycle is not None and not self.cycle.response_complete:
            # What is still to be answered would be taken to be answered by this; that answer is the last one here.
            self.cycle.keep_alive = False
            return None
        # Behind a body, a line of it could be taken for the request.
        clear = self.head is not None and not (self.begun > 1 and self.has_bodies)
        target = find_unescaped(self.packet) if clear else None
        if target is None or self.at_once is None or self.transport.is_closing():
            return super().send_400_response(msg)
        self.scope["method"], self.scope["path"], self.scope["query_string"] = target
        answer = self.at_once(cast(Scope, self.scope), b"")
        if answer is None:
            return super().send_400_response("The target of the request has bytes that have to be percent-encoded.")
        self.write_whole(answer, answer.text(), self.scope["method"], stays=False)

    # Behind the last byte of a client the transport closes, and what waits would be lost.
    def eof_received(self) -> None:
        self.outbox.send()

    # uvicorn's scope does not lead back to the connection, which some failures have to break.
    def on_message_begin(self) -> None:
        # What follows in a packet may take long.
        self.outbox.send()
        super().on_message_begin()
        self.head, self.rested = b"", False
        self.begun += 1
        cast(dict[str, object], self.scope)[TRANSPORT] = self.transport

    # uvicorn cancels what is not answered when its time is over, and logs a failure of the application for each. Here
    # such a connection ends earlier, which to the application is a client that has gone.
    def shutdown(self) -> None:
        self.outbox.send()
        if self.late is None:
            super().shutdown()
        else:
            self.is_ending = True
        if not self.transport.is_closing():
            self.loop.call_later(GRACE_SECONDS, self.transport.abort)

    # The last moment before uvicorn makes a task, and the first at which all that an answer without a body depends on
    # is there.
    def on_headers_complete(self) -> None:
        self.head = None
        if self.transport.is_closing():
            return
        before = self.cycle
        idle = before is None or before.response_complete
        # Several requests in one packet take turns with other connections; a client that does not read is waited for.
        if (
            self.at_once is not None
            and idle
            and self.first
            and not self.flow.write_paused
            and not self.parser.should_upgrade()
        ):
            self.first = False
            method = self.parser.get_method()
            self.scope["method"] = method.decode("ascii")
            if method not in BODILESS and not self.expect_100_continue and is_held(self.headers):
                self.held = bytearray()
                return
            if self.answer_now(b""):
                return
        self.give_to_task()
        if not idle:
            while self.waiting and self.waiting[0].response_complete:
                self.waiting.popleft()
            self.waiting.append(before)

    def answer_now(self, body: bytes) -> bool:
        """Whether the application has had the answer at once, which is sent."""
        assert self.at_once is not None
        self.scope["path"], self.scope["query_string"] = target_of(self.url)
        if self.scope["method"] == "GET" or (body and self.packet.endswith(HEAD_END + body)):
            scope = cast(dict[str, object], self.scope)
            scope[AGAIN], scope[ALIKE] = self.seen, self.alike
        answer = self.ready or self.at_once(cast(Scope, self.scope), body)
        if answer is None:
            return False
        stays = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        if self.send_now(answer, self.scope["method"], stays):
            # Trailers would be headers otherwise.
            self.headers = []
            return True
        cast(dict[str, object], self.scope)[ANSWER] = answer
        return False

    def give_to_task(self) -> None:
        """Let uvicorn make the task that answers."""
        self.outbox.hurry(self.loop)
        super().on_headers_complete()
        self.headers = []

    def send_now(self, answer: Answer, method: str, stays: bool) -> bool:
        """Send the answer if it is whole and due, in the bytes that uvicorn's cycle would make of it."""
        if answer.delay or answer.fault or answer.dribble or answer.job or not isinstance(answer.body, bytes):
            return False
        try:
            self.write_whole(answer, answer.body, method, stays)
        except ValueError:
            # ASGI has a way to say that an application failed.
            return False
        if stays:
            self.repeat, self.opening = answer.repeat, answer.opening
        self.end_at_once()
        return True

    def write_whole(self, answer: Answer, body: bytes, method: str, stays: bool) -> None:
        """Write an answer in one piece; the connection stays or is closed."""
        lines, body = in_lines(answer, body, method)
        if self.server_state.default_headers is not self.default:
            # uvicorn makes them anew with each second.
            self.default = self.server_state.default_headers
            self.default_lines = b"".join([b"%s: %s\r\n" % each for each in self.default])
        ends = b"\r\n" if stays else b"connection: close\r\n\r\n"
        head = STATUS_LINE[answer.status] + self.default_lines + lines + ends
        if stays and len(self.connections) > 1:
            self.outbox.put(self.loop, self, head, body)
            return
        self.write_held(head, body)
        if not stays:
            self.transport.close()

    def write_held(self, head: bytes, body: bytes) -> None:
        """Write an answer, as soon as it may leave, in one system call."""
        if self.transport.is_closing():
            return
        if len(body) <= MAX_JOINED:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))

    # uvicorn takes for granted that a request has a cycle; one that was answered at once may have none, so its body is
    # let pass here, and its end in the next. A body that is held is all there when its end is.
    def on_body(self, body: bytes) -> None:
        self.has_bodies = True
        if self.held is not None:
            self.held += body
        elif self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.rested = True
        if self.held is not None:
            body, self.held = bytes(self.held), None
            if self.answer_now(body):
                return
            self.give_to_task()
            super().on_body(body)
        if self.cycle is not None:
            super().on_message_complete()

    # uvicorn tells only the newest of several pipelined requests; the others would wait for ever.
    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        for cycle in self.waiting:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)
