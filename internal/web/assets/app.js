// Keeps pages current: every few seconds the page is fetched again and its <main> is swapped in if it has changed.
// Without JavaScript a page shows what it was when it was loaded.
"use strict";
(() => {
  // On a phone the navigation scrolls: the current page must be in sight.
  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

  const main = () => document.getElementById("main");
  const offline = document.getElementById("offline");
  const news = document.getElementById("news");
  const seconds = Number(main()?.dataset.refresh);
  if (!seconds) return;

  const headline = (root) => [...root.querySelectorAll("[data-news]")].map((e) => e.textContent.trim()).join(" ");
  let failing = 0;
  let since = "";

  function busy() {
    const selection = document.getSelection();
    if (main().contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return true;
    return document.hidden || (selection && !selection.isCollapsed && main().contains(selection.anchorNode));
  }

  // What the reader has opened, scrolled or focused stays so.
  function swap(next) {
    const old = main();
    for (const d of old.querySelectorAll("details[id]")) {
      const same = next.querySelector("#" + CSS.escape(d.id));
      if (same) same.open = d.open;
    }
    const scrolled = [...old.querySelectorAll(".scroll")].map((e) => e.scrollLeft);
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const likes = active && active !== old ? [...old.querySelectorAll(active.tagName)].indexOf(active) : -1;
    const href = active?.getAttribute("href");
    const before = headline(old);
    old.replaceChildren(...next.childNodes);
    [...old.querySelectorAll(".scroll")].forEach((e, i) => { e.scrollLeft = scrolled[i] || 0; });
    if (likes >= 0) {
      const byLink = href && [...old.querySelectorAll("a")].find((a) => a.getAttribute("href") === href);
      (byLink || old.querySelectorAll(active.tagName)[likes])?.focus({ preventScroll: true });
    }
    const after = headline(old);
    if (after !== before) news.textContent = after;
  }

  async function refresh() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000) });
    if (!response.ok) throw new Error("HTTP " + response.status);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const next = page.getElementById("main");
    if (!next) throw new Error("not a page");
    if (busy()) return;
    if (next.innerHTML !== shown) {
      shown = next.innerHTML;
      swap(document.importNode(next, true));
    }
    document.title = page.title;
    const icon = document.querySelector("link[rel=icon]");
    const nextIcon = page.querySelector("link[rel=icon]");
    if (icon && nextIcon && icon.getAttribute("href") !== nextIcon.getAttribute("href")) icon.setAttribute("href", nextIcon.getAttribute("href"));
    document.getElementById("now").replaceWith(document.importNode(page.getElementById("now"), true));
  }

  let shown = main().innerHTML;

  async function tick() {
    if (!busy()) {
      try {
        await refresh();
        failing = 0;
        offline.hidden = true;
      } catch (err) {
        if (failing === 0) since = document.getElementById("now").textContent;
        failing++;
        if (failing >= 2) {
          const words = "Watchtower does not answer. This is what it knew at " + since + ".";
          if (offline.textContent !== words) offline.textContent = words;
          offline.hidden = false;
        }
      }
    }
    setTimeout(tick, 1000 * Math.min(30, seconds * (1 + failing)));
  }

  setTimeout(tick, seconds * 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh().catch(() => {}); });
})();
