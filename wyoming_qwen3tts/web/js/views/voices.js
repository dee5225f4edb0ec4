// Everybody who can speak: hear, use, take along, remove.

import { call, post } from "../api.js";
import { avatar, h, icon, iconButton, note, openDialog, saveFile, toast } from "../dom.js";
import { problems, select } from "../fields.js";
import { t } from "../i18n.js";
import { refreshVoices } from "../live.js";
import { naturalCard } from "../natural.js";
import { stopAll } from "../player.js";
import { store, watch } from "../store.js";
import { hearButton, homeLanguage, idOf, isOwn, kindOf, languagesOf, nameOf, sorted, spokenLanguages } from "../voicelist.js";
import { use } from "./speak.js";

let shown = null; // the language that voices are shown of

export function voicesView() {
  shown ??= homeLanguage();
  const language = select([["", t("pick.all")], ...spokenLanguages()], shown, { "aria-label": t("speak.language") });
  const grid = h("div", { class: "stack" });
  const general = problems();
  const fill = () => grid.replaceChildren(...groups(shown, general));
  language.addEventListener("change", () => { shown = language.value; fill(); });
  fill();
  const natural = naturalCard();
  const stop = [natural.leave, watch("voices", fill)];

  return {
    title: t("voices.title"),
    intro: t("voices.intro"),
    body: h("div", { class: "stack" }, natural.element,
      h("div", { class: "row toolbar" }, language, h("span", { class: "grow" }), importButton(general),
        h("a", { class: "button primary", href: "#/new" }, icon("plus"), t("nav.new"))),
      general, grid),
    leave: () => {
      stop.forEach((end) => end());
      stopAll();
    },
  };
}

function groups(code, general) {
  const all = sorted(store.voices, code);
  const own = all.filter(isOwn), speakers = all.filter((voice) => kindOf(voice) === "speaker"), builtin = all.filter((voice) => kindOf(voice) === "builtin");
  const group = (key, voices, extra) => h("section", { "aria-labelledby": `group-${key}` },
    h("h2", { id: `group-${key}`, class: "group-title" }, t(`voices.${key}`), h("span", { class: "tag" }, String(voices.length))),
    extra, voices.length > 0 && h("ul", { class: "voice-grid" }, voices.map((voice) => card(voice, code, general))));
  const found = [group("own", own, own.length ? null : h("div", { class: "empty-state card" }, icon("mic"), h("p", {}, t("voices.own.empty")),
    h("a", { class: "button small", href: "#/new" }, t("nav.new"))))];
  if (speakers.length) found.push(group("speakers", speakers));
  if (builtin.length) found.push(group("builtin", builtin, speakers.length ? null : note("", "info", h("p", {}, t("voices.builtin.only")))));
  return found;
}

function card(voice, code, general) {
  const id = idOf(voice);
  const language = () => code || voice.languages[0];
  const style = voice.style ?? {};
  return h("li", { class: "card voice-card" },
    h("div", { class: "row nowrap" }, avatar(id), h("div", { class: "grow" },
      h("h3", { class: "clip", title: nameOf(voice) }, nameOf(voice)), h("p", { class: "muted small clip" }, languagesOf(voice))),
    hearButton(() => id, language, nameOf(voice))),
    h("div", { class: "row tight" },
      isOwn(voice) && h("span", { class: "tag soft" }, t(`kind.${kindOf(voice)}`)),
      style.instruct && h("code", { class: "tag", title: style.instruct }, style.instruct),
      style.speed && style.speed !== 1 && h("span", { class: "tag" }, `${style.speed}×`),
      h("code", { class: "muted clip id", title: id }, id),
      h("span", { class: "row tight end" },
        isOwn(voice) && iconButton("download", t("voices.export", { name: nameOf(voice) }), () => exported(voice, general)),
        isOwn(voice) && iconButton("trash", t("voices.remove", { name: nameOf(voice) }), () => askToRemove(voice)),
        h("button", { type: "button", class: "button small", "aria-label": t("voices.use.name", { name: nameOf(voice) }), onclick: () => { use(id, isOwn(voice) ? "" : language()); location.hash = "#/speak"; } }, t("voices.use")))));
}

async function exported(voice, general) {
  try {
    const response = await call(`v1/audio/voices/${encodeURIComponent(idOf(voice))}/export`);
    const name = /filename\*?="?(?:UTF-8'')?([^";]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
    saveFile(await response.blob(), name ? decodeURIComponent(name) : `${idOf(voice)}.voice`);
  } catch (error) {
    general.fail(error);
  }
}

function askToRemove(voice) {
  const failed = problems();
  openDialog(t("voices.remove", { name: nameOf(voice) }), t("close"), (close) => {
    const button = h("button", { type: "button", class: "button danger", onclick: async () => {
      button.disabled = true;
      try {
        await call(`v1/audio/voices/${encodeURIComponent(idOf(voice))}`, { method: "DELETE" });
        await refreshVoices();
        toast(t("voices.removed", { name: nameOf(voice) }));
        close();
      } catch (error) {
        failed.fail(error);
        button.disabled = false;
      }
    } }, icon("trash"), t("voices.remove.do"));
    return {
      body: [h("p", {}, t("voices.remove.sure")), failed],
      foot: [h("button", { type: "button", class: "button", onclick: close }, t("cancel")), button],
    };
  });
}

function importButton(general) {
  const input = h("input", { type: "file", class: "visually-hidden", tabindex: "-1", "aria-hidden": "true" });
  const button = h("button", { type: "button", class: "button", onclick: () => input.click() }, icon("upload"), t("voices.import"));
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    general.clear();
    button.disabled = true;
    try {
      const form = new FormData();
      form.append("file", file);
      const voice = await post("v1/audio/voices/import", undefined, { form });
      await refreshVoices();
      toast(t("voices.imported", { name: voice.name }));
    } catch (error) {
      general.fail(error);
    }
    button.disabled = false;
  });
  return h("span", {}, input, button);
}
