"use strict";
// Without this script every case is still here, sorted, and opens: it only narrows the list.
for (const list of document.querySelectorAll("section.list")) {
  const tools = list.querySelector(".tools");
  const cases = [...list.querySelectorAll("li.case")];
  const holder = list.querySelector("ol.cases");
  const none = list.querySelector(".none");
  const moved = 0.005;
  const texts = new Map();
  const changes = new Map(cases.map((item) => [item, item.dataset.d.split(",").map(Number)]));
  let opened = false;
  let sorted = "";

  function text(item) {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  }

  function fits(item, show, metric, words) {
    if (show === "failed" && !("failed" in item.dataset)) return false;
    if (show === "moved") {
      const change = metric === "" ? 0 : changes.get(item)[metric];
      if (metric === "" ? !("moved" in item.dataset) : Math.abs(change) < moved || change === 9) return false;
    }
    return words.every((word) => text(item).includes(word));
  }

  function sort(metric) {
    if (metric === sorted) return;
    sorted = metric;
    const order = metric === "" ? cases
      : [...cases].sort((a, b) => changes.get(a)[metric] - changes.get(b)[metric]);
    holder.append(...order);
  }

  function update() {
    const metric = tools.metric.value;
    const words = tools.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const show = tools.querySelector("[name=show]:checked").value;
    let count = 0;
    for (const item of cases) {
      item.hidden = !fits(item, show, metric, words);
      if (!item.hidden) count += 1;
    }
    sort(metric);
    none.hidden = count > 0;
    tools.querySelector("output").value = count === cases.length ? "" : `${count} of ${cases.length}`;
  }

  function toggle() {
    opened = !opened;
    for (const item of cases) if (!item.hidden) item.firstElementChild.open = opened;
    tools.open.textContent = opened ? "Close all" : "Open all";
  }

  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", update);
  tools.open.addEventListener("click", toggle);
  tools.hidden = false;
}

function follow() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.parentElement.hidden = false;
    target.scrollIntoView({block: "start"});
  }
}
addEventListener("hashchange", follow);
follow();
