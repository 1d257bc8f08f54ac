"""One provider, served: its spec, its meaning and its fixture, compiled at start. `Service.answer` is one request."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote
from weakref import WeakSet

import orjson

from fakeserver.documents.allowance import MAX_GOES, TooManyDrawn, draw_little
from fakeserver.documents.changes import ChangeError, TakenError
from fakeserver.faults.on_request import RequestedFault, check_suffixes
from fakeserver.faults.scenarios import NEXT_VERSION, ONE_ROW_PAGES, weather_of
from fakeserver.faults.scripts import Effect
from fakeserver.listing.kept_pages import KeptPages
from fakeserver.listing.listing import Filtering
from fakeserver.listing.meaning import Asked, Job, Meaning, Result, View
from fakeserver.pipeline.exchange import (
    GUARD_HEADER,
    Answer,
    Injected,
    Progress,
    Request,
    apply,
    encode_body,
    mark,
    not_yet,
    own_refusal,
)
from fakeserver.pipeline.hosts import Territory
from fakeserver.pipeline.noting import Noting
from fakeserver.pipeline.places import HOST_CHARACTERS, PATH_CHARACTERS, base_url_of, location_of
from fakeserver.pipeline.refusals import challenge, refusal_of_change
from fakeserver.pipeline.repeats import Opening, Repeat, standing_of
from fakeserver.pipeline.routes import Matcher, Route, routes_of
from fakeserver.pipeline.scenarios import Scenes
from fakeserver.problems import FakeProblem, Json, Moved, Problem, internal
from fakeserver.provider import Provider
from fakeserver.recipes.fixture import Fixture
from fakeserver.spec.credentials import Caller
from fakeserver.spec.parameters import check_query
from fakeserver.spec.reader import Spec
from fakeserver.spec.routing import REDIRECTED
from fakeserver.worlds.entries import MAX_TEXT, Exchange
from fakeserver.worlds.rate_limits import ENFORCED, Meter, meters_of, refused
from fakeserver.worlds.settings import ANY
from fakeserver.worlds.world import World

MAX_HEADERS = 128
MAX_ATTEMPTS = 100
"""Ids of a new document that may be taken."""
UNDONE = b'{"detail": "a fault came before the work"}'
"""What a broken answer breaks off, where the work was not done that would have made it."""
MAX_METERS = 1_024
"""Addresses and callers whose meters are kept at hand; any other's are made again."""
RETRY_AFTER_SECONDS = 1
TOO_MANY, GUARDED = 429, 502
Respond = Callable[[Request, World, Progress], Answer]
"""What makes the answer to a request, in a world."""

NOBODY = Caller("", "", "", {})
"""Who asks a public operation."""

log = logging.getLogger("fakeserver")


class Service:
    """A provider behind its base URL. Without `routes`, they are what its spec and its operations make, once both were
    held against each other."""

    def __init__(self, provider: Provider, spec: Spec, fixture: Fixture, routes: Sequence[Route] | None = None) -> None:
        self.provider = provider
        self.spec = spec
        self.fixture = fixture
        self.routes = routes_of(provider, spec) if routes is None else routes
        self.match = Matcher(self.routes, (*spec.unserved, *provider.unserved), provider.routing)
        aside = [each for each in self.routes if provider.plane and each.operation.id in provider.plane.operations]
        self.match_aside = Matcher(aside, provider.unserved, provider.routing)
        """What finds operations at the hosts of the provider's data plane."""
        self.schemes = next(route.operation.security for route in self.routes if route.operation.security)
        """Where credentials travel, as the first operation has it that wants one."""
        self._told = WeakSet[World]()
        """Worlds of which it was said that any credential counts there."""
        self.pages = KeptPages()
        self.noting = Noting(provider.slug)
        self.scenes = Scenes(provider, spec, fixture)
        self.territory = Territory.of(provider, spec.document)
        self.meters = functools.lru_cache(MAX_METERS)(functools.partial(meters_of, provider.slug, provider.limits))

    def below(self, path: str, headers: Mapping[str, str]) -> str:
        """A path at one of the provider's own hosts, behind that below which its API is there."""
        base = self.territory.api.get(headers.get("host", "").partition(":")[0].lower(), "")
        return path[len(base) :] if base and path.startswith(f"{base}/") else path

    def world_of(self, headers: Mapping[str, str]) -> str:
        """The name of the world that a request at a host of the data plane is for."""
        return "" if self.provider.plane is None else self.provider.plane.world(headers)

    def answer(self, request: Request, world: World) -> Answer:
        """One request, from its path to its body. Whatever goes wrong becomes a refusal in the provider's dialect. An
        answer with a job that does not stream is to be concluded when that is done."""
        progress = Progress(world.clock.now)
        answer = self.conclude(self.respond, request, world, progress)
        answer.repeat, answer.opening = progress.repeat, progress.opening
        # What can be repeated knows its progress: together they would stay until somebody looks for garbage.
        progress.repeat = progress.opening = None
        return answer

    def repeat(self, kept: Repeat) -> Answer | None:
        """The answer to a request that was answered before, counted and noted like every other; None where something
        that the answer stood on is not as it was."""
        world, before = kept.world, kept.progress
        if world.settings is not kept.settings or world.faults.rules:
            return None
        known = before.operation, before.caller, before.values
        progress = Progress(world.clock.now, *known, client=before.client, about=before.about)
        tenants = world.advance(self.provider, progress.instant)
        if tenants is not kept.tenants or standing_of(tenants, world) != kept.standing:
            return None

        def respond(request: Request, world: World, progress: Progress) -> Answer:
            self.count_request(kept.meters, progress, world)
            return self.answer_with(kept.result, progress)

        return self.conclude(respond, kept.request, world, progress)

    def conclude(self, respond: Respond, request: Request, world: World, progress: Progress) -> Answer:
        """What a stage of the request responds with, or its refusal, with the effect that somebody wants, and noted."""
        try:
            answer = respond(request, world, progress)
            if (job := answer.job) is not None:
                done = functools.partial(self.finish, job, progress, world)
                if not (job.streams or job.background) or progress.injected("after") is not None:
                    answer.job = replace(job, streams=False, background=False)
                    answer.conclude = lambda come: self.conclude(lambda *_: done(come), request, world, progress)
                    return answer
                answer.conclude = done
            if progress.effect is not None and (injected := progress.injected("after")) is not None:
                answer = self.substitute(injected, progress, world)
        except Injected as injected:
            answer = self.substitute(injected, progress, world)
        except TooManyDrawn:
            return self.go_on_later(request, world, progress)
        except Exception as error:
            answer, progress.about = self.refuse(error, request, progress, world), None
            if progress.effect is not None and progress.effect.wants_success:
                # A request that is refused changes nothing: no success is lost, and nothing turned out otherwise.
                progress.give_back()
                progress.effect = progress.preference = None
        if progress.effect is not None:
            apply(progress.effect, answer, world.faults)
        if progress.scenario:
            mark(answer, progress.scenario)
        if progress.preference is not None:
            answer.headers["Preference-Applied"] = progress.preference
        if world.settings.journal:
            self.note(request, progress, answer, world)
        return answer

    def go_on_later(self, request: Request, world: World, progress: Progress) -> Answer:
        """An answer that is made when others have been answered; nothing has come of the request but what it counts."""

        def go_on(come: Callable[[], Any]) -> Answer:
            progress.instant = world.clock.now
            return self.conclude(self.respond, request, world, progress)

        # Nobody keeps an answer that comes so late.
        request.again = request.alike = False
        progress.goes += 1
        return Answer(200, b"", job=Job(lambda emit: None, not_yet), conclude=go_on)

    def guard(self, request: Request, world: World) -> Answer:
        """The refusal of what was meant for a host of the provider that this server has nothing at: it would have left
        the machine."""
        host = quote(request.headers.get("host", ""), safe=HOST_CHARACTERS)
        meant = f"{request.method} https://{host}{quote(request.path[:MAX_TEXT], safe=PATH_CHARACTERS)}"
        told = f"{meant} was meant for {self.provider.slug} itself. The fake has nothing there, and it was not sent on"
        answer = own_refusal(FakeProblem(GUARDED, told))
        answer.headers[GUARD_HEADER] = meant
        if world.settings.journal:
            self.note(request, Progress(world.clock.now), answer, world)
        return answer

    def finish(self, job: Job, progress: Progress, world: World, come: Callable[[], Any]) -> Answer:
        """The answer that a job has come to, once its changes are made; `come` raises what went wrong in it."""
        result = job.finish(come())
        if result.writes or result.after:
            world.write(self.provider, result.writes, world.clock.now, result.after)
        return self.answer_with(result, progress)

    def respond(self, request: Request, world: World, progress: Progress) -> Answer:
        """The stages of a request, in order; each may refuse."""
        if len(request.headers) > MAX_HEADERS:
            raise Problem(431, "too_many", f"The request has more than {MAX_HEADERS} headers")
        route, segments = self.find_route(request, progress, world)
        operation, meaning = route.operation, route.meaning
        progress.operation, progress.client = operation, route.client
        if request.query:
            check_query(request.query)
        keys, requested = route.read_wishes(request)
        caller = progress.caller = self.find_caller(keys, world)
        settings, slug = world.settings, self.provider.slug
        mode = settings.rate_limits[slug]
        meters = self.meters(mode, request.address, caller and caller.name, caller and caller.home)
        if operation.shows_scenarios:
            chosen = "" if requested is None else requested.scenario
            progress.scenario = chosen or settings.scenarios.get(slug, "")
        if (requested is not None or world.faults.rules or progress.scenario) and not progress.goes:
            progress.effect, progress.preference = self.effect_for(request, requested, keys, progress, world)
            if (injected := progress.injected("before")) is not None:
                self.count_request(meters, progress, world, keep=False)
                raise injected
            progress.outcome = "" if progress.effect is None else progress.effect.outcome
        if not progress.goes:
            self.count_request(meters, progress, world)
        if caller is None and not meaning.public:
            check_suffixes(keys, self.fixture.callers)
            raise self.provider.stranger(keys, settings.switches[slug])
        asked = route.read(segments, request.query) if route.plain else route.read_whole(segments, request)
        progress.values = asked.values
        tenants = world.advance(self.provider, progress.instant)
        view = View(caller or NOBODY, tenants, world, progress.instant, settings.switches[slug], pages=self.pages)
        if progress.scenario and isinstance(meaning, Filtering):
            name, first = progress.scenario, meaning.begins(asked.values)
            view.tenants = self.scenes.of(name, world, tenants, view.caller.user, first)
            view.scenario = f"scenario={name} ".encode()
            view.beyond = name == NEXT_VERSION
            view.page_rows = 1 if name == ONE_ROW_PAGES else None
        if route.whole:
            view.transitions, view.outcome = settings.transitions, progress.outcome
            view.kinds, view.words = world.kinds(self.provider, progress.instant), self.fixture.vocabularies
            view.guest = functools.partial(world.guests.of, slug)
            view.base_url, view.caps = functools.partial(base_url_of, request), self.fixture.caps
            view.keys = keys
        if route.whole and request.patient and progress.goes < MAX_GOES:
            result = draw_little(meaning.answer, asked, view)
        else:
            result = meaning.answer(asked, view)
        if (request.again or request.alike) and requested is None and route.opens:
            if request.again:
                progress.repeat = Repeat.of(slug, request, progress, meters, tenants, world, result)
            progress.opening = Opening.of(slug, request, world, route, segments, keys)
        if result.writes or result.after:
            result = self.write(result, meaning, asked, view, progress, world)
        if result.job is not None and progress.effect is not None and progress.effect.comes_before:
            result.job, result.body = None, UNDONE
        return self.answer_with(result, progress)

    def answer_with(self, result: Result, progress: Progress) -> Answer:
        """A result as the provider sends it."""
        body = result.body if isinstance(result.body, bytes) else encode_body(result.body)
        headers = {**self.provider.headers, **progress.reported, **(result.headers or {})}
        return Answer(result.status, body, headers, result.media_type or self.provider.media_type, job=result.job)

    def write(
        self, result: Result, meaning: Meaning, asked: Asked, view: View, progress: Progress, world: World
    ) -> Result:
        """Make an operation's changes as one, unless an effect keeps the request from it; if they cannot be made, the
        request is refused and nothing changes. Where a new document's id is taken, the operation is asked again."""
        if progress.effect is not None and progress.effect.comes_before:
            return result
        while True:
            try:
                world.write(self.provider, result.writes, progress.instant, result.after, view.tenants)
                return result
            except TakenError:
                view.attempt += 1
                if view.attempt == MAX_ATTEMPTS:
                    raise
                result = meaning.answer(asked, view)
            except ChangeError as error:
                raise refusal_of_change(error) from error

    def find_caller(self, keys: list[str], world: World) -> Caller | None:
        """Who the first known credential belongs to; where the world takes any, one that is nobody's is the admin's."""
        for key in keys:
            caller = self.fixture.callers.get(key)
            if caller is not None:
                return caller
        if keys and world.settings.credentials == ANY:
            if world not in self._told:
                self._told.add(world)
                log.warning("%s: a credential that is nobody's counts as the admin's", self.provider.slug)
            return next(iter(self.fixture.callers.values()))
        return None

    def effect_for(
        self, request: Request, requested: RequestedFault | None, keys: list[str], progress: Progress, world: World
    ) -> tuple[Effect | None, str | None]:
        """What is done to the answer, and the preference that is followed thereby: what the request asks for itself
        comes before what a script has for it."""
        assert progress.operation is not None
        slug, operation = self.provider.slug, progress.operation.id
        place = f"{slug} {operation} {keys}"
        weather = weather_of(progress.scenario, progress.operation, place, world.faults)
        followed = f"scenario={requested.scenario}" if requested is not None and requested.scenario else None
        if requested is None or not requested.fails:
            name = None if progress.caller is None else progress.caller.name
            rule = world.faults.match(slug, operation, name, request.query)
            if rule is None:
                return weather, followed
            progress.give_back = rule.give_back
            return rule.effects[operation], followed
        key = f"{place} {requested.text}"
        if not world.faults.admit(key, requested.times, requested.after):
            return weather, followed
        progress.give_back = functools.partial(world.faults.give_back, key)
        return requested.effect if requested.effect.acts else None, requested.text

    def find_route(self, request: Request, progress: Progress, world: World) -> tuple[Route, Mapping[str, str]]:
        """The operation at a path, and the path's parameters; where there is none, limits at the door still count."""
        if request.opening is not None:
            return request.opening.route, request.opening.segments
        try:
            return (self.match_aside if request.aside else self.match)(request.method, request.path)
        except Problem:
            mode = world.settings.rate_limits[self.provider.slug]
            self.count_request(self.meters(mode, request.address, None, None), progress, world)
            raise

    def count_request(self, meters: tuple[Meter, ...], progress: Progress, world: World, *, keep: bool = True) -> None:
        """Count a request against rate limits, and note the headers that report them, or raise a 429. What is not kept
        is a request that does not get so far: it is told what it would be told."""
        if meters:
            enforced = ENFORCED[world.settings.rate_limits[self.provider.slug]] if keep else False
            progress.reported = world.limits.take(meters, progress.instant, enforced=enforced, keep=keep)

    def refuse(self, error: Exception, request: Request, progress: Progress, world: World) -> Answer:
        """The answer to what went wrong: the provider's own, unless the fake refuses; a 500 for what nobody foresaw."""
        if isinstance(error, FakeProblem):
            return own_refusal(error)
        if isinstance(error, Moved):
            location = {"Location": location_of(request, error.path)}
            return Answer(REDIRECTED, b"", {**self.provider.headers, **location}, media_type="")
        if not isinstance(error, Problem):
            log.error("%s %s: unforeseen", self.provider.slug, request.method, exc_info=error)
            error = internal()
        progress.remark = error.remark
        return self.refusal(error, progress, world)

    def refusal(self, problem: Problem, progress: Progress, world: World) -> Answer:
        """The problem in the provider's dialect."""
        if progress.operation is not None:
            problem.operation = progress.operation.id
        answer = self.refusal_of(problem, world.settings.switches[self.provider.slug], progress.reported)
        answer.headers |= challenge(progress.operation, answer.status)
        return answer

    def refusal_of(self, problem: Problem, switches: Mapping[str, Json], reported: Mapping[str, str]) -> Answer:
        """The same whoever asks for what; in the headers `reported` rate limits report themselves."""
        status, body = self.provider.errors(problem, switches)
        headers = {**self.provider.headers, **reported, **problem.headers}
        return Answer(status, orjson.dumps(body), headers, self.provider.media_type)

    def substitute(self, injected: Injected, progress: Progress, world: World) -> Answer:
        """The answer that somebody wants in the place of the real one: the spec's own example, where there is one."""
        status, operation = injected.status, injected.operation
        if injected.body is None:
            problem = Problem(status, "forced", "A failure that the spec does not document")
            answer = self.refusal(problem, progress, world)
            answer.status = status
            return answer
        headers = {**self.provider.headers, **progress.reported}
        if status == TOO_MANY:
            headers |= refused(progress.reported, RETRY_AFTER_SECONDS)
        if "Retry-After" in operation.responses[status].headers:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return Answer(status, injected.body, headers | challenge(operation, status), self.provider.media_type)

    def note(self, request: Request, progress: Progress, answer: Answer, world: World) -> None:
        """Put the exchange into the world's journal."""
        about = progress.about
        if about is None or about.status != answer.status:
            about = progress.about = self.noting.of(request, progress, answer)
        world.journal.add(Exchange(progress.instant, about))
