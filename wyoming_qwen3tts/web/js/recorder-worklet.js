// Runs on the audio thread: hands over 50 ms of samples at a time, with their level.

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.start();
  }

  start() {
    this.samples = new Float32Array(Math.round(sampleRate / 20));
    this.filled = 0;
  }

  process([[channel]]) {
    if (!channel) return true;
    for (const sample of channel) {
      this.samples[this.filled++] = sample;
      if (this.filled === this.samples.length) this.send();
    }
    return true;
  }

  send() {
    let peak = 0, power = 0;
    for (const sample of this.samples) {
      peak = Math.max(peak, Math.abs(sample));
      power += sample * sample;
    }
    const { samples } = this;
    this.port.postMessage({ samples, peak, rms: Math.sqrt(power / samples.length) }, [samples.buffer]);
    this.start();
  }
}

registerProcessor("recorder", Recorder);
