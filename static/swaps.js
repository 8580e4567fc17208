// What a reader must not miss when htmx changes a part of a page: where they are now, and what
// could not be fetched. It runs after htmx.

// A request that a newer one has replaced is no error, and what is said on the page need not be
// said on the console too.
const FAILURES = ["htmx:responseError", "htmx:sendError", "htmx:timeout"];
const SAID = [...FAILURES, "htmx:sendAbort", "htmx:afterRequest"];
htmx.logger = (_element, name, detail) => {
  if (SAID.includes(name)) delete detail.error;
};

// The notice that stands in each place whose fragment did not come.
const notices = new Map();

function whatHappened(name, xhr) {
  if (name === "htmx:sendError") return "The server cannot be reached.";
  if (name === "htmx:timeout") return "The server did not answer in time.";
  const isOurs = xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
  return (isOurs && xhr.responseText) || `The server answered ${xhr.status}.`;
}

// The same request once more, as it was sent; its answer goes to the same place.
function sendAgain({ requestConfig, etc }, event) {
  const { elt, target, verb, path, formData } = requestConfig;
  const source = elt.isConnected ? elt : target;
  const context = { source, target, swap: etc.swapOverride, values: formData, event };
  htmx.ajax(verb, path, context).catch(() => {});
}

function makeNotice(text, request) {
  const notice = document.createElement("div");
  notice.className = "notice trouble";
  notice.role = "alert";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = "Try again";
  button.addEventListener("click", (event) => sendAgain(request, event));
  const words = document.createElement("span");
  words.textContent = `${text} What is shown here is from before.`;
  notice.append(words, button);
  return notice;
}

// At the head of what the fragment would have filled, or of the nearest that can be seen; a table
// is not broken up for it.
function place(target, notice) {
  const isPart = target?.isConnected && target !== document.body;
  let seen = isPart ? target : document.getElementById("main");
  while (!seen.checkVisibility()) seen = seen.parentElement;
  const around = seen.closest("table, select");
  if (around) around.before(notice);
  else seen.prepend(notice);
}

function takeAway(target) {
  notices.get(target)?.remove();
  notices.delete(target);
}

function tell(event) {
  const { target, xhr } = event.detail;
  // Suggestions are no part of what is shown: without them a field is what it was.
  if (target?.matches("datalist")) return;
  const notice = makeNotice(whatHappened(event.type, xhr), event.detail);
  const former = notices.get(target);
  // What asks by itself, again and again, is not announced each time.
  if (former?.isConnected && former.textContent === notice.textContent) return;
  const hadFocus = former?.contains(document.activeElement);
  takeAway(target);
  notices.set(target, notice);
  place(target, notice);
  if (hadFocus) notice.querySelector("button").focus();
}

FAILURES.forEach((name) => document.addEventListener(name, tell));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) takeAway(event.detail.target);
});

// Whoever turned a page, or took away what they stood on, goes on at what came instead.
function startOf(target, from) {
  if (from.isConnected && from.ariaExpanded) return from;
  const chip = from.closest(".chips") && target.querySelector(".chips a");
  return chip || target.querySelector("table, h2") || target;
}

document.addEventListener("htmx:afterSettle", (event) => {
  const { requestConfig, target } = event.detail;
  if (requestConfig?.triggeringEvent?.type !== "click" || !target?.isConnected) return;
  const at = document.activeElement;
  const isLost = at === document.body || notices.get(target)?.contains(at);
  if (!isLost && !requestConfig.elt.closest(".pager")) return;
  const start = startOf(target, requestConfig.elt);
  if (!start.matches("a, button")) start.tabIndex = -1;
  start.focus({ preventScroll: true });
});
