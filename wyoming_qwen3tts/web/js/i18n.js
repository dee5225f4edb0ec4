// The page's own words, in ten languages. What the server says in English is shown as it says it.

import { local } from "./store.js";

export const LANGUAGES = {
  de: "Deutsch", en: "English", es: "Español", fr: "Français", it: "Italiano",
  ja: "日本語", ko: "한국어", pt: "Português", ru: "Русский", zh: "中文",
};

let words = {};
export let language = "en";

/** The text of `key`, its {holes} filled. A key without a text shows itself, so that it is noticed. */
export function t(key, holes = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (hole, name) => holes[name] ?? hole);
}

export const has = (key) => key in words;

function chosen() {
  const kept = local.get("language");
  if (kept in LANGUAGES) return kept;
  for (const tag of navigator.languages ?? [navigator.language]) {
    const code = tag.slice(0, 2).toLowerCase();
    if (code in LANGUAGES) return code;
  }
  return "en";
}

export async function loadWords(wanted = chosen()) {
  const answer = await fetch(new URL(`../i18n/${wanted}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`i18n/${wanted}.json: ${answer.status}`);
  words = await answer.json();
  language = wanted;
  document.documentElement.lang = wanted;
  translate(document);
}

export function choose(wanted) {
  local.set("language", wanted);
  return loadWords(wanted);
}

/** Elements of index.html carry the key of their text. */
function translate(root) {
  for (const element of root.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const element of root.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
    element.title = element.tagName === "BUTTON" ? t(element.dataset.i18nLabel) : "";
  }
}

export function number(value, digits = 0) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

export const seconds = (value) => t("unit.s", { n: number(value, value < 10 ? 1 : 0) });
export const milliseconds = (value) => (value < 9950 ? t("unit.ms", { n: number(Math.round(value)) }) : seconds(value / 1000));
export const megabytes = (value) => (value < 1000 ? t("unit.mb", { n: number(value) }) : t("unit.gb", { n: number(value / 1024, 1) }));

/** What a language calls itself; one that the home has added, as the browser says. */
export function languageName(code) {
  if (code in LANGUAGES) return LANGUAGES[code];
  try {
    const name = new Intl.DisplayNames([code], { type: "language" }).of(code);
    return name[0].toLocaleUpperCase(code) + name.slice(1);
  } catch {
    return code;
  }
}
