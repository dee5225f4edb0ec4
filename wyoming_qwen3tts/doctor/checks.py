"""What a check says, and what it may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..engine.qwen3.config import EngineConfig
from ..engine.qwen3.hardware.plan import DevicePlan, plan
from ..engine.qwen3.hardware.probe import Hardware, Probe, probe
from ..homeassistant.supervisor import Supervisor
from ..settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One line. ``fix`` says what to do where ``ok`` is false, and is empty otherwise."""

    check: str
    ok: bool
    detail: str
    fix: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)  # the same for programs, where there is something to tell

    def __post_init__(self) -> None:
        if not self.ok and not self.fix:
            raise ValueError(f"{self.check}: not ok, and nothing to do about it")

    def as_json(self) -> dict[str, object]:
        shown = {"check": self.check, "ok": self.ok, "detail": self.detail, "fix": self.fix}
        return shown | ({"facts": dict(self.facts)} if self.facts else {})


def fine(check: str, detail: str, **facts: object) -> Check:
    return Check(check, True, detail, facts=facts)


def wrong(check: str, detail: str, fix: str, **facts: object) -> Check:
    return Check(check, False, detail, fix, facts)


class CheckContext:
    """Settings and machine. What is costly to know is looked at once, and only if somebody asks."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        probe: Probe = probe,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.settings, self.environ, self._probe = settings, environ, probe
        self.config = EngineConfig.of(settings)
        self.supervisor = supervisor or Supervisor.from_environ(environ)

    @cached_property
    def hardware(self) -> Hardware:
        """Torch, driver and cards. Imports torch, if there is one."""
        return self._probe()

    @cached_property
    def plan(self) -> DevicePlan:
        """What the engine will choose on this machine. Main memory is a check of its own: a server that runs has taken
        its part."""
        return plan(self.config, lambda: replace(self.hardware, ram_mb=None))

    @property
    def wants_model(self) -> bool:
        """Whether Qwen3-TTS is to speak here if it can."""
        kind = self.settings.engine.chosen_kind
        return kind == "qwen3" or (kind == "auto" and self.plan.device is not None)
