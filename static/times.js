// The server writes times in UTC; this turns them to the reader's zone and keeps "ago" true. The
// exact time in UTC stays in `datetime` and `title`.

const FORMS = "time.when, time.clock, time.second, time.lasting";
const EVERY_MS = 10000;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const day = new Intl.DateTimeFormat("en-US", { month: "short", day: "numeric" });
const two = (n, width = 2) => String(n).padStart(width, "0");
const ofDay = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;
const second = (at) => `${ofDay(at)}:${two(at.getSeconds())}`;
const precise = (at) => `${second(at)}.${two(at.getMilliseconds(), 3)}`;

function ago(at) {
  const seconds = Math.floor((Date.now() - at) / 1000);
  if (seconds < -60 || seconds >= 86400) return "";
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ago` : `${Math.floor(seconds / 3600)} h ago`;
}

function shortDate(at) {
  const isThisYear = at.getFullYear() === new Date().getFullYear();
  return `${day.format(at)} ${isThisYear ? ofDay(at) : at.getFullYear()}`;
}

// As the server says it, see `lasting` in formats.py.
function lasting(at) {
  const seconds = Math.max(Math.floor((Date.now() - at) / 1000), 0);
  if (seconds < 3600) return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  return hours < 72 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

function textOf(form, at) {
  if (form.contains("lasting")) return lasting(at);
  if (form.contains("clock")) return precise(at);
  return form.contains("second") ? second(at) : ago(at) || shortDate(at);
}

function showTime(element) {
  const at = new Date(element.dateTime);
  const text = textOf(element.classList, at);
  if (element.textContent !== text) element.textContent = text;
  if (element.dataset.local) return;
  element.dataset.local = "1";
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  if (zone !== "UTC") element.title = `${date} ${precise(at)} ${zone}\n${element.title}`;
}

function showTimes(root) {
  if (root.matches?.(FORMS)) showTime(root);
  root.querySelectorAll(FORMS).forEach(showTime);
}

showTimes(document);
document.querySelectorAll("[data-zone]").forEach((element) => (element.textContent = zone));
document.addEventListener("htmx:load", (event) => showTimes(event.target));
// A tab that nobody sees is left alone; whoever comes back to it sees no old time.
setInterval(() => document.hidden || showTimes(document), EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || showTimes(document));
