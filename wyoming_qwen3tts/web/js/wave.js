// A waveform that grows while sound is made, and shows how far it was heard.

import { h } from "./dom.js";
import { seconds, t } from "./i18n.js";

const BAR = 3, GAP = 2; // CSS pixels
const GROWS_TO = 150; // peaks that the width stands for at least while it grows: three seconds
const STEP_S = 1; // of an arrow key

// The canvas has the theme's colours as they were when it was drawn.
const recolour = () => document.querySelectorAll(".wave").forEach((wave) => wave.dispatchEvent(new Event("recolour")));
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });

export class Wave {
  /** `source` has pieces (Float32Array), samples, seconds and position. With `onseek`, who clicks there or presses an
   *  arrow key hears on from `onseek(seconds)`. */
  constructor({ empty = "", low = false, onseek = null } = {}) {
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.label = h("div", { class: "empty" }, empty);
    this.element = h("div", { class: low ? "wave low" : "wave", role: "img", "aria-label": empty || t("wave.none") }, this.canvas, this.label);
    this._peaks = [];
    this._read = 0;
    if (onseek) this._makeSlider(onseek);
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.element.addEventListener("recolour", () => this.draw());
  }

  _makeSlider(onseek) {
    const { element } = this;
    for (const [name, value] of Object.entries({ role: "slider", tabindex: "0", "data-seek": "", "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0" })) element.setAttribute(name, value);
    this._isSlider = true;
    const to = (at) => this.source?.samples && onseek(Math.max(0, Math.min(at, this.source.seconds)));
    element.addEventListener("click", ({ clientX }) => {
      const { left, width } = element.getBoundingClientRect();
      if (this.source) to(((clientX - left - 8) / (width - 16)) * this._shownSeconds());
    });
    element.addEventListener("keydown", (event) => {
      const at = { ArrowRight: this.source?.position + STEP_S, ArrowLeft: this.source?.position - STEP_S, Home: 0, End: this.source?.seconds }[event.key];
      if (at === undefined || Number.isNaN(at)) return;
      event.preventDefault();
      to(at);
    });
  }

  /** What the whole width stands for. */
  _shownSeconds() {
    return Math.max(this.source.seconds, this.source.over ? 0 : GROWS_TO / 50);
  }

  _tellPosition() {
    if (!this._isSlider || !this.source) return;
    const { position, seconds: all } = this.source;
    this.element.setAttribute("aria-valuemax", all.toFixed(1));
    this.element.setAttribute("aria-valuenow", position.toFixed(1));
    this.element.setAttribute("aria-valuetext", t("wave.at", { at: seconds(position), of: seconds(all) }));
  }

  /** Follows `source` to its end, for as long as the waveform is in the page; it may come there a moment later. */
  show(source) {
    cancelAnimationFrame(this._frame);
    this.source = source;
    this._peaks = [];
    this._read = 0;
    this._go();
  }

  _go() {
    this.draw();
    this._tellPosition();
    if (this.source.over) this.element.setAttribute("aria-label", t("wave.label", { s: seconds(this.source.seconds) }));
    else this._frame = requestAnimationFrame(() => this.element.isConnected && this._go());
  }

  /** One peak per 20 ms of what is new. */
  _measure() {
    for (; this._read < this.source.pieces.length; this._read++) {
      const piece = this.source.pieces[this._read];
      const step = Math.max(1, Math.round((this.source.rate ?? 24_000) / 50));
      for (let at = 0; at < piece.length; at += step) {
        let peak = 0;
        for (let i = at; i < Math.min(piece.length, at + step); i++) peak = Math.max(peak, Math.abs(piece[i]));
        this._peaks.push(peak);
      }
    }
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !this.source) return;
    this._measure();
    this.label.hidden = this.source.samples > 0;
    const scale = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.element);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const bars = Math.floor((width - 16) / (BAR + GAP));
    const shown = Math.max(this._peaks.length, this.source.over ? 1 : GROWS_TO);
    const played = this.source.seconds ? (this.source.position / this.source.seconds) * this._peaks.length : 0;
    const tops = [style.getPropertyValue("--accent"), style.getPropertyValue("--wave")];
    for (let bar = 0; bar < bars; bar++) {
      const from = Math.floor((bar * shown) / bars), to = Math.max(from + 1, Math.floor(((bar + 1) * shown) / bars));
      if (from >= this._peaks.length) break;
      let peak = 0;
      for (let i = from; i < Math.min(to, this._peaks.length); i++) peak = Math.max(peak, this._peaks[i]);
      const tall = Math.max(3, Math.sqrt(peak) * (height - 16));
      pen.fillStyle = tops[from < played ? 0 : 1];
      pen.beginPath();
      pen.roundRect(8 + bar * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
      pen.fill();
    }
  }
}

/** Samples that are all there, in the shape that `Wave` shows. */
export const still = (samples, rate) => ({
  pieces: [samples], samples: samples.length, rate, seconds: samples.length / rate, position: 0, over: true,
});
