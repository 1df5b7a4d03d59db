// Classic and blocking on purpose: what it sets must stand before the first paint.
(() => {
  "use strict";
  const root = document.documentElement;
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const theme = kept("hub-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  // Made as anybody sees it, for somebody whose sign-in is being renewed: his own is a moment away.
  if ("renews" in root.dataset && !root.dataset.account && kept("hub-session")) root.dataset.renewing = "";
})();
