// Runs before the first paint, so that a chosen theme does not flash. A classic script on purpose: modules are deferred.
"use strict";
(() => {
  if (location.pathname.startsWith("/api/hassio_ingress/")) document.documentElement.dataset.frame = "home-assistant";
  try {
    const theme = localStorage.getItem("qwen3tts.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch { /* storage is blocked: the system's theme it is */ }
})();
