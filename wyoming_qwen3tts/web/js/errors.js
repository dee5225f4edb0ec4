// What went wrong, in the page's language. The server has codes, the words are here; its own words are English.

import { h } from "./dom.js";
import { has, language, t } from "./i18n.js";

const QUALITY = { "too-short": "short", short: "brief", long: "lengthy" }; // the server's names of what a clip lacks
const GENERAL = new Set(["bad-request", "invalid-value", "conflict", "forbidden", "speech-failed"]); // the message says more

/** What a code says of a clip, in words. */
export const clipWords = (code) => `quality.${QUALITY[code] ?? code}`;

/** The key of the words for an error, as fine as they are; null where there are none. */
function keyOf({ why, code }) {
  const keys = [why?.startsWith("clip-") ? clipWords(why.slice(5)) : `reason.${why}`, `error.${code?.replaceAll("_", "-")}`];
  return keys.find(has) ?? null;
}

/** One sentence: the server's own on an English page, elsewhere the page's for its code. */
export function wordsOf(error) {
  if (!error.isTheirs || language === "en") return plain(error);
  const key = keyOf(error);
  return key ? t(key) : t("error.unknown", { status: error.status || error.code });
}

/** The same for a note: a heading, and what the server says beneath it. */
export function partsOf(error) {
  const key = error.isTheirs && keyOf(error);
  if (!key) return [h("p", {}, wordsOf(error)), said(error)];
  if (language !== "en") return [h("p", {}, h("strong", {}, t(key))), said(error)];
  const heading = !GENERAL.has(error.code) && t(key);
  return [heading && h("p", {}, h("strong", {}, heading)), plain(error) !== heading && h("p", {}, plain(error))];
}

/** What the server says itself, to be opened; only where the words leave something out. */
export function said(error) {
  const key = keyOf(error);
  if (language === "en" || !error.isTheirs || !error.message || (key && !key.startsWith("error."))) return null;
  return h("details", { class: "said" }, h("summary", {}, t("error.said")), h("code", { lang: "en" }, error.message));
}

/** What to do about it. */
export const fixOf = (error) => (language === "en" ? error.fix : t(has(`fix.${error.code}`) ? `fix.${error.code}` : "fix.other"));

/** The message without the API's name of the field, which stands beside the field already. */
function plain({ message, param }) {
  const text = message.startsWith(`${param}: `) ? message.slice(param.length + 2) : message;
  return text.charAt(0).toUpperCase() + text.slice(1);
}
