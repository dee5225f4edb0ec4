"""Hermes, the protocol of Rhasspy's satellites: ``hermes/tts/say`` in, ``playBytes`` out."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...announcements.announcement import Announcement, Result, Sound, Started
from ...announcements.clips import Clip
from ...announcements.payload import new_id
from ...errors import BadRequest, DeliveryFailed, SpeechError
from ...monitoring.logs import StrangerLog, quoted
from ...util.names import is_safe_name
from ...util.surrogates import join_halves

if TYPE_CHECKING:
    from .client import Incoming

log = logging.getLogger(__name__)

SAY = "hermes/tts/say"
_FINISHED = "hermes/audioServer/+/playFinished"
_LATE_S = 2.0  # after the end of the sound a satellite that says nothing is taken to be done

Publish = Callable[[str, str | bytes], None]


class HermesSpeaker:
    """Targets such as ``hermes/kitchen``: the sound goes to the satellite as one WAV."""

    has_own_voice = False

    def __init__(self, publish: Publish) -> None:
        self.publish = publish
        self._playing: dict[str, asyncio.Event] = {}  # by the id of the playing

    def plays_on(self, target: str) -> bool:
        site = target.removeprefix("hermes/")
        return site != target and is_safe_name(site)

    def has_volume(self, target: str) -> bool:
        return False

    async def check(self, announcement: Announcement, target: str) -> None:
        """A satellite cannot be asked whether it is there."""

    async def play(self, announcement: Announcement, target: str, sound: Sound | None) -> None:
        if sound is None:
            raise DeliveryFailed("A Hermes satellite needs the sound.")
        await sound.clip.whole()
        playing, over = new_id(), asyncio.Event()
        self._playing[playing] = over
        site = target.removeprefix("hermes/")
        try:
            self.publish(f"hermes/audioServer/{site}/playBytes/{playing}", bytes(sound.clip.data))
            async with asyncio.timeout(sound.clip.seconds + _LATE_S):
                await over.wait()
        except TimeoutError:
            log.debug("hermes: %s did not say that it has played", quoted(site))
        finally:
            del self._playing[playing]

    def finished(self, playing: str) -> None:
        """A satellite has played it."""
        if over := self._playing.get(playing):
            over.set()


class Hermes:
    """The door: hands requests to ``submit``, and tells the dialogue manager when they are spoken."""

    subscriptions = (SAY, _FINISHED)

    def __init__(
        self,
        submit: Callable[[Announcement, Hermes], object],
        publish: Publish,
        speaker: HermesSpeaker,
        limit_bytes: int,
    ) -> None:
        self._submit, self._publish, self._speaker, self._limit_bytes = submit, publish, speaker, limit_bytes
        self._strangers = StrangerLog(log)
        self._asked: dict[str, dict[str, Any]] = {}  # what each request has to be answered with

    def receive(self, message: Incoming) -> None:
        try:
            if len(message.payload) > self._limit_bytes:
                raise ValueError("it is too long")
            data = json.loads(message.payload.rstrip(b"\0"))
        except (ValueError, RecursionError) as error:
            self._ignored(message, str(error) or type(error).__name__)
            return
        if not isinstance(data, dict):
            self._ignored(message, "it is not an object")
        elif message.topic == SAY:
            self._say(data)
        else:
            self._speaker.finished(str(data.get("id")))

    def _ignored(self, message: Incoming, why: str) -> None:
        said = "hermes: ignored a message on %s: %s"
        topic = quoted(message.topic)
        self._strangers.tell("the broker", "hermes: ignored", said, topic, why, level=logging.WARNING)

    def _say(self, data: dict[str, Any]) -> None:
        site, text, volume = data.get("siteId") or "default", data.get("text"), data.get("volume")
        answer = {"siteId": site, "id": data.get("id"), "sessionId": data.get("sessionId")}
        announcement = Announcement(
            id=new_id(),
            text=join_halves(text)[0] if isinstance(text, str) else "",
            language=data.get("lang") if isinstance(data.get("lang"), str) else None,
            targets=(f"hermes/{site}",),
            volume=float(volume) if isinstance(volume, int | float) and 0 <= volume < 1 else None,
            format="wav",
            server="hermes",
        )
        self._asked[announcement.id] = answer
        if not isinstance(text, str):
            self.refused(announcement, BadRequest('"text" must be a string.'))
            return
        if not isinstance(site, str) or not is_safe_name(site):  # it becomes a part of a topic
            self.refused(announcement, BadRequest('"siteId" may have 1 to 64 letters, digits, _, - and dots.'))
            return
        self._submit(announcement, self)

    # -- what became of it (`announcements.Listener`)

    def started(self, announcement: Announcement, how: Started, clip: Clip | None) -> None:
        """The satellite hears it; there is nobody else to tell."""

    def repeated(self, announcement: Announcement, result: asyncio.Future[Result]) -> None:
        """Each has an id of its own."""

    def done(self, announcement: Announcement, duration_s: float | None) -> None:
        self._finished(announcement)

    def refused(self, announcement: Announcement, error: SpeechError) -> None:
        answer = self._asked.get(announcement.id, {})
        told = {"error": str(error), "siteId": answer.get("siteId"), "context": str(answer.get("id") or "")}
        self._publish("hermes/error/tts", json.dumps({**told, "sessionId": answer.get("sessionId")}))
        self._finished(announcement)  # a dialogue that waits for it would hang

    def failed(self, announcement: Announcement, error: SpeechError) -> None:
        self.refused(announcement, error)

    def _finished(self, announcement: Announcement) -> None:
        answer = self._asked.pop(announcement.id, None)
        if answer is not None:
            self._publish("hermes/tts/sayFinished", json.dumps(answer))
