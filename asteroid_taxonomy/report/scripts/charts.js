// The charts below the first: drawn when they come near the screen, so that the text is there at
// once, in a place that was kept for them.

const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const options = { renderer: "svg", actions: false, logLevel: 1,
                  tooltip: { theme: dark ? "dark" : "light" } };
const views = {};
const PANEL_PX = 172, LEGEND_PX = 50; // a panel with its axis; what stands above all of them

function place(id) {
  const spec = specs[id], all = spec.columns;
  if (!all) return;
  spec.columns = Math.max(1, Math.min(all, Math.floor(($(id).clientWidth - 10) / PANEL_PX)));
  const panels = new Set(Object.values(spec.datasets)[0].map((point) => point.panel)).size;
  const row = (L.heights[id] - LEGEND_PX) / Math.ceil(panels / all);
  $(id).style.minHeight = `${LEGEND_PX + row * Math.ceil(panels / spec.columns)}px`;
}

function draw(id) {
  views[id] ??= vegaEmbed($(id), specs[id], options).then(({ view }) => view);
  return views[id];
}

// a click on a panel of a failure looks its asteroid up
async function linkPanels() {
  const view = await draw("confident_failures");
  view.addEventListener("click", (event, item) => {
    for (let at = item; at; at = at.mark?.group) {
      const row = L.failures[at.datum?.panel];
      if (row !== undefined) { show(row); $("h-play").scrollIntoView(); return; }
    }
  });
}

function drawWhenNear() {
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) {
      near.unobserve(target);
      draw(target.id);
      if (target.id === "confident_failures") linkPanels();
    }
  }, { rootMargin: "300px" });
  for (const id of Object.keys(specs)) { place(id); near.observe($(id)); }
  addEventListener("beforeprint", () => Object.keys(specs).forEach(draw));
}

// tables that are wider than the screen say so
function announceWideTables() {
  for (const box of document.querySelectorAll(".scroll"))
    box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 1);
}
