// Making elements without a framework, and without innerHTML: text is only ever text.

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = new URL("../icons.svg", import.meta.url).href;

/**
 * h("button", {class: "button", onclick: stop, disabled: false}, icon("stop"), "Stop")
 * Properties that are functions become listeners, true an empty attribute; false, null and undefined are left out.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value == null) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== false && child != null));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

export function iconButton(name, label, onclick, props = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...props }, icon(name));
}

export function setIcon(button, name, label) {
  button.querySelector("use").setAttribute("href", `${SPRITE}#${name}`);
  if (label) {
    button.setAttribute("aria-label", label);
    button.title = label;
  }
}

export function note(kind, iconName, ...content) {
  return h("div", { class: `note ${kind}` }, icon(iconName), h("div", { class: "grow" }, ...content));
}

/** A round picture of a voice: its initial, in a colour that is always the same for that name. */
export function avatar(name, small = false) {
  const letters = [...name.replace(/[^\p{L}\p{N}]+/gu, " ").trim()];
  const element = h("span", { class: small ? "avatar small" : "avatar", "aria-hidden": "true" }, (letters[0] ?? "?").toUpperCase());
  let hash = 7;
  for (const letter of name.replace(/-[a-z]{2}$/, "")) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  element.style.setProperty("--hue", hash);
  return element;
}

let ids = 0;
export const newId = (prefix) => `${prefix}-${++ids}`;

export function toast(text, iconName = "check") {
  const element = h("div", { class: "toast" }, icon(iconName), text);
  document.getElementById("toasts").append(element);
  setTimeout(() => element.remove(), 4000);
}

const UNDO_MS = 8000;

/** What was done, and a button that takes it back, which has the focus: for `UNDO_MS`, and longer while it is looked at. */
export function toastWithUndo(text, label, onundo) {
  const before = document.activeElement;
  let timer;
  const leave = () => {
    clearTimeout(timer);
    if (element.contains(document.activeElement)) (before?.isConnected ? before : document.getElementById("main")).focus();
    element.remove();
  };
  const button = h("button", { type: "button", class: "button small", onclick: () => { leave(); onundo(); } }, label);
  const element = h("div", { class: "toast" }, icon("trash"), h("span", {}, text), button);
  const wait = () => { clearTimeout(timer); timer = setTimeout(leave, UNDO_MS); };
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", wait);
  document.getElementById("toasts").append(element);
  button.focus({ preventScroll: true });
  wait();
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return;
  } catch { /* plain http has no clipboard API, a frame may not use it; a selection can still be copied */ }
  const before = document.activeElement;
  const area = h("textarea", { class: "visually-hidden", readonly: true, value: text });
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus({ preventScroll: true });
  if (!done) throw new Error("copy");
}

/** Gives `element` these children, unless it has the same already: what is selected or has the focus there stays so. */
export function renew(element, ...children) {
  const wanted = h("div", {}, children);
  const isSame = wanted.childNodes.length === element.childNodes.length
    && [...wanted.childNodes].every((child, at) => child.isEqualNode(element.childNodes[at]));
  if (!isSame) element.replaceChildren(...wanted.childNodes);
}

/** Where the keyboard goes on when what had the focus is gone. */
export function rescueFocus() {
  if (!document.activeElement || document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
}

export function saveFile(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A modal dialog that is gone once it is closed. `build(close)` gives its body and foot. Its first field has the focus. */
export function openDialog(title, closeLabel, build, { onclose } = {}) {
  const id = newId("dialog");
  const dialog = h("dialog", { "aria-labelledby": id });
  const toasts = document.getElementById("toasts"); // beneath the dialog they would not be seen, nor read aloud
  const close = () => dialog.close();
  const { body, foot } = build(close);
  dialog.append(
    h("div", { class: "dialog-head" }, h("h2", { id }, title), iconButton("close", closeLabel, close)),
    h("div", { class: "dialog-body" }, body),
  );
  if (foot) dialog.append(h("div", { class: "dialog-foot" }, foot));
  dialog.append(toasts);
  let began = null; // where the pointer went down: a selection that ends outside closes nothing
  dialog.addEventListener("pointerdown", (event) => { began = event.target; });
  dialog.addEventListener("click", (event) => event.target === dialog && began === dialog && close());
  dialog.addEventListener("close", () => {
    document.body.append(toasts);
    dialog.remove();
    onclose?.();
    rescueFocus();
  });
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector(".dialog-body :is(input, select, textarea):not([type=hidden], :disabled)")?.focus();
  return dialog;
}

export const debounced = (wait, action) => {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), wait);
  };
};
