// What several parts of the page know together. Views read it and are told when a part of it changes.

const PREFIX = "qwen3tts.";
const listeners = new Map();

export const store = {
  about: null, // GET v1/about
  voices: [], // GET v1/audio/voices
  live: null, // the newest snapshot of v1/live
  connection: "waiting", // "waiting", "live", "away" or "locked"
  spoken: [], // replies that were seen to end while the page was open, newest first
};

export function update(name, value) {
  store[name] = value;
  for (const listener of listeners.get(name) ?? []) listener(value);
}

/** Calls `listener` with each new value of `name`; returns how to stop that. */
export function watch(name, listener) {
  if (!listeners.has(name)) listeners.set(name, new Set());
  listeners.get(name).add(listener);
  return () => listeners.get(name).delete(listener);
}

/** Settings of this browser. Where storage is blocked they last as long as the page. Inside of Home Assistant the storage is
 *  its own and that of every other add-on, so each name begins with ours; theme.js reads one of them too. */
const memory = {};
const box = (kind) => ({
  get(key) {
    try {
      return window[kind].getItem(PREFIX + key) ?? memory[key] ?? null;
    } catch {
      return memory[key] ?? null;
    }
  },
  set(key, value) {
    memory[key] = value;
    try {
      if (value == null) window[kind].removeItem(PREFIX + key);
      else window[kind].setItem(PREFIX + key, value);
    } catch { /* blocked or full: memory has it */ }
  },
});

export const local = box("localStorage");
export const session = box("sessionStorage");
