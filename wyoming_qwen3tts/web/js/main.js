// Starts the page: language, frame, views by address, and the live connection.

import { get, key, withKey } from "./api.js";
import { h, icon, openDialog } from "./dom.js";
import { shortText, stateOf } from "./engine.js";
import { clearErrors, field, problems, select } from "./fields.js";
import { LANGUAGES, choose, language, loadWords, t } from "./i18n.js";
import { follow } from "./live.js";
import { local, store, update, watch } from "./store.js";
import { newVoiceView } from "./views/new.js";
import { speakView } from "./views/speak.js";
import { statusView } from "./views/status.js";
import { voicesView } from "./views/voices.js";
import { wordsView } from "./views/words.js";

const VIEWS = { speak: speakView, voices: voicesView, new: newVoiceView, words: wordsView, status: statusView };
const main = document.getElementById("main");
let view = null;
let keyDialog = null;

function show(focus) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const known = Object.hasOwn(VIEWS, name) ? name : "speak";
  view?.leave?.();
  view = VIEWS[known](...rest);
  const heading = h("h1", { tabindex: "-1" }, view.title);
  main.replaceChildren(h("div", { class: `view view-${known}` }, h("div", { class: "view-head" }, heading, h("p", {}, view.intro)), view.body));
  document.title = `${view.title} · Qwen3-TTS`;
  for (const link of document.querySelectorAll(".nav a")) {
    if (link.getAttribute("href") === `#/${known}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (focus) {
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
}

function showState() {
  const chip = document.getElementById("engine-chip"), text = document.getElementById("engine-chip-text");
  chip.dataset.state = stateOf();
  const short = shortText();
  if (text.textContent !== short) text.textContent = short;
  const banner = document.getElementById("banner");
  const { connection } = store, wasSaid = banner.dataset.state;
  banner.dataset.state = connection;
  if (connection !== wasSaid && connection === "away") banner.replaceChildren(icon("warn"), t("away"));
  if (connection !== wasSaid && connection === "locked") {
    banner.replaceChildren(icon("key"), h("span", { class: "grow" }, t("key.locked")),
      h("button", { type: "button", class: "button small", onclick: askForKey }, t("key.unlock")));
  }
  banner.hidden = connection !== "away" && connection !== "locked";
}

function askForKey() {
  if (keyDialog) return;
  keyDialog = openDialog(t("key.title"), t("close"), (close) => {
    const input = h("input", { class: "input", type: "password", autocomplete: "off", value: key.get() ?? "" });
    const labelled = field("key", t("key.label"), input), general = problems();
    const button = h("button", { type: "submit", class: "button primary" }, icon("key"), t("key.use"));
    const unlock = async (event) => {
      event.preventDefault();
      const wanted = input.value.trim();
      if (!wanted) return input.focus();
      clearErrors({ labelled }, general);
      button.disabled = true;
      try {
        await get("v1/about", { headers: withKey(wanted) });
        key.set(wanted);
        close();
        update("connection", "unlocked");
        show(true);
      } catch (error) {
        if (error.status === 401) labelled.fail(t("key.wrong"));
        else general.fail(error);
        input.select(); // kept: most keys are wrong by a letter
      }
      button.disabled = false;
      return undefined;
    };
    if (input.value) labelled.fail(t("key.wrong"));
    return { body: h("form", { class: "stack-small", novalidate: true, onsubmit: unlock },
      h("p", {}, t("key.text")), labelled, general, h("div", { class: "row" }, button)) };
  }, { onclose: () => { keyDialog = null; } });
}

function openSettings() {
  openDialog(t("settings.title"), t("close"), () => {
    const words = select(Object.entries(LANGUAGES), language), labelled = field("page-language", t("settings.language"), words);
    words.addEventListener("change", async () => {
      try {
        await choose(words.value);
      } catch {
        words.value = language;
        labelled.fail(t("error.unreachable"));
        return;
      }
      delete document.getElementById("banner").dataset.state; // said anew
      words.closest("dialog").close();
      show(false);
      showState();
    });
    const theme = local.get("theme") ?? "system";
    const themes = h("div", { class: "tabs", role: "group", "aria-label": t("settings.theme") }, ["system", "light", "dark"].map((name) =>
      h("button", { type: "button", "aria-pressed": String(name === theme), onclick: (event) => {
        setTheme(name);
        for (const one of themes.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
      } }, t(`theme.${name}`))));
    return { body: [
      labelled,
      h("div", { class: "field" }, h("span", { class: "label" }, t("settings.theme")), themes),
      (store.about?.needs_key || key.get()) && h("div", { class: "field" }, h("span", { class: "label" }, t("key.label")),
        h("div", { class: "row" }, h("button", { type: "button", class: "button small", onclick: (event) => {
          key.set(null);
          event.currentTarget.closest("dialog").close();
          location.reload();
        } }, icon("key"), t("key.forget")))),
    ] };
  });
}

function setTheme(name) {
  local.set("theme", name === "system" ? null : name);
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

await loadWords();
show(false);
showState();
window.addEventListener("hashchange", () => show(true));
document.getElementById("settings-button").addEventListener("click", openSettings);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  main.focus();
});
for (const name of ["live", "connection"]) watch(name, showState);
watch("connection", (state) => state === "locked" && askForKey());
follow();
