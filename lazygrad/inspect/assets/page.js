"use strict";
// The page's own part: cytoscape draws, Graphviz (in a worker) arranges, this shows what happened when.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);
  const STATES = ["untouched", "computed", "hit", "stale"];
  const WORDS = ["never touched", "computed", "hit: the memo had it", "stale"];
  const KINDS = ["parameter", "constant", "op", "adjoint", "fold"];
  const WHAT = ["read from the memo", "computed", "became stale"];
  const AFTER = [2, 1, 3]; // a step's code -> the state it leaves
  const ON_PATH = 1, ASKED = 2, TARGET = 4;
  const LARGE = 1200, HUGE = 3000; // boxes: where drawing, and arranging, must be thrifty
  const PATIENCE = 90000; // milliseconds for arranging
  const boxes = data.boxes.map(([title, note, kind, value, adjoint, flags]) => ({
    title, note, kind: KINDS[kind], value, adjoint, flags, inputs: [], consumers: [],
  }));
  for (const [a, b] of data.edges) {
    boxes[a].consumers.push(b);
    boxes[b].inputs.push(a);
  }
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // -- colours ----------------------------------------------------------------------------------------

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  let fills, borders;
  const readColours = () => {
    fills = STATES.map((state) => colour(`value-${state}`));
    borders = STATES.map((state) => colour(`adjoint-${state}`));
  };
  const look = (value, adjoint) => ({
    fill: fills[value], border: borders[adjoint], thick: adjoint ? 3 : 1.2, dashed: value === 3 || adjoint === 3 ? "dashed" : "solid",
  });

  // -- the graph --------------------------------------------------------------------------------------

  const brush = document.createElement("canvas").getContext("2d");
  const FONT = 'system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif';
  const cut = (text) => {
    const line = text.split("\n").join(" ");
    return line.length > 34 ? `${line.slice(0, 33)}…` : line;
  };
  const textWidth = (text, bold) => {
    brush.font = `${bold ? "bold " : ""}12px ${FONT}`;
    return brush.measureText(text).width;
  };
  for (const box of boxes) {
    box.lines = [cut(box.title), cut(box.note)].filter(Boolean);
    box.width = Math.max(44, ...box.lines.map((line) => textWidth(line, box.flags & (ASKED | TARGET)))) + (box.kind === "parameter" ? 26 : 20);
    box.height = 14 * box.lines.length + 12;
  }
  readColours();
  const style = () => [
    {
      selector: "node",
      style: {
        shape: "round-rectangle", width: "data(width)", height: "data(height)", label: "data(label)", "text-wrap": "wrap",
        "text-valign": "center", "text-halign": "center", "font-size": 12, "font-family": FONT, color: colour("ink"),
        "background-color": "data(fill)", "border-color": "data(border)", "border-width": "data(thick)", "border-style": "data(dashed)",
        "min-zoomed-font-size": 5, "line-height": 1.15, "corner-radius": 8,
      },
    },
    { selector: ".parameter", style: { "corner-radius": 40 } },
    { selector: ".constant", style: { color: colour("faded"), "font-size": 11 } },
    { selector: ".fold", style: { ghost: "yes", "ghost-offset-x": 4, "ghost-offset-y": -4, "ghost-opacity": 0.6 } },
    { selector: ".pinned", style: { "font-weight": "bold", "outline-width": 2, "outline-offset": 3, "outline-color": colour("accent") } },
    {
      selector: "edge",
      style: {
        width: "data(width)", "line-color": colour("edge"), "target-arrow-color": colour("edge"), "target-arrow-shape": "triangle",
        "arrow-scale": 0.75, "curve-style": boxes.length > HUGE ? "haystack" : "straight", "haystack-radius": 0,
      },
    },
    { selector: "edge.path", style: { "line-color": colour("accent"), "target-arrow-color": colour("accent"), "z-index": 2 } },
    {
      selector: "edge.bent",
      style: {
        "curve-style": "round-segments", "segment-weights": "data(weights)", "segment-distances": "data(distances)",
        "edge-distances": "node-position", "segment-radii": 14,
      },
    },
    { selector: ".current", style: { "underlay-color": colour("accent"), "underlay-opacity": 0.35, "underlay-padding": 9 } },
    { selector: "node:selected", style: { "underlay-color": colour("accent"), "underlay-opacity": 0.22, "underlay-padding": 7 } },
    { selector: ".dim", style: { opacity: 0.18 } },
    { selector: "core", style: { "active-bg-opacity": 0, "selection-box-opacity": 0 } },
  ];
  const cy = cytoscape({
    container: element("graph"),
    elements: [
      ...boxes.map((box, k) => ({
        group: "nodes",
        data: { id: `n${k}`, label: box.lines.join("\n"), width: box.width, height: box.height, ...look(box.value, box.adjoint) },
        classes: [box.kind, box.flags & (ASKED | TARGET) ? "pinned" : ""].filter(Boolean).join(" "),
      })),
      ...data.edges.map(([a, b, onPath, width], k) => ({
        group: "edges",
        data: { id: `e${k}`, source: `n${a}`, target: `n${b}`, width },
        classes: onPath ? "path" : "",
      })),
    ],
    style: style(),
    layout: { name: "grid", condense: true, avoidOverlap: true, rows: Math.ceil(Math.sqrt(boxes.length / 2)) || 1 },
    minZoom: 0.005, maxZoom: 4, boxSelectionEnabled: false, autoungrabify: boxes.length > LARGE,
    textureOnViewport: boxes.length > LARGE, hideEdgesOnViewport: boxes.length > HUGE, pixelRatio: boxes.length > HUGE ? 1 : "auto",
  });
  const nodes = boxes.map((_, k) => cy.getElementById(`n${k}`));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    readColours();
    cy.style(style());
    cy.batch(() => nodes.forEach((node, k) => node.data(look(shownValues[k], shownAdjoints[k]))));
    legend();
  });

  // -- arranging, by Graphviz -------------------------------------------------------------------------

  let direction = "TB", worker = null, patience = 0;
  const busy = (text, still = false) => {
    element("busy").hidden = !text;
    element("busy").classList.toggle("still", still);
    element("busy-text").textContent = text || "";
  };
  const language = () => {
    const thrifty = boxes.length > LARGE ? "nslimit=0.1;nslimit1=0.1;mclimit=0.1;splines=false;" : "splines=true;";
    const inches = (pixels) => (pixels / 72).toFixed(3);
    const lines = [`digraph{rankdir=${direction};${thrifty}nodesep=0.3;ranksep=0.42;node[shape=box,fixedsize=true,label=""];edge[arrowhead=none];`];
    boxes.forEach((box, k) => lines.push(`n${k}[width=${inches(box.width + 6)},height=${inches(box.height + 6)}];`));
    for (const [a, b, onPath] of data.edges) lines.push(`n${a}->n${b}${onPath ? "[weight=4]" : ""};`);
    return `${lines.join("")}}`;
  };
  const work = "\nonmessage=async({data})=>{try{const viz=await Viz.instance();" +
    "postMessage(viz.render(data,{format:'plain',yInvert:true}))}catch(error){postMessage({status:'failure',errors:[{message:String(error)}]})}}";

  function arrange() {
    stopArranging();
    busy(`Arranging ${boxes.length.toLocaleString("en")} boxes …`);
    const begin = (render) => render(language());
    try {
      const source = URL.createObjectURL(new Blob([element("viz").textContent, work], { type: "text/javascript" }));
      worker = new Worker(source);
      worker.onmessage = ({ data: answer }) => arranged(answer);
      worker.onerror = (event) => arranged({ status: "failure", errors: [{ message: event.message }] });
      begin((text) => worker.postMessage(text));
    } catch {
      // A browser that allows no worker for local files: the page waits meanwhile.
      Viz.instance().then((viz) => begin((text) => arranged(viz.render(text, { format: "plain", yInvert: true }))));
    }
    patience = setTimeout(() => arranged({ status: "failure", errors: [{ message: "it took too long" }] }), PATIENCE);
  }

  function stopArranging() {
    clearTimeout(patience);
    worker?.terminate();
    worker = null;
  }

  function arranged(answer) {
    stopArranging();
    if (answer.status !== "success") {
      busy(`Shown in rows: the graph could not be arranged (${answer.errors.map((error) => error.message).join("; ")})`, true);
      ready();
      return;
    }
    const places = new Map(), bends = new Map();
    for (const line of answer.output.split("\n")) {
      const words = line.split(" ");
      if (words[0] === "node") places.set(words[1], { x: 72 * words[2], y: 72 * words[3] });
      if (words[0] === "edge") bends.set(`${words[1]} ${words[2]}`, words.slice(4, 4 + 2 * words[3]).map((inch) => 72 * inch));
    }
    cy.batch(() => {
      cy.nodes().positions((node) => places.get(node.id()));
      if (boxes.length <= LARGE) cy.edges().forEach((edge) => bend(edge, places, bends));
    });
    busy("");
    overview();
    ready();
  }

  // Where Graphviz leads an edge around boxes, so do we: through the joints of its curve.
  function bend(edge, places, bends) {
    const found = bends.get(`${edge.data("source")} ${edge.data("target")}`) || [];
    const a = places.get(edge.data("source")), b = places.get(edge.data("target"));
    const dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy || 1, length = Math.sqrt(square);
    const weights = [], distances = [];
    let bent = false;
    for (let k = 6; k + 6 < found.length; k += 6) { // a curve's joints are every third point
      const x = found[k] - a.x, y = found[k + 1] - a.y;
      weights.push(Number(((x * dx + y * dy) / square).toFixed(4)));
      distances.push(Number(((y * dx - x * dy) / length).toFixed(2)));
      bent ||= Math.abs(distances.at(-1)) > 12;
    }
    edge.toggleClass("bent", bent);
    if (bent) edge.data({ weights: weights.join(" "), distances: distances.join(" ") });
  }

  const inset = () => (element("panel").hidden ? 0 : 340);
  function overview() {
    cy.resize();
    const around = cy.elements().boundingBox(), wide = cy.width() - inset() - 90, high = cy.height() - 90;
    const zoom = Math.min(wide / around.w, high / around.h, 1.4);
    if (zoom < 0.15) goTo(data.target, 0.75, 0.82); // a long graph: begin where it ends, at a size that can be read
    else fit();
  }
  function fit() {
    const around = cy.elements().boundingBox(), wide = cy.width() - inset() - 60, high = cy.height() - 60;
    const zoom = Math.max(Math.min(wide / around.w, high / around.h, 1.4), cy.minZoom());
    cy.viewport({
      zoom,
      pan: {
        x: 30 + wide / 2 - (zoom * (around.x1 + around.x2)) / 2,
        y: 30 + high / 2 - (zoom * (around.y1 + around.y2)) / 2,
      },
    });
  }
  function goTo(k, zoom = Math.max(cy.zoom(), 0.8), down = 0.5) {
    const { x, y } = nodes[k].position();
    cy.stop();
    cy.viewport({ zoom, pan: { x: (cy.width() - inset()) / 2 - zoom * x, y: cy.height() * down - zoom * y } });
  }

  // -- one box ----------------------------------------------------------------------------------------

  let chosen = -1;
  const chip = (k) => make("button", { className: "chip", textContent: boxes[k].title, title: boxes[k].title, onclick: () => choose(k, true) });
  const stateMark = (word, state, adjoint) => {
    const mark = make("span", { className: `state${adjoint && state ? " thick" : ""}`, textContent: `${word} ${STATES[state]}` });
    if (adjoint) mark.style.borderColor = borders[state];
    else mark.style.background = fills[state];
    return mark;
  };

  function choose(k, go = false) {
    chosen = k;
    cy.nodes(":selected").unselect();
    nodes[k].select();
    show();
    if (go) goTo(k);
  }
  function show() {
    const panel = element("panel"), k = chosen;
    panel.hidden = k < 0;
    if (k < 0) return;
    const box = boxes[k];
    panel.replaceChildren(
      make("button", { id: "close", textContent: "×", ariaLabel: "Close", onclick: leave }),
      make("h2", { textContent: box.title }),
      make("p", { className: "sub", textContent: box.note || box.kind }),
      make("div", { className: "states" }, stateMark("value", shownValues[k], false), stateMark("adjoint", shownAdjoints[k], true)),
    );
    for (const [title, rows] of data.details[k]) {
      const list = make("dl");
      for (const [name, text] of rows) list.append(make("dt", { textContent: name }), make("dd", { textContent: text }));
      panel.append(make("h3", { textContent: title }), list);
    }
    for (const [title, others] of [["Inputs", box.inputs], ["Consumers", box.consumers]]) {
      if (!others.length) continue;
      const links = make("div", { className: "links" }, ...others.slice(0, 40).map(chip));
      if (others.length > 40) links.append(`and ${others.length - 40} more`);
      panel.append(make("h3", { textContent: title }), links);
    }
  }
  function leave() {
    chosen = -1;
    cy.nodes(":selected").unselect();
    show();
  }
  cy.on("tap", "node", (event) => choose(Number(event.target.id().slice(1))));
  cy.on("tap", (event) => event.target === cy && leave());

  // -- search -----------------------------------------------------------------------------------------

  const MOST = 30;
  const entries = boxes.map((box, k) => ({ box: k, name: box.title, hint: box.note, key: `${box.title}\n${box.note}`.toLowerCase() }));
  for (const [name, k] of data.names) entries.push({ box: k, name, hint: `in ${boxes[k].title}`, key: name.toLowerCase() });
  let matches = [], at = 0;

  function search() {
    const word = element("search").value.trim().toLowerCase();
    const rank = ({ name, key }) => {
      const own = name.toLowerCase();
      return own === word ? 0 : own.startsWith(word) ? 1 : own.includes(word) ? 2 : key.includes(word) ? 3 : 4;
    };
    matches = word ? entries.map((entry) => [rank(entry), entry]).filter(([r]) => r < 4).sort((a, b) => a[0] - b[0]).map(([, entry]) => entry) : [];
    at = 0;
    const found = element("found");
    found.hidden = !word;
    found.replaceChildren(...matches.slice(0, MOST).map((entry, n) => {
      const line = make("li", { onmousedown: (event) => { event.preventDefault(); at = n; pick(); } },
        make("span", { textContent: entry.name, title: entry.name }), make("span", { textContent: entry.hint }));
      line.classList.toggle("at", n === at);
      return line;
    }));
    if (word && !matches.length) found.append(make("li", { className: "none", textContent: "nothing is called like that" }));
    if (matches.length > MOST) found.append(make("li", { className: "none", textContent: `and ${matches.length - MOST} more` }));
    const wanted = new Set(matches.map((entry) => entry.box));
    cy.batch(() => nodes.forEach((node, k) => node.toggleClass("dim", wanted.size > 0 && !wanted.has(k))));
  }
  function pick() {
    if (!matches.length) return;
    choose(matches[at].box, true);
    [...element("found").children].forEach((line, n) => line.classList.toggle("at", n === at));
  }
  element("search").addEventListener("input", search);
  element("search").addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const shown = Math.min(matches.length, MOST) || 1;
      at = (at + (event.key === "ArrowDown" ? 1 : shown - 1)) % shown;
      pick();
    } else if (event.key === "Enter") {
      pick();
      element("found").hidden = true;
    } else if (event.key === "Escape") {
      element("search").value = "";
      search();
      element("search").blur();
    }
  });
  element("search").addEventListener("blur", () => (element("found").hidden = true));
  element("search").addEventListener("focus", search);

  // -- the replay -------------------------------------------------------------------------------------

  // A step is three numbers: the box (-1: not in the picture), how often it happened in a row, and a code:
  // what (0 hit, 1 computed, 2 stale), + 4 if it is counted as an adjoint, + 8 if it shows as that box's adjoint.
  const steps = data.steps, last = steps.length / 3;
  const memoValues = Uint8Array.from(boxes, (box) => box.value), memoAdjoints = Uint8Array.from(boxes, (box) => box.adjoint);
  const shownValues = memoValues.slice(), shownAdjoints = memoAdjoints.slice();
  let current = -1, position = last, playing = 0;

  function paint(values, adjoints, marked) {
    cy.batch(() => {
      for (let k = 0; k < boxes.length; k++) {
        if (values[k] !== shownValues[k] || adjoints[k] !== shownAdjoints[k]) {
          shownValues[k] = values[k];
          shownAdjoints[k] = adjoints[k];
          nodes[k].data(look(values[k], adjoints[k]));
        }
      }
      if (current >= 0) nodes[current].removeClass("current");
      current = marked;
      if (current >= 0) nodes[current].addClass("current");
    });
    if (chosen >= 0) show();
  }
  function counted(until) {
    const hits = [0, 0], misses = [0, 0];
    for (let n = 0; n < until; n++) {
      const many = steps[3 * n + 1], code = steps[3 * n + 2], adjoint = code & 4 ? 1 : 0;
      if ((code & 3) === 0) hits[adjoint] += many;
      else if ((code & 3) === 1) misses[adjoint] += many;
    }
    ["values", "adjoints"].forEach((name, k) => {
      const cells = document.querySelectorAll(`#counts tr[data-of=${name}] td`);
      [hits[k] + misses[k], hits[k], misses[k]].forEach((number, n) => (cells[n].textContent = number.toLocaleString("en")));
    });
  }
  function replay(until) {
    position = until;
    element("slider").value = until;
    element("now").classList.remove("on");
    const values = new Uint8Array(boxes.length), adjoints = new Uint8Array(boxes.length);
    for (let n = 0; n < until; n++) {
      const k = steps[3 * n], code = steps[3 * n + 2], which = code & 8 ? adjoints : values;
      // What the memo had after it was computed here still shows as computed.
      if (k >= 0 && !((code & 3) === 0 && which[k] === 1)) which[k] = AFTER[code & 3];
    }
    counted(until);
    paint(values, adjoints, until ? steps[3 * until - 3] : -1);
    caption(until);
    return until;
  }
  function caption(until) {
    const text = element("step"), query = data.queries.findLast(([before]) => before < until);
    element("query").textContent = query ? query[1] : "";
    if (!until) {
      text.textContent = `before the first of ${last.toLocaleString("en")} steps`;
      return;
    }
    const [k, many, code] = steps.slice(3 * until - 3, 3 * until);
    const place = k < 0 ? "a node outside this picture" : boxes[k].title;
    const times = many > 1 ? ` (${many.toLocaleString("en")} times)` : "";
    text.textContent = `step ${until.toLocaleString("en")} of ${last.toLocaleString("en")}: ${code & 4 ? "adjoint" : "value"} of ${place} ${WHAT[code & 3]}${times}`;
  }
  function now() {
    stop();
    position = last;
    element("slider").value = last;
    element("now").classList.add("on");
    counted(last);
    paint(memoValues, memoAdjoints, -1);
    element("query").textContent = "";
    element("step").textContent = last
      ? `what the memo holds; ${last.toLocaleString("en")} steps to replay`
      : "what the memo holds; pass report= of lg.record() for a replay";
    if (data.left_out) element("step").textContent += `, ${data.left_out.toLocaleString("en")} more left out`;
  }
  function stop() {
    clearInterval(playing);
    playing = 0;
    element("play").textContent = "▶";
    element("play").ariaLabel = "Play";
  }
  function play() {
    if (playing) return stop();
    const pace = Math.max(1, Math.round(last / 400)); // about half a minute for the whole of it
    if (position >= last) replay(0);
    element("play").textContent = "❚❚";
    element("play").ariaLabel = "Pause";
    playing = setInterval(() => {
      replay(Math.min(position + pace, last));
      const { x1, x2, y1, y2 } = cy.extent();
      if (current >= 0 && cy.zoom() > 0.25) {
        const { x, y } = nodes[current].position();
        if (x < x1 || x > x2 || y < y1 || y > y2) goTo(current, cy.zoom());
      }
      if (position >= last) stop();
    }, last < 60 ? 350 : 80);
  }
  element("slider").max = last;
  element("slider").addEventListener("input", () => { stop(); replay(Number(element("slider").value)); });
  element("play").onclick = play;
  element("now").onclick = now;
  for (const id of ["slider", "play"]) element(id).disabled = !last;
  if (data.queries.length <= 200) {
    element("ticks").append(...data.queries.map(([before, title]) => {
      const tick = make("b", { title });
      tick.style.left = `${(100 * before) / (last || 1)}%`;
      return tick;
    }));
  }

  // -- the rest ---------------------------------------------------------------------------------------

  function legend() {
    const swatch = (state, adjoint) => {
      const mark = make("i");
      if (adjoint) { mark.style.borderColor = borders[state]; if (state) mark.style.borderWidth = "3px"; }
      else mark.style.background = fills[state];
      return make("td", {}, mark);
    };
    const head = make("tr", {}, ...["value", "adjoint", ""].map((textContent) => make("th", { textContent })));
    const rows = STATES.map((_, n) => make("tr", {}, swatch(n, false), swatch(n, true), make("td", { textContent: WORDS[n] })));
    if (data.asked.length) {
      rows.push(make("tr", {}, make("td", { colSpan: 2 }, make("i", { className: "line" })), make("td", { textContent: "on a path asked for" })));
    }
    element("legend").replaceChildren(head, ...rows);
  }
  function heading() {
    const few = data.asked.slice(0, 5), more = data.asked.length - few.length;
    element("asked").append(chip(data.target));
    if (few.length) element("asked").append(make("span", { className: "chip plain", textContent: "by" }), ...few.map(chip));
    const size = `${more ? `and ${more} more · ` : ""}${data.nodes.toLocaleString("en")} nodes`;
    const folded = data.nodes > boxes.length ? ` in ${boxes.length.toLocaleString("en")} boxes` : "";
    element("asked").append(make("span", { className: "chip plain", textContent: size + folded }));
  }
  element("fit").onclick = fit;
  element("target").onclick = () => choose(data.target, true);
  element("turn").onclick = () => { direction = direction === "TB" ? "LR" : "TB"; arrange(); };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "/") { event.preventDefault(); element("search").focus(); }
    else if (event.key === "Escape") leave();
    else if (event.key === "f") fit();
    else if (event.key === "t") choose(data.target, true);
    else if (event.key === " " && event.target.tagName !== "BUTTON" && last) { event.preventDefault(); play(); }
    else if (step && last && event.target.id !== "slider") { stop(); replay(Math.min(Math.max(position + step, 0), last)); }
  });
  const ready = () => (document.body.dataset.ready = "yes");
  // For tests, and for the curious in the console.
  window.lazygrad = { cy, boxes, choose, replay, now, counts: () => [...document.querySelectorAll("#counts td")].map((cell) => Number(cell.textContent.replaceAll(",", ""))) };
  legend();
  heading();
  show();
  now();
  arrange();
})();
