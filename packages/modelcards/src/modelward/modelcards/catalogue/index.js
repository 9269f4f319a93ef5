"use strict";
(() => {
  const [PAGE, NAME, VERSION, STATUS, RISK, OWNER, STANDING, CLAIMS, FAILED, OVERVIEW, FILE, NUMBERS] =
    Array.from({ length: 12 }, (_, i) => i);
  const SHOWN = 200;
  const SIGNS = { verified: ["good", "✓"], failed: ["bad", "✕"], unreadable: ["bad", "✕"] };
  const at = (id) => document.getElementById(id);
  const filters = { standing: STANDING, status: STATUS, risk: RISK, owner: OWNER };
  const texts = CARDS.map((c) => [c[NAME], c[VERSION], c[OWNER], c[OVERVIEW], c[FILE]].join(" ").toLowerCase());
  const chosen = [];

  const cell = (row, content, tag = "td") => {
    const made = document.createElement(tag);
    if (tag === "th") made.scope = "row";
    if (content instanceof Node) made.append(content);
    else made.textContent = content === "" ? "–" : content;
    row.append(made);
  };
  const link = (card) => {
    const made = document.createElement("a");
    made.href = card[PAGE];
    made.textContent = card[NAME];
    return made;
  };
  const standing = (card) => {
    const [kind, sign] = SIGNS[card[STANDING]] || ["warning", "!"];
    const made = document.createElement("span");
    made.className = "status " + kind;
    let counted = card[CLAIMS] ? "" : ", claims no number";
    if (card[FAILED]) counted = ": " + card[FAILED] + " of " + card[CLAIMS];
    made.textContent = sign + " " + card[STANDING] + (card[STANDING] === "unreadable" ? "" : counted);
    return made;
  };
  const box = (index) => {
    const made = document.createElement("input");
    made.type = "checkbox";
    made.checked = chosen.includes(index);
    made.setAttribute("aria-label", "compare " + CARDS[index][NAME] + " " + CARDS[index][VERSION]);
    made.addEventListener("change", () => {
      if (made.checked) chosen.push(index);
      else chosen.splice(chosen.indexOf(index), 1);
      if (chosen.length > 2) chosen.shift();
      draw();
    });
    return made;
  };
  const compare = () => {
    at("compare").hidden = chosen.length !== 2;
    const body = at("pair");
    body.replaceChildren();
    if (chosen.length !== 2) return;
    const [a, b] = chosen.map((i) => CARDS[i]);
    const add = (name, one, two) => {
      const row = document.createElement("tr");
      const text = (shown) => (shown instanceof Node ? shown.textContent : shown);
      cell(row, (text(one) === text(two) ? "" : "≠ ") + name, "th");
      cell(row, one);
      cell(row, two);
      body.append(row);
    };
    add("model", link(a), link(b));
    add("standing", standing(a), standing(b));
    for (const [name, field] of [["version", VERSION], ["status", STATUS], ["risk", RISK], ["owner", OWNER]])
      add(name, a[field], b[field]);
    const [one, two] = [new Map(a[NUMBERS]), new Map(b[NUMBERS])];
    for (const name of new Set([...one.keys(), ...two.keys()])) add(name, one.get(name) || "", two.get(name) || "");
  };
  const draw = () => {
    const words = at("words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = Object.entries(filters).map(([name, field]) => [field, at("f-" + name).value]).filter(([, v]) => v !== "*");
    const body = at("rows");
    body.replaceChildren();
    let found = 0;
    CARDS.forEach((card, index) => {
      if (!words.every((w) => texts[index].includes(w))) return;
      if (!wanted.every(([field, value]) => card[field] === value)) return;
      if (++found > SHOWN) return;
      const row = document.createElement("tr");
      cell(row, link(card), "th");
      for (const field of [VERSION, STATUS, RISK, OWNER]) cell(row, card[field]);
      cell(row, standing(card));
      cell(row, box(index));
      body.append(row);
    });
    at("count").textContent = found + " of " + CARDS.length + " cards" + (found > SHOWN ? ", the first " + SHOWN + " shown" : "");
    compare();
  };
  at("find").addEventListener("input", draw);
  at("find").addEventListener("submit", (event) => event.preventDefault());
  draw();
})();
