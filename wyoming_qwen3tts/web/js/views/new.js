// A new voice: from a recording, from a description, or mixed from others.

import { h } from "../dom.js";
import { tabList } from "../fields.js";
import { t } from "../i18n.js";
import { stopAll } from "../player.js";
import { cloneForm } from "./clone.js";
import { designForm } from "./design.js";
import { mixForm } from "./mix.js";

const FORMS = { record: cloneForm, describe: designForm, mix: mixForm };

export function newVoiceView(which) {
  let kind = Object.hasOwn(FORMS, which) ? which : "record";
  let form = null;
  const panel = h("div", { role: "tabpanel", class: "stack", "aria-label": t("new.title") });
  const show = (chosen) => {
    kind = chosen;
    form?.leave();
    stopAll();
    form = FORMS[kind]();
    panel.replaceChildren(form.element);
  };
  const tabs = tabList(t("new.title"), [["record", t("new.record"), "mic"], ["describe", t("new.describe"), "wand"], ["mix", t("new.mix"), "people"]], kind, show, { class: "tabs" });
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
