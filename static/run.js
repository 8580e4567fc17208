// The page of a run: opens outputs in place, and follows the run while it goes on.
"use strict";

const news = document.getElementById("run-news");

// A long timeline opens where something runs, or else failed; later it stays where it is read.
const scroller = document.querySelector(".timeline-scroll[tabindex]");
const wanted = scroller?.querySelector(".timeline-bar.open") ?? scroller?.querySelector(".cross");
if (wanted) {
  const row = wanted.closest(".timeline-row");
  scroller.scrollTop = row.offsetTop - scroller.clientHeight / 2;
}

/* Outputs in place. Without this script each is a link to the page of its step. */

function setUpPeeks(root) {
  for (const link of root.querySelectorAll(".peek:not([role])")) {
    link.role = "button";
    link.ariaExpanded = "false";
  }
}

const peekOf = (link) => document.getElementById(link.closest("tr").id.replace("step", "peek"));

function close(link) {
  const row = peekOf(link);
  if (row.contains(document.activeElement)) link.focus();
  row.remove();
  link.ariaExpanded = "false";
}

setUpPeeks(document);

function open(link) {
  const target = link.closest("tr");
  const context = { source: link, target, swap: "afterend" };
  // What fails is said by swaps.js, which may send it again.
  htmx.ajax("GET", `${link.pathname}/peek`, context).catch(() => {});
}

function showEnd(link) {
  const peek = peekOf(link);
  link.ariaExpanded = "true";
  // What matters of a long output is its end.
  for (const lines of peek.querySelectorAll(".peek-lines")) lines.scrollTop = lines.scrollHeight;
  peek.scrollIntoView({ block: "nearest" });
}

const openedBy = (event) => event.detail.requestConfig?.elt.closest?.(".peek");

// Asked for twice, it opens once.
document.addEventListener("htmx:beforeSwap", (event) => {
  const link = openedBy(event);
  if (link && (!link.isConnected || peekOf(link))) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:afterSwap", (event) => {
  const link = openedBy(event);
  if (link) showEnd(link);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest(".peek");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (peekOf(link)) close(link);
  else open(link);
});

document.addEventListener("keydown", (event) => {
  const link = event.target.closest?.(".peek");
  if (event.key === " " && link) {
    event.preventDefault();
    link.click();
  }
  const row = event.target.closest?.(".peek-row");
  if (event.key === "Escape" && row) {
    const opener = document.getElementById(row.id.replace("peek", "step")).querySelector(".peek");
    close(opener);
    opener.focus();
  }
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "steps") return;
  setUpPeeks(event.detail.target);
  const current = document.querySelector("#step-tabs [aria-current]");
  news.textContent = `Showing ${current.textContent.trim().replace(/\s+/g, " ")} of the steps.`;
});

/* The run goes on: what differs is changed in its place, and nothing else is touched. */

const PARTS = [
  ...["#run-state", "#run-facts", "#run-error", "#run-timeline", "#run-left"],
  ...["#steps", "#step-tabs", "#step-rows", "#step-pager", "#live"],
].join();

// What scripts have set is not the server's to take away.
const OURS = ["open", "role", "title", "tabindex", "data-local"];
const isOurs = (name) => OURS.includes(name) || name.startsWith("aria-");

function matchAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !isOurs(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function change(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName || old.id !== fresh.id || old.nodeType !== Node.ELEMENT_NODE) {
    old.replaceWith(fresh);
  } else if (old.id === "step-rows") {
    mergeRows(old, fresh);
  } else if (old.id === "live") {
    // A new element asks at the new address; the old one is asked no more.
    old.replaceWith(fresh);
  } else if (old.nodeName !== "TIME" || old.dateTime !== fresh.dateTime) {
    matchAttributes(old, fresh);
    changeChildren(old, fresh);
  }
}

function changeChildren(old, fresh) {
  const before = [...old.childNodes];
  const count = fresh.childNodes.length;
  [...fresh.childNodes].forEach((node, n) => {
    if (before[n]) change(before[n], node);
    else old.append(node);
  });
  before.slice(count).forEach((node) => node.remove());
}

// What the reader of a screen hears of it.
let said = [];
const stateOf = (row) => row?.querySelector(".c-status")?.textContent.trim();

// Rows that are there are changed in place, also when their outputs are open; new ones come last.
function mergeRows(old, fresh) {
  for (const row of [...fresh.children]) {
    const former = document.getElementById(row.id);
    const state = stateOf(row);
    if (state && stateOf(former) !== state) said.push(`${row.querySelector(".name a").text} ${state}`);
    if (!former) old.append(row);
    else if (!former.isEqualNode(row)) {
      matchAttributes(former, row);
      changeChildren(former, row);
    }
  }
}

function tellNews() {
  const more = said.length > 5 ? ` and ${said.length - 5} more` : "";
  if (said.length) news.textContent = said.slice(0, 5).join(", ") + more;
  said = [];
}

// What is being read: the selection, what has the focus, else what is in the middle of the window.
function findAnchor() {
  const selection = getSelection();
  const candidates = [
    selection.isCollapsed ? null : selection.anchorNode.parentElement,
    document.activeElement === document.body ? null : document.activeElement,
    document.elementFromPoint(innerWidth / 2, innerHeight / 2)?.closest("tr, li, div, p, h1, h2"),
  ];
  return candidates.find((element) => {
    const box = element?.getBoundingClientRect();
    return box && box.bottom > 0 && box.top < innerHeight && element.closest("main");
  });
}

function takeIn(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const anchor = findAnchor();
  const top = anchor?.getBoundingClientRect().top;
  const state = document.getElementById("run-state").textContent.trim();
  for (const part of template.content.querySelectorAll(PARTS)) {
    const old = document.getElementById(part.id);
    if (!old) continue;
    change(old, part);
    htmx.process(document.getElementById(part.id));
  }
  const now = document.getElementById("run-state").textContent.trim();
  if (now !== state) said.push(`the run: ${now}`);
  setUpPeeks(document);
  // As after a swap: the times that have come are turned to the zone of the reader.
  htmx.trigger(document.body, "htmx:load");
  beginClocks();
  tellNews();
  if (anchor?.isConnected) scrollBy(0, anchor.getBoundingClientRect().top - top);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  if (target.id !== "live") return;
  event.detail.shouldSwap = false;
  if (xhr.status === 200) takeIn(xhr.responseText);
  // A notice that an earlier request failed.
  if (xhr.status < 300) target.replaceChildren();
});

// Nobody looks at a hidden tab; whoever comes back sees what has come meanwhile at once.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "live" && document.hidden) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  const live = document.getElementById("live");
  if (!document.hidden && live.hasAttribute("hx-get")) htmx.trigger(live, "again");
});

/* The time that the run has taken so far counts on. */

// As the server says it, see `duration` in formats.py.
function sayDuration(ms) {
  if (ms < 59_950) return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${two(Math.floor(minutes / 60) % 24)} h`;
}

// By the clock of this page, as that of the server may be another.
let began = new Map();

function beginClocks() {
  began = new Map();
  for (const element of document.querySelectorAll("[data-elapsed]")) {
    began.set(element, performance.now() - Number(element.dataset.elapsed));
  }
}

beginClocks();
setInterval(() => {
  if (document.hidden) return;
  for (const [element, start] of began) element.textContent = sayDuration(performance.now() - start);
}, 1000);
