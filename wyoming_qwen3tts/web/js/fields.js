// Form fields that can be told what is wrong with them.

import { h, icon, newId } from "./dom.js";
import { partsOf, said, wordsOf } from "./errors.js";
import { t } from "./i18n.js";

/** `control` under `label`, with a place for a hint and for an error. */
export function field(name, label, control, { hint } = {}) {
  control.id ||= newId(name);
  const labelId = newId("label");
  if (control.tagName === "BUTTON") control.setAttribute("aria-labelledby", `${labelId} ${control.id}`); // and what is on it
  const hintId = newId("hint"), errorId = newId("error");
  const error = h("div", { class: "error", id: errorId, hidden: true });
  if (hint) control.setAttribute("aria-describedby", hintId);
  const element = h("div", { class: "field", "data-field": name },
    h("label", { for: control.id, id: labelId }, label),
    control,
    hint && h("p", { class: "hint", id: hintId }, hint),
    error,
  );
  control.addEventListener("input", () => element.clear());
  element.fail = (message) => {
    error.replaceChildren(icon("warn"), h("div", {}, message));
    error.hidden = false;
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", hint ? `${hintId} ${errorId}` : errorId);
  };
  element.clear = () => {
    if (error.hidden) return;
    error.hidden = true;
    control.removeAttribute("aria-invalid");
    if (hint) control.setAttribute("aria-describedby", hintId);
    else control.removeAttribute("aria-describedby");
  };
  element.control = control;
  return element;
}

/** Errors that no field is to blame for. */
export function problems() {
  const element = h("div", { role: "alert" });
  element.fail = (error) => element.replaceChildren(problemNote(error));
  element.clear = () => element.replaceChildren();
  return element;
}

/** What went wrong, and when to try again. */
function problemNote(error) {
  return h("div", { class: "note bad" }, icon("warn"), h("div", { class: "grow" }, partsOf(error),
    error.retryAfter && h("p", {}, t("error.retry", { s: error.retryAfter }))));
}

/**
 * Shows `error` beside the field it names, else in `general`. `fields` maps the API's names to fields of the page.
 * Also scrolls there and moves the focus, so that nobody has to look for it.
 */
export function showError(error, fields, general) {
  const blamed = fields[error.param];
  if (!blamed) {
    general.fail(error);
    general.scrollIntoView?.({ block: "nearest" });
    return;
  }
  blamed.fail([wordsOf(error), said(error)]);
  blamed.closest("details")?.setAttribute("open", "");
  blamed.control?.focus();
  blamed.scrollIntoView({ block: "nearest" });
}

export function clearErrors(fields, general) {
  for (const one of Object.values(fields)) one.clear();
  general.clear();
}

export function select(options, value, props = {}) {
  const element = h("select", { class: "select", ...props }, options.map(([key, label]) => h("option", { value: key }, label)));
  element.value = value;
  return element;
}

/** Buttons that swap what is below them, as ARIA's tabs. `tabs` is [[key, label, icon?], ...]. */
export function tabList(label, tabs, chosen, onchoose, props = {}) {
  const list = h("div", { role: "tablist", "aria-label": label, class: "tabs small", ...props });
  const pick = (key, focus) => {
    for (const button of list.children) {
      const is = button.dataset.key === key;
      button.setAttribute("aria-selected", is);
      button.tabIndex = is ? 0 : -1;
      if (is && focus) button.focus();
    }
    onchoose(key);
  };
  for (const [key, text, iconName] of tabs) {
    list.append(h("button", { type: "button", role: "tab", "data-key": key, onclick: () => pick(key) }, iconName && icon(iconName), text));
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex(([key]) => list.querySelector('[aria-selected="true"]').dataset.key === key);
    pick(tabs[(at + step + tabs.length) % tabs.length][0], true);
  });
  pick(chosen);
  return list;
}
