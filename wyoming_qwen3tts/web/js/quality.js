// Is a clip good enough to clone a voice from? A first look in the browser, before anything is uploaded.

const SHORTEST_S = 1.5, GOOD_S = 3, LONGEST_S = 60; // as the server has them
const CLIPPED = 0.985, CLIPPED_SHARE = 0.0005;
const QUIET_DB = -38, NOISE_DB = -48, NOISE_MARGIN_DB = 18;

const db = (value) => 20 * Math.log10(Math.max(value, 1e-6));

/**
 * Levels of `samples` (Float32Array, -1 to 1). Speech is as loud as the 90th percentile of its 50 ms windows; what is
 * still there in the quietest tenth is noise.
 */
export function measure(samples, rate) {
  const step = Math.round(rate / 20);
  const windows = [];
  let peak = 0, clipped = 0;
  for (let at = 0; at + step <= samples.length; at += step) {
    let power = 0;
    for (let i = at; i < at + step; i++) {
      const value = Math.abs(samples[i]);
      power += value * value;
      if (value > peak) peak = value;
      if (value >= CLIPPED) clipped += 1;
    }
    windows.push(Math.sqrt(power / step));
  }
  windows.sort((a, b) => a - b);
  const at = (share) => db(windows[Math.floor(share * (windows.length - 1))] ?? 0);
  return { seconds: samples.length / rate, peak, clippedShare: clipped / Math.max(1, samples.length), speechDb: at(0.9), noiseDb: at(0.1) };
}

/** What is wrong with it: keys of texts, the worst first. `stops` says that nobody need try. */
export function judge(m) {
  const found = [];
  const say = (code, holes = {}, stops = false) => found.push({ code, holes, stops });
  if (m.seconds < SHORTEST_S) say("short", { n: SHORTEST_S }, true);
  else if (m.seconds > LONGEST_S) say("long", { n: LONGEST_S }, true);
  if (m.peak < 0.003) say("silent", {}, true);
  else if (m.speechDb < QUIET_DB) say("quiet");
  if (m.clippedShare > CLIPPED_SHARE) say("clipped");
  if (m.peak >= 0.003 && m.noiseDb > NOISE_DB && m.speechDb - m.noiseDb < NOISE_MARGIN_DB) say("noisy");
  if (!found.length && m.seconds < GOOD_S) say("brief", { n: GOOD_S });
  return found;
}
