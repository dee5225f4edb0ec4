// The engine's state in one word, and in a sentence.

import { number, t } from "./i18n.js";
import { store } from "./store.js";

/** "waiting", "away", "locked", "loading", "failed", "degraded", "unloaded", "busy" or "ready". */
export function stateOf() {
  if (store.connection !== "live") return store.connection === "locked" ? "locked" : store.connection === "away" ? "away" : "waiting";
  const word = engineWord();
  if (word === "ready") return store.live?.streams?.length ? "busy" : "ready";
  return ["failed", "degraded", "unloaded"].includes(word) ? word : "loading"; // or downloading
}

/** The first word of the engine's state: `downloading 43 % (built-in voice speaks)` is "downloading". */
export const engineWord = () => /^[a-z]+/.exec(store.live?.engine?.state ?? "ready")?.[0] ?? "ready";

export function shortText() {
  const state = stateOf();
  const { progress } = store.live?.engine ?? {};
  if (state === "loading" && progress != null) return `${t("state.loading")} ${number(progress * 100)} %`;
  return t(`state.${state}`);
}

export function engineText() {
  const engine = store.live?.engine;
  if (!engine || store.connection !== "live") return t("state.waiting.long");
  const kind = t(engine.kind === "builtin" ? "engine.builtin" : engine.kind === "qwen3" ? "engine.qwen3" : "engine.other", { kind: engine.kind });
  const state = engine.state ?? "";
  return state === engineWord() ? kind : `${kind} ${state[0].toUpperCase()}${state.slice(1)}.`; // says why, or how far
}
