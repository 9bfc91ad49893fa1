// Keeps pages current. A page listens to a stream that says when it has changed; it is fetched then, and its <main> is swapped
// in. Where there is no stream it is fetched every few seconds. Without JavaScript a page shows what it was when it was loaded.
"use strict";
(() => {
  // On a phone the navigation scrolls: the current page must be in sight.
  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

  const main = () => document.getElementById("main");
  const clock = () => document.getElementById("now");
  const offline = document.getElementById("offline");
  const news = document.getElementById("news");
  const seconds = Number(main()?.dataset.refresh);
  if (!seconds) return;

  const headline = (root) => [...root.querySelectorAll("[data-news]")].map((e) => e.textContent.trim()).join(" ");
  let shown = main().innerHTML;
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
    if (response.status >= 500) throw new Error("HTTP " + response.status);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const next = page.getElementById("main");
    if (!next) throw new Error("not a page");
    if (busy()) {
      waiting = true;
      return;
    }
    if (next.innerHTML !== shown) {
      shown = next.innerHTML;
      swap(document.importNode(next, true));
    }
    if (!stream) version = page.getElementById("bottom").dataset.live || version;
    document.title = page.title;
    const icon = document.querySelector("link[rel=icon]");
    const nextIcon = page.querySelector("link[rel=icon]");
    if (icon && nextIcon && icon.getAttribute("href") !== nextIcon.getAttribute("href")) icon.setAttribute("href", nextIcon.getAttribute("href"));
    clock().replaceWith(document.importNode(page.getElementById("now"), true));
    setAhead();
  }

  function answered() {
    failing = 0;
    offline.hidden = true;
  }

  function unanswered() {
    if (failing === 0) since = clock().textContent;
    failing++;
    if (failing < 2) return;
    const words = "Watchtower does not answer. This is what it knew at " + since + ".";
    if (offline.textContent !== words) offline.textContent = words;
    offline.hidden = false;
  }

  // Asking every few seconds, where there is no stream.
  let asking = 0;

  async function ask() {
    if (!busy()) {
      try {
        await refresh();
        answered();
        listen();
      } catch {
        unanswered();
      }
    }
    if (!heard) askIn(Math.min(30, seconds * (1 + failing)));
  }

  function askIn(time) {
    clearTimeout(asking);
    asking = setTimeout(ask, 1000 * time);
  }

  // The stream. It is closed while the page is hidden: browsers allow a server few connections.
  let version = document.getElementById("bottom").dataset.live || ""; // Of what is shown; "": the page is fetched at a rate.
  let stream = null;
  let heard = 0; // When the stream last said something; 0: it does not.
  let patience = 3; // Seconds until the next try.
  let again = 0; // When that is.
  const silence = 40000; // A stream speaks every 15 seconds.

  function listen() {
    if (!version || stream || document.hidden || Date.now() < again) return;
    patience = Math.min(60, patience * 2);
    again = Date.now() + 1000 * patience;
    const opened = new EventSource("/events?version=" + version + "&page=" + encodeURIComponent(location.pathname + location.search));
    stream = opened;
    const hear = (e) => {
      if (stream !== opened) return;
      clearTimeout(asking);
      heard = Date.now();
      patience = 3;
      again = 0;
      answered();
      tellTime(e.data);
    };
    opened.addEventListener("beat", hear);
    opened.addEventListener("changed", (e) => {
      if (stream !== opened) return;
      hear(e);
      version = e.lastEventId;
      update();
    });
    opened.onerror = () => { if (stream === opened) deaf(); };
  }

  function stopListening() {
    stream?.close();
    stream = null;
    heard = 0;
  }

  function deaf() {
    stopListening();
    askIn(1);
  }

  let updating = false;
  let waiting = false; // There is something new that the reader must not be disturbed with.

  async function update() {
    waiting = true;
    if (updating) return;
    updating = true;
    try {
      while (waiting && !busy()) {
        waiting = false;
        await refresh();
      }
    } catch {
      unanswered();
      deaf();
    } finally {
      updating = false;
    }
  }

  // The server's clock, and how long ago things were by it.
  let ahead = 0; // Milliseconds.
  const setAhead = () => { ahead = Date.parse(clock().dateTime) - Date.now(); };

  function tellTime(data) {
    const now = JSON.parse(data);
    clock().dateTime = now.machine;
    clock().textContent = now.exact;
    setAhead();
  }

  function span(s) {
    const [minute, hour, day] = [60, 3600, 86400];
    const round = (unit) => Math.round(s / unit);
    const two = (big, name, small, smallName) => {
      const whole = round(small) * small;
      const rest = (whole % big) / small;
      return Math.floor(whole / big) + " " + name + (rest ? " " + rest + " " + smallName : "");
    };
    if (s < 100) return round(1) + " s";
    if (round(minute) < 60) return round(minute) + " min";
    if (round(minute) < 24 * 60) return two(hour, "h", minute, "min");
    if (round(hour) < 48) return two(day, "day", hour, "h");
    return s < 7 * day ? two(day, "days", hour, "h") : round(day) + " days";
  }

  // What was just now stays so until the server says otherwise: it may be happening all the time.
  function age() {
    for (const t of main().querySelectorAll("time[title]")) {
      if (!t.textContent.endsWith(" ago")) continue;
      const words = span(Math.max(0, (Date.now() + ahead - Date.parse(t.dateTime)) / 1000)) + " ago";
      if (t.textContent !== words) t.textContent = words;
    }
  }

  setInterval(() => {
    if (heard && Date.now() - heard > silence) deaf();
    if (busy()) return;
    if (version) age();
    if (waiting) update();
  }, 1000);

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      stopListening();
      clearTimeout(asking);
      return;
    }
    again = 0;
    refresh().catch(() => {});
    askIn(seconds);
    listen();
  });

  setAhead();
  askIn(seconds);
  listen();
})();
