// Reloads the page when the sandbox has something new to show; stays still while nobody looks or something is open.
const shown = document.body.dataset.version;

async function look() {
  if (!document.hidden && !document.querySelector("details[open], iframe")) {
    try {
      const answer = await fetch("/sandbox/version", { cache: "no-store" });
      if (String((await answer.json()).version) !== shown) location.reload();
    } catch {
      // The sandbox is restarting: look again later.
    }
  }
  setTimeout(look, 2000);
}

setTimeout(look, 2000);
