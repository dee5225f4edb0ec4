// A voice from a description: try several, keep the one that fits.

import { ApiError, broken, call, events, post } from "../api.js";
import { h, icon, iconButton, setIcon } from "../dom.js";
import { clearErrors, field, problems, select, showError } from "../fields.js";
import { LANGUAGES, language as pageLanguage, number, seconds, t } from "../i18n.js";
import { refreshVoices } from "../live.js";
import { checklist } from "../needs.js";
import { Reply, ready, stopAll } from "../player.js";
import { isSample, sample } from "../voicelist.js";
import { Wave, still } from "../wave.js";
import { done } from "./clone.js";

const VARIANTS = 3;
const EXAMPLES = ["design.example.1", "design.example.2", "design.example.3"];

export function designForm() {
  const element = h("div", { class: "stack" });
  const general = problems();
  const lang = pageLanguage === "zh" ? "zh" : "en"; // of descriptions: the model was made for these two
  const description = h("textarea", { class: "textarea", rows: 3, dir: "auto", lang, maxlength: 1000, placeholder: t("design.placeholder") });
  const language = select(Object.entries(LANGUAGES), pageLanguage);
  const text = h("input", { class: "input", dir: "auto", maxlength: 300, value: sample(pageLanguage) });
  language.addEventListener("change", () => { if (isSample(text.value)) text.value = sample(language.value); });
  const fields = {
    description: field("description", t("design.description"), description, { hint: t("design.hint") }),
    language: field("language", t("speak.language"), language),
    text: field("text", t("design.text"), text),
  };
  const button = h("button", { type: "submit", class: "button primary large" });
  const results = h("section", { class: "card", hidden: true, "aria-labelledby": "variants-title" });
  let asking = null;

  const label = () => button.replaceChildren(icon(asking ? "stop" : "wand"), t(asking ? "speak.stop" : results.hidden ? "design.make" : "design.more"));
  label();

  async function make(event) {
    event.preventDefault();
    if (asking) return asking.abort();
    ready();
    clearErrors(fields, general);
    if (!description.value.trim()) return showError({ param: "description", message: t("design.missing") }, fields, general);
    asking = new AbortController();
    const list = variantList(results, () => element.replaceChildren(needs.element, form), element);
    label();
    try {
      const wish = { description: description.value.trim(), language: language.value, text: text.value.trim() || sample(language.value), variants: VARIANTS };
      const response = await call("v1/audio/voices/design", { method: "POST", json: wish, headers: { Accept: "text/event-stream" }, signal: asking.signal });
      let isWhole = false;
      for await (const message of events(response)) {
        if (message?.error) throw new ApiError(0, message.error, true);
        if (message?.id) list.add(message);
        isWhole ||= message?.type === "done";
      }
      if (!isWhole) throw broken();
    } catch (error) {
      if (error.name !== "AbortError") showError(error, fields, general);
    }
    asking = null;
    list.finish();
    label();
    return undefined;
  }

  const form = h("form", { class: "stack", novalidate: true, onsubmit: make },
    h("section", { class: "card" },
      fields.description,
      h("div", { class: "chips" }, EXAMPLES.map((key) => h("button", { type: "button", lang, onclick: () => { description.value = t(key); description.focus(); fields.description.clear(); } }, t(key)))),
      h("div", { class: "pair" }, fields.language, fields.text),
      general,
      h("div", { class: "row" }, button)),
    results);
  const needs = checklist("design", "need.title.design", form);
  element.append(needs.element, form);
  return {
    element,
    leave: () => {
      needs.leave();
      asking?.abort();
    },
  };
}

function variantList(results, again, element) {
  const list = h("ul", { class: "variants" });
  const waiting = h("li", { class: "variant waiting" }, h("span", { class: "dot" }), t("design.making"));
  waiting.dataset.state = "busy";
  list.append(waiting);
  results.hidden = false;
  results.replaceChildren(h("h2", { id: "variants-title" }, t("design.variants")), list);
  let count = 0;
  return {
    add(variant) {
      count += 1;
      waiting.before(variantItem(variant, count, again, element));
    },
    finish() {
      waiting.remove();
      if (!count) results.hidden = true;
    },
  };
}

function variantItem(variant, count, again, element) {
  const bytes = Uint8Array.from(atob(variant.wav), (letter) => letter.charCodeAt(0));
  const wave = new Wave({ low: true });
  const label = t("design.variant", { n: number(count) });
  let samples = null, reply = null;
  const play = iconButton("play", t("hear.play", { name: label }), async () => {
    if (reply && !reply.over) return reply.stop();
    reply = new Reply();
    wave.show(reply);
    setIcon(play, "stop", t("hear.stop", { name: label }));
    await reply.replay([await samples]);
    setIcon(play, "play", t("hear.play", { name: label }));
    return undefined;
  });
  play.classList.add("round");
  samples = ready().decodeAudioData(bytes.buffer).then((buffer) => buffer.getChannelData(0));
  samples.then((all) => wave.show(still(all, 24_000)), () => play.setAttribute("disabled", ""));
  const name = h("input", { class: "input", maxlength: 64, autocomplete: "off", placeholder: t("clone.name.example") });
  const nameField = field("name", t("clone.name"), name);
  const failed = problems();
  const keep = h("form", { class: "keep", hidden: true, novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    clearErrors({ nameField }, failed);
    if (!name.value.trim()) return showError({ param: "name", message: t("clone.name.missing") }, { name: nameField }, failed);
    save.disabled = true;
    try {
      const voice = await post(`v1/audio/voices/design/${encodeURIComponent(variant.id)}`, { name: name.value.trim() });
      await refreshVoices();
      stopAll();
      done(element, voice, again);
    } catch (error) {
      showError(error, { name: nameField }, failed);
    }
    save.disabled = false;
    return undefined;
  } }, nameField);
  const save = h("button", { type: "submit", class: "button primary" }, icon("check"), t("design.keep"));
  keep.append(save, failed);
  const choose = h("button", { type: "button", class: "button small", "aria-expanded": "false", "aria-label": `${t("design.choose")}: ${label}`, onclick: () => {
    keep.hidden = !keep.hidden;
    choose.setAttribute("aria-expanded", String(!keep.hidden));
    if (!keep.hidden) name.focus();
  } }, t("design.choose"));
  return h("li", { class: "variant" },
    h("div", { class: "row nowrap" }, play, h("div", { class: "grow" },
      h("h3", {}, label, variant.seconds && h("span", { class: "muted small" }, ` ${seconds(variant.seconds)}`)), wave.element), choose),
    keep);
}
