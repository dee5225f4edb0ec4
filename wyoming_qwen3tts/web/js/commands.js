// Commands and lines of settings that can be copied.

import { copy, h, icon, toast } from "./dom.js";
import { t } from "./i18n.js";

/** `text`, one line or several, with a button that copies it. */
export function commandBox(text) {
  const button = h("button", { type: "button", class: "icon-button", "aria-label": `${t("copy.copy")}: ${text}`, title: t("copy.copy"), onclick: async () => {
    try {
      await copy(text);
      toast(t("copy.done"));
    } catch {
      toast(t("copy.failed"), "warn");
    }
  } }, icon("copy"));
  return h("div", { class: "command" }, h("pre", { tabindex: "0" }, h("code", {}, text)), button);
}
