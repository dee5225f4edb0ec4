"""Talker and code predictor, taught with the right codes before them, in both text layouts and for every speaker."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wyoming_qwen3tts.model.checkpoint.config import ModelConfig
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.layers import Attention, Layer, RMSNorm, Transformer, normalise, rotate

from . import progress

_PACE = 1.5e-3  # of learning, at its highest
_BATCH = 24  # utterances of a step
_PREDICTED = 160  # frames of a step that the code predictor learns from
_HIDDEN, _WRONG = 0.15, 0.05  # shares of the frames before that are not heard, or heard wrong, so that the text counts
_SHORTEST, _ALL_FROM = 0.15, 0.35  # the share of utterances at the beginning, and when all are learnt from
_TELL_S, _TRIED = 60, 48  # how often it is said how well held-out utterances are foretold, and how many of them
_IGNORE = -100


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sentence as ids, who says it, and its codes ``[frames, groups]``."""

    ids: tuple[int, ...]
    speaker: str
    codes: np.ndarray


class Teachable(nn.Module):
    """A language model with its text table, which is a parameter only here."""

    def __init__(self, config: ModelConfig, role: Sequence[int]) -> None:
        super().__init__()
        self.config, self.role = config, list(role)
        self.model = LanguageModel(config)
        self.text_table = nn.Embedding(config.talker.text_vocab_size, config.talker.text_hidden_size)
        for module in self.modules():
            if isinstance(module, RMSNorm):
                nn.init.ones_(module.weight)
            elif isinstance(module, Attention):
                nn.init.ones_(module.qk_norm)
            elif isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(
                    module.weight, 0.0, 0.02 if isinstance(module, nn.Embedding) else module.in_features**-0.5 * 0.7
                )
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)

    def loss(
        self, batch: Sequence[Utterance], layouts: Sequence[str], chance: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Cross entropies, in nats: of code 0 and the end, and of the other codes. In training some of the frames
        before are hidden or wrong."""
        x, wanted, frames = self._inputs(batch, layouts, chance if self.training else None)
        hidden = run(self.model.talker.stack, x)
        said = wanted != _IGNORE
        first = F.cross_entropy(self.model.talker.head(hidden[said]).float(), wanted[said], reduction="none")
        first = _hardest(first) if self.training else first.mean()
        return first, self._predictor_loss(hidden, wanted, frames, chance)

    def hidden(self, batch: Sequence[Utterance], layouts: Sequence[str]) -> Tensor:
        """``[B, T, H]``: the talker's states."""
        return run(self.model.talker.stack, self._inputs(batch, layouts)[0])

    def _inputs(
        self, batch: Sequence[Utterance], layouts: Sequence[str], chance: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, T, H]``; code 0 that each position foretells, or `_IGNORE`, ``[B, T]``; the other codes of the frame
        that is put in there, ``[B, T, groups - 1]``."""
        rows = [self._row(one, layout) for one, layout in zip(batch, layouts, strict=True)]
        length, groups = max(len(text) for text, *_ in rows), self.config.talker.code_groups
        text, sounds, wanted = (torch.zeros(len(rows), length, dtype=torch.int64) for _ in range(3))
        frames = torch.zeros(len(rows), length, groups - 1, dtype=torch.int64)
        sounds.fill_(-1)
        wanted.fill_(_IGNORE)
        is_frame = torch.zeros(len(rows), length, dtype=torch.bool)
        for at, (row_text, row_sounds, codes, start) in enumerate(rows):
            end, begins = len(row_text), len(row_text) - len(codes)
            text[at, :end], sounds[at, :end] = torch.tensor(row_text), torch.tensor(row_sounds)
            frames[at, begins:end] = codes[:, 1:]
            is_frame[at, begins:end] = True
            wanted[at, start : start + len(codes)] = codes[:, 0]
            wanted[at, end - 1] = self.config.talker.ids.eos
        return self._embedded(text, sounds, frames, is_frame, chance), wanted, frames

    def _row(self, one: Utterance, layout: str) -> tuple[list[int], list[int], Tensor, int]:
        """Text ids and sound ids (-1: none) of each position, the codes, and where the first of them is foretold. The
        layouts are those of `PromptBuilder`."""
        config, ids = self.config, self.config.talker.ids
        tags = [ids.think, ids.think_bos, config.talker.languages["english"], ids.think_eos]
        track = [*tags, config.talker.speakers[one.speaker], ids.pad]
        text = [*self.role, *[config.tts_pad_id] * (len(track) - 1), config.tts_bos_id]
        sounds = [*[-1] * len(self.role), *track]
        codes = torch.from_numpy(one.codes)
        count = len(codes)
        if layout == "sentence":
            text += [*one.ids, config.tts_eos_id, *[config.tts_pad_id] * (count + 1)]
            sounds += [*[ids.pad] * (len(one.ids) + 1), ids.bos, *codes[:, 0].tolist()]
        else:
            feed = [*one.ids, config.tts_eos_id]
            feed += [config.tts_pad_id] * max(0, count + 1 - len(feed))
            text += feed[: count + 1]
            sounds += [ids.bos, *codes[:, 0].tolist()]
        return text, sounds, codes, len(text) - count - 1

    def _embedded(
        self, text: Tensor, sounds: Tensor, frames: Tensor, is_frame: Tensor, chance: np.random.Generator | None
    ) -> Tensor:
        talker, predictor = self.model.talker, self.model.predictor
        x: Tensor = talker.text_projection(self.text_table(text))
        heard = talker.codec_embedding(sounds.clamp(min=0)) * (sounds >= 0)[..., None]
        rest = sum(table(frames[is_frame][:, j]) for j, table in enumerate(predictor.embeddings))
        embedded: Tensor = heard.index_put(is_frame.nonzero(as_tuple=True), rest, accumulate=True)
        if chance is not None:
            embedded = embedded.index_put(is_frame.nonzero(as_tuple=True), _spoilt(embedded[is_frame], chance))
        return x + embedded

    def _predictor_loss(self, hidden: Tensor, wanted: Tensor, frames: Tensor, chance: np.random.Generator) -> Tensor:
        talker, predictor = self.model.talker, self.model.predictor
        spoken = (wanted >= 0) & (wanted < self.config.predictor.vocab_size)
        rows, at = spoken.nonzero(as_tuple=True)
        some = torch.from_numpy(chance.permutation(len(rows))[:_PREDICTED])
        rows, at = rows[some], at[some]
        codes = torch.cat((wanted[rows, at][:, None], frames[rows, at + 1]), 1)
        inputs = [hidden[rows, at], talker.codec_embedding(codes[:, 0])]
        inputs += [table(codes[:, j + 1]) for j, table in enumerate(predictor.embeddings[:-1])]
        y = run(predictor.stack, predictor.projection(torch.stack(inputs, 1)))
        scores = torch.stack([head(y[:, j + 1]) for j, head in enumerate(predictor.heads)], 1)
        return F.cross_entropy(scores.float().flatten(0, 1), codes[:, 1:].flatten())


def _spoilt(frames: Tensor, chance: np.random.Generator) -> Tensor:
    """``[N, H]``: some are nothing, some are others."""
    draw = torch.from_numpy(chance.random(len(frames)))
    others = frames[torch.from_numpy(chance.permutation(len(frames)))]
    frames = torch.where((draw < _WRONG)[:, None], others, frames)
    return frames * (draw < 1 - _HIDDEN)[:, None]


def _hardest(losses: Tensor) -> Tensor:
    """Their mean, what is known already counting little (Lin et al. 2017, arXiv 1708.02002): most frames go on with a
    word, and only the few that begin one need the text."""
    weights = 1 - torch.exp(-losses.detach()) + 0.02
    mean: Tensor = (weights * losses).sum() / weights.sum()
    return mean


def run(stack: Transformer, x: Tensor) -> Tensor:
    """`Transformer.forward` of whole sequences without a cache, as gradients want it: ``[B, T, H]``."""
    cos, sin = stack.rotary(torch.arange(x.shape[1])[None, None])
    for layer in stack.layers:
        assert isinstance(layer, Layer)
        attention = layer.attention
        parts = attention.qkv(layer.attention_norm(x)).unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
        turned, values = torch.split(parts, [attention.heads + attention.kv_heads, attention.kv_heads], dim=1)
        turned = rotate(_norms(attention)[:, None] * normalise(turned, attention.eps), cos, sin)
        queries, keys = torch.split(turned, [attention.heads, attention.kv_heads], dim=1)
        y = F.scaled_dot_product_attention(queries, keys, values.to(queries.dtype), is_causal=True, enable_gqa=True)
        x = x + attention.out(y.transpose(1, 2).flatten(2))
        x = x + layer.mlp(layer.mlp_norm(x))
    return stack.norm(x)  # type: ignore[no-any-return]


def _norms(attention: Attention) -> Tensor:
    """``[heads + kv_heads, head_dim]``: all query heads have one norm, all key heads another."""
    counts = [attention.heads, attention.kv_heads]
    parts = torch.split(attention.qk_norm.view(-1, attention.head_dim), counts)
    return torch.cat([part.mean(0, keepdim=True).expand(count, -1) for part, count in zip(parts, counts, strict=True)])


def train(
    teachable: Teachable,
    utterances: Sequence[Utterance],
    held_out: Sequence[Utterance],
    seconds: float,
    keep: Path,
    tell: Callable[[str], None],
    *,
    most_steps: float = math.inf,
) -> None:
    """Train for ``seconds``, or ``most_steps`` steps, from where ``keep`` stands; it is written every two minutes. What
    is told of ``held_out`` shows whether the text is read or sentences are learnt by heart."""
    torch.manual_seed(0)
    chance = np.random.default_rng(0)
    decayed = [p for p in teachable.parameters() if p.dim() >= 2]
    others = [p for p in teachable.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=_PACE, betas=(0.9, 0.98))
    step, spent = progress.resume(keep, teachable, optimizer)
    began = saved = told = time.monotonic() - spent
    recent: list[tuple[float, float]] = []
    lengths = np.array([len(one.codes) for one in utterances])

    teachable.train()
    while (now := time.monotonic() - began) < seconds and step < most_steps:
        for group in optimizer.param_groups:
            group["lr"] = (
                _PACE * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * now / seconds)))
            )
        batch = _like_long(lengths, chance, now / seconds)
        layouts = ["sentence" if at % 2 else "live" for at in range(len(batch))]
        with torch.autocast("cpu", torch.bfloat16):
            first, rest = teachable.loss([utterances[at] for at in batch], layouts, chance)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(first + rest)
        nn.utils.clip_grad_norm_(teachable.parameters(), 1.0)
        optimizer.step()
        recent.append((float(first.detach()), float(rest.detach())))
        step += 1
        if time.monotonic() - told > _TELL_S:
            (one, two), (new_one, new_two) = np.mean(recent, 0), _tried(teachable, held_out[:_TRIED])
            tell(
                f"language: step {step}, {now:.0f} s, code 0 {one:.3f}, other codes {two:.3f}; "
                f"never seen: {new_one:.3f}, {new_two:.3f}"
            )
            told, recent = time.monotonic(), []
        if time.monotonic() - saved > 120:
            progress.save(keep, teachable, optimizer, step, now)
            saved = time.monotonic()
    progress.save(keep, teachable, optimizer, step, seconds)
    teachable.eval()


@torch.no_grad()
def _tried(teachable: Teachable, utterances: Sequence[Utterance]) -> tuple[float, float]:
    """The losses of utterances, nothing hidden."""
    teachable.eval()
    layouts = ["sentence" if at % 2 else "live" for at in range(len(utterances))]
    with torch.autocast("cpu", torch.bfloat16):
        first, rest = teachable.loss(utterances, layouts, np.random.default_rng(0))
    teachable.train()
    return float(first), float(rest)


def _like_long(lengths: np.ndarray, chance: np.random.Generator, progress: float) -> np.ndarray:
    """A batch of about one length, as what is padded is computed for nothing. At first only the shortest utterances:
    which word is said when is learnt soonest there."""
    longest = np.quantile(lengths, min(1.0, _SHORTEST + (1 - _SHORTEST) * progress / _ALL_FROM))
    allowed = np.flatnonzero(lengths <= longest)
    some = chance.choice(allowed, size=8 * _BATCH, replace=len(allowed) < 8 * _BATCH)
    some = some[np.argsort(lengths[some], kind="stable")]
    start = _BATCH * int(chance.integers(8))
    return some[start : start + _BATCH]
