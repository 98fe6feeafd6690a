// What is folded opens for paper, where the style cannot do it (a browser without ::details-content), and folds again.
"use strict";
(() => {
  if (CSS.supports("selector(::details-content)")) return;
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const part of folded) part.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const part of folded) part.open = false;
  });
})();
