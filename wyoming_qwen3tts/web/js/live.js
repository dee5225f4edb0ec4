// What the server does, as it happens; and whether it is there at all.

import { call, events, get } from "./api.js";
import { store, update, watch } from "./store.js";

const QUIET_S = 45; // without a byte for so long, the connection is taken for dead
const LONGEST_WAIT_S = 10;
const ANSWER_S = 15; // a server that takes a question and never answers it is away
const KEEP = 12; // replies that ended

let stop = new AbortController();
let wake = () => {};

/** Follows v1/live for ever: connects, reads, and connects again when the server was away. */
export async function follow() {
  document.addEventListener("visibilitychange", () => document.hidden || wake());
  window.addEventListener("online", () => wake());
  watch("connection", (state) => state === "unlocked" && wake());
  for (let failures = 0; ; ) {
    try {
      await refresh();
      for await (const snapshot of stream()) {
        failures = 0;
        if (snapshot) took(snapshot);
      }
      update("connection", "away"); // it ended: the server stops
    } catch (error) {
      if (error.status === 401) update("connection", "locked");
      else update("connection", "away");
    }
    failures += 1;
    const wait = store.connection === "locked" ? 3600 : Math.min(LONGEST_WAIT_S, 0.5 * 2 ** failures) * (0.75 + Math.random() / 2);
    await Promise.race([new Promise((done) => setTimeout(done, wait * 1000)), new Promise((done) => { wake = done; })]);
  }
}

/** Asks anew what the server is and who can speak. */
async function refresh() {
  await Promise.all([fetchNewest("about", "v1/about", (about) => about), refreshVoices()]);
}

export const refreshVoices = () => fetchNewest("voices", "v1/audio/voices", ({ voices }) => voices);

const asked = {}, answered = {};

/** An answer that a later question's was faster than tells nothing new: a voice just made would be gone again. */
async function fetchNewest(name, path, of) {
  const mine = asked[name] = (asked[name] ?? 0) + 1;
  const answer = of(await get(path, { signal: AbortSignal.timeout(ANSWER_S * 1000) }));
  if (mine < (answered[name] ?? 0)) return;
  answered[name] = mine;
  update(name, answer);
}

async function* stream() {
  stop = new AbortController();
  let timer;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(), QUIET_S * 1000);
  };
  alive();
  try {
    const response = await call("v1/live", { headers: { Accept: "text/event-stream" }, signal: stop.signal });
    for await (const snapshot of events(response)) {
      alive();
      yield snapshot;
    }
  } finally {
    clearTimeout(timer);
  }
}

function took(snapshot) {
  remember(store.live?.streams ?? [], snapshot.streams ?? []);
  const isNews = store.live && stateIn(snapshot) !== stateIn(store.live);
  update("live", snapshot);
  if (store.connection !== "live") update("connection", "live");
  if (isNews) refresh().catch(() => {}); // who can speak, and what is missing; if that fails, the stream ends too
}

const stateIn = ({ engine, download }) => [engine?.phase, engine?.fallback, engine?.model, download?.phase].join();

/** Streams that were there and are not any more have ended: a short memory of what was slow. */
function remember(before, now) {
  const going = new Set(now.map(nameOf));
  const ended = before.filter((stream) => !going.has(nameOf(stream)) && stream.ttfa_ms != null);
  if (ended.length) update("spoken", [...ended.map((stream) => ({ ...stream, at: Date.now() })), ...store.spoken].slice(0, KEEP));
}

const nameOf = (stream) => stream.id ?? [stream.door, stream.client, stream.voice, stream.ttfa_ms].join("|");
