// What the page knows about voices: names fit for people, order, and hearing one.

import { avatar, h, icon, iconButton, openDialog, setIcon, toast } from "./dom.js";
import { whyInWords } from "./engine.js";
import { wordsOf } from "./errors.js";
import { LANGUAGES, has, language as pageLanguage, languageHere, languageName, number, t } from "./i18n.js";
import { Reply } from "./player.js";
import { local, store } from "./store.js";

const SAMPLES = {
  de: "Guten Morgen! Draußen sind es 21,5 Grad, und die Waschmaschine ist fertig.",
  en: "Good morning! It is 21.5 degrees outside, and the washing machine is done.",
  es: "¡Buenos días! Fuera hay 21,5 grados y la lavadora ha terminado.",
  fr: "Bonjour ! Il fait 21,5 degrés dehors et la machine à laver a terminé.",
  it: "Buongiorno! Fuori ci sono 21,5 gradi e la lavatrice ha finito.",
  ja: "おはようございます。外の気温は21.5度、洗濯が終わりました。",
  ko: "좋은 아침이에요. 바깥 기온은 21.5도이고, 빨래가 끝났어요.",
  pt: "Bom dia! Lá fora estão 21,5 graus e a máquina de lavar terminou.",
  ru: "Доброе утро! На улице 21,5 градуса, стиральная машина закончила работу.",
  zh: "早上好！外面21.5度，洗衣机已经洗好了。",
};
export const sample = (code) => SAMPLES[code] ?? SAMPLES.en;
/** Whether nobody has written `text`, but we. */
export const isSample = (text) => Object.values(SAMPLES).includes(text);

/** [[code, name], ...]: the ten languages, and those that the home has added. */
export function spokenLanguages() {
  const added = [...new Set(store.voices.flatMap((voice) => voice.languages))].filter((code) => !(code in LANGUAGES)).sort();
  return [...Object.entries(LANGUAGES), ...added.map((code) => [code, languageName(code)])];
}

export const idOf = (voice) => voice.id ?? voice.name;
export const speaks = (voice, code) => !code || voice.languages.includes(code);
/** "clone", "design", "blend", "speaker" or "builtin". */
export const kindOf = (voice) => (voice.engine === "builtin" ? "builtin" : voice.kind);
export const isOwn = (voice) => ["clone", "design", "blend"].includes(voice.kind);

/** "Ryan" for `ryan-en`, "Built-in" for `builtin-de`; a person's own voices keep the name they were given. */
export function nameOf(voice) {
  if (!voice) return t("voice.auto");
  if (isOwn(voice)) return voice.name ?? voice.id;
  if (voice.kind === "wyoming") return voice.speaker; // as its own server calls it
  const stem = idOf(voice).replace(/-[a-z]{2,3}$/, "");
  if (stem === "builtin") return t("voice.builtin");
  return stem.split(/[_\s-]+/).map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join(" ");
}

/** The languages of one voice, or of several together: their names, or how many they are. */
export function languagesOf(...voices) {
  const codes = [...new Set(voices.flatMap((voice) => voice.languages))];
  return codes.length > 3 ? t("voice.languages", { n: number(codes.length) }) : codes.map(languageName).join(", ");
}

/** Who a speaker of Qwen3-TTS is, in a line; "" of anybody else. */
export function characterOf(voice) {
  return has(`character.${voice.speaker}`) ? t(`character.${voice.speaker}`) : "";
}

/** Gender, age and mother tongue, as far as they are known. */
export function whoIs(voice) {
  const { gender, age, native } = voice.about ?? {};
  const words = [gender && t(`who.${gender}`), age && t(`who.${age}`)].filter(Boolean).join(", ");
  return native ? t("who.native", { who: words, language: languageHere(native) }) : "";
}

/** Whether `wanted`, what somebody typed, is in the name, the character or the languages of one of `voices`. */
export function fits(voices, wanted) {
  const text = voices.flatMap((voice) => [idOf(voice), nameOf(voice), t(`kind.${kindOf(voice)}`), characterOf(voice), whoIs(voice), voice.style?.instruct ?? "",
    ...(isOwn(voice) ? [] : voice.languages.flatMap((code) => [languageName(code), languageHere(code)]))]);
  return wanted.toLowerCase().split(/\s+/).every((word) => text.join(" ").toLowerCase().includes(word));
}

/** [[voice, ...], ...]: those that `by` has one name for are together; who speaks `code` is the first of them. */
export function people(voices, code, by = stemOf) {
  const found = new Map();
  for (const voice of voices) found.set(by(voice), [...(found.get(by(voice)) ?? []), voice]);
  const rank = (voice) => (voice.languages[0] === code ? 0 : voice.languages[0] === voice.about?.native ? 1 : 2) + (styleOf(voice) ? 0.5 : 0);
  return [...found.values()].map((group) => group.sort((a, b) => rank(a) - rank(b)));
}

/** A speaker in one style, whatever the language. */
const stemOf = (voice) => (isOwn(voice) || voice.kind === "wyoming" ? idOf(voice) : idOf(voice).replace(/-[a-z]{2,3}$/, ""));
/** Somebody, in whatever style and language. */
export const speakerOf = (voice) => (kindOf(voice) === "speaker" ? voice.speaker : stemOf(voice));
/** "whisper" for `ryan-whisper-en`; "" for a plain voice. */
export const styleOf = (voice) => (kindOf(voice) === "speaker" && stemOf(voice).startsWith(`${voice.speaker}-`) ? stemOf(voice).slice(voice.speaker.length + 1) : "");

const favourites = () => new Set(JSON.parse(local.get("favourites") ?? "[]"));
export const isFavourite = (voice) => favourites().has(speakerOf(voice));
export function likes(voice, is) {
  const kept = favourites();
  if (is) kept.add(speakerOf(voice));
  else kept.delete(speakerOf(voice));
  local.set("favourites", JSON.stringify([...kept]));
}

/** Favourites and own voices first, then speakers as the server sorts them (natives first), the built-in voice last. */
export function sorted(voices, code) {
  const rank = { clone: 0, design: 0, blend: 0, speaker: 1, wyoming: 2, builtin: 3 };
  const first = (voice) => (voice.languages[0] === (code || pageLanguage) ? 0 : 1);
  return voices
    .filter((voice) => speaks(voice, code))
    .sort((a, b) => Number(isFavourite(b)) - Number(isFavourite(a)) || rank[kindOf(a)] - rank[kindOf(b)] || first(a) - first(b) || (a.label ?? "").localeCompare(b.label ?? ""));
}

/** The language to show voices of: the page's own if somebody speaks it. */
export const homeLanguage = () => (store.voices.some((voice) => speaks(voice, pageLanguage)) ? pageLanguage : "en");

let heard = null; // the button whose voice is being heard

/** Ends what a button of `hearButton` began; another view's reply goes on. */
export const stopHearing = () => heard?.reply.stop();

/** A round button that speaks `text`, by default a sentence in `code()`, as `voice()`; pressed again it stops. */
export function hearButton(voice, code, label, text = () => sample(code())) {
  const button = iconButton("play", t("hear.play", { name: label }), async () => {
    if (heard?.button === button) {
      heard.reply.stop();
      return;
    }
    const reply = new Reply();
    heard?.reply.stop();
    heard = { button, reply };
    setIcon(button, "stop", t("hear.stop", { name: label }));
    button.setAttribute("aria-pressed", "true");
    const language = code();
    const who = voice();
    await reply.speak({ input: text(), ...(who && { voice: who }), ...(language && { language }) });
    if (heard?.reply === reply) heard = null;
    setIcon(button, "play", t("hear.play", { name: label }));
    button.removeAttribute("aria-pressed");
    if (reply.error) toast(wordsOf(reply.error), "warn");
  });
  button.classList.add("round");
  return button;
}

/** A dialog to choose a voice by listening. `onchoose` gets its id, or "" for the voice that suits the text. */
export function pickVoice(chosen, code, onchoose) {
  openDialog(t("pick.title"), t("close"), (close) => {
    const search = h("input", { class: "input", type: "search", placeholder: t("pick.search"), "aria-label": t("pick.search") });
    const language = h("select", { class: "select", "aria-label": t("speak.language") },
      h("option", { value: "" }, t("pick.all")),
      spokenLanguages().map(([key, name]) => h("option", { value: key }, name)));
    language.value = code || homeLanguage();
    const list = h("ul", { class: "picks" });
    const choose = (id) => {
      close();
      onchoose(id); // it may move the focus
    };
    const fill = () => {
      const wanted = search.value.trim();
      const found = people(sorted(store.voices, language.value), language.value || pageLanguage).filter((voices) => fits(voices, wanted)).map(([voice]) => voice);
      const all = () => { language.value = ""; fill(); };
      list.replaceChildren(
        ...(wanted ? [] : [pick(null, chosen, language, choose)]),
        ...found.map((voice) => pick(voice, chosen, language, choose)),
        ...(found.length ? [] : [h("li", { class: "row muted" }, t("pick.none"),
          language.value && h("button", { type: "button", class: "button small", onclick: all }, t("pick.none.all")))]),
      );
    };
    search.addEventListener("input", fill);
    language.addEventListener("change", fill);
    fill();
    return { body: [h("div", { class: "row pick-filter" }, search, language), list] };
  }, { onclose: stopHearing });
}

function pick(voice, chosen, language, choose) {
  const id = voice ? idOf(voice) : "";
  const code = () => language.value || voice.languages[0];
  const button = h("button", { type: "button", class: "pick", "aria-pressed": String(id === chosen), onclick: () => choose(id) },
    voice ? avatar(id, true) : h("span", { class: "avatar small", "aria-hidden": "true" }, icon("wand")),
    h("span", { class: "grow" },
      h("span", { class: "pick-name" }, nameOf(voice)),
      h("span", { class: "muted small" }, voice ? `${t(`kind.${kindOf(voice)}`)} · ${characterOf(voice) || languagesOf(voice)}` : t("voice.auto.hint")),
      voice?.spoken_by && h("span", { class: "slow small" }, t("substitute.now", { why: whyInWords(voice.spoken_by.why) }))),
    id === chosen && icon("check"),
  );
  return h("li", { class: "row tight" }, button, voice && hearButton(() => id, code, nameOf(voice)));
}
