// Form fields that can be told what is wrong with them.

import { h, icon, newId } from "./dom.js";
import { has, t } from "./i18n.js";

/** `control` under `label`, with a place for a hint and for an error. */
export function field(name, label, control, { hint } = {}) {
  control.id ||= newId(name);
  const labelId = newId("label");
  if (control.tagName === "BUTTON") control.setAttribute("aria-labelledby", `${labelId} ${control.id}`); // and what is on it
  const hintId = newId("hint"), errorId = newId("error");
  const error = h("p", { class: "error", id: errorId, hidden: true });
  if (hint) control.setAttribute("aria-describedby", hintId);
  const element = h("div", { class: "field", "data-field": name },
    h("label", { for: control.id, id: labelId }, label),
    control,
    hint && h("p", { class: "hint", id: hintId }, hint),
    error,
  );
  control.addEventListener("input", () => element.clear());
  element.fail = (message) => {
    error.replaceChildren(icon("warn"), h("span", {}, message));
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

/** What went wrong, what to do about it in the page's language where that is known, and the server's own words. */
export function problemNote(error) {
  const known = `error.${error.code}`;
  return h("div", { class: "note bad" }, icon("warn"), h("div", { class: "grow" },
    has(known) && h("p", {}, h("strong", {}, t(known))),
    error.message !== (has(known) && t(known)) && h("p", {}, error.message),
    error.retryAfter && h("p", {}, t("error.retry", { s: error.retryAfter })),
  ));
}

/** The message without the API's name of the field, which stands beside the field already. */
function plain({ message, param }) {
  const text = message.startsWith(`${param}: `) ? message.slice(param.length + 2) : message;
  return text[0].toUpperCase() + text.slice(1);
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
  blamed.fail(plain(error));
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
