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
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  }
});

// A link to a place in a page leads there over the login too: only the browser knows the place.
document.addEventListener("submit", (event) => {
  const next = event.target.querySelector("input[name='next']");
  if (next && location.hash) next.value = next.value.split("#")[0] + location.hash;
});
