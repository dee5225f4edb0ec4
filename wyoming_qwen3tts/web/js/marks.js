// Moods, pauses and voices that stand in the text: chips that write them where the cursor is.

import { h } from "./dom.js";
import { t } from "./i18n.js";
import { store } from "./store.js";
import { idOf, isOwn, pickVoice } from "./voicelist.js";

const MOODS = ["happy", "sad", "angry", "excited", "calm", "serious", "whisper", "laugh", "sigh"];

/** The chips for `text`, a textarea. `language()` is the one to show voices of; `isSample()`: whether its text is only ours. */
export function marksBar(text, language, isSample) {
  const write = (words, all = false) => {
    const start = all ? 0 : text.selectionStart, end = all ? text.value.length : text.selectionEnd;
    const before = /\S$/.test(text.value.slice(0, start)) ? " " : "", after = /^\s/.test(text.value.slice(end)) ? "" : " ";
    text.setRangeText(before + words + after, start, end, "end");
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus();
  };
  const chip = (label, onclick) => h("button", { type: "button", onclick }, label);
  const voice = () => pickVoice("", language(), (id) => write(id ? `[${nameInMark(id)}]` : "[/voice]"));
  return h("details", { class: "more" },
    h("summary", {}, t("marks.title")),
    h("div", { class: "stack-small" },
      h("p", { class: "hint" }, t("marks.hint")),
      h("div", { class: "chips", role: "group", "aria-label": t("marks.title") },
        MOODS.map((mood) => chip(t(`mood.${mood}`), () => write(`[${t(`mood.${mood}`)}]`))),
        chip(t("marks.pause"), () => write("[pause:1s]")),
        chip(t("marks.voice"), voice),
        chip(t("marks.example"), () => write(t("marks.dialogue"), isSample())))));
}

/** A speaker without the language, so that the text's own counts. */
function nameInMark(id) {
  const voice = store.voices.find((one) => idOf(one) === id);
  return voice && !isOwn(voice) ? id.replace(/-[a-z]{2,3}$/, "") : id;
}
