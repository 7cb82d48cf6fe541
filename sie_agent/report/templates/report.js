"use strict";
(function () {
  document.documentElement.classList.add("scripted");
  const plots = Array.from(document.querySelectorAll("[data-plot]"));
  function draw(place, data) {
    const figure = JSON.parse(document.getElementById(data).textContent);
    // a legend under a narrow chart takes more lines: give them room instead of a scroll bar
    if (figure.layout.showlegend && place.clientWidth < 480) {
      figure.layout.height += 11 * figure.data.filter((trace) => trace.showlegend !== false).length;
    }
    // a heading inside a narrow chart would be cut off at its right end: it may reach over the names instead
    for (const note of place.clientWidth < 480 ? figure.layout.annotations || [] : []) {
      if (note.xref === "paper" && note.x === 0) Object.assign(note, { x: 1, xanchor: "right", xshift: 0 });
    }
    Plotly.react(place, figure.data, figure.layout, { displayModeBar: false, responsive: true });
    place.dataset.drawn = data;
  }
  // a chart in closed details has no width: it is drawn when they are opened
  function drawWhatShows() {
    for (const place of plots) {
      if (!place.dataset.drawn && place.clientWidth > 0) draw(place, place.dataset.plot + "-data");
    }
  }
  drawWhatShows();
  for (const part of document.querySelectorAll("details")) part.addEventListener("toggle", drawWhatShows);
  for (const chooser of document.querySelectorAll("select[data-chooser]")) {
    chooser.addEventListener("change", function () {
      const place = document.getElementById(chooser.dataset.chooser);
      const chosen = chooser.selectedOptions[0];
      draw(place, chosen.value);
      place.setAttribute("aria-label", chosen.dataset.summary);
      document.getElementById(place.id + "-note").textContent = chosen.dataset.note;
    });
  }
  function copyByHand(text) {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async function () {
      const code = document.getElementById(button.dataset.copy);
      let copied = true;
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        copied = copyByHand(code.textContent);
      }
      if (!copied) getSelection().selectAllChildren(code);
      button.textContent = copied ? "Copied" : "Press Ctrl+C";
      button.focus();
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
  // a link into folded details opens them
  function openTarget() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();
  // paper has a width of its own, and closed details would hide half of the figures
  const closed = [];
  window.addEventListener("beforeprint", function () {
    for (const part of document.querySelectorAll("details:not([open])")) {
      part.open = true;
      closed.push(part);
    }
    drawWhatShows();
    for (const place of plots) Plotly.relayout(place, { width: Math.min(place.clientWidth, 640) });
  });
  window.addEventListener("afterprint", function () {
    for (const part of closed.splice(0)) part.open = false;
    for (const place of plots) Plotly.relayout(place, { width: null, autosize: true });
  });
})();
