// Sorting, searching and filtering of the cases. Without this script the page shows all of them, in the plan's order.
// What belongs to cases elsewhere on the page has the attribute data-of with their anchors and is hidden with them.
"use strict";
(() => {
  const rows = [...document.querySelectorAll("tbody[data-case]")];
  const filters = document.querySelector("[data-filters]");
  const FIELDS = { run: "run", track: "scenario and track", model: "model", setting: "setting", status: "status" };

  const shownValue = (row, column) => {
    const cell = row.rows[0].cells[column];
    return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent.trim();
  };

  // What was not measured ("–") stands last, whichever way it is sorted.
  const compare = (one, other, sign) => {
    const missing = (one === "–") - (other === "–");
    if (missing) return missing;
    if (typeof one === "number" && typeof other === "number") return sign * (one - other);
    return sign * String(one).localeCompare(String(other), undefined, { numeric: true });
  };

  const sort = (table, heading, column) => {
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const keyed = [...table.tBodies].map((row) => [shownValue(row, column), row]);
    keyed.sort((a, b) => compare(a[0], b[0], ascending ? 1 : -1));
    table.append(...keyed.map(([, row]) => row));
  };

  for (const table of document.querySelectorAll("table.results")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sort(table, heading, column));
      heading.replaceChildren(button);
    });
  }

  if (filters && rows.length > 1) {
    const search = filters.querySelector("[data-search]");
    const count = filters.querySelector("[data-count]");
    const texts = new Map(rows.map((row) => [row, `${row.textContent} ${row.dataset.find} ${row.dataset.track}`.toLowerCase()]));
    const selects = {};
    for (const [field, name] of Object.entries(FIELDS)) {
      const values = [...new Set(rows.map((row) => row.dataset[field]).filter((value) => value !== undefined))];
      if (values.length < 2) continue;
      const select = document.createElement("select");
      select.setAttribute("aria-label", `Only this ${name}`);
      select.dataset.filter = field;
      select.append(new Option(`any ${name}`, ""), ...values.sort().map((value) => new Option(value, value)));
      filters.append(select);
      selects[field] = select;
    }
    const parts = [...document.querySelectorAll("[data-of]")];
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const hidden = new Set();
      for (const row of rows) {
        const fits =
          words.every((word) => texts.get(row).includes(word)) &&
          Object.entries(selects).every(([field, select]) => !select.value || row.dataset[field] === select.value);
        row.hidden = !fits;
        if (!fits) hidden.add(row.dataset.case);
      }
      for (const part of parts) part.hidden = part.dataset.of.trim().split(" ").every((anchor) => hidden.has(anchor));
      for (const table of document.querySelectorAll("table.results"))
        table.parentNode.hidden = [...table.tBodies].every((row) => row.hidden);
      count.textContent = hidden.size ? `${rows.length - hidden.size} of ${rows.length} cases` : `${rows.length} cases`;
    };
    filters.addEventListener("input", apply);
    filters.addEventListener("submit", (event) => event.preventDefault());
    filters.hidden = false;
    apply();
  }

  // A link to a case opens it; a case that is filtered away comes back first.
  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) {
      filters.reset();
      filters.dispatchEvent(new Event("input"));
    }
    if (target instanceof HTMLDetailsElement) target.open = true;
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", open);
  if (location.hash) open();

  // A button is made where a command comes into sight: thousands of them would keep the page from opening.
  const offerCopy = (command) => {
    if (command.classList.contains("told") || command.previousElementSibling?.className === "copy") return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command.textContent);
      button.textContent = "Copied";
    });
    command.before(button);
  };
  if (navigator.clipboard) {
    document.addEventListener("toggle", (event) => event.target.querySelectorAll?.("pre").forEach(offerCopy), true);
  }
})();
