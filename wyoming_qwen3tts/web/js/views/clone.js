// A voice from a clip: record or upload it, see whether it is good enough, give it a name.

import { post } from "../api.js";
import { h, icon, iconButton, note } from "../dom.js";
import { clipWords, partsOf, said, wordsOf } from "../errors.js";
import { clearErrors, field, problems, showError } from "../fields.js";
import { language as pageLanguage, number, seconds, t } from "../i18n.js";
import { refreshVoices } from "../live.js";
import { checklist } from "../needs.js";
import { Reply, stopAll } from "../player.js";
import { judge, measure } from "../quality.js";
import { decode, kindOf, record, why } from "../recorder.js";
import { store, watch } from "../store.js";
import { hearButton } from "../voicelist.js";
import { Wave, still } from "../wave.js";
import { use } from "./speak.js";

/** What the server reads, as v1/about says: more where ffmpeg is installed. */
const endings = () => store.about?.clips?.endings ?? [".wav", ".flac"];
const largestMb = () => (store.about?.clips?.bytes ?? 10 * 2 ** 20) / 2 ** 20;
const NAMES = { ".wav": "WAV", ".flac": "FLAC", ".m4a": "M4A", ".mp3": "MP3", ".ogg": "Ogg", ".webm": "WebM" }; // the usual ones
const CLIPS_FAULT = [400, 413, 415, 422]; // statuses; after another the clip may still be good
const isTaken = (kind) => endings().includes(`.${kind.toLowerCase()}`);
const formats = () => new Intl.ListFormat(pageLanguage, { type: "conjunction" }).format(endings().map((ending) => NAMES[ending]).filter(Boolean));

export function cloneForm() {
  let clip = null; // {blob, name, samples, rate}
  let canMake = false; // all that it takes is here
  const element = h("div", { class: "stack" });
  const general = problems();
  const name = h("input", { class: "input", maxlength: 64, autocomplete: "off", placeholder: t("clone.name.example") });
  const text = h("textarea", { class: "textarea", rows: 3, dir: "auto" });
  const consent = h("input", { type: "checkbox", id: "consent" });
  const sound = soundCard((taken) => {
    clip = taken;
    clearErrors(fields, general);
    finish.hidden = !(clip && canMake);
    text.value = clip?.said ?? ""; // may be corrected; what was said in another clip is not said in this one
    consent.checked = false; // that of somebody else, perhaps
  });
  const consentField = checkField(consent, t("clone.consent"));
  const fields = {
    audio_sample: sound.field, clip: sound.field, name: field("name", t("clone.name"), name, { hint: t("clone.name.hint") }),
    text: field("text", t("clone.text"), text, { hint: t("clone.text.hint") }), consent: consentField,
  };
  const button = h("button", { type: "submit", class: "button primary large" }, icon("check"), t("clone.make"));
  const finish = h("section", { class: "card", hidden: true, "aria-labelledby": "clone-2" },
    h("h2", { id: "clone-2" }, h("span", { class: "step" }, "2"), t("clone.step2")), fields.name, fields.text, consentField, general, h("div", { class: "row" }, button));

  async function make(event) {
    event.preventDefault();
    clearErrors(fields, general);
    if (!name.value.trim()) return showError({ param: "name", message: t("clone.name.missing") }, fields, general);
    if (!consent.checked) return showError({ param: "consent", message: t("clone.consent.missing") }, fields, general);
    button.disabled = true;
    button.replaceChildren(icon("repeat"), t("clone.making"));
    const form = new FormData();
    form.append("name", name.value.trim());
    form.append("consent", "true");
    form.append("audio_sample", clip.blob, clip.name);
    if (text.value.trim()) form.append("text", text.value.trim());
    try {
      const voice = await post("v1/audio/voices", undefined, { form });
      await refreshVoices();
      done(element, voice, () => {
        name.value = "";
        sound.again();
        element.replaceChildren(...first());
      });
    } catch (error) {
      showError(error, fields, general);
    }
    button.disabled = false;
    button.replaceChildren(icon("check"), t("clone.make"));
    return undefined;
  }
  const form = h("form", { class: "stack", novalidate: true, onsubmit: make }, sound.element, finish);
  const needs = checklist("cloning", "need.title.clone", {
    set hidden(isLacking) {
      const lacks = isLacking ? store.about.cloning.needs.filter((need) => !need.ok).map((need) => need.code) : [];
      form.hidden = lacks.some((code) => code === "allowed" || code === "key"); // to judge a clip needs no model
      canMake = !isLacking;
      finish.hidden = !(clip && canMake);
    },
  });
  const first = () => [needs.element, form];
  element.append(...first());
  return {
    element,
    leave: () => {
      needs.leave();
      sound.leave();
    },
  };
}

/** `box` beside its label, with a place for an error; as `field` is. */
function checkField(box, label) {
  const error = h("p", { class: "error", id: `${box.id}-error`, hidden: true });
  const element = h("div", { class: "field" }, h("div", { class: "check" }, box, h("label", { for: box.id }, label)), error);
  box.setAttribute("aria-describedby", error.id);
  element.fail = (message) => {
    error.replaceChildren(icon("warn"), h("span", {}, message));
    error.hidden = false;
    box.setAttribute("aria-invalid", "true");
  };
  element.clear = () => {
    error.hidden = true;
    box.removeAttribute("aria-invalid");
  };
  box.addEventListener("change", element.clear);
  element.control = box;
  return element;
}

/** A voice that was just made: hear it, use it. */
export function done(element, voice, again) {
  const id = voice.id ?? voice.name;
  const title = h("h2", { tabindex: "-1" }, t("made.title", { name: voice.name ?? id }));
  element.replaceChildren(h("section", { class: "card made" },
    h("div", { class: "row" }, hearButton(() => id, () => pageLanguage, voice.name ?? id), h("div", { class: "grow" }, title, h("p", { class: "muted" }, t("made.text")))),
    h("div", { class: "row" },
      h("button", { type: "button", class: "button primary", onclick: () => { use(id); location.hash = "#/speak"; } }, icon("wave"), t("made.use")),
      h("button", { type: "button", class: "button", onclick: () => {
        again();
        element.querySelector("button:enabled, input, select, textarea")?.focus();
      } }, t("made.again")))));
  title.focus();
}

/** Record or upload, then what it sounds like and what is wrong with it. */
function soundCard(ontake) {
  const errors = h("div", { class: "error", role: "alert", hidden: true });
  const body = h("div", { class: "stack-small" });
  const element = h("section", { class: "card", "aria-labelledby": "clone-1" },
    h("h2", { id: "clone-1" }, h("span", { class: "step" }, "1"), t("clone.step1")), body, errors);
  const field = element;
  field.fail = (message) => { errors.replaceChildren(icon("warn"), h("div", {}, message)); errors.hidden = false; };
  field.clear = () => { errors.hidden = true; };
  let finishRecording = null, isLeft = false;
  let looked = 0; // clips so far: what is found out about one is told of no other
  let known = ""; // the endings that the start shows
  const stopWatching = watch("about", () => body.querySelector("#clip-file") && known !== endings().join() && start());

  function start() {
    const input = h("input", { type: "file", class: "visually-hidden", accept: endings().join(), id: "clip-file", onchange: () => input.files[0] && uploaded(input.files[0]) });
    const drop = h("label", { class: "drop", for: "clip-file" }, icon("upload"), h("span", {}, h("strong", {}, t("clone.upload")), h("br", {}), h("span", { class: "muted small" }, t("clone.formats", { formats: formats(), n: number(largestMb()) }))));
    for (const type of ["dragenter", "dragover"]) drop.addEventListener(type, (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); if (event.dataTransfer.files[0]) uploaded(event.dataTransfer.files[0]); });
    const cannot = why();
    known = endings().join();
    body.replaceChildren(
      h("p", { class: "muted" }, t("clone.howto")),
      h("blockquote", { class: "script", lang: pageLanguage }, script()),
      h("div", { class: "ways" },
        h("div", { class: "way" }, h("button", { type: "button", class: "button record large", disabled: Boolean(cannot), onclick: (event) => startRecording(event.currentTarget) }, icon("mic"), t("clone.record")),
          h("p", { class: "muted small" }, cannot ? t(`clone.mic.${cannot}`) : t("clone.record.hint"))),
        h("div", { class: "way" }, input, drop)));
  }

  /** Where the keyboard goes on: to the first thing that can be done. */
  const focus = () => body.querySelector("button:enabled, input")?.focus();

  function again() {
    looked += 1;
    stopAll();
    field.clear();
    ontake(null);
    start();
  }

  async function startRecording(button) {
    field.clear();
    stopAll(); // else it would be in the recording
    button.disabled = true; // the browser may ask first, and a second click would open the microphone twice
    const meter = h("span", {}), bar = h("div", { class: "meter", role: "meter", "aria-label": t("clone.level"), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0 }, meter);
    const clock = h("b", { class: "clock" }, seconds(0)), advice = h("span", { role: "status" }, t("clone.speak"));
    let loudest = 0, clipped = false;
    const onlevel = ({ peak, rms, seconds: now }) => {
      loudest = Math.max(rms, loudest * 0.93);
      clipped ||= peak >= 0.985;
      const level = Math.max(0, Math.min(1, 1 + (20 * Math.log10(Math.max(loudest, 1e-4))) / 55));
      meter.style.transform = `scaleX(${level})`;
      bar.dataset.level = peak >= 0.985 ? "loud" : level < 0.3 ? "quiet" : "good";
      bar.setAttribute("aria-valuenow", Math.round(level * 100));
      clock.textContent = seconds(now);
      const hint = t(clipped ? "clone.too.loud" : now > 2 && level < 0.3 ? "clone.too.quiet" : now < 6 ? "clone.speak" : "clone.enough");
      if (advice.textContent !== hint) advice.textContent = hint;
    };
    let finish;
    try {
      finish = await record(onlevel, () => stopRecording());
    } catch (error) {
      button.disabled = false;
      field.fail(t({ NotAllowedError: "clone.mic.denied", NotFoundError: "clone.mic.none" }[error.name] ?? "clone.mic.failed"));
      return;
    }
    if (isLeft || !button.isConnected) { // another view is shown, or a file was chosen, while the browser asked
      await finish();
      return;
    }
    finishRecording = finish;
    const stop = h("button", { type: "button", class: "button record large", onclick: stopRecording }, icon("stop"), t("clone.stop"));
    body.replaceChildren(
      h("blockquote", { class: "script", lang: pageLanguage }, script()),
      h("div", { class: "row" }, h("span", { class: "recording-dot", "aria-hidden": "true" }), clock, advice), bar,
      h("div", { class: "row" }, stop));
    stop.focus();
  }

  async function stopRecording() {
    const finish = finishRecording;
    finishRecording = null;
    if (!finish) return;
    const taken = await finish();
    const readAll = taken.samples.length / taken.rate >= readingTime();
    await look({ ...taken, name: "recording.wav", said: readAll ? script() : "" });
  }

  async function uploaded(file) {
    field.clear();
    const mine = ++looked;
    const kind = await kindOf(file);
    if (mine !== looked) return undefined;
    if (!isTaken(kind)) return field.fail(kind === "?" ? t("clone.format.unknown", { formats: formats() }) : t("clone.format.wrong", { kind, formats: formats() }));
    if (file.size > largestMb() * 2 ** 20) return field.fail(t("clone.too.big", { n: number(largestMb()) }));
    const decoded = await decode(file);
    return mine === looked ? look({ blob: file, name: file.name, ...(decoded ?? {}) }) : undefined;
  }

  /** Shows the clip, what the browser thinks of it, and then what the server does. */
  async function look(clip) {
    const mine = ++looked;
    const hadFocus = body.contains(document.activeElement);
    const wave = new Wave({ low: true, empty: clip.samples ? "" : clip.name });
    const verdict = h("div", { class: "stack-small", role: "status" });
    const play = clip.samples && iconButton("play", t("clone.listen"), () => new Reply().replay([resampled(clip)]), { class: "icon-button round" });
    body.replaceChildren(
      h("div", { class: "row nowrap" }, play, h("div", { class: "grow" }, wave.element)), verdict,
      h("div", { class: "row" }, h("button", { type: "button", class: "button small", onclick: () => { again(); focus(); } }, icon("repeat"), t("clone.other"))));
    if (hadFocus) focus();
    if (clip.samples) wave.show(still(clip.samples, clip.rate));
    const found = clip.samples ? judge(measure(clip.samples, clip.rate)) : [];
    const facts = clip.samples ? [factLine(measure(clip.samples, clip.rate))] : [];
    const warnings = found.map(({ code, holes, stops }) => note(stops ? "bad" : "warn", "warn", t(`quality.${code}`, holes)));
    verdict.replaceChildren(...facts, ...warnings);
    if (found.some((problem) => problem.stops)) return ontake(null);
    ontake(clip);
    try {
      const form = new FormData();
      form.append("audio_sample", clip.blob, clip.name);
      const report = await post("v1/audio/voices/check", undefined, { form });
      if (mine !== looked) return undefined;
      const theirs = report.problems.map((problem) => note(problem.is_warning ? "warn" : "bad", "warn", inWords(problem)));
      const notes = theirs.length ? theirs : warnings;
      verdict.replaceChildren(...facts, ...(notes.length ? notes : [note("good", "check", t("quality.good"))]));
      if (report.ok === false) ontake(null);
    } catch (error) {
      if (mine !== looked) return undefined;
      if (CLIPS_FAULT.includes(error.status)) {
        ontake(null); // which takes errors away
        field.fail([wordsOf(error), said(error)]);
      } else verdict.append(note("warn", "warn", partsOf(error)));
    }
    return undefined;
  }

  start();
  return {
    element, field, again,
    leave: () => {
      isLeft = true;
      stopWatching();
      finishRecording?.();
      finishRecording = null;
    },
  };
}

/** Nobody reads the script faster; a shorter recording does not hold all of it. */
const readingTime = () => [...script()].length / (["ja", "ko", "zh"].includes(pageLanguage) ? 8 : 20);

/** The server explains in English, with numbers; elsewhere the page has words for it. */
function inWords({ code, message }) {
  const key = clipWords(code);
  if (pageLanguage === "en") return message;
  return [t(key, { n: code === "too-short" ? 1.5 : 3 }), code === "unreadable" && h("code", { class: "block", lang: "en" }, message)];
}

const script = () => t("clone.script"); // has no digits: what is said must be what is written

function factLine(m) {
  const fact = (key, value) => h("span", {}, `${t(key)} `, h("b", {}, value));
  return h("div", { class: "facts" }, fact("speak.length", seconds(m.seconds)), fact("quality.level", `${number(m.speechDb)} dB`),
    fact("quality.background", `${number(m.noiseDb)} dB`));
}

/** At the rate that the player works with; good enough to listen to. */
function resampled({ samples, rate }) {
  const count = Math.floor((samples.length * 24_000) / rate);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const at = (i * rate) / 24_000, left = Math.floor(at);
    out[i] = samples[left] + (at - left) * ((samples[left + 1] ?? samples[left]) - samples[left]);
  }
  return out;
}
