// Who speaks, why no natural voice does, and the steps to one on this very machine.

import { call, post } from "./api.js";
import { commandBox } from "./commands.js";
import { h, icon, iconButton, note, rescueFocus } from "./dom.js";
import { problems } from "./fields.js";
import { megabytes, number, percent, t } from "./i18n.js";
import { local, store, watch } from "./store.js";

const WIDE = window.matchMedia("(min-width: 861px)"); // on a phone the page begins with what it is for
let measured = null, measuring = null; // the checks of the last measuring, for as long as the page is open; and one that goes on

/** A card that is there while only the built-in voice can speak. `canHide`: until its state changes. */
export function naturalCard({ canHide = true } = {}) {
  const element = h("section", { class: "card natural", "aria-labelledby": "natural-title", hidden: true });
  let shown = "", tick = () => {};
  const fill = () => {
    const natural = store.about?.natural;
    const isAway = !natural || natural.speaks || (canHide && local.get("natural-hidden") === natural.why);
    const now = isAway ? "" : JSON.stringify(natural);
    if (now === shown) return tick();
    shown = now;
    element.hidden = isAway;
    tick = () => {};
    if (isAway) return element.replaceChildren();
    const steps = natural.steps.map(step);
    tick = () => steps.forEach((one) => one.tick());
    const hide = () => {
      local.set("natural-hidden", natural.why);
      fill();
      rescueFocus();
    };
    element.replaceChildren(
      h("div", { class: "card-head nowrap" }, h("h2", { id: "natural-title" }, icon("info"), t("natural.title")), canHide && iconButton("close", t("natural.hide"), hide)),
      h("p", {}, t(`natural.why.${natural.why}`)),
      ...(natural.detail ? [h("p", {}, h("code", { lang: "en" }, natural.detail))] : []),
      ...(steps.length ? [h("details", { class: "more", open: WIDE.matches }, h("summary", {}, t("natural.steps")), h("ol", { class: "steps" }, steps.map((one) => one.element)))] : []),
    );
    return tick();
  };
  const stop = ["about", "live"].map((name) => watch(name, fill));
  fill();
  return { element, leave: () => stop.forEach((end) => end()) };
}

/** One step: what to do, the command for it, and a button where the server can do it. */
function step(one) {
  const does = { measure, download, look }[one.code];
  const doing = does && one.can_do !== false ? does(one) : { parts: [], tick: () => {} };
  const text = t(`step.${one.code}`, { model: (one.model ?? "").split("/").pop(), gb: one.gb && number(one.gb, 1) });
  return {
    element: h("li", { class: one.code === "elsewhere" && "other" }, h("div", { class: "stack-small" },
      h("p", {}, text, one.is_done && h("span", { class: "tag good" }, icon("check"), t("step.done"))), ...doing.parts, one.command && !one.is_done && !doing.parts.length && commandBox(one.command))),
    tick: doing.tick,
  };
}

const look = () => ({ parts: [h("a", { class: "button small", href: "#/status" }, t("step.look.do"))], tick: () => {} });

function measure() {
  const results = h("div", { class: "stack-small instead", role: "status" }), failed = problems();
  const button = h("button", { type: "button", class: "button small", onclick: () => {
    measuring ??= post("v1/doctor", { speed: true }).then(({ checks }) => { measured = checks; }).finally(() => { measuring = null; });
    wait();
  } });
  const wait = async () => {
    failed.clear();
    show();
    try {
      await measuring;
    } catch (error) {
      failed.fail(error);
    }
    show();
  };
  const show = () => {
    button.disabled = Boolean(measuring);
    button.replaceChildren(icon("pulse"), t(measured ? "measure.again" : "measure.do"));
    if (measuring) results.replaceChildren(h("p", { class: "muted" }, t("measure.going")), h("progress", { "aria-label": t("measure.going") }));
    else results.replaceChildren(...(measured ?? []).flatMap(result));
  };
  if (measuring) wait(); // since another view was here
  else show();
  return { parts: [h("div", {}, button, results, failed)], tick: () => {} };
}

/** What a check of `doctor --speed` says, by its facts; one that has none in the server's own words. */
function result({ check, ok, detail, facts }) {
  if (facts?.verdict) {
    const good = facts.verdict === "change" || facts.verdict === "keep";
    return [note(good ? "good" : "warn", good ? "check" : "info", h("p", {}, t(`measure.${facts.verdict}`, { best: facts.best })))];
  }
  if (facts?.alone) {
    const line = t("measure.line", { name: `${facts.size} ${facts.quantize}`, n: number(facts.alone, 2), mb: megabytes(facts.needed_mb) });
    return [h("p", { class: facts.fits ? "" : "muted" }, line)];
  }
  if (check === "quiet") return [note("warn", "warn", h("p", {}, t("measure.busy")))];
  return ok ? [] : [note("warn", "warn", h("code", { lang: "en" }, detail))];
}

/** The button that fetches `model`, and how far it is. */
export function download({ model, is_done: isDone }) {
  if (isDone) return { parts: [], tick: () => {} };
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": t("download.do") });
  const said = h("div", { class: "muted small" }), failed = problems();
  const button = h("button", { type: "button", class: "button small", onclick: async () => {
    failed.clear();
    button.disabled = true;
    try {
      if (isGoing()) await call("v1/download", { method: "DELETE" });
      else await post("v1/download", { model });
    } catch (error) {
      failed.fail(error);
    }
    button.disabled = false;
  } });
  const state = () => (store.live?.download?.model === model ? store.live.download : null);
  const isGoing = () => state()?.phase === "running";
  let shown = "";
  const tick = () => {
    const { phase = "", progress = 0, error } = state() ?? {};
    bar.hidden = phase !== "running";
    bar.value = progress;
    const now = phase + (phase === "running" ? percent(progress) : "") + error;
    if (now === shown && button.hasChildNodes()) return;
    shown = now;
    button.replaceChildren(icon(isGoing() ? "stop" : "download"), t(isGoing() ? "download.stop" : "download.do"));
    if (phase === "running") said.replaceChildren(t("download.going", { n: percent(progress) }));
    else if (phase === "failed") said.replaceChildren(note("bad", "warn", h("p", {}, t("download.failed")), h("p", {}, h("code", { lang: "en" }, error))));
    else said.replaceChildren();
  };
  tick();
  return { parts: [h("div", {}, button, h("div", { class: "going" }, bar, said), failed)], tick };
}
