// What making voices needs, all of it at once: what is there, and one command for what is not.

import { key } from "./api.js";
import { commandBox } from "./commands.js";
import { h, icon, note } from "./dom.js";
import { percent, t } from "./i18n.js";
import { download } from "./natural.js";
import { session, store, watch } from "./store.js";

/** The checklist for `ability` ("cloning", "design" or "mixing" of v1/about); hidden, and `form` shown, once all is met. */
export function checklist(ability, title, form) {
  const element = h("section", { class: "card", hidden: true });
  let shown = "", ticks = [];
  const show = () => {
    const about = store.about?.[ability];
    const isMet = !about || about.needs.every((need) => need.ok);
    form.hidden = !isMet;
    element.hidden = isMet;
    const now = isMet ? "" : JSON.stringify([about, isFetching()]);
    if (now !== shown) {
      shown = now;
      ticks = [];
      element.replaceChildren(...(isMet ? [] : parts(about, title, ticks)));
    }
    ticks.forEach((tick) => tick());
  };
  const stop = ["about", "live"].map((name) => watch(name, show));
  show();
  return { element, leave: () => stop.forEach((end) => end()) };
}

function parts({ needs, command }, title, ticks) {
  const isRestart = Boolean(command);
  return [
    h("h2", {}, t(title)),
    h("ul", { class: "needs" }, needs.map((need) => h("li", { "data-ok": String(need.ok) },
      icon(need.ok ? "check" : "close"), h("div", { class: "stack-small" },
        h("p", {}, h("span", { class: "visually-hidden" }, `${t(need.ok ? "need.met" : "need.missing")}: `), t(`need.${need.code}`, { models: need.models.map(short).join(", ") })),
        ...(need.ok ? [] : missing(need, isRestart, ticks)))))),
    ...(command ? [h("p", {}, h("strong", {}, t(ALL[store.about.place]))), commandBox(withMadeKey(command))] : []),
    command?.includes("NAME:KEY") && h("p", { class: "muted small" }, t("need.key.yours")),
    !command && needs.some((need) => need.settings.length) && note("warn", "info", h("p", {}, t("need.addon"))),
  ].filter(Boolean);
}

const ALL = { checkout: "need.all.restart", package: "need.all.restart", container: "need.all.variables", addon: "need.all.options", "addon-nvidia": "need.all.options" };
const short = (model) => model.split("/").pop();

/** How one that is not met is met by itself. */
function missing(need, isRestart, ticks) {
  const found = need.settings.flatMap((setting) => [
    h("p", {}, h("code", {}, setting[setting.here])),
    h("details", { class: "more" }, h("summary", {}, t("need.others")),
      ["flag", "variable", "option"].filter((way) => way !== setting.here).map((way) => h("p", {}, h("code", {}, setting[way])))),
  ]);
  if (need.code === "torch") found.push(h("p", { class: "muted small" }, t(["checkout", "package"].includes(store.about.place) ? "need.torch.how" : "need.torch.image")));
  if (need.code === "files") found.push(...files(need, isRestart, ticks));
  return found;
}

/** Files that are fetched now, can be, or will be at the next start: only what is true. */
function files(need, isRestart, ticks) {
  if (isFetching()) {
    const said = h("p", { class: "small" });
    ticks.push(() => { said.textContent = t("need.files.going", { n: percent(store.live?.engine?.progress ?? 0) }); });
    return [said];
  }
  if (isRestart) return [h("p", { class: "muted small" }, t("need.files.later"))];
  return need.models.flatMap((model) => {
    const { parts: shown, tick } = download({ model });
    ticks.push(tick);
    return [h("p", { class: "small" }, h("code", {}, short(model))), ...shown];
  });
}

const isFetching = () => store.live?.engine?.phase === "downloading";

/** The command with a key that nobody else has seen. One that this visitor has already is not made anew. */
function withMadeKey(command) {
  if (!command.includes("NAME:KEY")) return command;
  const made = key.get() ?? session.get("made-key") ?? random();
  session.set("made-key", made);
  return command.replaceAll("NAME:KEY", `home:${made}`);
}

function random() {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789"; // none that look alike
  return [...crypto.getRandomValues(new Uint8Array(20))].map((byte) => letters[byte % letters.length]).join("");
}
