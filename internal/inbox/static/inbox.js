// Keeps an open page current. The page works without it: it then reloads by itself now and then.
"use strict";
(function () {
  var version = document.body.dataset.version;
  var live = document.getElementById("live");
  var scroll = document.getElementById("scroll");
  var busy = false, again = false;

  function atEnd() {
    return Math.abs(scroll.scrollTop) < 40; // The stream is laid out from its end.
  }

  // Takes the new page's channels and messages and leaves open what the reader had opened.
  function take(html) {
    var fresh = new DOMParser().parseFromString(html, "text/html");
    var end = atEnd();
    var heightBefore = scroll.scrollHeight, topBefore = scroll.scrollTop;
    var seen = new Set(Array.from(document.querySelectorAll(".message"), function (m) { return m.id; }));
    document.querySelectorAll("details").forEach(function (d) {
      var twin = fresh.getElementById(d.id);
      if (twin) { twin.open = d.open; }
    });
    ["side", "main"].forEach(function (id) {
      var from = fresh.getElementById(id), to = document.getElementById(id);
      if (!from || !to) { return; }
      if (id === "side") { to.replaceChildren.apply(to, from.childNodes); return; }
      var bar = from.querySelector(".bar"), stream = from.querySelector("#stream");
      document.querySelector(".bar").replaceWith(bar);
      document.getElementById("stream").replaceWith(stream);
    });
    document.querySelectorAll(".message").forEach(function (m) {
      if (!seen.has(m.id)) { m.classList.add("new"); }
    });
    document.title = fresh.title;
    document.body.dataset.version = version = fresh.body.dataset.version;
    live = document.getElementById("live");
    live.hidden = false;
    scroll.scrollTop = end ? 0 : topBefore - (scroll.scrollHeight - heightBefore);
  }

  function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    fetch(location.pathname + location.search, { headers: { Accept: "text/html" } })
      .then(function (r) { return r.text(); })
      .then(take)
      .catch(function () {})
      .then(function () {
        busy = false;
        if (again) { again = false; refresh(); }
      });
  }

  var here = document.querySelector(".side .active");
  if (here) { here.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  var target = location.hash && document.getElementById(location.hash.slice(1));
  if (target) { target.scrollIntoView({ block: "center" }); }

  var events = new EventSource("/inbox/events");
  events.onopen = function () { live.hidden = false; };
  events.onerror = function () { live.hidden = true; };
  events.onmessage = function (e) { if (e.data !== version) { refresh(); } };
})();
