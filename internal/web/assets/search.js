// The box of the search: the key / leads to it, Escape away from it, and what it finds is suggested as one types. Without
// JavaScript it is a form like any other.
"use strict";
(() => {
  const box = document.getElementById("search");
  if (!box) return;
  const most = 8; // Suggestions in all.
  const list = document.createElement("div");
  list.id = "suggestions";
  list.className = "suggestions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Suggestions");
  list.hidden = true;
  const told = document.createElement("p");
  told.className = "unseen";
  told.setAttribute("role", "status");
  box.after(list, told);
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-expanded", "false");

  let asked = ""; // What the suggestions are for.
  let asking = null; // The request under way.
  let waiting = 0;

  const options = () => [...list.querySelectorAll("[role=option]")];
  const chosen = () => list.querySelector("[aria-selected=true]");

  function choose(option) {
    for (const o of options()) o.setAttribute("aria-selected", String(o === option));
    if (option) {
      box.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      box.removeAttribute("aria-activedescendant");
    }
  }

  function close() {
    clearTimeout(waiting);
    asking?.abort();
    asked = "";
    choose(null);
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    told.textContent = "";
  }

  function line(className, text) {
    const e = document.createElement(className === "about" ? "small" : "span");
    e.className = className;
    e.textContent = text;
    return e;
  }

  function option(path, name, kind, about) {
    const a = document.createElement("a");
    a.setAttribute("role", "option");
    a.href = path;
    a.tabIndex = -1;
    a.append(name, line("kind", kind));
    if (about) a.append(line("about", about));
    return a;
  }

  // The words that match are marked; all text is set as text.
  function marked(parts) {
    const name = document.createElement("span");
    for (const part of parts) {
      const e = document.createElement(part.match ? "mark" : "span");
      e.textContent = part.text;
      name.append(e);
    }
    return name;
  }

  function show(query, found) {
    const all = [];
    if (found.go) all.push(option(found.go, line("name", found.go.startsWith("/incidents/") ? "Incident " + found.go.slice(11) : "The report of " + found.go.slice(9)), "Go there", ""));
    // Each kind in turn gets one more, so that none hides the others; they are shown by kind.
    const shares = found.groups.map(() => 0);
    let room = most - all.length;
    for (let n = 0; n < most; n++) found.groups.forEach((group, i) => { if (room > 0 && n < group.results.length) { shares[i]++; room--; } });
    found.groups.forEach((group, i) => {
      for (const one of group.results.slice(0, shares[i])) {
        if (one.path !== found.go) all.push(option(one.path, marked(one.parts), group.title, one.excerpt || [one.id, one.about].filter(Boolean).join(" · ")));
      }
    });
    const words = found.total === 0 ? "Nothing matches" : found.total === 1 ? "1 result" : found.total + " results";
    const rest = option("/search?q=" + encodeURIComponent(query), line("name", found.total > all.length ? "Show all " + words : found.total ? words : words + " “" + query + "”"), "", "");
    rest.classList.add("all");
    const kept = chosen()?.getAttribute("href"); // What was chosen while the answer was under way.
    list.replaceChildren(...all, rest);
    options().forEach((o, i) => { o.id = "suggestion-" + i; });
    list.scrollTop = 0;
    list.hidden = false;
    choose(kept && options().find((o) => o.getAttribute("href") === kept));
    box.setAttribute("aria-expanded", "true");
    told.textContent = words;
  }

  async function suggest() {
    const query = box.value.trim();
    if (!query) return close();
    if (query === asked) return;
    asked = query;
    asking?.abort();
    asking = new AbortController();
    try {
      const response = await fetch("/api/watchtower/v1/search?limit=" + most + "&q=" + encodeURIComponent(query), { signal: asking.signal });
      if (!response.ok) throw new Error("HTTP " + response.status);
      const found = await response.json();
      if (asked === query && document.activeElement === box) show(query, found);
    } catch {
      if (asked === query) close(); // The form works without.
    }
  }

  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(suggest, 120);
  });

  box.addEventListener("keydown", (e) => {
    if (e.isComposing) return;
    if (e.key === "Escape") {
      e.preventDefault(); // The words stay.
      e.stopPropagation();
      close();
      box.blur();
      return;
    }
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      e.preventDefault();
      if (list.hidden) return void suggest();
      const all = options();
      const at = all.indexOf(chosen());
      // Beyond either end is the box itself.
      choose(e.key === "ArrowDown" ? all[at + 1] : at < 0 ? all[all.length - 1] : all[at - 1]);
    }
  });
  // Enter sends the form, and so do the keys that phones have in its place.
  box.form.addEventListener("submit", (e) => {
    const option = chosen();
    if (!option) return;
    e.preventDefault();
    location.href = option.href;
  });
  // A press on a suggestion must not take the focus, or the list would be gone before the click.
  list.addEventListener("mousedown", (e) => e.preventDefault());
  box.addEventListener("blur", close);

  document.addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    if (e.target.closest?.("input, textarea, select, [contenteditable]")) return;
    e.preventDefault();
    box.focus();
    box.select();
  });
})();
