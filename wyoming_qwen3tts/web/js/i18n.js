// The page's own words, in ten languages. What the server says in English is shown as it says it.

import { local } from "./store.js";

export const LANGUAGES = {
  de: "Deutsch", en: "English", es: "Español", fr: "Français", it: "Italiano",
  ja: "日本語", ko: "한국어", pt: "Português", ru: "Русский", zh: "中文",
};

const isOurs = (code) => Object.hasOwn(LANGUAGES, code);

let words = {};
export let language = "en";

/** The text of `key`, its {holes} filled. A key without a text shows itself, so that it is noticed. */
export function t(key, holes = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (hole, name) => holes[name] ?? hole);
}

export const has = (key) => key in words;

function chosen() {
  const kept = local.get("language");
  if (isOurs(kept)) return kept;
  for (const tag of navigator.languages ?? [navigator.language]) {
    const code = tag.slice(0, 2).toLowerCase();
    if (isOurs(code)) return code;
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

/** Raises if the words cannot be fetched; then all stays as it was. */
export async function choose(wanted) {
  await loadWords(wanted);
  local.set("language", wanted);
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

export const percent = (share) => new Intl.NumberFormat(language, { style: "percent" }).format(share);
export const seconds = (value) => t("unit.s", { n: number(value, value < 10 ? 1 : 0) });
export const milliseconds = (value) => (value < 9950 ? t("unit.ms", { n: number(Math.round(value)) }) : seconds(value / 1000));
export const megabytes = (value) => (value < 1000 ? t("unit.mb", { n: number(value) }) : t("unit.gb", { n: number(value / 1024, 1) }));

/** What a language calls itself; one that the home has added, as the browser says. */
export function languageName(code) {
  if (isOurs(code)) return LANGUAGES[code];
  const name = languageHere(code, code);
  return name.charAt(0).toLocaleUpperCase() + name.slice(1);
}

/** What a language is called in the page's own. */
export function languageHere(code, here = language) {
  try {
    return new Intl.DisplayNames([here], { type: "language" }).of(code);
  } catch {
    return code; // no code at all
  }
}
