// Tells the values of a graph at the pointer, or at the arrow keys while a graph has the focus. Without JavaScript a graph
// still says what a line is when it is pointed at.
"use strict";
(() => {
  const svg = "http://www.w3.org/2000/svg";
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);
  let cursor = null;
  let shown = null; // The graph, the moment that is told, and whether by the keys.
  const known = new WeakMap();

  function dataOf(graph) {
    if (!known.has(graph)) {
      let data = null;
      try { data = JSON.parse(graph.dataset.hover || "null"); } catch { /* Nothing to tell. */ }
      known.set(graph, data?.x?.length ? data : null);
    }
    return known.get(graph);
  }

  function hide() {
    tip.hidden = true;
    cursor?.remove();
    cursor = shown = null;
  }

  // The moment nearest to a place from 0 to 1000.
  function nearest(xs, x) {
    let low = 0;
    let high = xs.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle + 1; else high = middle;
    }
    return low > 0 && x - xs[low - 1] < xs[low] - x ? low - 1 : low;
  }

  function tell(graph, at, keyed) {
    const data = dataOf(graph);
    const plot = graph.querySelector(".plot");
    if (!data || !plot) return hide();
    at = Math.max(0, Math.min(at, data.x.length - 1));
    if (shown?.graph !== graph) { cursor?.remove(); cursor = null; }
    if (!cursor) {
      cursor = document.createElementNS(svg, "line");
      cursor.setAttribute("class", "cursor");
      cursor.setAttribute("y1", "0");
      cursor.setAttribute("y2", "200");
      plot.append(cursor);
    }
    cursor.setAttribute("x1", data.x[at]);
    cursor.setAttribute("x2", data.x[at]);
    const time = document.createElement("strong");
    time.textContent = data.t[at];
    const rows = [];
    for (const line of data.s) {
      if (!line.v[at]) continue;
      const row = document.createElement("div");
      const mark = document.createElement("i");
      mark.className = line.k;
      const name = document.createElement("span");
      name.textContent = line.n;
      const value = document.createElement("span");
      value.textContent = line.v[at];
      row.append(mark, name, value);
      rows.push(row);
    }
    if (!rows.length) {
      const none = document.createElement("div");
      none.textContent = "no data";
      rows.push(none);
    }
    tip.replaceChildren(time, ...rows);
    tip.hidden = false;
    const field = plot.getBoundingClientRect();
    const x = field.left + field.width * data.x[at] / 1000;
    const right = x + 14 + tip.offsetWidth > innerWidth;
    tip.style.left = Math.max(4, right ? x - 14 - tip.offsetWidth : x + 14) + "px";
    tip.style.top = Math.max(4, Math.min(field.top + 8, innerHeight - tip.offsetHeight - 4)) + "px";
    shown = { graph, at, keyed };
  }

  document.addEventListener("pointermove", (e) => {
    const graph = e.target.closest?.(".graph");
    if (!graph) { if (shown && shown.graph !== document.activeElement) hide(); return; }
    const data = dataOf(graph);
    const field = graph.querySelector(".plot")?.getBoundingClientRect();
    if (data && field?.width) tell(graph, nearest(data.x, 1000 * (e.clientX - field.left) / field.width));
  });
  document.addEventListener("pointerleave", hide);
  // What was told by the keys moves along; the pointer is elsewhere now.
  document.addEventListener("scroll", () => { if (shown?.keyed) tell(shown.graph, shown.at, true); else hide(); }, true);
  document.addEventListener("focusout", hide);

  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      const open = document.querySelector("details.about[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); return; }
      if (shown) return hide();
      const back = document.querySelector("a[data-back]");
      if (back && !e.target.matches("input, select")) location.href = back.href;
      return;
    }
    const graph = e.target.closest?.(".graph");
    const data = graph && dataOf(graph);
    if (!data || !["ArrowLeft", "ArrowRight", "Home", "End"].includes(e.key)) return;
    e.preventDefault();
    const last = data.x.length - 1;
    const at = shown?.graph === graph ? shown.at : last + 1;
    tell(graph, { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[e.key], true);
  });

  // One description is open at a time.
  document.addEventListener("toggle", (e) => {
    if (!e.target.matches?.("details.about[open]")) return;
    for (const other of document.querySelectorAll("details.about[open]")) if (other !== e.target) other.open = false;
  }, true);
})();
