"use strict";
(function () {
  const plots = Array.from(document.querySelectorAll("[data-plot]"));
  function draw(place, data) {
    const figure = JSON.parse(document.getElementById(data).textContent);
    // a legend under a narrow chart takes more lines: give them room instead of a scroll bar
    if (figure.layout.showlegend && place.clientWidth < 480) {
      figure.layout.height += 11 * figure.data.filter((trace) => trace.showlegend !== false).length;
    }
    Plotly.react(place, figure.data, figure.layout, { displayModeBar: false, responsive: true });
  }
  for (const place of plots) draw(place, place.dataset.plot + "-data");
  for (const chooser of document.querySelectorAll("select[data-chooser]")) {
    chooser.addEventListener("change", function () {
      const place = document.getElementById(chooser.dataset.chooser);
      const chosen = chooser.selectedOptions[0];
      draw(place, chosen.value);
      place.setAttribute("aria-label", chosen.dataset.summary);
      document.getElementById(place.id + "-note").textContent = chosen.dataset.note;
    });
  }
  // paper has a width of its own, and closed details would hide half of the figures
  const closed = [];
  window.addEventListener("beforeprint", function () {
    for (const part of document.querySelectorAll("details:not([open])")) {
      part.open = true;
      closed.push(part);
    }
    for (const place of plots) Plotly.relayout(place, { width: Math.min(place.clientWidth, 640) });
  });
  window.addEventListener("afterprint", function () {
    for (const part of closed.splice(0)) part.open = false;
    for (const place of plots) Plotly.relayout(place, { width: null, autosize: true });
  });
})();
