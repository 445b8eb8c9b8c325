"use strict";
// Hands each figure that is embedded in the page to Plotly; the static drawing stays if that fails.
for (const holder of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(document.getElementById(holder.dataset.figure).textContent);
  const layout = holder.clientWidth < 640 ? figure.narrow : figure.layout;
  Plotly.newPlot(holder, figure.data, layout, figure.config).then(() => holder.parentElement.classList.add("is-drawn"));
}
