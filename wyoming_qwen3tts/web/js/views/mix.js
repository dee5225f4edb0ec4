// A voice mixed from two: so much of the one, so much of the other.

import { call, post } from "../api.js";
import { h, icon } from "../dom.js";
import { clearErrors, field, problems, select, showError } from "../fields.js";
import { number, t } from "../i18n.js";
import { refreshVoices } from "../live.js";
import { checklist } from "../needs.js";
import { stopAll } from "../player.js";
import { store, watch } from "../store.js";
import { idOf, isOwn, kindOf, nameOf } from "../voicelist.js";
import { done } from "./clone.js";

const MOST = 10;

export function mixForm() {
  const element = h("div", { class: "stack" });
  const general = problems();
  const parts = [part("first", 2), part("second", 1)];
  const name = h("input", { class: "input", maxlength: 64, autocomplete: "off", placeholder: t("clone.name.example") });
  const fields = { name: field("name", t("clone.name"), name, { hint: t("clone.name.hint") }), of: parts[1].field };
  const button = h("button", { type: "submit", class: "button primary large" }, icon("wand"), t("mix.make"));
  let made = null; // {name, of} of what this form has made: mixed anew under the same name, it replaces itself

  async function make(event) {
    event.preventDefault();
    clearErrors(fields, general);
    const wanted = name.value.trim();
    if (!wanted) return showError({ param: "name", message: t("clone.name.missing") }, fields, general);
    button.disabled = true;
    const of = parts.map((one) => one.recipe()).join("+"), before = made?.name === wanted ? made : null;
    const mix = (recipe) => post("v1/audio/voices/blend", { name: wanted, of: recipe });
    try {
      if (before) await call(`v1/audio/voices/${encodeURIComponent(wanted)}`, { method: "DELETE" });
      made = null;
      let voice;
      try {
        voice = await mix(of);
      } catch (error) {
        if (before) await mix(before.of).then(() => { made = before; }); // as it was
        throw error;
      }
      made = { name: idOf(voice), of };
      await refreshVoices();
      stopAll();
      done(element, voice, () => element.replaceChildren(needs.element, form));
    } catch (error) {
      showError(error, fields, general);
    }
    button.disabled = false;
    return undefined;
  }

  const form = h("form", { class: "card", novalidate: true, onsubmit: make },
    h("p", { class: "hint" }, t("mix.hint")),
    parts.map((one) => h("div", { class: "pair" }, one.field, one.share)),
    fields.name, general, h("div", { class: "row" }, button));
  const needs = checklist("mixing", "need.title.mix", form);
  const stop = [needs.leave, watch("voices", () => parts.forEach((one) => one.fill()))];
  element.append(needs.element, form);
  return { element, leave: () => stop.forEach((end) => end()) };
}

/** A voice, and a slider for how much of it. */
function part(which, weight) {
  const voice = select([], "");
  const share = h("input", { type: "range", min: 1, max: MOST, step: 1, value: weight });
  const shareField = field(`${which}-share`, t("mix.parts", { n: number(weight) }), share);
  share.addEventListener("input", () => {
    shareField.querySelector("label").textContent = t("mix.parts", { n: number(Number(share.value)) });
  });
  const fill = () => {
    const chosen = voice.value, all = mixable();
    voice.replaceChildren(...all.map(([key, label]) => h("option", { value: key }, label)));
    voice.value = all.some(([key]) => key === chosen) ? chosen : (all[which === "second" ? 1 : 0] ?? all[0] ?? [""])[0];
  };
  fill();
  return { field: field(which, t(`mix.${which}`), voice), share: shareField, fill, recipe: () => `${voice.value}(${share.value})` };
}

/** [[name, label], ...]: each speaker once, then the home's own. */
function mixable() {
  const speakers = store.voices.filter((voice) => kindOf(voice) === "speaker").map((voice) => [idOf(voice).replace(/-[a-z]{2,3}$/, ""), nameOf(voice)]);
  const own = store.voices.filter(isOwn).map((voice) => [idOf(voice), nameOf(voice)]);
  return [...new Map([...speakers.sort(([a], [b]) => a.localeCompare(b)), ...own])];
}
