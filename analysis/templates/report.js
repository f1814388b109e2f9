// Tables are sorted by a click on a head; tables and examples are filtered by words; points of
// curves say what they are.
document.documentElement.classList.add("js");
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const number = text => parseFloat(text.replace(/,/g, "").replace("−", "-"));
  table.querySelectorAll("th").forEach((head, column) => {
    let up = false;
    const sort = () => {
      up = !up;
      const cell = row => row.cells[column].textContent.trim();
      const order = (a, b) => isNaN(number(cell(a))) || isNaN(number(cell(b)))
        ? cell(a).localeCompare(cell(b)) : number(cell(a)) - number(cell(b));
      const rows = [...body.rows].sort((a, b) => up ? order(a, b) : order(b, a));
      rows.forEach(row => body.append(row));
      table.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
    };
    head.tabIndex = 0;
    head.addEventListener("click", sort);
    head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
  });
}

const filtered = (parts, before, what) => {
  if (parts.length < 4) return;
  const box = document.createElement("input");
  box.type = "search";
  box.placeholder = "filter " + what + ": words that stand in it";
  box.setAttribute("aria-label", "filter " + what);
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const part of parts) {
      const text = part.textContent.toLowerCase();
      part.hidden = !words.every(word => text.includes(word));
    }
  });
  before.before(box);
};
for (const table of document.querySelectorAll("table.sortable"))
  filtered([...table.tBodies[0].rows], table.parentElement, "rows");
const examples = [...document.querySelectorAll(".example")];
if (examples.length) filtered(examples, examples[0], "examples");

// Without this the browser says it too, but after a while, and never under a finger.
const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);
for (const title of document.querySelectorAll("svg circle > title")) {
  title.parentElement.dataset.says = title.textContent;
  title.remove();
}
document.addEventListener("pointerover", event => {
  const says = event.target.dataset?.says;
  tip.hidden = !says;
  if (!says) return;
  tip.textContent = says;
  const point = event.target.getBoundingClientRect();
  const above = point.top - tip.offsetHeight - 4;
  tip.style.left = Math.max(8, Math.min(point.left, innerWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = (above > 0 ? above : point.bottom + 4) + "px";
});
document.addEventListener("scroll", () => { tip.hidden = true; }, true);
