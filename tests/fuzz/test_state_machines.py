"""Random lives of what has a state, against what must be true of it at every moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.engine.qwen3.test_scheduler import VOICE, Ear
from tests.harness import STOP, FakeEngine, Wire, chunk, serving, start, synthesize, until
from tests.servers.http.routers.test_websocket import send, talking, text
from tests.servers.http.web import web
from wyoming_qwen3tts.announcements.ledger import IdempotencyCache
from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Scheduler, Utterance
from wyoming_qwen3tts.errors import Busy
from wyoming_qwen3tts.servers.mqtt.outbox import BREAKS, Outbox, Outgoing
from wyoming_qwen3tts.service.admission import AdmissionController, Permit

T = TypeVar("T")
FEW = settings(max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=150, stateful_step_count=40, deadline=None)


# -- the scheduler


class SchedulerLife(RuleBasedStateMachine):
    """No slot is lost or held twice; who left holds none; whoever was admitted speaks in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.slots = 0.0, 3
        self.plans = Scheduler(self.slots, 4, lambda: self.now)
        self.replies: list[EngineRequest] = []
        self.planned: list[Utterance] = []

    def _utterance(self, reply: EngineRequest, *, live: bool) -> Utterance:
        return Utterance(reply, VOICE, "en", "live" if live else "sentence", 0, text="x", is_text_over=not live)

    @rule(live=st.booleans())
    def newcomer(self, live: bool) -> None:
        reply = EngineRequest(Ear())
        if self.plans.admit(self._utterance(reply, live=live)):
            self.replies.append(reply)

    @precondition(lambda self: self.replies)
    @rule(data=st.data())
    def goes_on(self, data: st.DataObject) -> None:
        reply = data.draw(st.sampled_from(self.replies))
        was_taken = self.plans.admit(self._utterance(reply, live=False))
        assert was_taken or not (reply.has_begun or reply.waiting), "a reply that was taken goes on"

    @rule(seconds=st.floats(0, 3))
    def plan(self, seconds: float) -> None:
        self.now += seconds
        plan = self.plans.plan()
        self.planned = plan.decode
        assert len({id(u) for u in plan.decode}) == len(plan.decode)
        assert plan.prefill is None or plan.prefill in plan.decode
        for utterance in plan.decode:
            utterance.frames += 1
            utterance.reply.first_at = utterance.reply.first_at or self.now
            utterance.reply.sent_s += 0.08

    @precondition(lambda self: self.plans.speaking)
    @rule(data=st.data(), how=st.sampled_from(["finish", "again", "leave", "stall", "text"]))
    def happens(self, data: st.DataObject, how: str) -> None:
        utterance = data.draw(st.sampled_from(self.plans.speaking))
        ear = utterance.reply.outlet
        match how:
            case "finish":
                self.plans.finish(utterance)
                self.plans.finish(utterance)
            case "again":
                self.plans.again(utterance)
            case "leave":
                ear.abandoned = True
            case "stall":
                ear.wants_audio = not ear.wants_audio  # type: ignore[misc]
            case _:
                utterance.is_text_over = True

    @rule(data=st.data())
    def word(self, data: st.DataObject) -> None:
        """Without more of them its utterance waits for text, and gives its slot to who could begin."""
        if everybody := [*self.plans.waiting, *self.plans.speaking]:
            data.draw(st.sampled_from(everybody)).ids.append(0)

    @rule()
    def out_of_memory(self) -> None:
        before = self.plans.slots
        after = self.plans.lower_ceiling()
        assert 1 <= after <= before
        self.slots = after

    @invariant()
    def slots_are_kept(self) -> None:
        held = [utterance.slot for utterance in self.plans.speaking]
        assert None not in held
        assert len(set(held)) == len(held)
        assert len(held) + len(self.plans._free) == self.slots
        assert not set(held) & set(self.plans._free)
        assert len({id(u.reply) for u in self.plans.speaking}) == len(held), "one slot a reply"
        for reply in self.replies:
            waiting = sum(u.reply is reply for u in self.plans.waiting)
            assert reply.outlet.abandoned or reply.waiting == waiting

    def teardown(self) -> None:
        """Nobody starves: with text and listeners there, all are done within as many frames as there are utterances."""
        for utterance in [*self.plans.waiting, *self.plans.speaking]:
            utterance.is_text_over, utterance.reply.outlet.wants_audio = True, True  # type: ignore[misc]
        for _ in range(2 * (len(self.plans.waiting) + len(self.plans.speaking)) + 1):
            for utterance in self.plans.plan().decode:
                self.plans.finish(utterance)
        assert not self.plans.speaking
        assert not self.plans.waiting


# -- admission


class AdmissionLife(RuleBasedStateMachine):
    """The number of permits that are held is the number that is counted, and never above the places."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = AdmissionController(3)
        self.permits: list[Permit] = []

    @rule()
    def comes(self) -> None:
        self.permits.append(Permit(self.admission))

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), how=st.sampled_from(["take", "give back", "leave"]))
    def happens(self, data: st.DataObject, how: str) -> None:
        permit = data.draw(st.sampled_from(self.permits))
        could, was_held = permit.is_available, permit.is_held
        if how == "take":
            with contextlib.suppress(Busy):
                permit.take()
            assert permit.is_held == (could or was_held)
        elif how == "give back":
            permit.give_back()
        else:
            permit.__exit__()
            self.permits.remove(permit)

    @invariant()
    def the_count_is_right(self) -> None:
        held = sum(permit.is_held for permit in self.permits)
        assert held == self.admission.active <= self.admission.places


# -- what MQTT remembers


class LedgerLife(RuleBasedStateMachine):
    """An id that was begun is known for as long as it must be, to no more entries than there may be."""

    SIZE, LIFE_S = 4, 10.0

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.ledger: IdempotencyCache[int] = IdempotencyCache(self.SIZE, self.LIFE_S, lambda: self.now)
        self.begun: dict[str, float] = {}  # the last used last

    def _used(self, key: str) -> None:
        if key in self.begun:
            self.begun[key] = self.begun.pop(key)
        while len(self.begun) > self.SIZE:
            del self.begun[next(iter(self.begun))]

    @rule(key=st.sampled_from("abcdef"))
    def begin(self, key: str) -> None:
        is_known = key in self.begun and self.now - self.begun[key] < self.LIFE_S
        assert self.ledger.begin(key) != is_known
        if not is_known:
            self.begun[key] = self.now
        self._used(key)

    @rule(key=st.sampled_from("abcdef"), answer=st.integers())
    def answer(self, key: str, answer: int) -> None:
        self.ledger.answered(key, answer)
        assert self.ledger.answer(key) == (answer if key in self.begun else None)
        self._used(key)

    @rule(key=st.sampled_from("abcdef"))
    def forget(self, key: str) -> None:
        self.ledger.forget(key)
        self.begun.pop(key, None)

    @rule(seconds=st.floats(0, 6))
    def time(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_is_bounded(self) -> None:
        assert len(self.ledger) == len(self.begun) <= self.SIZE


class OutboxLife(RuleBasedStateMachine):
    """Nothing is lost but what broke the connection three times, nor confirmed twice; order is kept; a suspect is alone
    on its way."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.outbox = Outbox()
        self.on_their_way: dict[int, str] = {}
        self.put_: list[str] = []
        self.confirmed: list[str] = []
        self.breaks: dict[str, int] = {}

    @rule()
    def put(self) -> None:
        self.put_.append(str(len(self.put_)))
        self.outbox.put(Outgoing("t", self.put_[-1]))

    @precondition(lambda self: self.outbox._free_to_go() is not None)
    @rule()
    def send(self) -> None:
        number, message = self.loop.run_until_complete(self.outbox.next())
        self.on_their_way[number] = str(message.payload)
        if self.breaks.get(str(message.payload)):
            assert len(self.on_their_way) == 1, "a suspect goes alone"

    @precondition(lambda self: self.on_their_way)
    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.on_their_way)))
        self.outbox.sent(number)
        self.outbox.sent(number)
        payload = self.on_their_way.pop(number)
        self.confirmed.append(payload)
        self.breaks.pop(payload, None)

    @rule()
    def breaks_off(self) -> None:
        for payload in self.on_their_way.values():
            self.breaks[payload] = self.breaks.get(payload, 0) + 1
        self.on_their_way.clear()
        self.outbox.begin([])

    @invariant()
    def nothing_is_lost(self) -> None:
        dropped = {payload for payload, count in self.breaks.items() if count >= BREAKS}
        kept = [str(message.payload) for message in self.outbox._kept.values()]
        assert kept == [payload for payload in self.put_ if payload not in dropped and payload not in self.confirmed]
        assert len(set(self.confirmed)) == len(self.confirmed)

    def teardown(self) -> None:
        self.loop.close()


# -- sessions


class _Life(RuleBasedStateMachine):
    """A server in a loop of its own; one peer after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.engine = FakeEngine()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(is_open=st.booleans())
    def engine_works(self, is_open: bool) -> None:
        """Or hangs, until it does."""
        (self.engine.release.set if is_open else self.engine.release.clear)()
        self.run(asyncio.sleep(0))

    def teardown(self) -> None:
        """All that was taken is given back, and the server speaks still: `serving` and `web` see to that."""
        self.engine.release.set()
        unhandled: list[Any] = []
        self.loop.set_exception_handler(lambda _, context: unhandled.append(context))
        self.run(self.stack.aclose())
        self.run(self.loop.shutdown_default_executor())
        left = asyncio.all_tasks(self.loop)
        self.loop.close()
        assert not left
        assert not unhandled


WYOMING = (
    start(), STOP, "describe", "ping", "nonsense", "audio-chunk", synthesize("Hello."), synthesize(7),
    synthesize("", voice={"name": "x"}), chunk("Some words, "), chunk("and their end. "), chunk(""), chunk(None),
    start(voice={"language": "de"}),
)  # fmt: skip


class WyomingLife(_Life):
    def __init__(self) -> None:
        super().__init__()
        self.server = self.run(self.stack.enter_async_context(serving(self.engine, slots=2, queue=2)))
        self.wires: list[Wire] = []

    @rule()
    def connect(self) -> None:
        if len(self.wires) < 6:
            self.wires.append(self.run(self.server.connect()))

    @precondition(lambda self: self.wires)
    @rule(data=st.data(), what=st.lists(st.sampled_from(WYOMING), max_size=4), cut=st.integers(0, 30))
    def send(self, data: st.DataObject, what: list[Any], cut: int) -> None:
        wire = data.draw(st.sampled_from(self.wires))
        with contextlib.suppress(RuntimeError):  # it has said that it sends no more
            self.run(wire.send(*what, b"x" * cut if cut > 28 else b""))

    @precondition(lambda self: self.wires)
    @rule(data=st.data(), how=st.sampled_from(["close", "reset", "half", "stop reading", "read"]))
    def ends(self, data: st.DataObject, how: str) -> None:
        wire = data.draw(st.sampled_from(self.wires))
        match how:
            case "reset":
                wire.reset()
            case "half":
                with contextlib.suppress(OSError):
                    wire.writer.write_eof()
                return
            case "stop reading":
                with contextlib.suppress(RuntimeError):
                    wire.stop_reading()
                return
            case "read":
                with contextlib.suppress(TimeoutError):
                    self.run(wire.read(0.01))
                return
            case _:
                self.run(wire.close())
        self.wires.remove(wire)
        self.run(asyncio.sleep(0))

    @invariant()
    def what_is_held_is_bounded(self) -> None:
        assert self.server.service.active <= 2 + 2
        assert self.server.door.connections <= 2 * 64


class WebSocketLife(_Life):
    def __init__(self) -> None:
        super().__init__()
        self.it = self.run(self.stack.enter_async_context(web(self.engine, slots=2, limits={"queue": 2})))
        self.peers: list[tuple[Any, ClientConnection]] = []

    @rule()
    def connect(self) -> None:
        if len(self.peers) < 4:
            talk = talking(self.it)
            self.peers.append((talk, self.run(talk.__aenter__())))

    @precondition(lambda self: self.peers)
    @rule(
        data=st.data(),
        what=st.lists(
            st.sampled_from(
                [
                    text("Hello. "),
                    text(""),
                    text("words "),
                    "input.done",
                    "input.cancel",
                    "session.close",
                    "nonsense",
                    {"type": "session.config", "response_format": "pcm"},
                    {"type": "session.config", "voice": 7},
                ]
            ),
            max_size=5,
        ),
        noise=st.sampled_from([None, "{", b"\0", "[]"]),
    )
    def send(self, data: st.DataObject, what: list[Any], noise: str | bytes | None) -> None:
        _, socket = data.draw(st.sampled_from(self.peers))

        async def sending() -> None:
            with contextlib.suppress(ConnectionClosed):
                await send(socket, *what)
                if noise is not None:
                    await socket.send(noise)

        self.run(sending())

    @precondition(lambda self: self.peers)
    @rule(data=st.data(), how=st.sampled_from(["close", "abort", "read"]))
    def ends(self, data: st.DataObject, how: str) -> None:
        peer = data.draw(st.sampled_from(self.peers))
        if how == "read":
            with contextlib.suppress(TimeoutError, ConnectionClosed):
                self.run(asyncio.wait_for(peer[1].recv(), 0.01))
            return
        if how == "abort":
            peer[1].transport.abort()
        self.run(peer[0].__aexit__(None, None, None))
        self.peers.remove(peer)

    @invariant()
    def what_is_held_is_bounded(self) -> None:
        assert self.it.service.active <= 2 + 2

    def teardown(self) -> None:
        self.engine.release.set()
        for talk, _ in self.peers:
            self.run(talk.__aexit__(None, None, None))
        self.run(until(lambda: not self.it.service.active))
        super().teardown()


def test_the_life_of_a_scheduler() -> None:
    run_state_machine_as_test(SchedulerLife, settings=MANY)


def test_the_life_of_admission() -> None:
    run_state_machine_as_test(AdmissionLife, settings=MANY)


def test_the_life_of_the_ledger() -> None:
    run_state_machine_as_test(LedgerLife, settings=MANY)


def test_the_life_of_the_outbox() -> None:
    run_state_machine_as_test(OutboxLife, settings=MANY)


def test_the_life_of_a_wyoming_session() -> None:
    run_state_machine_as_test(WyomingLife, settings=FEW)


def test_the_life_of_a_websocket_session() -> None:
    run_state_machine_as_test(WebSocketLife, settings=FEW)
