// What the command `doctor` says of this server: each thing fine, or what to do.

import { post } from "./api.js";
import { h, icon, note } from "./dom.js";
import { problems } from "./fields.js";
import { has, number, t } from "./i18n.js";
import { store, watch } from "./store.js";

let found = null, asking = null; // for as long as the page is open; looked at once, and when asked to

export function checkupCard() {
  const results = h("div", { class: "stack-small", role: "status" }), failed = problems();
  const button = h("button", { type: "button", class: "button small", onclick: () => ask() }, icon("repeat"), t("checks.again"));
  const element = h("section", { class: "card", "aria-labelledby": "checks-title", hidden: true },
    h("div", { class: "card-head" }, h("h2", { id: "checks-title" }, t("checks.title")), button),
    h("p", { class: "muted small" }, t("checks.intro")), results, failed);

  async function ask() {
    failed.clear();
    asking ??= post("v1/doctor", {}).then(({ checks }) => { found = checks; }).finally(() => { asking = null; });
    show();
    try {
      await asking;
    } catch (error) {
      failed.fail(error);
    }
    show();
  }

  function show() {
    button.disabled = Boolean(asking);
    if (asking) results.replaceChildren(h("p", { class: "muted" }, t("checks.going")), h("progress", { "aria-label": t("checks.going") }));
    else results.replaceChildren(...(found ? parts(found) : []));
  }

  const begin = () => {
    const can = Boolean(store.about?.can_examine);
    if (can && element.hidden) {
      element.hidden = false;
      if (found) show();
      else ask();
    }
  };
  const stop = watch("about", begin);
  begin();
  return { element, leave: stop };
}

function parts(checks) {
  const wrong = checks.filter((check) => !check.ok), fine = checks.filter((check) => check.ok);
  return [
    ...wrong.map((check) => note("warn", "warn", h("p", {}, h("strong", {}, label(check)), " ", h("code", { lang: "en" }, check.detail)),
      h("p", {}, t("checks.do"), " ", h("code", { lang: "en" }, check.fix)))),
    h("details", { class: "more" }, h("summary", {}, t(wrong.length ? "checks.fine" : "checks.well", { n: number(fine.length) })),
      h("ul", { class: "needs" }, fine.map((check) => h("li", { "data-ok": "true" }, icon("check"),
        h("div", {}, h("p", {}, label(check)), h("p", { class: "small muted" }, h("code", { lang: "en" }, check.detail))))))),
  ];
}

/** What was looked at, in the page's language; the name of a model behind it is left out. */
function label({ check }) {
  const key = `check.${check.replace(/ of .*\/.*/, "").toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return has(key) ? t(key) : h("code", { lang: "en" }, check);
}
