// The arrows that unfold the navigation have no text: say what they do to those who hear it.
document.addEventListener("DOMContentLoaded", () => {
  for (const arrow of document.querySelectorAll("summary:not([aria-label])")) {
    if (!arrow.textContent.trim()) arrow.setAttribute("aria-label", "Show or hide the pages below");
  }
});
