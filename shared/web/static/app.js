/* Pages work without this file; it makes them pleasant. Everything hangs on data- attributes. */
"use strict";
(() => {
  const root = document.documentElement;
  const find = (selector, from = document) => from.querySelector(selector);
  const findAll = (selector, from = document) => [...from.querySelectorAll(selector)];
  root.classList.add("scripted");

  /* Light or dark: the link would reload the page with ?theme=; the cookie it leaves is set here instead. */
  function chooseTheme(link) {
    const choice = link.dataset.themeChoice;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${choice}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    root.dataset.theme = choice;
    for (const other of findAll("[data-theme-choice]")) {
      if (other.dataset.themeChoice === choice) other.setAttribute("aria-current", "true");
      else other.removeAttribute("aria-current");
    }
  }

  async function copy(button) {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      if (!copyOldWay(text)) return; // not allowed to: the value stays there to be selected by hand
    }
    const word = find("[data-copy-word]", button);
    const said = find("[data-copy-said]", button.closest(".copy-field"));
    const before = word.textContent;
    word.textContent = said.textContent = button.dataset.copied;
    setTimeout(() => { word.textContent = before; said.textContent = ""; }, 2500);
  }

  function copyOldWay(text) {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  function openDialog(opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    opener.closest("details")?.removeAttribute("open");
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest?.(selector);
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey;
    let hit;
    if ((hit = on("[data-theme-choice]")) && plain) { event.preventDefault(); chooseTheme(hit); }
    else if ((hit = on("[data-copy]"))) copy(hit);
    else if ((hit = on("[data-dialog]")) && plain) { event.preventDefault(); openDialog(hit); }
    else if ((hit = on("[data-dialog-close]"))) hit.closest("dialog").close();
    else if (event.target.matches?.("dialog")) event.target.close(); // a click on the backdrop
    for (const menu of findAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  /* Ticked rows: all at once, their count, and the bar that acts on them. */
  const ticks = (within) => findAll("tbody .tick input:not(:disabled)", within);
  function countTicks(form) {
    const all = ticks(form);
    const ticked = all.filter((box) => box.checked).length;
    for (const shown of findAll("[data-ticked-count]", form)) shown.textContent = ticked;
    for (const box of findAll("[data-tick-all]", form)) {
      box.checked = ticked > 0 && ticked === all.length;
      box.indeterminate = ticked > 0 && ticked < all.length;
    }
  }
  let lastTicked = null;
  document.addEventListener("change", (event) => {
    const box = event.target;
    const form = box.closest("form") ?? document;
    if (box.matches("[data-tick-all]")) for (const one of ticks(box.closest("table"))) one.checked = box.checked;
    if (box.matches("[data-tick-all], .tick input")) countTicks(form);
    if (box.matches("[data-drop] input[type=file]")) showFiles(box);
    if (box.matches("[data-shortcuts-switch]")) localStorage.setItem("shortcuts", box.checked ? "on" : "off");
  });
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches?.("tbody .tick input")) return;
    const all = ticks(box.closest("table"));
    if (event.shiftKey && all.includes(lastTicked)) {
      const [from, to] = [all.indexOf(lastTicked), all.indexOf(box)].sort((a, b) => a - b);
      for (const between of all.slice(from, to + 1)) between.checked = box.checked;
      countTicks(box.closest("form") ?? document);
    }
    lastTicked = box;
  });

  function showFiles(input) {
    const shown = find("[data-drop-file]", input.closest("[data-drop]"));
    if (input.files.length) shown.textContent = [...input.files].map((file) => file.name).join(", ");
  }
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.target.closest?.("[data-drop]")?.classList.toggle("drop-over", kind === "dragover");
    });
  }

  /* Single keys can be switched off in the help (WCAG 2.1.4); never while one types. */
  const keysWanted = () => localStorage.getItem("shortcuts") !== "off";
  function step(by) {
    const links = findAll("tbody .row-link");
    const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
    links[Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  }
  const keys = {
    "?": () => find("#shortcuts")?.showModal(),
    "/": () => find("[data-search]")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    x: () => find(".tick input", document.activeElement.closest("tr") ?? document.createElement("tr"))?.click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of findAll("details.menu[open]")) { menu.open = false; find("summary", menu).focus(); }
    const typing = event.target.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !keysWanted() || find("dialog[open]")) return;
    if (event.key === "Enter" && event.target.closest?.("a, button, summary, select")) return;
    const own = find(`[data-key="${CSS.escape(event.key)}"]`); // a page's own keys come first
    if (own) { event.preventDefault(); own.click(); }
    else if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
  });

  /* htmx: the CSRF token travels as a header; after a swap the focus goes where the new part asks for it. */
  document.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRFToken"] = find("meta[name=csrf-token]").content;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    const part = event.detail.elt;
    (part.matches?.("[data-focus]") ? part : find("[data-focus], [aria-invalid=true]", part))?.focus();
    for (const form of findAll("form")) if (find("[data-ticked-count]", form)) countTicks(form);
  });
  document.addEventListener("htmx:sendError", () => {
    const notices = find("#notices");
    if (notices) notices.textContent = notices.dataset.offline;
  });

  /* The script is deferred: the page stands. */
  for (const box of findAll("[data-shortcuts-switch]")) box.checked = keysWanted();
  for (const form of findAll("form")) if (find("[data-ticked-count]", form)) countTicks(form);
  find("[data-focus]")?.focus();
})();
