"use strict";
(function () {
  // pairs of one department: what does not match is hidden, and the folded rest opens
  for (const chooser of document.querySelectorAll("select[data-filter]")) {
    const list = document.getElementById(chooser.dataset.filter);
    const told = document.getElementById(chooser.dataset.filter + "-told");
    chooser.addEventListener("change", function () {
      let shown = 0;
      for (const pair of list.querySelectorAll("[data-department]")) {
        pair.hidden = chooser.value !== "" && pair.dataset.department !== chooser.value;
        shown += pair.hidden ? 0 : 1;
      }
      for (const rest of list.querySelectorAll("details.rest")) rest.open = rest.open || chooser.value !== "";
      told.textContent = shown === 1 ? "1 pair shown" : shown + " pairs shown";
    });
  }
})();
