// How the engine is: in one word, and in a sentence.

import { has, percent, t } from "./i18n.js";
import { store } from "./store.js";

/** "waiting", "away", "locked", "loading", "failed", "degraded", "unloaded", "busy" or "ready". */
export function stateOf() {
  if (store.connection !== "live") return store.connection === "locked" ? "locked" : store.connection === "away" ? "away" : "waiting";
  const phase = phaseOf();
  if (phase === "ready") return store.live?.streams?.length ? "busy" : "ready";
  return ["failed", "degraded", "unloaded"].includes(phase) ? phase : "loading"; // or downloading
}

/** What the engine is doing: "ready", "downloading" and so on. */
export const phaseOf = () => store.live?.engine?.phase ?? "ready";

export function shortText() {
  const state = stateOf();
  const { progress } = store.live?.engine ?? {};
  if (state === "loading" && progress != null) return `${t("state.loading")} ${percent(progress)}`;
  if (speaksInstead() && ["ready", "degraded", "failed"].includes(state)) return t(speaksInstead() === "builtin" ? "state.builtin" : "state.stand-in");
  return t(`state.${state}`);
}

/** Which engine speaks while the one that is wanted cannot, or "builtin" where no other is wanted; "" if it can. */
function speaksInstead() {
  const engine = store.live?.engine;
  return engine?.fallback ?? (engine?.kind === "builtin" ? "builtin" : "");
}

/** Why somebody else speaks: the server's code in words. */
export const whyInWords = (code) => (has(`why.${code}`) ? t(`why.${code}`) : t("why.other", { code }));

export function engineText() {
  const engine = store.live?.engine;
  if (!engine || store.connection !== "live") return t("state.waiting.long");
  const kind = t(engine.kind === "builtin" ? "engine.builtin" : engine.kind === "qwen3" ? "engine.qwen3" : "engine.other", { kind: engine.kind });
  return has(`phase.${engine.phase}`) ? `${kind} ${t(`phase.${engine.phase}`)}` : kind; // nothing more to say of "ready"
}
