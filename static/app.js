// Small comforts over pages that work without them. It stands in the head and runs at once, so
// that what needs scripts is there, and what replaces them is not, before anything is drawn.
"use strict";

document.documentElement.classList.add("js");

// Copy buttons: <button data-copy="the text">.
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http from another machine has no clipboard of its own.
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await copyText(button.dataset.copy);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1200);
});

// Menus close on a click elsewhere and on Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key === "Escape") {
    document.querySelectorAll("details.menu[open]").forEach((menu) => (menu.open = false));
  }
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const wanted = document.querySelector(`[data-hotkey="${CSS.escape(event.key)}"]`);
  if (wanted) {
    event.preventDefault();
    wanted.focus();
  }
});

// After a link in the list (a chip taken off, say) the form shows what the address says.
document.addEventListener("htmx:afterSettle", () => {
  const args = new URLSearchParams(location.search);
  for (const control of document.querySelectorAll("#filters [name]")) {
    if (control !== document.activeElement) control.value = args.get(control.name) ?? "";
  }
});

// What htmx does not swap must not pass in silence.
function sayTrouble(text) {
  const line = document.getElementById("trouble");
  line.textContent = text;
  line.hidden = !text;
}

document.addEventListener("htmx:responseError", (event) => {
  const code = event.detail.xhr.status;
  sayTrouble(`The server answered ${code}; what is shown is from before. Reload to try again.`);
});
document.addEventListener("htmx:sendError", () => {
  sayTrouble("The server cannot be reached; what is shown is from before. Reload to try again.");
});
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.shouldSwap) sayTrouble("");
});
