// Type something and hear it while it is made.

import { get } from "../api.js";
import { avatar, debounced, h, icon, note, saveFile } from "../dom.js";
import { captions } from "../captions.js";
import { whyInWords } from "../engine.js";
import { said, wordsOf } from "../errors.js";
import { clearErrors, field, problems, select, showError } from "../fields.js";
import { language as pageLanguage, languageHere, milliseconds, number, seconds, t } from "../i18n.js";
import { marksBar } from "../marks.js";
import { naturalCard } from "../natural.js";
import { Reply, ready } from "../player.js";
import { snippetBox } from "../snippets.js";
import { session, store, watch } from "../store.js";
import { idOf, isOwn, isSample, languagesOf, nameOf, pickVoice, sample, spokenLanguages } from "../voicelist.js";
import { Wave } from "../wave.js";

const PREVIEW_CHARS = 1500; // of a long text, so that the address of the question stays short
const LONG_CHARS = 400, LONG_CHANGES = 6; // of what is spoken: more is shown when it is wanted
const ROWS = 10; // that the text field grows to
const COUNT_FROM = 0.8; // of the longest text: from here on characters are counted
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
let last = null; // the reply that was asked for last, kept while other views are looked at
let playing = null; // what is heard of it: itself, or once more
let untold = null; // an error of `last` that no view has shown

const wish = { text: "", voice: "", language: "", speed: 1, instructions: "", ...JSON.parse(session.get("wish") ?? "{}") };
const keep = () => session.set("wish", JSON.stringify(wish));

/** Another view wants this voice to be used here. */
export function use(voice, language = "") {
  Object.assign(wish, { voice, language });
  keep();
}

/** The text that was typed here; "" where it is only a sentence of ours. */
export const ownText = () => (isSample(wish.text) ? "" : wish.text.trim());

export function speakView() {
  if (!ownText()) wish.text = sample(wish.language || pageLanguage);
  const snippets = snippetBox(() => ({ ...wish, text: wish.text.trim() || "…" }));
  const preview = spokenCard();
  const player = playerCard();
  const changed = () => {
    keep();
    snippets.refresh();
    preview.ask();
    player.clear();
  };
  const form = composer(changed, player);
  const natural = naturalCard();
  const stop = [natural.leave, player.leave, watch("voices", () => { form.voices(); preview.ask(); }),
    watch("about", () => { snippets.refresh(); form.about(); }), watch("live", () => form.about())];
  preview.ask();

  return {
    title: t("speak.title"),
    intro: t("speak.intro"),
    body: h("div", { class: "columns" }, natural.element,
      h("div", { class: "stack" }, form.element, player.element),
      h("div", { class: "stack" }, preview.element,
        h("section", { class: "card", "aria-labelledby": "copy-title" }, h("h2", { id: "copy-title" }, t("copy.title")), snippets.element)),
    ),
    leave: () => stop.forEach((end) => end()),
  };
}

/** Text, voice, language, and how to speak. */
function composer(changed, player) {
  const text = h("textarea", { class: "textarea say", dir: "auto", rows: 4, value: wish.text, placeholder: t("speak.placeholder"), spellcheck: "true" });
  const count = h("p", { class: "hint count", role: "status", hidden: true });
  const grow = () => {
    const most = store.about?.text_chars;
    count.hidden = !most || text.value.length < most * COUNT_FROM;
    count.classList.toggle("slow", text.value.length > most);
    if (!count.hidden) count.textContent = t("speak.count", { n: number(text.value.length), max: number(most) });
    text.rows = Math.max(4, Math.min(ROWS, linesOf(text)));
  };
  text.addEventListener("input", () => { wish.text = text.value; grow(); changed(); });
  text.addEventListener("keydown", (event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && player.toggle());

  const voiceButton = h("button", { type: "button", class: "voice-button", id: "voice-button", onclick: () => pickVoice(wish.voice, wish.language, (voice) => { wish.voice = voice; show(); changed(); }) });
  const languages = () => [["", t("speak.language.auto")], ...spokenLanguages()];
  const language = select(languages(), wish.language);
  language.addEventListener("change", () => { wish.language = language.value; changed(); });
  const speed = h("input", { type: "range", min: 0.5, max: 2, step: 0.05, value: wish.speed });
  const speedField = field("speed", t("speak.speed", { n: number(wish.speed, 2) }), speed);
  speed.addEventListener("input", () => {
    wish.speed = Number(speed.value);
    speedField.querySelector("label").textContent = t("speak.speed", { n: number(wish.speed, 2) });
    changed();
  });
  const instructions = h("input", { class: "input", value: wish.instructions, placeholder: t("speak.instructions.example"), maxlength: 500 });
  instructions.addEventListener("input", () => { wish.instructions = instructions.value; changed(); });

  const fields = {
    input: field("input", t("speak.text"), text),
    voice: field("voice", t("speak.voice"), voiceButton),
    language: field("language", t("speak.language"), language),
    speed: speedField,
    instructions: field("instructions", t("speak.instructions"), instructions, { hint: t("speak.instructions.hint") }),
  };
  const general = problems();
  player.connect(fields, general);
  fields.input.append(count);
  const hint = fields.instructions.querySelector(".hint");
  const follow = () => {
    instructions.disabled = !canFollow();
    hint.textContent = t(instructions.disabled ? "speak.instructions.off" : "speak.instructions.hint");
  };
  follow();

  const show = () => {
    language.replaceChildren(...languages().map(([key, label]) => h("option", { value: key }, label)));
    language.value = wish.language;
    const voice = store.voices.find((one) => idOf(one) === wish.voice);
    voiceButton.replaceChildren(
      wish.voice ? avatar(wish.voice, true) : h("span", { class: "avatar small", "aria-hidden": "true" }, icon("wand")),
      h("span", { class: "grow" },
        h("span", { class: "pick-name" }, wish.voice && !voice ? wish.voice : nameOf(voice)),
        h("span", { class: "muted small" }, voice ? languagesOf(voice) : wish.voice ? "" : t("voice.auto.hint"))),
      icon("chevron"),
    );
  };
  show();

  const element = h("form", { class: "card", novalidate: true, onsubmit: (event) => { event.preventDefault(); player.toggle(); } },
    fields.input,
    marksBar(text, () => wish.language, () => !ownText()),
    h("div", { class: "pair" }, fields.voice, fields.language),
    h("details", { class: "more", open: wish.speed !== 1 || Boolean(wish.instructions) },
      h("summary", {}, t("speak.more")), h("div", { class: "pair" }, fields.speed, fields.instructions)),
    general,
    h("div", { class: "row" }, player.button, h("span", { class: "muted small keys" }, t(isMac ? "speak.keys.mac" : "speak.keys"))),
  );
  requestAnimationFrame(grow); // its width is known then
  return { element, voices: show, about: () => { grow(); follow(); } };
}

/** How many lines the text takes in its field. */
function linesOf(area) {
  const { rows } = area;
  area.rows = 1;
  area.classList.add("measured"); // its least height would be measured too
  const style = getComputedStyle(area), padding = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
  const lines = Math.round((area.scrollHeight - padding) / parseFloat(style.lineHeight));
  area.classList.remove("measured");
  area.rows = rows;
  return lines;
}

/** Whether a model that runs here speaks in the manner that it is told: the larger ones of Qwen3-TTS do. */
function canFollow() {
  const { kind, models = [], fallback } = store.live?.engine ?? {};
  if (kind === "builtin" || fallback === "builtin") return false;
  return kind !== "qwen3" || !models.length || models.some((model) => model.includes("1.7B"));
}

/** The button, the waveform, and how long everything took. */
function playerCard() {
  const wave = new Wave({ empty: t("speak.empty"), onseek: (at) => replay(at) });
  const facts = h("div", { class: "facts" }), instead = h("div", { class: "instead", role: "status" }), said = h("p", { class: "visually-hidden", role: "status" }); // said once, at the end
  const caption = captions();
  const button = h("button", { type: "submit", class: "button primary large" });
  const tool = (name, key, onclick) => h("button", { type: "button", class: "button small", disabled: true, onclick }, icon(name), t(key));
  const again = tool("repeat", "speak.again", () => replay());
  const save = tool("download", "speak.save", () => saveFile(last.wav(), `${fileName(last.text)}.wav`));
  const figures = h("div", { class: "facts" });
  const left = new AbortController(); // this view is shown no more
  let fields = {}, general = null;

  function show() {
    const busy = playing && !playing.over;
    button.replaceChildren(icon(busy ? "stop" : "play"), t(busy ? (playing.state === "waiting" ? "speak.waiting" : "speak.stop") : "speak.play"));
    button.dataset.busy = Boolean(busy);
    again.disabled = save.disabled = !canReplay();
    wave.element.setAttribute("aria-disabled", String(!canReplay()));
    facts.replaceChildren(...factsOf(last));
    figures.replaceChildren(...figuresOf(last));
    if (!last) return;
    instead.replaceChildren(...insteadOf(last));
    if (last.over) said.textContent = facts.textContent;
  }
  const grow = () => facts.replaceChildren(...factsOf(last));
  const tell = () => {
    if (untold) showError(untold, fields, general);
    untold = null;
  };
  const follow = () => {
    playing.addEventListener("change", show, { signal: left.signal });
    playing.addEventListener("data", grow, { signal: left.signal });
    playing.addEventListener("error", tell, { signal: left.signal });
    wave.show(playing);
    caption.follow(playing);
  };
  const canReplay = () => Boolean(last?.samples && (last.over || last.stats.made));

  async function run() {
    clearErrors(fields, general);
    if (!wish.text.trim()) {
      showError({ param: "input", message: t("speak.missing") }, fields, general);
      return;
    }
    if (tooLong() > 0) {
      showError({ param: "input", message: t("speak.too.long", { n: number(tooLong()) }) }, fields, general);
      return;
    }
    const reply = playing = last = new Reply();
    reply.text = wish.text;
    untold = null;
    reply.addEventListener("error", () => { untold = reply === last ? reply.error : untold; });
    follow();
    show();
    wave.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
    const request = { input: wish.text, speed: wish.speed };
    if (wish.voice) request.voice = wish.voice;
    if (wish.language) request.language = wish.language;
    if (wish.instructions.trim() && canFollow()) request.instructions = wish.instructions.trim();
    await reply.speak(request, { withMarks: true });
  }

  async function replay(from = 0) {
    if (!canReplay()) return;
    playing = Object.assign(new Reply(), { text: last.text, marks: last.marks, language: last.language });
    const heard = playing.replay(last.pieces, from);
    follow();
    show();
    await heard;
  }

  const toggle = () => {
    ready();
    if (playing && !playing.over) playing.stop();
    else run();
    show();
  };
  if (playing) follow();
  show();
  const element = h("section", { class: "card player", "aria-label": t("speak.sound") }, h("div", {}, wave.element, instead, caption.element), facts,
    h("div", { class: "row" }, again, save), h("details", { class: "more" }, h("summary", {}, t("speak.figures")), figures), said);
  return {
    element, button, toggle,
    leave: () => left.abort(),
    connect: (theirs, place) => { fields = theirs; general = place; tell(); },
    clear: () => general?.clear(),
  };
}

const fact = (key, value) => h("div", {}, h("span", {}, t(key)), " ", h("b", { class: "clip", title: value }, value), " ");

/** Who speaks, how soon, and how long: three places that are there from the start. */
function factsOf(reply) {
  const heard = reply?.stats.heard ?? null;
  if (heard === null && reply) return [fact("speak.voice", t(reply.over ? "speak.nothing" : "speak.waiting.long")), fact("speak.first", "–"), fact("speak.length", "–")];
  const voice = reply?.voice && (reply.engine && !reply.voice.startsWith(reply.engine) ? `${reply.voice} (${reply.engine})` : reply.voice);
  return [fact("speak.voice", voice || "–"), fact("speak.first", reply ? milliseconds(heard) : "–"), fact("speak.length", reply ? seconds(reply.seconds) : "–")];
}

/** For those who want to know how fast the engine is. */
function figuresOf(reply) {
  const { made, first, gaps } = reply?.stats ?? {};
  const rate = made && made > first ? `${number(reply.seconds / (made / 1000), 1)}×` : "–";
  return [fact("speak.rate", rate), fact("speak.gaps", reply ? number(gaps) : "–")];
}

/** The first words of a text, as a file may be called. */
const fileName = (text) => (text.replace(/\[[^\]]*\]/g, " ").match(/[\p{L}\p{N}]+/gu) ?? ["speech"]).slice(0, 6).join("-").slice(0, 40);

/** By how many characters the text is longer than the server takes. */
const tooLong = () => wish.text.length - (store.about?.text_chars ?? Infinity);

/** That somebody else spoke than was asked for, why, and where to find what to do about it. */
function insteadOf(reply) {
  if (!reply.insteadOf) return [];
  const said = t("substitute.said", { voice: reply.voice, wanted: reply.insteadOf, why: whyInWords(reply.insteadWhy) });
  return [note("warn", "warn", h("p", {}, said, " ", h("a", { href: "#/status" }, t("substitute.way"))))];
}

/** What will be spoken, and what was changed for it. */
function spokenCard() {
  const body = h("div", { class: "stack-small", "aria-live": "polite" });
  let asked = 0;
  const ask = debounced(250, async () => {
    const text = wish.text.trim().slice(0, PREVIEW_CHARS);
    const mine = ++asked;
    if (!text) {
      body.replaceChildren(h("p", { class: "muted" }, t("spoken.empty")));
      return;
    }
    try {
      const voice = store.voices.find((one) => idOf(one) === wish.voice);
      const language = wish.language || (voice && !isOwn(voice) ? voice.languages[0] : "");
      const answer = await get(`v1/audio/spoken?${new URLSearchParams({ text, ...(language && { language }) })}`);
      if (mine !== asked) return;
      body.replaceChildren(...spokenParts(answer));
      if (wish.text.trim().length > PREVIEW_CHARS) body.append(h("p", { class: "muted small" }, t("spoken.first", { n: number(PREVIEW_CHARS) })));
    } catch (error) {
      if (mine === asked) body.replaceChildren(h("div", { class: "muted" }, wordsOf(error), said(error)));
    }
  });
  const element = h("section", { class: "card", "aria-labelledby": "spoken-title" },
    h("div", { class: "card-head" }, h("h2", { id: "spoken-title" }, t("spoken.title")),
      h("a", { class: "small", href: "#/words" }, t("spoken.words"))),
    body);
  return { element, ask };
}

const ruleName = (rule) => t(`rule.${rule.replaceAll(" ", "-")}`);

/** The answer of v1/audio/spoken as elements; the words view shows it too. Of a long one the beginning, until all is wanted. */
export function spokenParts(answer) {
  const text = h("p", { class: "spoken", dir: "auto", lang: answer.language }, answer.spoken || "—");
  const changes = answer.changes.map((change) =>
    h("li", {}, h("span", { class: "from", dir: "auto", lang: answer.language }, change.from.trim() || "␣"), icon("arrow"),
      h("span", { class: "to", dir: "auto", lang: answer.language }, change.to.trim() || t("spoken.left.out")), h("span", { class: "tag" }, ruleName(change.rule))));
  const list = changes.length ? h("ul", { class: "changes" }, changes) : h("p", { class: "muted small" }, t("spoken.same"));
  const parts = [text, list];
  if (answer.spoken.length > LONG_CHARS || changes.length > LONG_CHANGES) {
    const button = h("button", { type: "button", class: "button small", "aria-expanded": "false", onclick: () => fold(button.getAttribute("aria-expanded") === "true") });
    const fold = (isFolded) => {
      text.classList.toggle("folded", isFolded);
      changes.forEach((change, at) => { change.hidden = isFolded && at >= LONG_CHANGES; });
      button.setAttribute("aria-expanded", String(!isFolded));
      button.textContent = t(isFolded ? "spoken.all" : "spoken.less");
    };
    fold(true);
    parts.push(h("div", {}, button));
  }
  for (const code of answer.note_codes ?? []) parts.push(note("warn", "warn", t(`note.${code}`)));
  parts.push(h("p", { class: "muted small" }, t("spoken.language", { language: languageHere(answer.language) })));
  return parts;
}
