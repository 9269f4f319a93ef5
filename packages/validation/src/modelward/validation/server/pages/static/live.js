// Follows a job: asks for this page again, and puts in what has changed.
"use strict";
(function () {
  const live = document.getElementById("live");
  const said = document.getElementById("said");

  // Brushes over the parallel coordinates: lines outside any range fade.
  function brush() {
    const chart = document.querySelector("svg.parallel");
    if (!chart) return;
    const ranges = Array.from(document.querySelectorAll(".brushes fieldset")).map((set) => {
      const [low, high] = Array.from(set.querySelectorAll("input")).map((i) => Number(i.value));
      return [Math.min(low, high) / 100, Math.max(low, high) / 100];
    });
    let shown = 0, failed = 0;
    for (const line of chart.querySelectorAll("polyline")) {
      const at = line.dataset.at.split(" ").map(Number);
      const inside = at.every((v, i) => v >= ranges[i][0] - 1e-9 && v <= ranges[i][1] + 1e-9);
      line.classList.toggle("out", !inside);
      if (inside) { shown += 1; failed += line.classList.contains("failed") ? 1 : 0; }
    }
    const text = document.getElementById("brushed");
    if (text) text.textContent = shown + " runs in these ranges, " + failed + " of them failed.";
  }
  document.addEventListener("input", (event) => {
    if (event.target.closest(".brushes")) brush();
  });
  brush();

  if (!live || live.dataset.live === undefined) return;
  let version = live.dataset.live;
  let pause = 2000;

  function keepPlace(next) {
    const ids = document.activeElement && live.contains(document.activeElement) ? document.activeElement.id : "";
    const values = Array.from(live.querySelectorAll("input[id]")).map((i) => [i.id, i.value]);
    const scrolled = Array.from(live.querySelectorAll(".scroll")).map((s) => s.scrollLeft);
    live.replaceChildren(...next.childNodes);
    for (const [id, value] of values) {
      const input = document.getElementById(id);
      if (input) input.value = value;
    }
    live.querySelectorAll(".scroll").forEach((s, i) => { s.scrollLeft = scrolled[i] || 0; });
    if (ids) { const back = document.getElementById(ids); if (back) back.focus(); }
  }

  async function look() {
    try {
      if (!document.hidden) {
        const answer = await fetch(location.href, { headers: { "X-Version": version }, cache: "no-store" });
        if (answer.status === 200 && !answer.redirected) {
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          const next = page.getElementById("live");
          if (next) {
            version = next.dataset.live;
            live.dataset.live = version;
            keepPlace(next);
            brush();
            said.textContent = "Updated.";
          }
          pause = 2000;
        } else if (answer.redirected) {
          location.reload();
          return;
        }
      }
    } catch (error) {
      said.textContent = "The server does not answer; trying again.";
      pause = Math.min(30000, 2 * pause);
    }
    setTimeout(look, pause);
  }
  setTimeout(look, pause);
})();
