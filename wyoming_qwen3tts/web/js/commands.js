// Commands and lines of settings that can be copied.

import { copy, h, iconButton, setIcon, toast } from "./dom.js";
import { t } from "./i18n.js";

/** A button that copies what `text()` gives. */
export function copyButton(text, props = {}) {
  return iconButton("copy", t("copy.copy"), async ({ currentTarget: button }) => {
    try {
      await copy(text());
      setIcon(button, "check");
      toast(t("copy.done"));
      setTimeout(() => setIcon(button, "copy"), 2000);
    } catch {
      toast(t("copy.failed"), "warn");
    }
  }, props);
}

/** `text`, one line or several, with a button that copies it. */
export function commandBox(text) {
  return h("div", { class: "command" }, h("pre", { tabindex: "0" }, h("code", {}, text)),
    copyButton(() => text, { "aria-label": `${t("copy.copy")}: ${text}` }));
}
