// The server's HTTP API. Addresses are relative to this file, so that it works under any prefix (Home Assistant's ingress).

import { session, update } from "./store.js";
import { t } from "./i18n.js";

export const ROOT = new URL("../../../", import.meta.url); // .../assets/<version>/js/api.js -> ...
export const url = (path) => new URL(path, ROOT);

/** What was refused. `param` names the field to blame, if one is; `isTheirs`: the message is the server's, in English. */
export class ApiError extends Error {
  constructor(status, { message, code, why, param, retry_after_s, lines } = {}, isTheirs = false) {
    super(message ?? t("error.unknown", { status }));
    Object.assign(this, { status, code, why, param, retryAfter: retry_after_s, lines, isTheirs });
  }
}

const unreachable = () => new ApiError(0, { message: t("error.unreachable"), code: "unreachable" });
/** An answer that ended in its middle. */
export const broken = () => new ApiError(0, { message: t("error.cut"), code: "cut" });

export const key = {
  get: () => session.get("api-key"),
  set: (value) => session.set("api-key", value || null),
};

export const withKey = (secret) => (secret ? { Authorization: `Bearer ${secret}` } : {});

/** A response whose status is fine; its body is not read yet. */
export async function call(path, { method = "GET", json, form, signal, headers = {} } = {}) {
  const options = { method, signal, headers: { ...withKey(key.get()), ...headers }, cache: "no-store", redirect: "error" };
  if (json !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  }
  if (form) options.body = form;
  let response;
  try {
    response = await fetch(url(path), options);
  } catch (error) {
    throw error.name === "AbortError" ? error : unreachable();
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response) {
  if (response.status === 401) update("connection", "locked");
  const retry = Number(response.headers.get("Retry-After")) || undefined;
  try {
    const { error } = await response.json();
    if (response.status === 401) error.message = t("key.locked"); // the server's own words are for programs
    return new ApiError(response.status, { retry_after_s: retry, ...error }, response.status !== 401);
  } catch {
    return new ApiError(response.status, { retry_after_s: retry });
  }
}

const bodyOf = (response) => response.json().catch(() => { throw broken(); });
export const get = async (path, options) => bodyOf(await call(path, options));
export const post = async (path, json, options) => bodyOf(await call(path, { method: "POST", json, ...options }));

/** The events of a text/event-stream. Not EventSource, which cannot send a key. Raises ApiError where it breaks off. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value.replaceAll("\r", "");
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const lines = block.split("\n").filter((line) => line.startsWith("data:"));
        const data = lines.map((line) => line.slice(5).trimStart()).join("\n");
        if (data && data !== "[DONE]") yield JSON.parse(data);
        else if (block.startsWith(":")) yield null; // a sign of life
      }
    }
  } catch (error) {
    throw error.name === "AbortError" ? error : broken();
  } finally {
    reader.cancel().catch(() => {}); // the connection may be gone already
  }
}
