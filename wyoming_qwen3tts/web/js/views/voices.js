// Everybody who can speak: hear, use, take along, remove.

import { call, post } from "../api.js";
import { avatar, h, icon, iconButton, openDialog, rescueFocus, saveFile, toast } from "../dom.js";
import { whyInWords } from "../engine.js";
import { field, problems, select, showError } from "../fields.js";
import { language as pageLanguage, t } from "../i18n.js";
import { refreshVoices } from "../live.js";
import { naturalCard } from "../natural.js";
import { store, watch } from "../store.js";
import {
  characterOf, fits, hearButton, homeLanguage, idOf, isFavourite, isOwn, kindOf, languagesOf, likes, nameOf, people, sample, sorted,
  speakerOf, speaks, spokenLanguages, stopHearing, styleOf, whoIs,
} from "../voicelist.js";
import { ownText, use } from "./speak.js";

let shown = null; // the language that voices are shown of
let wanted = "", sentence = null; // what is searched for, and said; "" is a sentence of ours

export function voicesView() {
  shown ??= homeLanguage();
  sentence ??= ownText();
  const language = select([["", t("pick.all")], ...spokenLanguages()], shown, { "aria-label": t("speak.language") });
  const search = h("input", { class: "input", type: "search", value: wanted, placeholder: t("voices.search"), "aria-label": t("voices.search") });
  const text = h("input", { class: "input", dir: "auto", maxlength: 300, value: sentence, placeholder: sample(shown || pageLanguage) });
  const grid = h("div", { class: "stack", role: "group", "aria-live": "off" });
  const general = problems();
  const all = () => { language.value = shown = ""; fill(); };
  let told = ""; // of whom the cards are
  const fill = () => {
    told = JSON.stringify(store.voices);
    grid.replaceChildren(...groups(shown, general, all));
  };
  const refill = () => {
    if (JSON.stringify(store.voices) === told) return; // a card keeps its choice, and the focus
    const had = grid.contains(document.activeElement) && document.activeElement.getAttribute("aria-label");
    fill();
    if (!had) return;
    grid.querySelector(`[aria-label="${CSS.escape(had)}"]`)?.focus();
    rescueFocus();
  };
  language.addEventListener("change", () => { shown = language.value; text.placeholder = sample(shown || pageLanguage); fill(); });
  search.addEventListener("input", () => { wanted = search.value.trim(); fill(); });
  text.addEventListener("input", () => { sentence = text.value.trim(); });
  fill();
  const natural = naturalCard();
  const stop = [natural.leave, watch("voices", refill)];

  return {
    title: t("voices.title"),
    intro: t("voices.intro"),
    body: h("div", { class: "stack" }, natural.element,
      h("div", { class: "row toolbar" }, h("div", { class: "row find" }, search, language), importButton(general),
        h("a", { class: "button primary", href: "#/new" }, icon("plus"), t("nav.new"))),
      field("sentence", t("voices.text"), text),
      general, grid),
    leave: () => {
      stop.forEach((end) => end());
      stopHearing();
    },
  };
}

function groups(code, general, showAll) {
  const known = people(sorted(store.voices, ""), code || pageLanguage, speakerOf).filter((voices) => voices.some((voice) => speaks(voice, code)));
  const everybody = known.filter((voices) => fits(voices, wanted));
  const kinds = (...which) => everybody.filter(([voice]) => which.includes(kindOf(voice)));
  const own = everybody.filter(([voice]) => isOwn(voice)), speakers = kinds("speaker"), others = kinds("wyoming"), builtin = kinds("builtin");
  const group = (key, found, extra) => h("section", { "aria-labelledby": `group-${key}` },
    h("h2", { id: `group-${key}`, class: "group-title" }, t(`voices.${key}`), found.length > 0 && h("span", { class: "tag" }, String(found.length))),
    extra, found.length > 0 && h("ul", { class: "voice-grid" }, found.map((voices) => card(voices, general))));
  const found = [];
  if (own.length || !wanted) {
    found.push(group("own", own, own.length ? null : h("div", { class: "empty-state card" }, icon("mic"), h("p", {}, t("voices.own.empty")))));
  }
  if (speakers.length) found.push(group("speakers", speakers));
  if (others.length) found.push(group("others", others));
  if (builtin.length) found.push(group("builtin", builtin));
  if (!found.length) found.push(nobody(code, showAll));
  return found;
}

/** Nobody fits: perhaps somebody of another language does. */
const nobody = (code, showAll) => h("div", { class: "empty-state card" }, icon("search"), h("p", {}, t("pick.none")),
  code && h("button", { type: "button", class: "button small", onclick: showAll }, t("pick.none.all")));

/** Somebody in every language that they speak: `voices` differ in that alone, the first is shown. */
function card(voices, general) {
  let [voice] = voices;
  const name = kindOf(voice) === "speaker" ? nameOf({ ...voice, id: speakerOf(voice) }) : nameOf(voice);
  const language = () => (isOwn(voice) ? shown : "") || voice.languages[0];
  const tags = h("div", { class: "row tight" }), id = h("code", { class: "muted clip id" }), away = h("div", {});
  const show = () => {
    const style = voice.style ?? {};
    id.textContent = id.title = idOf(voice);
    tags.replaceChildren(...[style.instruct, (style.speed ?? 1) !== 1 && `${style.speed}×`].filter(Boolean).map((text) => h("code", { class: "tag", title: text }, text)));
    away.replaceChildren(...(voice.spoken_by ? [h("p", { class: "slow small" }, t("substitute.now", { why: whyInWords(voice.spoken_by.why) }))] : []));
  };
  const options = voices.map((one) => [idOf(one), [languagesOf(one), styleOf(one)].filter(Boolean).join(", ")]).sort(([, a], [, b]) => a.localeCompare(b));
  const choice = voices.length > 1 && select(options, idOf(voice), { class: "select small", "aria-label": t("voices.language", { name }), onchange: (event) => {
    voice = voices.find((one) => idOf(one) === event.target.value);
    show();
  } });
  show();
  return h("li", { class: "card voice-card" },
    h("div", { class: "row nowrap" }, avatar(idOf(voice)), h("div", { class: "grow" },
      h("h3", { class: "clip", title: name }, name), h("p", { class: "muted small" }, whoIs(voice) || (isOwn(voice) ? t(`kind.${kindOf(voice)}`) : languagesOf(...voices)))),
    likeButton(voice, name)),
    characterOf(voice) && h("p", {}, characterOf(voice)),
    tags, away,
    h("div", { class: "row tight nowrap" }, choice || (idOf(voice) !== name && id), h("span", { class: "row tight end" },
      isOwn(voice) && iconButton("pencil", t("voices.rename", { name }), () => askForName(voice)),
      isOwn(voice) && iconButton("download", t("voices.export", { name }), () => exported(voice, general)),
      isOwn(voice) && iconButton("trash", t("voices.remove", { name }), () => askToRemove(voice)),
      hearButton(() => idOf(voice), language, name, () => sentence || sample(language())),
      h("button", { type: "button", class: "button small", "aria-label": t("voices.use.name", { name }), onclick: () => { use(idOf(voice), isOwn(voice) ? "" : language()); location.hash = "#/speak"; } }, t("voices.use")))));
}

function likeButton(voice, name) {
  return iconButton("star", t("voices.like", { name }), ({ currentTarget: button }) => {
    likes(voice, !isFavourite(voice));
    button.setAttribute("aria-pressed", String(isFavourite(voice)));
  }, { class: "icon-button star", "aria-pressed": String(isFavourite(voice)) });
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

/** Another name: the voice is taken in once more under it, then the old one goes. */
function askForName(voice) {
  const failed = problems();
  openDialog(t("voices.rename", { name: nameOf(voice) }), t("close"), (close) => {
    const input = h("input", { class: "input", maxlength: 64, autocomplete: "off", value: nameOf(voice) });
    const name = field("name", t("clone.name"), input, { hint: t("voices.rename.note") });
    const button = h("button", { type: "submit", class: "button primary", form: "rename" }, icon("check"), t("voices.rename.do"));
    const rename = async (event) => {
      event.preventDefault();
      const wanted = input.value.trim();
      if (!wanted) return showError({ param: "name", message: t("clone.name.missing") }, { name }, failed);
      if (wanted === nameOf(voice)) return close();
      button.disabled = true;
      const path = `v1/audio/voices/${encodeURIComponent(idOf(voice))}`;
      try {
        const form = new FormData();
        form.append("file", await (await call(`${path}/export`)).blob(), "voice");
        form.append("name", wanted);
        const renamed = await post("v1/audio/voices/import", undefined, { form });
        if (isFavourite(voice)) likes(renamed, true);
        await call(path, { method: "DELETE" });
        await refreshVoices();
        toast(t("voices.renamed", { name: wanted }));
        close();
      } catch (error) {
        showError(error, { name }, failed);
        button.disabled = false;
      }
      return undefined;
    };
    return {
      body: h("form", { class: "stack-small", id: "rename", novalidate: true, onsubmit: rename }, name, failed),
      foot: [h("button", { type: "button", class: "button", onclick: close }, t("cancel")), button],
    };
  });
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
