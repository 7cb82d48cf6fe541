"use strict";
(function () {
  // pairs that pass every filter; what does not is hidden, and the folded rest opens
  const list = document.getElementById("traces-list");
  const told = document.getElementById("traces-told");
  const choosers = Array.from(document.querySelectorAll("select[data-by]"));
  if (!list || choosers.length === 0) return;
  function passes(pair, chooser) {
    if (chooser.value === "") return true;
    return pair.dataset[chooser.dataset.by].split(" ").includes(chooser.value);
  }
  function choose() {
    let shown = 0;
    const chosen = choosers.some(function (chooser) { return chooser.value !== ""; });
    for (const pair of list.querySelectorAll("li[data-end]")) {
      pair.hidden = !choosers.every(function (chooser) { return passes(pair, chooser); });
      shown += pair.hidden ? 0 : 1;
    }
    for (const rest of list.querySelectorAll("details.rest")) rest.open = rest.open || chosen;
    told.textContent = shown === 1 ? "1 pair shown" : shown + " pairs shown";
  }
  for (const chooser of choosers) chooser.addEventListener("change", choose);
})();
