// Classic and blocking on purpose: the chosen theme must stand before the first paint.
(() => {
  "use strict";
  const kept = (() => { try { return localStorage.getItem("hub-theme"); } catch { return null; } })();
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
