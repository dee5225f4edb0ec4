// What the server does just now, and why something was slow or wrong.

import { ROOT, call, post } from "../api.js";
import { checkupCard } from "../checkup.js";
import { base } from "../snippets.js";
import { h, icon, note, renew } from "../dom.js";
import { fixOf, said, wordsOf } from "../errors.js";
import { field, problems, select } from "../fields.js";
import { has, language, megabytes, milliseconds, number, seconds, t } from "../i18n.js";
import { naturalCard } from "../natural.js";
import { store, watch } from "../store.js";
import { engineText, phaseOf, stateOf, whyInWords } from "../engine.js";

const SLOW_MS = 1000; // to the first sound: people notice
const LEAD_SHOWN_S = 10;
const COLOUR = { well: "ready", draining: "loading", "on-trial": "degraded", "left-alone": "failed", away: "away" }; // of a server

export function statusView() {
  const state = h("div", { class: "stack-small" });
  const streams = streamCard(), servers = serverCard();
  const errorList = h("div", { class: "stack-small" }), forget = h("button", { type: "button", class: "button small", onclick: async () => {
    failed.clear();
    try {
      await call("v1/live/errors", { method: "DELETE" });
    } catch (error) {
      failed.fail(error);
    }
  } }, icon("trash"), t("status.forget"));
  const errors = h("section", { class: "card", "aria-labelledby": "errors-title" }, errorList, h("div", { class: "row" }, forget));
  const where = h("section", { class: "card", "aria-labelledby": "where-title" });
  const failed = problems();
  const actions = engineActions(failed);
  const engine = h("section", { class: "card", "aria-labelledby": "engine-title" }, state, actions.element, failed);
  let told = "";
  const show = () => {
    renew(state, engineParts());
    actions.show();
    streams.show();
    servers.show();
    const known = JSON.stringify(store.live?.errors ?? []);
    if (known !== told) errorList.replaceChildren(...errorParts());
    else for (const time of errorList.querySelectorAll("time")) time.textContent = ago(time.dateTime);
    told = known;
    forget.hidden = !store.live?.errors?.length;
    renew(where, whereParts());
  };
  show();
  const natural = naturalCard({ canHide: false });
  const checkup = checkupCard();
  const stop = [natural.leave, checkup.leave, ...["live", "about", "connection", "spoken"].map((name) => watch(name, show))];
  return {
    title: t("status.title"),
    intro: t("status.intro"),
    body: h("div", { class: "columns" }, natural.element, h("div", { class: "stack" }, streams.element, servers.element, errors), h("div", { class: "stack" }, engine, checkup.element, where)),
    leave: () => stop.forEach((end) => end()),
  };
}

function engineParts() {
  const state = stateOf(), live = store.live ?? {}, memory = live.memory ?? {};
  const progress = live.engine?.progress;
  const meters = [["status.memory", memory.rss_mb, memory.rss_total_mb], ["status.gpu", memory.gpu_mb, memory.gpu_total_mb]]
    .filter(([, value]) => value != null)
    .map(([key, value, total]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, megabytes(value), total && h("span", { class: "muted" }, ` / ${megabytes(total)}`))));
  return [
    h("div", { class: "card-head" }, h("h2", { id: "engine-title" }, t("status.engine")),
      h("span", { class: "chip", "data-state": state }, h("span", { class: "dot" }), h("span", {}, t(`state.${state}`)))),
    h("p", { class: "engine-text" }, engineText()),
    live.engine?.reason && h("p", {}, h("code", { lang: "en" }, live.engine.reason)),
    state === "loading" && progress != null && h("progress", { value: progress, max: 1, "aria-label": t("state.loading") }),
    h("dl", { class: "numbers" }, meters,
      h("div", {}, h("dt", {}, t("status.queue")), h("dd", {}, number(queued(live))))),
  ].filter(Boolean);
}

const queued = (live) => (typeof live.queue === "object" ? live.queue?.waiting ?? 0 : live.queue ?? 0);

/** Load, unload, and another model; made once, so that a click is not lost when the state is shown anew. */
function engineActions(failed) {
  const button = (path, iconName, key) => h("button", { type: "button", class: "button small", onclick: async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    failed.clear();
    try {
      await post(`v1/engine/${path}`, {});
    } catch (error) {
      failed.fail(error);
    }
    pressed.disabled = false;
  } }, icon(iconName), t(key));
  const load = button("load", "power", "status.load"), unload = button("unload", "power", "status.unload");
  const models = select([], "");
  models.addEventListener("change", async () => {
    failed.clear();
    try {
      await call("v1/engine/model", { method: "PUT", json: { model: models.value || null } });
    } catch (error) {
      failed.fail(error);
      models.value = store.live?.engine?.model ?? "";
    }
  });
  const choice = field("model", t("status.model"), models);
  const element = h("div", { class: "stack-small" }, choice, h("div", { class: "row" }, load, unload));
  return {
    element,
    show() {
      const engine = store.live?.engine ?? {};
      element.hidden = !engine.can_unload || store.connection !== "live";
      load.hidden = !["unloaded", "failed", "degraded"].includes(phaseOf());
      unload.hidden = phaseOf() !== "ready";
      const known = engine.models ?? [];
      choice.hidden = known.length < 2;
      if (document.activeElement === models) return; // open, perhaps
      renew(models, [["", t("status.model.all")], ...known.map((name) => [name, name])].map(([value, label]) => h("option", { value }, label)));
      models.value = engine.model ?? "";
    },
  };
}

/** A table under a heading, made once: how far it is scrolled, and the focus, stay while its rows change. */
function tableCard(name, title, columns, explain) {
  const tag = h("span", { class: "tag soft" }), body = h("tbody", {});
  const table = h("div", { class: "table-wrap", tabindex: "0", role: "group", "aria-labelledby": `${name}-title` }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map((key) => h("th", { scope: "col" }, t(key))))), body));
  const element = h("section", { class: "card", "aria-labelledby": `${name}-title` },
    h("div", { class: "card-head" }, h("h2", { id: `${name}-title` }, title), tag), table, h("p", { class: "muted small" }, explain));
  return {
    element, table,
    show(text, rows) {
      tag.textContent = text;
      renew(body, rows);
    },
  };
}

function streamCard() {
  const card = tableCard("streams", t("streams.title"), ["status.door", "speak.voice", "status.first", "status.lead", "status.since"], t("status.explain"));
  const empty = h("div", { class: "empty-state" }, icon("wave"), h("p", {}, t("status.quiet")));
  card.table.before(empty);
  return {
    element: card.element,
    show() {
      const rows = streamRows();
      card.table.hidden = !rows.length;
      empty.hidden = rows.length > 0;
      card.show(t("status.now", { n: number(store.live?.streams?.length ?? 0) }), rows);
    },
  };
}

function streamRows() {
  const now = store.live?.streams ?? [];
  const cells = (stream, over) => [
    h("td", {}, h("span", { class: "clip" }, doorOf(stream))),
    h("td", {}, h("span", { class: "clip" }, stream.voice || "–"), stream.engine && h("span", { class: "muted small block" }, stream.engine),
      stream.instead_of && h("span", { class: "slow small block" }, `${t("streams.instead", { voice: stream.instead_of })}: ${whyInWords(stream.instead_why)}`)),
    h("td", {}, stream.ttfa_ms == null ? h("span", { class: "muted" }, "…") : h("span", { class: stream.ttfa_ms > SLOW_MS ? "slow" : "" }, milliseconds(stream.ttfa_ms))),
    h("td", {}, over ? h("span", { class: "muted" }, t("status.over")) : lead(stream)),
    h("td", {}, stream.seconds ? seconds(stream.seconds) : "–"),
  ];
  return [...now.map((stream) => h("tr", {}, cells(stream, false))), ...store.spoken.map((stream) => h("tr", { class: "over" }, cells(stream, true)))];
}

/** Where it was asked for, in words, and by whom: "API (hall)". */
function doorOf({ door, client }) {
  const name = has(`door.${door}`) ? t(`door.${door}`) : door;
  return client ? `${name} (${client})` : name;
}

/** How far sound is ahead of the listener: near nothing means it may break off. */
function lead(stream) {
  if (stream.ttfa_ms == null) return h("span", { class: "muted" }, "…");
  const bar = h("span", { class: "lead" }, h("span", {}));
  bar.firstChild.style.transform = `scaleX(${Math.max(0, Math.min(1, stream.lead_s / LEAD_SHOWN_S))})`;
  if (stream.lead_s < 0.2) bar.dataset.low = "";
  return h("span", { class: "row tight nowrap" }, bar, h("span", { class: stream.lead_s < 0.2 ? "slow" : "" }, seconds(Math.max(0, stream.lead_s ?? 0))));
}

/** Those that a remote engine speaks through; nothing where there are none. */
function serverCard() {
  const card = tableCard("servers", t("servers.title"), ["servers.server", "servers.due", "servers.asked", "servers.failed", "servers.slow"], t("servers.explain"));
  return {
    element: card.element,
    show() {
      const all = store.live?.engine?.servers ?? [];
      card.element.hidden = !all.length;
      card.show(t("servers.well", { n: number(all.filter((server) => server.state === "well").length), all: number(all.length) }), serverRows(all));
    },
  };
}

const serverRows = (all) => all.map((server) => h("tr", {},
  h("td", {}, h("code", { class: "clip" }, server.url.replace(/^http:\/\//, "")),
    h("span", { class: "row tight small", "data-state": COLOUR[server.state] ?? "failed" }, h("span", { class: "dot" }),
      h("span", {}, has(`server.${server.state}`) ? t(`server.${server.state}`) : server.state),
      server.trouble && h("code", { class: "muted", lang: "en" }, server.trouble))),
  h("td", {}, server.outstanding_s ? seconds(server.outstanding_s) : "–"),
  ...[server.asked, server.failed, server.hedged].map((count) => h("td", {}, number(count)))));

function errorParts() {
  const errors = (store.live?.errors ?? []).slice(0, 8).map((error) => ({ ...error, isTheirs: true })); // the newest first
  return [
    h("h2", { id: "errors-title" }, t("status.errors")),
    errors.length
      ? h("ul", { class: "stack-small" }, errors.map((error) => h("li", {}, note(error.is_mistake ? "" : "bad", error.is_mistake ? "info" : "warn",
        h("p", {}, h("strong", {}, wordsOf(error))), h("p", {}, fixOf(error)), said(error),
        h("p", { class: "small" }, h("time", { datetime: error.at, title: new Date(error.at).toLocaleString(language) }, ago(error.at)), " · ", h("code", {}, error.code))))))
      : note("good", "check", t("status.fine")),
  ];
}

/** How long ago, in words. */
function ago(at) {
  const passed = Math.max(0, (Date.now() - new Date(at)) / 1000);
  const [unit, size] = [["day", 86_400], ["hour", 3600], ["minute", 60], ["second", 1]].find(([, one]) => passed >= one) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-Math.round(passed / size), unit);
}

function whereParts() {
  const about = store.about ?? {};
  const [, named, port] = /^tcp:\/\/(.*):(\d+)$/.exec(about.wyoming ?? "") ?? [];
  const isEverywhere = /^(0\.0\.0\.0|\[::\])$/.test(named ?? "");
  const host = isEverywhere ? reachedAs() : named;
  const fact = (key, value) => value && h("div", {}, h("dt", {}, t(key)), h("dd", {}, h("code", {}, value)));
  return [
    h("h2", { id: "where-title" }, t("status.where")),
    h("dl", { class: "facts-list pair" }, fact("status.host", host), fact("status.port", port)),
    h("dl", { class: "facts-list" }, fact("status.http", base()), fact("status.version", about.version)),
    h("p", { class: "muted small" }, t("status.ha")),
    ...reachParts(about),
  ];
}

/** The name of this machine by which others reach it; "" where it is not known. */
function reachedAs() {
  const { about } = store;
  return about.base_url || ROOT.pathname === "/" ? new URL(base()).hostname : "";
}

/** How the house gets in, where only this machine can. */
function reachParts(about) {
  if (!about.only_here || ROOT.pathname !== "/") return [];
  const flag = (text) => h("p", {}, h("code", {}, text));
  return [note("warn", "warn", h("p", {}, t("reach.local")), flag(`--http.uri tcp://0.0.0.0:${ROOT.port || 80}`),
    !about.needs_key && [h("p", {}, t("reach.key")), flag("--http.api-keys NAME:KEY")])];
}
