// The viewer of an output: marks lines, finds its place again, follows a step that runs. Links,
// search and ranges work without it. It runs after htmx.
"use strict";

(() => {
  const HASH = /^#L([1-9]\d{0,15})(?:-L([1-9]\d{0,15}))?$/;
  const MOST_PAINTED = 2000;
  const section = () => document.getElementById("output");
  const box = () => document.querySelector("#output .output-scroll");
  const numberOf = (line) => Number(line.id.slice(1));

  // Which lines are marked is said by the address: #L10 or #L10-L20.
  function readHash() {
    const found = HASH.exec(location.hash);
    if (!found) return null;
    const ends = [Number(found[1]), Number(found[2] ?? found[1])];
    return { first: Math.min(...ends), last: Math.max(...ends) };
  }

  function mark(range) {
    for (const line of document.querySelectorAll("#output .line")) {
      const isMarked = numberOf(line) >= range.first && numberOf(line) <= range.last;
      line.classList.toggle("marked", isMarked);
    }
  }

  function scrollTo(line) {
    const around = box();
    const distance = line.getBoundingClientRect().top - around.getBoundingClientRect().top;
    around.scrollTop += distance - around.clientHeight / 3;
    around.scrollIntoView({ block: "nearest" });
  }

  async function showMarked() {
    const range = readHash();
    if (!range || !section()) return;
    const address = new URL(section().dataset.url, location);
    if (!document.getElementById(`L${range.first}`)) {
      const q = new URLSearchParams(location.search).get("q");
      if (q) address.searchParams.set("q", q);
      address.searchParams.set("line", `${range.first}-${range.last}`);
      const context = { target: section(), swap: "outerHTML" };
      // What fails is said by swaps.js.
      await htmx.ajax("GET", address.pathname + address.search, context).catch(() => {});
    }
    const line = document.getElementById(`L${range.first}`);
    if (!line) return;
    mark(range);
    scrollTo(line);
  }

  // What the server has marked: the line found, or the one that was asked for.
  function showAsked() {
    const asked = document.querySelector("#output .line.current, #output .line.marked");
    if (asked) scrollTo(asked);
  }

  // A click on a number marks its line, with shift all from the one marked before.
  function onNumber(event) {
    const line = event.target.closest("#output .line > a:first-child")?.parentElement;
    if (!line || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const clicked = numberOf(line);
    const from = event.shiftKey ? readHash()?.first ?? clicked : clicked;
    const range = { first: Math.min(from, clicked), last: Math.max(from, clicked) };
    const hash = range.first === range.last ? `L${clicked}` : `L${range.first}-L${range.last}`;
    const address = new URL(location);
    for (const name of ["line", "first", "last"]) address.searchParams.delete(name);
    address.hash = hash;
    history.replaceState(history.state, "", address);
    mark(range);
    if (event.shiftKey) getSelection().removeAllRanges();
  }

  // Whether long lines wrap is remembered in this browser.
  function showWrap() {
    const toggle = document.getElementById("wrap");
    if (toggle) toggle.checked = localStorage.getItem("wrap") !== "off";
  }

  // The words found, painted over the text: what was printed is not touched.
  function paintHits() {
    const words = document.getElementById("output-q")?.value.toLowerCase();
    if (!CSS.highlights) return;
    const ranges = [];
    for (const line of words ? document.querySelectorAll("#output .line.hit") : []) {
      if (ranges.length < MOST_PAINTED) ranges.push(...rangesIn(line, words));
    }
    CSS.highlights.set("hits", new Highlight(...ranges));
  }

  function rangesIn(line, words) {
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    const nodes = [];
    let text = "";
    while (walker.nextNode()) {
      nodes.push([text.length, walker.currentNode]);
      text += walker.currentNode.data;
    }
    const lower = text.toLowerCase();
    // Where letters change their number with their case, places do not tell.
    if (lower.length !== text.length) return [];
    const ranges = [];
    const last = (place) => nodes.findLast(([start]) => start <= place);
    for (let at = lower.indexOf(words); at >= 0; at = lower.indexOf(words, at + words.length)) {
      const [startAt, start] = last(at);
      const [endAt, end] = last(at + words.length - 1);
      const range = new Range();
      range.setStart(start, at - startAt);
      range.setEnd(end, at + words.length - endAt);
      ranges.push(range);
    }
    return ranges;
  }

  // What comes in is said to those who do not see it, in a place that stays.
  function say(text) {
    const said = document.getElementById("output-said");
    if (said && said.textContent !== text.trim()) said.textContent = text.trim();
  }

  // Lines that come in above or below must not move those that are being read.
  let kept = null;
  function isAtEnd() {
    const around = box();
    if (!around) return false;
    const end = around.firstElementChild.getBoundingClientRect().bottom;
    return end - around.getBoundingClientRect().bottom < 24;
  }

  function keepPlace(event) {
    const edge = event.detail.target;
    if (edge.matches?.("#output .edge")) {
      const lines = document.querySelectorAll("#output .line");
      const line = edge.id === "earlier" ? lines[0] : lines[lines.length - 1];
      const follows = edge.id === "later" && "follow" in edge.dataset;
      kept = { line, follows, top: line.getBoundingClientRect().top };
    }
  }

  function findPlaceAgain() {
    if (!kept) return;
    const { line, follows, top } = kept;
    kept = null;
    // The last line of a step that runs may have gone on: its newer form stands after it.
    const twins = document.querySelectorAll(`#output [id="${line.id}"]`);
    const stays = twins[twins.length - 1];
    if (twins.length > 1) twins[0].remove();
    const around = box();
    if (follows) around.scrollTop = around.scrollHeight;
    else around.scrollTop += stays.getBoundingClientRect().top - top;
    if (document.activeElement === document.body) around.focus({ preventScroll: true });
    const lines = document.querySelectorAll("#output .line");
    const [first, last] = [lines[0], lines[lines.length - 1]].map(numberOf);
    say(`Lines ${first} to ${last} are shown.`);
    const range = document.querySelector("#output .range-shown");
    if (range) range.textContent = `lines ${grouped(first)}–${grouped(last)}`;
  }

  function grouped(number) {
    return number.toLocaleString("en-US");
  }

  // New lines of a step that runs come in by themselves only for who reads at the end.
  let wasAtEnd = false;
  function follow() {
    const edge = document.querySelector("#later[data-new]");
    if (edge && !wasAtEnd) say(edge.textContent);
    if (!edge || !wasAtEnd) return;
    edge.dataset.follow = "";
    edge.querySelector("a").click();
  }

  function renew() {
    showWrap();
    paintHits();
    // Lines that came later may be marked, too.
    const range = readHash();
    if (range) mark(range);
  }

  document.addEventListener("click", onNumber);
  document.addEventListener(
    "click",
    (event) => {
      const button = event.target.closest("[data-copy-lines]");
      if (!button) return;
      const lines = [...document.querySelectorAll("#output .line")];
      button.dataset.copy = lines.map((line) => line.textContent).join("");
    },
    true,
  );
  document.addEventListener("change", (event) => {
    if (event.target.id === "wrap") localStorage.setItem("wrap", event.target.checked ? "on" : "off");
  });
  addEventListener("hashchange", showMarked);
  document.addEventListener("visibilitychange", () => {
    const live = document.getElementById("step-live");
    if (!document.hidden && live) htmx.trigger(live, "wake");
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "step-live" && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "step-live") wasAtEnd = isAtEnd();
    keepPlace(event);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    findPlaceAgain();
    renew();
    if (event.detail.requestConfig?.elt?.id === "step-live") follow();
    if (event.target.id !== "output") return;
    showAsked();
    say(document.querySelector("#output .hits")?.textContent ?? "");
  });

  renew();
  if (readHash()) showMarked();
  else showAsked();
})();
