// How to have the same spoken from elsewhere: Home Assistant, a shell, Python.

import { ROOT, key } from "./api.js";
import { copyButton } from "./commands.js";
import { h } from "./dom.js";
import { tabList } from "./fields.js";
import { t } from "./i18n.js";
import { store } from "./store.js";

/** Where programs reach the server. Behind Home Assistant's ingress the page's own address is only for browsers. */
export function base() {
  const given = store.about?.base_url;
  if (given) return given.replace(/\/$/, "");
  if (ROOT.pathname !== "/") return "http://SERVER:8880";
  return ROOT.origin;
}

const yaml = JSON.stringify; // a JSON string is a YAML string
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const python = JSON.stringify; // and nearly a Python one: both escape the same way

const needsKey = () => Boolean(store.about?.needs_key || key.get());

/** What this server is called in Home Assistant, else what Home Assistant would call it by itself. */
const entity = () => store.about?.home_assistant?.tts_entity || "tts.qwen3_tts";
/** The loudspeaker of announcements that name none, else one to be replaced. */
const player = () => store.about?.home_assistant?.player || "media_player.living_room";

function homeAssistant({ text, voice, language }) {
  const options = voice ? `  options:\n    voice: ${yaml(voice)}\n` : "";
  return `action: tts.speak
target:
  entity_id: ${entity()}
data:
  media_player_entity_id: ${player()}
  message: ${yaml(text)}
${language ? `  language: ${yaml(language)}\n` : ""}${options}`.trimEnd();
}

function script(wish) {
  const [first, ...rest] = homeAssistant(wish).split("\n");
  return ["script:", "  say_it:", "    sequence:", `      - ${first}`, ...rest.map((line) => `        ${line}`)].join("\n");
}

/** What an announcement says, here to one loudspeaker. */
const said = ({ text, voice, language, speed, instructions }) => ({
  text, target: player(), ...(voice && { voice }), ...(language && { language }),
  ...(speed && speed !== 1 && { speed }), ...(instructions && { instruct: instructions }),
});

function announcement(wish) {
  const secret = needsKey() ? ` \\\n  -H "Authorization: Bearer $QWEN3TTS_KEY"` : "";
  return `curl ${base()}/v1/announce \\\n  -H "Content-Type: application/json"${secret} \\\n  -d ${shell(JSON.stringify(said(wish)))}`;
}

function mqtt(wish) {
  const topic = store.about?.home_assistant?.topic || "qwen3tts";
  return `action: mqtt.publish\ndata:\n  topic: ${topic}/say\n  payload: >-\n    ${JSON.stringify(said(wish))}`;
}

/** What of a wish is not the API's own default. */
function body({ text, voice, language, instructions, speed }) {
  return { model: "qwen3-tts", input: text, voice: voice || "default", ...extras({ language, speed, instructions }) };
}

function extras({ language, speed, instructions }) {
  return {
    ...(language && { language }), ...(speed && speed !== 1 && { speed }), ...(instructions && { instructions }),
  };
}

function curl(wish) {
  const secret = needsKey() ? ` \\\n  -H "Authorization: Bearer $QWEN3TTS_KEY"` : "";
  const json = JSON.stringify({ ...body(wish), response_format: "wav" });
  return `curl -N ${base()}/v1/audio/speech \\\n  -H "Content-Type: application/json"${secret} \\\n  -d ${shell(json)} \\\n  -o speech.wav`;
}

function pythonCode(wish) {
  const { language, ...known } = extras(wish);
  const lines = Object.entries(known).map(([name, value]) => `    ${name}=${python(value)},\n`).join("");
  const extra = language ? `    extra_body={"language": ${python(language)}},\n` : "";
  const secret = needsKey() ? `os.environ["QWEN3TTS_KEY"]` : `"none"`;
  return `${needsKey() ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url=${python(`${base()}/v1`)}, api_key=${secret})
with client.audio.speech.with_streaming_response.create(
    model="qwen3-tts",
    voice=${python(wish.voice || "default")},
    input=${python(wish.text)},
    response_format="wav",
${lines}${extra}) as speech:
    speech.stream_to_file("speech.wav")`;
}

const KINDS = { ha: homeAssistant, script, announce: announcement, mqtt, curl, python: pythonCode };

/** All of them, in tabs, with a button to copy. `wish()` gives what to speak now; call `refresh` when that changed. */
export function snippetBox(wish) {
  let kind = "ha";
  const code = h("code", {});
  const button = copyButton(() => code.textContent);
  const tabs = [["ha", t("copy.action")], ["script", t("copy.script")], ["announce", t("copy.announce")], ["mqtt", "MQTT"], ["curl", "curl"], ["python", "Python"]];
  const pre = h("pre", { tabindex: "0", role: "tabpanel" }, code);
  const refresh = () => {
    code.textContent = KINDS[kind](wish());
    pre.setAttribute("aria-label", tabs.find(([key]) => key === kind)[1]);
  };
  const element = h("div", { class: "snippets" },
    tabList(t("copy.title"), tabs, kind, (chosen) => { kind = chosen; refresh(); }),
    h("div", { class: "code" }, pre, button),
  );
  return { element, refresh };
}
