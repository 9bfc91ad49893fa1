// Keeps an open page current and sends what people do without leaving it. The page works without it: it then reloads by
// itself now and then, and its buttons are plain forms.
"use strict";
(function () {
  var version = document.body.dataset.version;
  var live = document.getElementById("live");
  var scroll = document.getElementById("scroll");
  var busy = false, again = false;
  var used = "";   // ID of what was used last; not every browser gives a button the focus
  var opener = ""; // ID of what was used when a view opened

  function byId(id) { return id ? document.getElementById(id) : null; }

  function atEnd() {
    return Math.abs(scroll.scrollTop) < 40; // The stream is laid out from its end.
  }

  // What a person has opened stays open, and what they have typed or chosen and not sent yet stays.
  function keepState(from, to) {
    from.querySelectorAll("details[id]").forEach(function (d) {
      var twin = to.querySelector("#" + CSS.escape(d.id));
      if (twin && (d.open || !twin.matches(".thread"))) { twin.open = d.open; }
    });
    from.querySelectorAll("input[id], textarea[id], select[id]").forEach(function (old) {
      var twin = to.querySelector("#" + CSS.escape(old.id));
      if (!twin || twin.tagName !== old.tagName) { return; }
      if (old.type === "checkbox" || old.type === "radio") {
        if (old.checked !== old.defaultChecked) { twin.checked = old.checked; }
      } else if (old.tagName !== "SELECT" && old.value !== old.defaultValue) { twin.value = old.value; }
    });
  }

  // What stands in the stream, by ID, as the server wrote it.
  var written = new Map();
  function remember(el) { if (el.id) { written.set(el.id, el.outerHTML); } }

  // Brings the stream up to date. What has not changed is neither replaced nor moved: nothing slips from under anyone's
  // hand, and a question that is being answered stays open.
  function takeStream(fresh) {
    var stream = byId("stream"), kept = new Map();
    Array.from(fresh.children).forEach(function (next) {
      var old = next.id ? byId(next.id) : Array.from(stream.children).find(function (el) {
        return !el.id && el.outerHTML === next.outerHTML && !kept.has(el);
      });
      if (old && old.parentNode === stream && (!next.id || written.get(next.id) === next.outerHTML)) {
        kept.set(old, next);
        kept.set(next, old);
        return;
      }
      remember(next);
      if (old) { keepState(old, next); }
    });
    Array.from(stream.childNodes).forEach(function (n) { if (!kept.has(n)) { n.remove(); } });
    var here = stream.firstChild;
    Array.from(fresh.children).forEach(function (next) {
      var el = kept.get(next) || next;
      if (el === here) { here = here.nextSibling; } else { stream.insertBefore(el, here); }
    });
  }

  // Takes the new page's channels, messages and view, and leaves open what the reader had opened.
  function take(html) {
    var fresh = new DOMParser().parseFromString(html, "text/html");
    if (!fresh.getElementById("stream")) { location.reload(); return; }
    var end = atEnd();
    var heightBefore = scroll.scrollHeight, topBefore = scroll.scrollTop;
    var focus = document.activeElement && document.activeElement.id;
    var seen = new Set(Array.from(document.querySelectorAll(".message"), function (m) { return m.id; }));
    ["side", "outage"].forEach(function (id) {
      byId(id).replaceChildren.apply(byId(id), fresh.getElementById(id).childNodes);
    });
    if (!byId("me").matches(":focus")) { document.querySelector(".bar").replaceWith(fresh.querySelector(".bar")); }
    takeStream(fresh.getElementById("stream"));
    document.querySelectorAll(".message").forEach(function (m) {
      if (!seen.has(m.id)) { m.classList.add("new"); }
    });
    document.title = fresh.title;
    document.body.dataset.version = version = fresh.body.dataset.version;
    live = byId("live");
    live.hidden = !connected;
    scroll.scrollTop = end ? 0 : topBefore - (scroll.scrollHeight - heightBefore);
    takeView(fresh.getElementById("modal"), focus);
    if (focus && !byId("modal") && byId(focus)) { byId(focus).focus({ preventScroll: true }); }
  }

  // Shows the view that is open now. One that is being filled in is left alone.
  function takeView(fresh, focus) {
    var old = byId("modal");
    if (old && fresh && old.dataset.state === fresh.dataset.state) { return; }
    if (!old && fresh) { opener = used || focus; }
    if (old) { old.remove(); }
    if (fresh) { byId("modals").append(fresh); showView(); }
    else if (old && byId(opener)) { byId(opener).focus({ preventScroll: true }); }
  }

  function showView() {
    var view = byId("modal");
    if (!view) { return; }
    view.removeAttribute("open"); // It was there for browsers without scripts; now it takes the focus.
    view.showModal();
    var first = view.querySelector("[aria-invalid=true]") || view.querySelector(".modal-body .field, .modal-body input:not([type=hidden])");
    if (first) { first.focus(); }
  }

  // Someone is answering a question or choosing from a menu: nothing moves under their hand.
  function occupied() {
    return document.querySelector("#stream dialog[open]") || document.querySelector("#stream .menu[open]");
  }

  function refresh() {
    if (busy || occupied()) { again = true; return; }
    busy = true;
    fetch(location.pathname + location.search, { headers: { Accept: "text/html" } })
      .then(function (r) { return r.text(); })
      .then(function (html) { if (occupied()) { again = true; } else { take(html); } })
      .catch(function () {})
      .then(free);
  }

  function free() {
    busy = false;
    resume();
  }

  // Catches up with what was put off.
  function resume() {
    if (again && !busy && !occupied()) { again = false; refresh(); }
  }

  // Sends a form and shows the page that comes back.
  function send(form, data, by) {
    form.setAttribute("aria-busy", "true");
    if (by) { by.classList.add("pending"); used = by.id; }
    busy = true;
    return fetch(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(data), headers: { Accept: "text/html" } })
      .then(function (r) {
        return r.ok ? r.text().then(take) : r.text().then(function (said) { tell(form, said); });
      })
      .catch(function () { tell(form, "The inbox could not be reached. Try again."); })
      .then(function () {
        form.removeAttribute("aria-busy");
        if (by) { by.classList.remove("pending"); }
        again = true; // What happened meanwhile.
        free();
      });
  }

  function tell(form, text) {
    var note = document.createElement("p");
    note.className = "notice";
    note.setAttribute("role", "alert");
    note.textContent = text;
    form.append(note);
  }

  function closeMenus(but) {
    document.querySelectorAll("#stream .menu[open]").forEach(function (m) { if (m !== but) { m.open = false; } });
  }

  document.addEventListener("submit", function (e) {
    var form = e.target, by = e.submitter;
    if (!form.matches("[data-live]")) { return; }
    e.preventDefault();
    if (form.getAttribute("aria-busy")) { return; }
    if (by && by.dataset.confirm) { ask(by.dataset.confirm); return; }
    var data = new FormData(form, by);
    closeDialogs();
    closeMenus();
    send(form, data, by);
  });

  // A choice in a message is told as soon as it is made.
  document.addEventListener("change", function (e) {
    var el = e.target;
    if (el.matches("[data-submit]")) { el.form.requestSubmit(); return; }
    if (!el.dataset.use || !el.form) { return; }
    if (el.dataset.confirm) { ask(el.dataset.confirm); return; }
    var data = new FormData(el.form);
    data.set("click", el.dataset.use);
    send(el.form, data);
  });

  document.addEventListener("click", function (e) {
    var el = e.target.closest("a[data-use], [data-close]");
    if (!e.target.closest(".menu")) { closeMenus(); resume(); }
    if (!el) { return; }
    if (el.matches("[data-close]")) { el.closest("dialog").close(); return; }
    var form = el.closest("form"), data = new FormData(form); // The browser opens the page, and the app is told.
    data.set("click", el.dataset.use);
    send(form, data);
  });

  function ask(id) { var d = byId(id); if (d) { d.showModal(); } }
  function closeDialogs() { document.querySelectorAll("#stream dialog[open]").forEach(function (d) { d.close(); }); }

  document.addEventListener("close", function () { setTimeout(resume, 0); }, true);
  document.addEventListener("cancel", function (e) {
    if (e.target.id === "modal") { e.preventDefault(); byId("modal-close").requestSubmit(byId("modal").querySelector(".x")); }
  }, true);
  document.addEventListener("keydown", function (e) {
    if (e.key === "Escape") {
      var menu = document.querySelector("#stream .menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); resume(); }
    }
  });
  document.addEventListener("toggle", function (e) { if (e.target.matches(".menu") && e.target.open) { closeMenus(e.target); } }, true);

  var here = document.querySelector(".side .active");
  if (here) { here.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  var target = location.hash && byId(location.hash.slice(1));
  if (target) { target.scrollIntoView({ block: "center" }); }
  Array.from(byId("stream").children).forEach(remember);
  showView();

  var connected = false;
  var events = new EventSource("/inbox/events");
  events.onopen = function () { connected = true; live.hidden = false; };
  events.onerror = function () { connected = false; live.hidden = true; };
  events.onmessage = function (e) { if (e.data !== version) { refresh(); } };
})();
