// The filter form of a list: it sends itself when a value is chosen, loses nothing that is typed
// while a link is clicked, speaks the reader's time zone, and says what is new without moving it.
"use strict";

const TYPING_MS = 300;
const NEWS_MS = 10000;
const form = document.getElementById("filters");
const list = document.getElementById("list");
const news = document.getElementById("news");
const isTime = (control) => control.type === "datetime-local";
const state = () => document.getElementById("form-state");

// Times: the server writes UTC; what stands in the form is the reader's own.

// One that such a control cannot show is a text as long as no script keeps it.
for (const time of form.querySelectorAll("input[step=any][type=text]")) {
  time.value = time.defaultValue = "";
  time.type = "datetime-local";
}

const two = (n) => String(n).padStart(2, "0");

function localMinute(at) {
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

function localTime(utc) {
  if (!utc) return "";
  const at = new Date(`${utc}Z`);
  return localMinute(at) + (at.getSeconds() ? `:${two(at.getSeconds())}` : "");
}

function utcTime(control) {
  if (control.value === localTime(control.dataset.utc)) return `${control.dataset.utc}Z`;
  return new Date(control.value).toISOString().replace(/(:00)?\.000Z$/, "$1Z");
}

function showChipTimes(root) {
  for (const time of root.querySelectorAll("time.minute")) {
    time.textContent = localMinute(new Date(time.dateTime)).replace("T", " ");
  }
}

// What the form says, as pairs "name=value", without blanks.

const split = (pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
const valueOf = (control) => (isTime(control) ? utcTime(control) : control.value.trim());
const isOff = (one) => ["checkbox", "radio"].includes(one.type) && !one.checked;
const says = (one) => one.name && one.value.trim() && !isOff(one);

function pairsOf() {
  const controls = [...form.elements].filter(says);
  return [...new Set(controls.map((one) => `${one.name}=${valueOf(one)}`))];
}

// What the list shows, what of the form it refused, and what stood in the controls when it was
// last asked for.
let settled = [];
let refused = [];
let asked = new Map();
const accepted = () => pairsOf().filter((pair) => !refused.includes(pair));
const isSettled = () => accepted().join("\n") === settled.join("\n");
const typed = () => [...form.querySelectorAll("input:not([type=hidden], [type=checkbox], [type=radio])")];

// Sending: at once for what is chosen, after a pause for what is typed, never while a link is
// pressed: a list that changes under it would swallow the click.

let timer = 0;
let isPressed = false;
let isWaiting = false;

function send() {
  isWaiting = isPressed;
  if (!isPressed && !isSettled()) form.requestSubmit();
}

function sendAfter(ms) {
  clearTimeout(timer);
  timer = setTimeout(send, ms);
}

function release() {
  isPressed = false;
  if (isWaiting) sendAfter(0);
}

document.addEventListener("pointerdown", (event) => (isPressed = !!event.target.closest("#list a")), true);
document.addEventListener("pointerup", release, true);
document.addEventListener("pointercancel", release, true);

form.addEventListener("input", (event) => {
  // The others look for whole values: half of one finds nothing.
  if (event.target.name === "step_name") sendAfter(TYPING_MS);
});

// Chromium takes no empty value for a group of radio buttons.
function check(name, value) {
  form.querySelector(`[type=radio][name="${name}"][value="${value}"]`).checked = true;
}

form.addEventListener("change", (event) => {
  const control = event.target;
  // A value is either wanted or not; a time is either a preset or from the clock.
  if (control.type === "checkbox" && control.checked) {
    const other = control.value.startsWith("!") ? control.value.slice(1) : `!${control.value}`;
    const boxes = [...form.querySelectorAll(`[name="${control.name}"]`)];
    boxes.filter((box) => box.value === other).forEach((box) => (box.checked = false));
  }
  if (control.matches(".presets input") && control.value) {
    form.querySelectorAll(`[id^="${control.name}_"]`).forEach((time) => (time.value = ""));
  }
  if (isTime(control) && control.value) check(control.name.split("_")[0], "");
  sendAfter(0);
});

// A link of the list takes along what was typed and not yet sent; one that takes a filter out
// wins over what was typed into that filter.
function takeAlong(path) {
  const now = accepted();
  const [address, query] = path.split("?");
  const args = new URLSearchParams(query);
  const shown = JSON.parse(state().dataset.shown);
  const takenOut = new Set();
  for (const [name, value] of settled.filter((one) => !now.includes(one)).map(split)) {
    if (!args.has(name)) takenOut.add(name);
    else if (name in shown) args.delete(name);
    else args.delete(name, value);
  }
  for (const [name, value] of now.filter((one) => !settled.includes(one)).map(split)) {
    if (!takenOut.has(name)) args.append(name, value);
  }
  args.delete("offset");
  return args.size ? `${address}?${args}` : address;
}

document.addEventListener("htmx:configRequest", (event) => {
  const { target, detail } = event;
  if (target !== form && !target.matches("#list a")) return;
  if (target === form) {
    const query = new URLSearchParams(pairsOf().map(split)).toString();
    detail.path = form.getAttribute("action") + (query ? `?${query}` : "");
    [...detail.formData.keys()].forEach((key) => detail.formData.delete(key));
  } else if (!target.matches(".clear") && !isSettled()) {
    detail.path = takeAlong(detail.path);
  }
  clearTimeout(timer);
  isWaiting = false;
  asked = new Map(typed().map((control) => [control, control.value]));
});

// After an answer the form shows what the list shows, but for what was typed since.

function show(name, value) {
  const control = form.elements[name];
  if (control instanceof RadioNodeList) {
    check(name, value);
  } else if (isTime(control)) {
    control.dataset.utc = value;
    control.value = localTime(value);
  } else if (control.value.trim() !== value) control.value = value;
}

// What was refused stays as it was typed, to be mended, and is told by the notice.
function showRefused() {
  const values = JSON.parse(state().dataset.refused);
  refused = Object.entries(values).map(([name, value]) => `${name}=${value.trim()}`);
  for (const control of typed()) {
    const isRefused = control.name in values;
    if (isRefused) control.value = values[control.name];
    control.ariaInvalid = isRefused ? "true" : null;
    if (isRefused) control.setAttribute("aria-describedby", "left-out");
    else control.removeAttribute("aria-describedby");
  }
}

function settle() {
  const since = typed().filter((one) => asked.has(one) && asked.get(one) !== one.value);
  const kept = since.map((control) => [control, control.value]);
  for (const [name, value] of Object.entries(JSON.parse(state().dataset.shown))) show(name, value);
  form.querySelectorAll("[data-adds]").forEach((control) => (control.value = ""));
  showRefused();
  settled = accepted();
  for (const pick of form.querySelectorAll("details.pick")) {
    pick.classList.toggle("used", [...pick.querySelectorAll("input, select")].some(says));
  }
  kept.forEach(([control, value]) => (control.value = value));
  showChipTimes(list);
  news.replaceChildren();
}

// What came since is said, as a link; nothing moves.

async function askForNews() {
  const address = state().dataset.news;
  if (!address || document.hidden) return;
  const answer = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
  // A failed question is asked again, and the list may be another one by now.
  if (!answer?.ok || address !== state().dataset.news) return;
  const text = (await answer.text()).trim();
  if (text === news.innerHTML) return;
  news.innerHTML = text;
  htmx.process(news);
}

// The unfolded controls fold on a click elsewhere and on Escape; on a phone they are part of the
// form and stay.

const isWide = matchMedia("(min-width: 760px)");

document.addEventListener("click", (event) => {
  // Enter in a field sends the form by a click on its button, which nobody sees.
  if (event.target.matches("#filters .apply")) return;
  for (const pick of form.querySelectorAll("details.pick[open]")) {
    if (isWide.matches && !pick.contains(event.target)) pick.open = false;
  }
});

form.addEventListener("keydown", (event) => {
  const pick = event.target.closest("details.pick[open]");
  if (event.key !== "Escape" || !pick) return;
  pick.open = false;
  pick.querySelector("summary").focus();
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "results") settle();
});
document.addEventListener("visibilitychange", askForNews);
setInterval(askForNews, NEWS_MS);
settle();
