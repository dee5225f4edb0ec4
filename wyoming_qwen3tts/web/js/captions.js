// The words that are heard just now, beneath the sound.

import { h } from "./dom.js";

const RATE = 24_000; // of the sound that marks count in

/** The sentence that is heard, and the word in it where the server tells of words. It is no live region: it is heard. */
export function captions() {
  const element = h("p", { class: "caption", dir: "auto" });
  let frame = 0;

  /** Follows `reply`, which has `text`, `marks` and `position`, to its end; its last sentence stays. */
  function follow(reply) {
    cancelAnimationFrame(frame);
    const letters = [...reply.text]; // marks count characters, JavaScript some of them twice
    const words = ({ text_offset: from, text_length: length }) => letters.slice(from, length === null ? undefined : from + length).join("");
    let shown = null;
    const tick = () => {
      const heard = reply.marks.filter((mark) => mark.sample <= reply.position * RATE);
      const sentence = heard.findLast((mark) => mark.kind === "sentence");
      const word = heard.findLast((mark) => mark.kind === "word" && sentence && mark.text_offset >= sentence.text_offset && mark.sample >= sentence.sample);
      if (sentence && (word ?? sentence) !== shown) {
        shown = word ?? sentence;
        element.lang = reply.language;
        element.replaceChildren(...parts(sentence, word, words));
      }
      if (!reply.over) frame = requestAnimationFrame(() => element.isConnected && tick()); // it may come into the page a moment later
    };
    element.replaceChildren();
    tick();
  }

  return { element, follow };
}

function parts(sentence, word, words) {
  const end = sentence.text_offset + sentence.text_length, after = word && word.text_offset + word.text_length;
  if (!word || sentence.text_length === null || after > end) return [words(sentence)];
  return [
    words({ text_offset: sentence.text_offset, text_length: word.text_offset - sentence.text_offset }),
    h("mark", {}, words(word)),
    words({ text_offset: after, text_length: end - after }),
  ];
}
