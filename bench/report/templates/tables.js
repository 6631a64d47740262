"use strict";
// Tables are whole without this script; it lets a reader sort and filter them.
const status = document.getElementById("status");

// Cells without a key come last in both directions: they have no value.
function sorted(rows, column, numeric, descending) {
  const keys = new Map(rows.map((row) => [row, row.cells[column].dataset.key]));
  const compare = numeric ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b);
  return rows.sort((first, second) => {
    const a = keys.get(first), b = keys.get(second);
    if (a === "" || b === "") return (a === "") - (b === "");
    return descending ? compare(b, a) : compare(a, b);
  });
}

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const name = head.querySelector(".head");
    const numeric = head.classList.contains("number");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...name.childNodes);
    name.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const descending = now ? now === "ascending" : numeric;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const body = table.tBodies[0];
      body.append(...sorted([...body.rows], column, numeric, descending));
      status.textContent = `Sorted by ${button.textContent}, ${descending ? "falling" : "rising"}.`;
    });
  });
}

// One field for all tables of a comparison whose lines are its rows.
for (const section of document.querySelectorAll("section.table")) {
  const rows = [...section.querySelectorAll("tr[data-row]")];
  if (new Set(rows.map((row) => row.dataset.row)).size < 4) continue;
  const label = document.createElement("label");
  label.className = "filter";
  const field = document.createElement("input");
  field.type = "search";
  label.append("Show rows with ", field);
  section.querySelector(".scroll").before(label);
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.row.toLowerCase().includes(word));
    }
    const shown = new Set(rows.filter((row) => !row.hidden).map((row) => row.dataset.row)).size;
    status.textContent = `${shown} rows are shown.`;
  });
}
