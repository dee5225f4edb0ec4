// For every control that can be seen and used: what it is, and the best contrast of what shows it. A control with an
// edge, and a field, stands out by its edge or its ground; one without by its sign or text. What is chosen of several
// needs a mark that stands out as well.
// With a number: scrolls to that control and gives its middle.
(wanted) => {
  const rgba = (text) => {
    const found = /rgba?\(([^)]+)\)/.exec(text);
    if (!found) return null;
    const [r, g, b, a = 1] = found[1].split(/[ ,/]+/).filter(Boolean).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour && colour[3] > 0) layers.push(colour);
      if (colour && colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, colour) => over(colour, below), [255, 255, 255, 1]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const measured = [];
  const modal = document.querySelector("dialog[open]");
  const all = (modal ?? document).querySelectorAll("a[href], button, input, select, textarea, summary, label.drop, .wave[data-seek]");
  for (const [index, element] of [...all].entries()) {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (box.width < 4 || box.height < 4 || style.visibility === "hidden" || element.closest(".visually-hidden, .skip")) continue;
    if (index === wanted) {
      element.scrollIntoView({ block: "center" });
      const { x, y, width, height } = element.getBoundingClientRect();
      return [x + width / 2, y + height / 2];
    }
    if (element.disabled || element.type === "checkbox") continue; // the browser draws a box of #767676 and #858585
    const outside = ground(element.parentElement ?? document.body), own = ground(element);
    const edges = [], signs = [];
    if (parseFloat(style.borderTopWidth) > 0 && style.borderTopStyle !== "none") edges.push(rgba(style.borderTopColor));
    for (const shadow of style.boxShadow.split(/,(?![^(]*\))/)) if (shadow.includes("inset")) edges.push(rgba(shadow));
    if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) edges.push(rgba(style.outlineColor)); // the focus is here
    const track = /gradient/.test(style.backgroundImage) && rgba(style.backgroundImage);
    if (track) edges.push(track);
    const isField = element.matches("input, select, textarea, .voice-button, .drop");
    const isChosen = element.matches("[aria-selected=true], [aria-pressed=true], [aria-current]");
    const hasEdge = parseFloat(style.borderTopWidth) > 0 && !element.matches("input[type=range]");
    if (!isField && !hasEdge) signs.push(contrast(over(rgba(style.color), own), own));
    const shown = [...edges.filter(Boolean).map((edge) => contrast(over(edge, outside), outside)), contrast(own, outside)];
    const least = isChosen ? Math.max(...shown) : Math.max(...shown, ...signs);
    measured.push({ index, what: element.outerHTML.slice(0, 140), least, kind: `${element.tagName} ${element.className} ${isChosen}` });
  }
  const page = getComputedStyle(document.documentElement);
  const named = (name, where) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    (where ?? document.body).append(probe);
    const colour = rgba(getComputedStyle(probe).color);
    probe.remove();
    return colour;
  };
  for (const wave of document.querySelectorAll(".wave")) {
    for (const name of ["--wave", "--accent"]) {
      measured.push({ index: -1, what: `a waveform's ${name}`, least: contrast(named(name, wave), ground(wave)) });
    }
  }
  for (const behind of ["--bg", "--surface", "--sunken"]) {
    measured.push({ index: -1, what: `the focus on ${behind}`, least: contrast(named("--focus"), named(behind)) });
  }
  for (const dot of document.querySelectorAll("[data-state] > .dot")) {
    measured.push({ index: -1, what: dot.parentElement.outerHTML.slice(0, 140), least: contrast(ground(dot), ground(dot.parentElement)) });
  }
  return measured;
}
