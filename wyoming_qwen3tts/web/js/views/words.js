// How words are said here: the lexicon, one file a language, edited line by line so that comments stay.

import { call, get } from "../api.js";
import { debounced, h, icon, iconButton, note, toast, toastWithUndo } from "../dom.js";
import { partsOf, said, wordsOf } from "../errors.js";
import { field, problems, select } from "../fields.js";
import { LANGUAGES, language as pageLanguage, t } from "../i18n.js";
import { watch } from "../store.js";
import { hearButton, isSample, sample, stopHearing } from "../voicelist.js";
import { spokenParts } from "./speak.js";

let file = "all";
let trial = "";

export function wordsView() {
  const panel = h("div", { class: "stack-small" });
  const general = problems();
  const trying = tryCard();
  let editor = null;
  const open = (name) => {
    file = name;
    const mine = editor = new Editor(name, panel, general, trying, () => editor === mine);
    mine.load();
  };
  const scopes = [["all", t("words.all")], ...Object.entries(LANGUAGES)];
  const scope = field("scope", t("words.scope"), select(scopes, file, { onchange: (event) => { open(event.target.value); trying.follow(); } }));
  open(file);
  const stop = watch("about", () => editor.isMissing && editor.load()); // the server is there again
  return {
    title: t("words.title"),
    intro: t("words.intro"),
    body: h("div", { class: "columns" },
      h("section", { class: "card", "aria-label": t("words.title") }, scope, general, panel),
      trying.element),
    leave: () => {
      stop();
      stopHearing();
    },
  };
}

/** One lexicon file. Its text is kept as lines; what is no entry (comments, blank lines) is left as it is. */
class Editor {
  /** `isShown()`: whether the panel is still this file's. */
  constructor(name, panel, general, trying, isShown) {
    Object.assign(this, { name, panel, general, trying, isShown, lines: [], errors: new Map(), version: null, isMissing: false });
    this._saved = Promise.resolve();
    this._adder = this.adder(); // what is half typed stays while other words change
  }

  async load() {
    if (!this.isShown()) return;
    this.isMissing = false;
    this.general.clear();
    this.panel.replaceChildren(h("div", { class: "skeleton", "aria-hidden": "true" }, h("span")));
    try {
      this.took(await get(`v1/lexicon/${this.name}`));
      this.show();
    } catch (error) {
      this.isMissing = true;
      if (!this.isShown()) return;
      this.panel.replaceChildren();
      this.general.fail(error);
    }
  }

  took(answer) {
    this.version = answer.version;
    this.lines = answer.text.split("\n").slice(0, -1);
    this.errors = new Map((answer.errors ?? []).map((error) => [error.line - 1, faultOf(error)]));
    const area = this.isShown() && this.panel.querySelector("#lexicon-text");
    if (area && area.value === area.dataset.before) area.value = area.dataset.before = this.text();
  }

  text() {
    return this.lines.map((one) => `${one}\n`).join("");
  }

  /** Saves with `change` made to the lines, which gives false if there is none to make. Returns whether the server took it;
   *  otherwise `fail` is told why. One after the other: each begins with what the one before it left. */
  save(change, fail) {
    this._saved = this._saved.then(() => this._save(change, fail));
    return this._saved;
  }

  async _save(change, fail) {
    const lines = [...this.lines];
    if (!change(lines)) return false;
    this.general.clear();
    try {
      const response = await call(`v1/lexicon/${this.name}`, { method: "PUT", json: { text: lines.map((line) => `${line}\n`).join(""), version: this.version } });
      this.took(await response.json());
      this.trying.ask();
      return true;
    } catch (error) {
      if (error.code === "lexicon-changed") {
        await this.load();
        this.general.fail(error);
      } else fail(error);
      return false;
    }
  }

  show(focus) {
    if (!this.isShown()) return;
    const rows = this.lines.map((line, at) => [at, split(line)]).filter(([, entry]) => entry);
    const list = h("ul", { class: "words" }, rows.map(([at, entry]) => this.row(at, entry)));
    const empty = h("div", { class: "empty-state" }, icon("book"), h("p", {}, t("words.empty")));
    this.panel.replaceChildren(this._adder, rows.length ? list : empty, this.asText());
    if (focus) this.panel.querySelector(focus)?.focus();
  }

  row(at, entry) {
    const failed = h("p", { class: "error", role: "alert", hidden: true });
    const fail = (message) => { failed.replaceChildren(icon("warn"), message); failed.hidden = false; };
    const input = (value, label) => h("input", { class: "input", value, dir: "auto", "aria-label": `${label}: ${entry.word}`, maxlength: 200, autocapitalize: "off", spellcheck: "false" });
    const word = input(entry.word, t("words.word")), said = input(entry.said, t("words.said"));
    let known = this.lines[at];
    const edited = (change) => (lines) => {
      const now = lines[at] === known ? at : lines.indexOf(known); // a word above may have gone meanwhile, or this one
      return now >= 0 && change(lines, now);
    };
    const commit = async () => {
      if (word.value === entry.word && said.value === entry.said) return;
      failed.hidden = true;
      const wanted = line(word.value, said.value, entry.comment);
      const ok = await this.save(edited((lines, now) => { lines[now] = wanted; return true; }), (error) => fail(reason(error, at)));
      if (!ok) return;
      known = wanted;
      Object.assign(entry, split(wanted));
      toast(t("words.saved"));
    };
    for (const control of [word, said]) {
      control.addEventListener("change", commit);
      control.addEventListener("keydown", (event) => event.key === "Enter" && control.blur());
    }
    if (this.errors.has(at)) fail(this.errors.get(at));
    const remove = iconButton("trash", t("words.remove", { word: entry.word }), async () => {
      if (!await this.save(edited((lines, now) => lines.splice(now, 1)), (error) => fail(reason(error, at)))) return;
      this.show(".adder input");
      toastWithUndo(t("words.removed", { word: entry.word }), t("words.undo"), async () => {
        const back = await this.save((lines) => lines.splice(Math.min(at, lines.length), 0, known), (error) => toast(wordsOf(error), "warn"));
        if (back && this.panel.isConnected) this.show(".adder input");
      });
    });
    return h("li", {}, h("div", { class: "word" }, word, icon("arrow"), said, remove), failed);
  }

  adder() {
    const failed = h("p", { class: "error", role: "alert", hidden: true });
    const word = h("input", { class: "input", dir: "auto", id: "new-word", maxlength: 200, placeholder: "Sonos", autocapitalize: "off", spellcheck: "false" });
    const said = h("input", { class: "input", dir: "auto", id: "new-said", maxlength: 200, placeholder: "Sohnoss", autocapitalize: "off", spellcheck: "false" });
    const submit = async (event) => {
      event.preventDefault();
      failed.hidden = true;
      const at = this.lines.length;
      const ok = await this.save((lines) => lines.push(line(word.value, said.value)), (error) => {
        failed.replaceChildren(icon("warn"), reason(error, at));
        failed.hidden = false;
        (word.value.trim() ? said : word).focus();
      });
      if (!ok) return;
      toast(t("words.saved"));
      this.trying.hold(word.value.trim());
      word.value = said.value = "";
      this.show(".adder input");
    };
    return h("form", { class: "adder", onsubmit: submit, novalidate: true },
      h("div", { class: "field" }, h("label", { for: "new-word" }, t("words.word")), word),
      h("div", { class: "field" }, h("label", { for: "new-said" }, t("words.said")), said),
      h("button", { type: "submit", class: "button primary" }, icon("plus"), t("words.add")), failed);
  }

  asText() {
    const area = h("textarea", { class: "textarea code-text", id: "lexicon-text", dir: "auto", rows: 8, spellcheck: "false", autocapitalize: "off", value: this.text() });
    area.dataset.before = area.value; // who has not edited it sees what was changed elsewhere
    const failed = h("div", { role: "alert" });
    const save = async () => {
      failed.replaceChildren();
      const ok = await this.save((lines) => lines.splice(0, lines.length, ...area.value.replace(/\n$/, "").split("\n")), (error) =>
        failed.replaceChildren(note("bad", "warn", ...(error.lines?.slice(0, 8).map((one) =>
          h("p", {}, `${t("words.line", { n: one.line })}: ${faultOf(one)}`)) ?? partsOf(error)))));
      if (!ok) return;
      toast(t("words.saved"));
      this.show(".words-text summary");
    };
    return h("details", { class: "more words-text" }, h("summary", {}, t("words.text")),
      h("div", { class: "stack-small" },
        h("label", { class: "muted small", for: "lexicon-text" }, t("words.text.hint")), area, failed,
        h("div", { class: "row" }, h("button", { type: "button", class: "button", onclick: save }, icon("check"), t("words.save")))));
  }
}

/** A line as its entry, or null for what is none. */
function split(text) {
  const [head, ...comment] = text.split("#");
  if (!head.trim()) return null;
  const [word, ...said] = head.split("=");
  return { word: word.trim(), said: said.join("=").trim(), comment: comment.length ? `#${comment.join("#")}` : "" };
}

const line = (word, said, comment = "") => `${word.trim()} = ${said.trim()}${comment ? `  ${comment}` : ""}`;

/** What the server says of line `at`, else the whole. */
function reason(error, at) {
  const one = error.lines?.find(({ line: number }) => number === at + 1);
  return one ? faultOf(one) : wordsOf(error);
}

const faultOf = ({ code }) => t(`lexicon.${code}`);

/** Try the lexicon on a sentence: what will be spoken, and how it sounds. */
function tryCard() {
  const area = h("textarea", { class: "textarea", rows: 3, dir: "auto", id: "trial", value: trial || sample(pageLanguage) });
  const language = () => (file === "all" ? "" : file);
  const body = h("div", { class: "stack-small", "aria-live": "polite" });
  let asked = 0;
  const ask = debounced(200, async () => {
    trial = area.value;
    const mine = ++asked;
    if (!area.value.trim()) return body.replaceChildren();
    try {
      const answer = await get(`v1/audio/spoken?${new URLSearchParams({ text: area.value.slice(0, 1500), ...(language() && { language: language() }) })}`);
      if (mine === asked) body.replaceChildren(...spokenParts(answer));
    } catch (error) {
      if (mine === asked) body.replaceChildren(h("div", { class: "muted" }, wordsOf(error), said(error)));
    }
    return undefined;
  });
  area.addEventListener("input", ask);
  ask();
  const hear = hearButton(() => "", () => language() || undefined, t("words.trial"), () => area.value);
  return {
    ask,
    /** Another language is chosen: the sentence is read in it, and is one of it, unless somebody has typed here. */
    follow() {
      if (isSample(area.value)) area.value = sample(language() || pageLanguage);
      ask();
    },
    /** The sentence holds `word`, so that it can be heard at once. */
    hold(word) {
      if (area.value.toLocaleLowerCase().includes(word.toLocaleLowerCase())) return;
      area.value = `${area.value.trim()} ${word}.`.trim();
      ask();
    },
    element: h("section", { class: "card", "aria-labelledby": "try-title" },
      h("div", { class: "card-head" }, h("h2", { id: "try-title" }, t("words.try")), hear),
      h("div", { class: "field" }, h("label", { for: "trial" }, t("words.trial")), area), body),
  };
}
