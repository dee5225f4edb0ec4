// Type something and hear it while it is made.

import { get } from "../api.js";
import { avatar, debounced, h, icon, iconButton, note, saveFile } from "../dom.js";
import { captions } from "../captions.js";
import { whyInWords } from "../engine.js";
import { said, wordsOf } from "../errors.js";
import { clearErrors, field, problems, select, showError } from "../fields.js";
import { LANGUAGES, language as pageLanguage, languageName, milliseconds, number, seconds, t } from "../i18n.js";
import { marksBar } from "../marks.js";
import { naturalCard } from "../natural.js";
import { Reply, ready } from "../player.js";
import { snippetBox } from "../snippets.js";
import { session, store, watch } from "../store.js";
import { idOf, isOwn, languagesOf, nameOf, pickVoice, sample, spokenLanguages } from "../voicelist.js";
import { Wave } from "../wave.js";

const PREVIEW_CHARS = 1500; // of a long text, so that the address of the question stays short
let last = null; // the reply that is playing or was played, kept while other views are looked at

const wish = JSON.parse(session.get("wish") ?? "null") ?? { text: "", voice: "", language: "", speed: 1, instructions: "" };
const keep = () => session.set("wish", JSON.stringify(wish));

/** Another view wants this voice to be used here. */
export function use(voice, language = "") {
  Object.assign(wish, { voice, language });
  keep();
}

/** The text that was typed here; "" where it is only a sentence of ours. */
export const ownText = () => (Object.keys(LANGUAGES).some((code) => wish.text === sample(code)) ? "" : wish.text.trim());

export function speakView() {
  if (!wish.text) wish.text = sample(pageLanguage);
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
  const stop = [natural.leave, watch("voices", () => form.voices()), watch("about", () => snippets.refresh())];
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
  text.addEventListener("input", () => { wish.text = text.value; changed(); });
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
    marksBar(text, () => wish.language, () => !text.value.trim() || text.value === sample(pageLanguage)),
    h("div", { class: "pair" }, fields.voice, fields.language),
    h("details", { class: "more", open: wish.speed !== 1 || Boolean(wish.instructions) },
      h("summary", {}, t("speak.more")), h("div", { class: "pair" }, fields.speed, fields.instructions)),
    general,
    h("div", { class: "row" }, player.button, h("span", { class: "muted small keys" }, t("speak.keys"))),
  );
  return { element, voices: show };
}

/** The button, the waveform, and how long everything took. */
function playerCard() {
  const wave = new Wave({ empty: t("speak.empty") });
  const facts = h("div", { class: "facts" }), instead = h("div", { class: "instead", role: "status" }), said = h("p", { class: "visually-hidden", role: "status" }); // said once, at the end
  const caption = captions();
  const button = h("button", { type: "submit", class: "button primary large" });
  const again = iconButton("repeat", t("speak.again"), () => replay());
  const save = iconButton("download", t("speak.save"), () => saveFile(last.wav(), "speech.wav"));
  const tools = h("div", { class: "row tight end", hidden: true }, again, save);
  let reply = null, playing = null, fields = {}, general = null;

  function show() {
    const busy = playing && !playing.over;
    button.replaceChildren(icon(busy ? "stop" : "play"), t(busy ? (playing.state === "waiting" ? "speak.waiting" : "speak.stop") : "speak.play"));
    button.dataset.busy = Boolean(busy);
    tools.hidden = !(last?.over && last.samples);
    if (!last) return;
    facts.replaceChildren(...factsOf(last));
    instead.replaceChildren(...insteadOf(last));
    if (last.over) said.textContent = facts.textContent;
  }
  const grow = () => facts.replaceChildren(...factsOf(last));

  async function run() {
    clearErrors(fields, general);
    if (!wish.text.trim()) {
      showError({ param: "input", message: t("speak.missing") }, fields, general);
      return;
    }
    reply = playing = last = new Reply();
    wave.show(reply);
    reply.addEventListener("change", show);
    reply.addEventListener("data", grow);
    show();
    wave.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
    const request = { input: wish.text, speed: wish.speed };
    if (wish.voice) request.voice = wish.voice;
    if (wish.language) request.language = wish.language;
    if (wish.instructions.trim()) request.instructions = wish.instructions.trim();
    caption.follow(Object.assign(reply, { text: request.input }));
    await reply.speak(request, { withMarks: true });
    if (reply.error) showError(reply.error, fields, general);
    show();
  }

  async function replay() {
    const pieces = last.pieces;
    playing = Object.assign(new Reply(), { text: last.text, marks: last.marks, language: last.language });
    wave.show(playing);
    caption.follow(playing);
    playing.addEventListener("change", show);
    await playing.replay(pieces);
    show();
  }

  const toggle = () => {
    ready();
    if (playing && !playing.over) playing.stop();
    else run();
    show();
  };
  if (last) {
    playing = reply = last;
    wave.show(last);
    last.addEventListener("change", show);
  }
  show();
  const element = h("section", { class: "card", "aria-label": t("speak.sound") }, h("div", {}, wave.element, instead, caption.element), h("div", { class: "card-head" }, facts, tools), said);
  return {
    element, button, toggle,
    connect: (theirs, place) => { fields = theirs; general = place; },
    clear: () => general?.clear(),
  };
}

function factsOf(reply) {
  const { stats } = reply;
  if (stats.heard === null) return [h("span", {}, t(reply.over ? "speak.nothing" : "speak.waiting.long"))];
  const fact = (key, value) => h("span", {}, `${t(key)} `, h("b", {}, value));
  const found = [fact("speak.first", milliseconds(stats.heard)), fact("speak.length", seconds(reply.seconds))];
  if (reply.voice) found.unshift(fact("speak.voice", reply.engine && !reply.voice.startsWith(reply.engine) ? `${reply.voice} (${reply.engine})` : reply.voice));
  if (stats.made && stats.made > stats.first) found.push(fact("speak.rate", `${number(reply.seconds / (stats.made / 1000), 1)}×`));
  if (stats.gaps) found.push(fact("speak.gaps", number(stats.gaps)));
  return found;
}

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
      if (mine === asked) body.replaceChildren(...spokenParts(answer));
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

/** The answer of v1/audio/spoken as elements; the words view shows it too. */
export function spokenParts(answer) {
  const parts = [h("p", { class: "spoken", dir: "auto", lang: answer.language }, answer.spoken || "—")];
  if (answer.changes.length) {
    parts.push(h("ul", { class: "changes" }, answer.changes.slice(0, 12).map((change) =>
      h("li", {}, h("span", { class: "from", dir: "auto", lang: answer.language }, change.from.trim() || "␣"), icon("arrow"),
        h("span", { class: "to", dir: "auto", lang: answer.language }, change.to.trim() || t("spoken.left.out")), h("span", { class: "tag" }, ruleName(change.rule))))));
  } else parts.push(h("p", { class: "muted small" }, t("spoken.same")));
  for (const code of answer.note_codes ?? []) parts.push(note("warn", "warn", t(`note.${code}`)));
  parts.push(h("p", { class: "muted small" }, t("spoken.language", { language: languageName(answer.language) })));
  return parts;
}
