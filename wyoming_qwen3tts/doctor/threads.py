"""Whether the compiled library uses the cores of this machine."""

from __future__ import annotations

from .checks import Check, CheckContext, fine, wrong


def check(place: CheckContext) -> list[Check]:
    """Nothing to say where the model is not computed by the compiled library, or nothing was measured yet."""
    folder = place.config.rounded_dir
    if folder is None or not place.wants_model or place.plan.device != "cpu" or place.plan.quantize == "none":
        return []
    from ..engine.qwen3.hardware.threads import FILE, in_words, read_threads, this_machine

    machine, most = this_machine()
    stages = read_threads(folder / FILE, machine, most)
    if stages is None:
        return [fine("threads", f"{most} (of {most}), to be measured at the next start")]
    words = in_words({name: stage.threads for name, stage in stages.items()}, most)
    times = ", ".join(f"{name} {stage.seconds * 1e3:.2f} ms" for name, stage in stages.items() if stage.seconds)
    detail = f"{words}; a product takes: {times}" if times else words
    if all(stage.threads == most for stage in stages.values()):
        return [fine("threads", detail)]
    fix = (
        "That was fastest in three starts. If the machine was busy in all of them, "
        f"delete {folder / FILE} and restart; if other programs use it all the time, all is well"
    )
    return [wrong("threads", detail, fix)]
