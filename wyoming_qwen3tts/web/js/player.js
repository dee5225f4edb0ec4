// Plays speech while it is being made.
//
// Sound is scheduled piece by piece on an AudioContext. An AudioWorklet would do as well, but exists only on https and
// localhost, and most people open this page as http://192.168.1.20:8880.

import { ApiError, broken, call, events } from "./api.js";

const RATE = 24_000; // of `response_format: "pcm"`, 16 bits, one channel
const LEAD_S = 0.04; // between the arrival of sound and its playing: what the browser needs to be on time
const REFILL_S = 0.12; // after a gap, so that the next one is not right behind it

let context = null;
let current = null; // only one thing is heard at a time

/** Must be called inside a click, or the browser keeps silent. */
export function ready() {
  context ??= new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
  if (context.state !== "running") context.resume();
  return context;
}

export function stopAll() {
  current?.stop();
}

/**
 * One reply. Events: "sound" (first one is scheduled), "data" (more samples), "end", "error", and "change" with each.
 * `stats` holds milliseconds since the click, by the page's clock.
 */
export class Reply extends EventTarget {
  constructor() {
    super();
    this.pieces = []; // Float32Array
    this.samples = 0;
    this.state = "waiting"; // "making", "playing" (all is made), "ended", "stopped" or "failed"
    this.stats = { clicked: performance.now(), first: null, heard: null, made: null, gaps: 0 };
    this.voice = this.insteadOf = this.insteadWhy = this.engine = ""; // who speaks, known with the first sound
    this.text = this.language = "";
    this.marks = []; // when what of `text` is heard, as the server tells it
    this._odd = null; // a sample whose second byte has not come yet
    this._abort = new AbortController();
    this._sources = new Set();
    this._next = 0;
    this._from = null; // when, by the context's clock, sample 0 plays
  }

  get seconds() {
    return this.samples / RATE;
  }

  get position() {
    if (this._from === null || this.state === "stopped") return this._stoppedAt ?? 0;
    return Math.max(0, Math.min(this.seconds, context.currentTime - this._from));
  }

  get over() {
    return ["ended", "stopped", "failed"].includes(this.state);
  }

  /** Asks for speech and plays it. Resolves when it was heard to its end or stopped; failures are in `error`.
   *  `withMarks`: the server tells which words are heard when. */
  async speak(request, { withMarks = false } = {}) {
    this._begin();
    this.text = request.input;
    try {
      const response = await call("v1/audio/speech", {
        method: "POST", json: { ...request, response_format: "pcm", ...(withMarks && { stream_format: "sse", speech_marks: true }) }, signal: this._abort.signal,
      });
      this.voice = decodeURIComponent(response.headers.get("X-TTS-Voice") ?? "");
      this.insteadOf = decodeURIComponent(response.headers.get("X-TTS-Instead-Of") ?? "");
      this.insteadWhy = response.headers.get("X-TTS-Instead-Why") ?? "";
      this.engine = response.headers.get("X-TTS-Engine") ?? "";
      this.language = response.headers.get("X-TTS-Language") ?? "";
      await (withMarks ? this._readEvents(response) : this._read(response.body.getReader()));
      if (this.state === "waiting" || this.state === "making") this._set("playing");
      this.stats.made = this._now();
      await this._heard();
    } catch (error) {
      await this._failed(error);
    }
  }

  /** Plays samples that are there already, from second `from` on. */
  async replay(pieces, from = 0) {
    this._begin();
    let skip = Math.round(from * RATE);
    for (const piece of pieces) {
      if (skip < piece.length) this._play(skip ? piece.subarray(skip) : piece);
      skip = Math.max(0, skip - piece.length);
      this._keep(piece);
    }
    this._from = (this._from ?? context.currentTime) - from;
    this._next ||= context.currentTime;
    this._set("playing");
    await this._heard();
  }

  stop() {
    if (this.over) return;
    this._stoppedAt = this.position;
    this._abort.abort();
    this._gain?.gain.setTargetAtTime(0, context.currentTime, 0.008); // a cut would click
    for (const source of this._sources) source.stop(context.currentTime + 0.05);
    this._finish("stopped");
  }

  wav() {
    return toWav(this.pieces, this.samples, RATE);
  }

  _begin() {
    ready();
    current?.stop();
    current = this;
    this._gain = context.createGain();
    this._gain.connect(context.destination);
  }

  _now() {
    return performance.now() - this.stats.clicked;
  }

  async _read(reader) {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this._take(value);
    }
  }

  /** Sound and marks, as events. */
  async _readEvents(response) {
    let isWhole = false;
    for await (const message of events(response)) {
      if (message?.type === "speech.audio.delta") this._take(Uint8Array.from(atob(message.audio), (letter) => letter.charCodeAt(0)));
      else if (message?.type === "speech.mark") this.marks.push(message);
      else if (message?.type === "error") throw new ApiError(0, message.error, true);
      else if (message?.type === "speech.audio.done") isWhole = true;
    }
    if (!isWhole) throw broken();
  }

  /** Plays what has come. */
  _take(value) {
    let bytes = value;
    if (this._odd !== null) {
      bytes = new Uint8Array(value.length + 1);
      bytes[0] = this._odd;
      bytes.set(value, 1);
      this._odd = null;
    }
    if (bytes.length % 2) this._odd = bytes[bytes.length - 1];
    const count = bytes.length >> 1;
    if (count) this._schedule(toFloats(bytes, count));
  }

  _schedule(samples) {
    this._play(samples);
    this._keep(samples);
    if (this.state === "waiting") this._set("making", "sound");
    this._tell("data");
  }

  _keep(samples) {
    this.pieces.push(samples);
    this.samples += samples.length;
  }

  _play(samples) {
    const buffer = context.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(this._gain);
    const now = context.currentTime;
    if (this._from === null) {
      this._next = now + LEAD_S;
      this._from = this._next;
      this.stats.first = this._now();
      this.stats.firstAt = performance.timeOrigin + performance.now();
      this.stats.heard = this.stats.first + (LEAD_S + (context.baseLatency || 0)) * 1000;
    } else if (this._next < now) {
      this.stats.gaps += 1;
      this._from += now + REFILL_S - this._next;
      this._next = now + REFILL_S;
    }
    source.start(this._next);
    this._next += buffer.duration;
    this._sources.add(source);
    source.onended = () => this._sources.delete(source);
  }

  /** Waits until all that came was heard; then this is its `state`. */
  async _heard(state = "ended") {
    while (!this.over && context.currentTime < this._next) {
      await new Promise((done) => setTimeout(done, Math.min(250, (this._next - context.currentTime) * 1000 + 5)));
    }
    if (!this.over) this._finish(state);
  }

  /** What came before is heard to its end, and can be stopped until then. */
  async _failed(error) {
    if (this.over) return; // stopped: the aborted fetch says so too
    this.error = error instanceof ApiError ? error : broken();
    await this._heard("failed");
  }

  _finish(state) {
    if (current === this) current = null;
    this._set(state, state === "failed" ? "error" : "end");
  }

  _set(state, event) {
    this.state = state;
    if (event) this._tell(event);
    this._tell("change");
  }

  _tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

function toFloats(bytes, count) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, count * 2);
  const samples = new Float32Array(count);
  for (let i = 0; i < count; i++) samples[i] = view.getInt16(2 * i, true) / 32768;
  return samples;
}

/** A WAV file of 16-bit samples, one channel. */
export function toWav(pieces, count, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const piece of pieces) {
    for (const sample of piece) {
      view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 32767, true);
      at += 2;
    }
  }
  return new Blob([view], { type: "audio/wav" });
}
