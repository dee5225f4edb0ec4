// The engine's state in one word, and in a sentence.

import { number, t } from "./i18n.js";
import { store } from "./store.js";

/** "waiting", "away", "locked", "loading", "failed", "degraded", "unloaded", "busy" or "ready". */
export function stateOf() {
  if (store.connection !== "live") return store.connection === "locked" ? "locked" : store.connection === "away" ? "away" : "waiting";
  const state = String(store.live?.engine?.state ?? "ready");
  if (/fail|down|broken/.test(state)) return "failed";
  if (/load|fetch|download|warm/.test(state) && !/unload/.test(state)) return "loading";
  if (/unload|idle|sleep/.test(state)) return "unloaded";
  if (/degraded/.test(state)) return "degraded";
  return store.live?.streams?.length ? "busy" : "ready";
}

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
  const state = String(engine.state ?? "");
  const detail = engine.detail ?? (/[: ]/.test(state) ? state : "");
  return detail ? `${kind} ${detail}` : kind;
}
