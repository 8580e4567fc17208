// The keys of the pages. What a key does is written on the page: data-hotkey on what it reaches,
// data-go on what `g` and a letter lead to, rel or the pager's id on what `n` and `p` turn to.

const SWITCH = "stepboard-keys";
const SEQUENCE_MS = 1500;

function shown(selector) {
  return [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
}

// The link of each row that can be walked: of its name, or the first one of what is marked as a
// row. The focus stands on it, so that Enter opens it.
function linkOf(row) {
  const link = row.querySelector(".name a[href], a.name[href]");
  return link ?? (row.matches("[data-row]") ? row.querySelector("a[href]") : null);
}

function rowLinks() {
  return shown("main tbody tr, main [data-row]").map(linkOf).filter(Boolean);
}

function walk(step) {
  const links = rowLinks();
  const row = document.activeElement.closest("tr, [data-row]");
  const at = links.findIndex((link) => row?.contains(link));
  const link = links[at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1)];
  link?.focus({ preventScroll: true });
  link?.scrollIntoView({ block: "nearest" });
}

const NEXT = "main a[rel=next], main a#page-next";
const PREVIOUS = "main a[rel=prev], main a#page-previous";
// While a search stands in an output, the lines found are what is turned to.
const HITS = ["#hit-next", "#hit-previous"];
const nameOf = (element) =>
  element.getAttribute("aria-label") || element.title || element.textContent.trim();

function reach(element) {
  if (element.matches("input, select, textarea")) element.focus();
  else element.click();
}

// What can be pressed on this page now: [keys, what they do, the doing]. A key of two is pressed
// one after the other.
function findKeys() {
  const found = shown("[data-hotkey]").map((e) => [e.dataset.hotkey, nameOf(e), () => reach(e)]);
  if (rowLinks().length) {
    found.push(["j", "Next row", () => walk(1)], ["k", "Row before", () => walk(-1)]);
    found.push(["Enter", "Open the row", null]);
  }
  const [next, previous] = shown(".hit-turns").length ? HITS : [NEXT, PREVIOUS];
  for (const [key, selector] of [["n", next], ["p", previous]]) {
    const link = shown(selector)[0];
    if (link) found.push([key, nameOf(link), () => link.click()]);
  }
  const places = new Map(shown("[data-go]").map((link) => [`g ${link.dataset.go}`, link]));
  for (const [keys, link] of places) found.push([keys, nameOf(link), () => link.click()]);
  found.push(["?", "This help", openHelp]);
  return found;
}

const isOn = () => localStorage.getItem(SWITCH) !== "off";
let first = "";
let forget = 0;

function press(key) {
  clearTimeout(forget);
  const wanted = first ? `${first} ${key}` : key;
  first = "";
  const keys = findKeys();
  const action = keys.find(([name]) => name === wanted)?.[2];
  if (!action && keys.some(([name]) => name.startsWith(`${key} `))) {
    first = key;
    forget = setTimeout(() => (first = ""), SEQUENCE_MS);
  }
  action?.();
  return Boolean(action);
}

document.addEventListener("keydown", (event) => {
  const isOurs = !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;
  // The focus can be in a dialog for a moment after it was closed.
  const isTyping = event.target.closest?.("input, select, textarea, [contenteditable], dialog[open]");
  // Keys of one character; the browser keeps Enter, Tab and the rest.
  if (!isOurs || isTyping || event.key.length !== 1 || !isOn()) return;
  if (press(event.key)) event.preventDefault();
});

// The help: made when it is asked for, of what works just then.
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function keyRow([keys, says]) {
  const parts = keys.split(" ").flatMap((key) => [" ", make("kbd", { textContent: key })]);
  return make("div", {}, make("dt", {}, ...parts.slice(1)), make("dd", { textContent: says }));
}

function makeSwitch() {
  const box = make("input", { type: "checkbox", checked: isOn() });
  box.addEventListener("change", () => localStorage.setItem(SWITCH, box.checked ? "on" : "off"));
  return make("label", { className: "switch" }, box, " Use these keys in this browser");
}

function openHelp() {
  const title = make("h2", { id: "keys-title", textContent: "Keys on this page" });
  const close = make("button", { className: "button", textContent: "Close", autofocus: true });
  const list = make("dl", {}, ...findKeys().map(keyRow));
  const head = make("form", { method: "dialog" }, title, close);
  const dialog = make("dialog", { className: "keys" }, head, list, makeSwitch());
  dialog.setAttribute("aria-labelledby", "keys-title");
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys]")) openHelp();
});
