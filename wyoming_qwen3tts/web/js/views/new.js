// A new voice: from a recording, or from a description.

import { h } from "../dom.js";
import { tabList } from "../fields.js";
import { t } from "../i18n.js";
import { stopAll } from "../player.js";
import { cloneForm } from "./clone.js";
import { designForm } from "./design.js";

export function newVoiceView(which) {
  let kind = which === "describe" ? "describe" : "record";
  let form = null;
  const panel = h("div", { role: "tabpanel", class: "stack", "aria-label": t("new.title") });
  const show = (chosen) => {
    kind = chosen;
    form?.leave();
    stopAll();
    form = kind === "record" ? cloneForm() : designForm();
    panel.replaceChildren(form.element);
  };
  const tabs = tabList(t("new.title"), [["record", t("new.record"), "mic"], ["describe", t("new.describe"), "wand"]], kind, show, { class: "tabs" });
  return {
    title: t("new.title"),
    intro: t("new.intro"),
    body: h("div", { class: "stack" }, h("div", {}, tabs), panel),
    leave: () => {
      form.leave();
      stopAll();
    },
  };
}
