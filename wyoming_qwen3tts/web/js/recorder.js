// The microphone as a WAV file, with what is wrong with the sound said while it can still be mended.

import { toWav } from "./player.js";

export const LONGEST_S = 60; // the server takes no longer clip
const WORKLET = new URL("./recorder-worklet.js", import.meta.url);

export const why = () => (!window.isSecureContext ? "insecure" : !navigator.mediaDevices?.getUserMedia || !window.AudioWorkletNode ? "missing" : null);

/** Raises DOMException NotAllowedError, NotFoundError or NotReadableError. Calls `onlevel({peak, rms, seconds})`. */
export async function record(onlevel, onfull) {
  const stream = await navigator.mediaDevices.getUserMedia({
    // The browser's own clean-up makes a voice sound like a telephone.
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(WORKLET);
  } catch (error) {
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
    throw error;
  }
  const rate = context.sampleRate;
  const pieces = [];
  let count = 0;
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  node.port.onmessage = ({ data }) => {
    pieces.push(data.samples);
    count += data.samples.length;
    onlevel({ peak: data.peak, rms: data.rms, seconds: count / rate });
    if (count >= LONGEST_S * rate) onfull();
  };
  const source = context.createMediaStreamSource(stream);
  source.connect(node);

  return async function finish() {
    source.disconnect();
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
    const samples = new Float32Array(count);
    let at = 0;
    for (const piece of pieces) {
      samples.set(piece, at);
      at += piece.length;
    }
    return { samples, rate, blob: toWav(pieces, count, rate) };
  };
}

/** Its samples, to be looked at; null for what this browser cannot decode. */
export async function decode(blob) {
  const context = new OfflineAudioContext(1, 1, 48_000);
  try {
    const buffer = await context.decodeAudioData(await blob.arrayBuffer());
    const samples = new Float32Array(buffer.length);
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
      const one = buffer.getChannelData(channel);
      for (let i = 0; i < one.length; i++) samples[i] += one[i] / buffer.numberOfChannels;
    }
    return { samples, rate: buffer.sampleRate };
  } catch {
    return null;
  }
}

/** What a file is by its first bytes, as its name would end; "?" for what is none of them. */
export async function kindOf(blob) {
  const head = new Uint8Array(await blob.slice(0, 12).arrayBuffer());
  const text = String.fromCharCode(...head);
  if (text.startsWith("RIFF") && text.slice(8) === "WAVE") return "wav";
  if (text.startsWith("fLaC")) return "flac";
  if (text.startsWith("OggS")) return "Ogg";
  if (head[0] === 0xff && (head[1] & 0xf6) === 0xf0) return "AAC";
  if (text.startsWith("ID3") || (head[0] === 0xff && (head[1] & 0xe0) === 0xe0)) return "MP3";
  if (text.slice(4, 8) === "ftyp") return "M4A";
  if (head[0] === 0x1a && head[1] === 0x45) return "WebM";
  if (text.startsWith("#!AMR")) return "AMR";
  if (text.startsWith("caff")) return "CAF";
  if (text.startsWith("FORM") && text.slice(8).startsWith("AIF")) return "AIFF";
  if (head[0] === 0x30 && head[1] === 0x26 && head[2] === 0xb2) return "WMA";
  return "?";
}
