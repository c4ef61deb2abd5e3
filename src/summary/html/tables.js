// Sorting and filtering of the long tables. Without this script every row is still there.
(function () {
  "use strict";
  function value(row, index) {
    var cell = row.cells[index];
    var number = cell.getAttribute("data-v");
    return number === null ? cell.textContent.toLowerCase() : Number(number);
  }
  function compare(a, b) {
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  function sort(table, index) {
    var heads = table.tHead.rows[0].cells, head = heads[index], body = table.tBodies[0];
    var down = head.getAttribute("aria-sort") === "ascending" ||
      (head.classList.contains("n") && head.getAttribute("aria-sort") !== "descending");
    Array.prototype.forEach.call(heads, function (it) { it.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    Array.prototype.slice.call(body.rows)
      .map(function (row, at) { return { row: row, at: at, key: value(row, index) }; })
      .sort(function (a, b) { return (down ? compare(b.key, a.key) : compare(a.key, b.key)) || a.at - b.at; })
      .forEach(function (it) { body.appendChild(it.row); });
  }
  function addSorting(table) {
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, index) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", function () { sort(table, index); });
      head.textContent = "";
      head.appendChild(button);
    });
  }
  function addFilter(table, box) {
    var rows = Array.prototype.slice.call(table.tBodies[0].rows);
    if (rows.length < 6) return;
    var bar = document.createElement("div"), label = document.createElement("label");
    var input = document.createElement("input"), count = document.createElement("span");
    bar.className = "filter";
    input.type = "search";
    label.append("Filter ", input);
    count.setAttribute("role", "status");
    bar.append(label, count);
    box.parentNode.insertBefore(bar, box);
    input.addEventListener("input", function () {
      var wanted = input.value.toLowerCase(), shown = 0;
      rows.forEach(function (row) {
        row.hidden = row.textContent.toLowerCase().indexOf(wanted) < 0;
        if (!row.hidden) shown += 1;
      });
      count.textContent = wanted ? shown + " of " + rows.length + " rows" : "";
    });
  }
  document.querySelectorAll(".scroll").forEach(function (box) {
    var table = box.querySelector("table");
    addSorting(table);
    addFilter(table, box);
  });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (it) { it.open = true; });
  });
})();
