"use strict";
// Tables are whole without this; it lets a reader choose their order.
const said = document.getElementById("sorted");

// Cells without a key come last whichever way, as nothing can be said of them.
function order(rows, column, numeric, descending) {
  const keys = new Map(rows.map((row) => [row, row.cells[column].dataset.key]));
  const compare = numeric ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b);
  return rows.sort((one, other) => {
    const a = keys.get(one), b = keys.get(other);
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
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const body = table.tBodies[0];
      body.append(...order([...body.rows], column, numeric, descending));
      said.textContent = `Sorted by ${button.textContent}, ${descending ? "falling" : "rising"}.`;
    });
  });
}
