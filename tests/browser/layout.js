// Returns the faults of the layout: text outside the page or its clipping box, and texts that overlap.
(() => {
  const TOLERANCE = 1.5;
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} px wide, of ${root.clientWidth}`);
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (!box.width || !box.height) continue;
      boxes.push({ node, box });
      if (box.left < -TOLERANCE || box.right > root.clientWidth + TOLERANCE) faults.push(`outside: ${node.data}`);
      for (let parent = node.parentElement; parent; parent = parent.parentElement) {
        if (getComputedStyle(parent).overflowX === "visible") continue;
        const outer = parent.getBoundingClientRect();
        const sticksOut = box.left < outer.left - TOLERANCE || box.right > outer.right + TOLERANCE ||
          box.top < outer.top - TOLERANCE || box.bottom > outer.bottom + TOLERANCE;
        if (sticksOut) faults.push(`clipped: ${node.data}`);
      }
    }
  }
  for (let first = 0; first < boxes.length; first++) {
    for (let second = first + 1; second < boxes.length; second++) {
      if (boxes[first].node === boxes[second].node) continue;
      const a = boxes[first].box, b = boxes[second].box;
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (wide > TOLERANCE && high > TOLERANCE) faults.push(`overlap: ${boxes[first].node.data} / ${boxes[second].node.data}`);
    }
  }
  return { faults, texts: boxes.length };
})()
