"use strict";
// Draws the charts of the page with uPlot in the place of their SVG pictures. Whatever fails leaves
// the picture standing.
(() => {
  const data = JSON.parse(document.getElementById("headroom-data").textContent);
  const root = document.documentElement;
  const tone = name => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const viridis = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
  const perDecade = 16;
  const timeCharts = []; // all that share the axis of time

  const make = (tag, props, ...children) => {
    const e = Object.assign(document.createElement(tag), props);
    e.append(...children);
    return e;
  };

  // Numbers as in the tables: three significant digits, thousands separated.
  const significant = x => {
    if (x === 0) return "0";
    const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x)) + 1e-9));
    return x.toLocaleString("en-US", { minimumFractionDigits: Math.min(digits, 6), maximumFractionDigits: Math.min(digits, 6) });
  };
  const show = (unit, x) => {
    if (x == null) return "-";
    switch (unit) {
      case "ms": return x >= 999.5 ? significant(x / 1000) + " s" : significant(x) + " ms";
      case "share": return significant(100 * x) + " %";
      case "/s": return significant(x) + "/s";
      case "x": return significant(x) + " x";
      case "replicas": return plain(Math.round(10 * x) / 10); // a mean over the seeds
    }
    return significant(x);
  };
  const plain = x => x.toLocaleString("en-US", { maximumFractionDigits: 6 });
  const tick = (unit, x) => unit === "ms" ? (x >= 1000 ? plain(x / 1000) + " s" : plain(x) + " ms") : unit === "share" ? plain(100 * x) + " %" : plain(x);
  const timeUnit = data.end > 4 * 3600 ? ["h", 3600] : data.end > 20 * 60 ? ["min", 60] : ["s", 1];
  const clock = s => plain(Math.round(100 * s / timeUnit[1]) / 100) + " " + timeUnit[0];
  // As many digits as tell neighbours apart: P50, P99.4, P99.94.
  const percentile = x => "P" + plain(+(100 * (1 - Math.pow(10, -x))).toFixed(Math.max(0, Math.ceil(x - 1e-9) - 1)));

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const fontOf = px => px * devicePixelRatio + "px system-ui, sans-serif";

  // shade draws the phase that decides in grey, and the names of the phases above the data.
  function shade(u, chart) {
    const { left, top, width, height } = u.bbox, c = u.ctx, px = devicePixelRatio;
    c.save();
    const at = x => Math.max(left, Math.min(left + width, u.valToPos(x, "x", true)));
    const peak = data.phases[data.peak];
    if (peak && at(peak.to) > at(peak.from)) {
      c.globalAlpha = 0.12;
      c.fillStyle = tone("black");
      const over = chart.stacked || chart.kind === "heat";
      c.fillRect(at(peak.from), top - 15 * px, at(peak.to) - at(peak.from), over ? 15 * px : height + 15 * px);
      c.globalAlpha = 1;
    }
    c.font = fontOf(11);
    c.textAlign = "center";
    c.textBaseline = "bottom";
    c.fillStyle = tone("faint");
    const order = data.phases.map((_, i) => i).sort((a, b) => (b === data.peak) - (a === data.peak) || a - b);
    const taken = [];
    for (const i of order) {
      const from = at(data.phases[i].from), to = at(data.phases[i].to);
      const half = c.measureText(data.phases[i].name).width / 2;
      const x = Math.max(left + half, Math.min(left + width - half, (from + to) / 2));
      if (to - from < 2 || taken.some(t => x - half - 4 < t[1] && x + half + 4 > t[0])) continue;
      taken.push([x - half, x + half]);
      c.fillText(data.phases[i].name, x, top - 2 * px);
    }
    c.restore();
  }

  // bound draws the objective's line with its text.
  function bound(u, chart) {
    if (!chart.bound) return;
    const { left, top, width } = u.bbox, c = u.ctx, px = devicePixelRatio;
    const y = u.valToPos(chart.bound.at, "y", true);
    c.save();
    c.strokeStyle = tone("ink");
    c.lineWidth = px;
    c.setLineDash([5 * px, 4 * px]);
    c.beginPath();
    c.moveTo(left, y);
    c.lineTo(chart.bound.to ? Math.min(left + width, u.valToPos(chart.bound.to, "x", true)) : left + width, y);
    c.stroke();
    c.font = fontOf(10.5);
    c.textAlign = "left";
    c.textBaseline = y - top > 16 * px ? "bottom" : "top";
    const wide = c.measureText(chart.bound.label).width;
    c.globalAlpha = 0.8;
    c.fillStyle = tone("card");
    c.fillRect(left + 3 * px, c.textBaseline === "bottom" ? y - 14 * px : y + px, wide + 4 * px, 13 * px);
    c.globalAlpha = 1;
    c.fillStyle = tone("ink");
    c.fillText(chart.bound.label, left + 5 * px, c.textBaseline === "bottom" ? y - 2 * px : y + 2 * px);
    c.restore();
  }

  // ends writes the names of the lines at their last points, apart from each other.
  function ends(u, chart, lines, shown) {
    if (!chart.ends) return;
    const { top, height } = u.bbox, c = u.ctx, px = devicePixelRatio, all = [];
    const xs = u.data[0];
    lines.forEach((l, i) => {
      if (!shown[i]) return;
      const ys = u.data[i + 1];
      let k = ys.length - 1;
      while (k >= 0 && (ys[k] == null || xs[k] > u.scales.x.max)) k--;
      if (k >= 0 && xs[k] >= u.scales.x.min) all.push({ name: l.label, tone: l.tone, x: u.valToPos(xs[k], "x", true), end: u.valToPos(ys[k], "y", true) });
    });
    all.sort((a, b) => a.end - b.end);
    const apart = 13 * px;
    all.forEach((t, i) => t.y = Math.max(t.end, i ? all[i - 1].y + apart : top + apart / 2));
    let floor = top + height - apart / 2;
    for (let i = all.length - 1; i >= 0; i--, floor -= apart) all[i].y = Math.min(all[i].y, floor);
    c.save();
    c.font = fontOf(11);
    c.textAlign = "left";
    c.textBaseline = "middle";
    for (const t of all) {
      c.strokeStyle = tone(t.tone);
      c.beginPath();
      c.moveTo(t.x + px, t.end);
      c.lineTo(t.x + 6 * px, t.y);
      c.stroke();
      c.fillStyle = tone("ink");
      c.fillText(t.name, t.x + 8 * px, t.y);
    }
    c.restore();
  }

  // heat draws the cells of a heat map.
  function heat(u, chart, panel) {
    const c = u.ctx, most = Math.log(Math.max(2, chart.most));
    c.save();
    c.beginPath();
    c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    c.clip();
    panel.columns.forEach((column, i) => {
      const x = Math.round(u.valToPos(i * panel.step, "x", true)), right = Math.round(u.valToPos((i + 1) * panel.step, "x", true));
      for (let k = 1; k < column.length; k++) {
        if (!column[k]) continue;
        const low = Math.max(chart.min, Math.pow(10, (column[0] + k - 1) / perDecade));
        const high = Math.max(low * Math.pow(10, 1 / perDecade), Math.pow(10, (column[0] + k) / perDecade));
        const y = Math.round(u.valToPos(high, "y", true)), bottom = Math.round(u.valToPos(low, "y", true));
        c.fillStyle = viridis[Math.min(9, Math.floor(10 * Math.log(column[k]) / most))];
        c.fillRect(x, y, Math.max(1, right - x), Math.max(1, bottom - y));
      }
    });
    c.restore();
  }

  // aligned is what uPlot draws: one array of x, one of y for each line, values clamped to the axis.
  function aligned(chart, panel) {
    if (chart.kind === "heat") {
      const xs = panel.columns.map((_, i) => (i + 0.5) * panel.step);
      return [xs, xs.map(() => null)];
    }
    const n = panel.x ? panel.x.length : panel.lines[0].values.length;
    const xs = panel.x ? panel.x.slice() : Array.from({ length: n }, (_, i) => panel.from + i * panel.step);
    let all = panel.lines.map(l => l.values.slice());
    if (chart.stacked) {
      for (let i = 1; i < all.length; i++) all[i] = all[i].map((v, k) => v == null ? null : v + all[i - 1][k]);
    }
    all = all.map(ys => ys.map(v => v == null ? null : Math.max(chart.min, Math.min(chart.max, v))));
    if (chart.steps) { // the last value holds to the end
      xs.push(Math.min(panel.from + n * panel.step, data.end));
      all.forEach(ys => ys.push(ys[n - 1]));
    }
    if (chart.stacked) all.reverse(); // the highest edge first: each area covers what is below it
    return [xs, ...all];
  }

  // readout says what lies under the cursor, in words that a screen reader reads.
  function readout(u, chart, panel, shown) {
    const k = u.cursor.idx;
    if (k == null) return "";
    if (chart.kind === "heat") {
      const column = panel.columns[k] || [];
      let most = 0, total = 0;
      for (let i = 1; i < column.length; i++) {
        total += column[i];
        if (column[i] > (column[most] || 0) || !most) most = i;
      }
      const text = clock(k * panel.step) + ": " + plain(total) + " ok calls";
      if (!total) return text;
      const low = Math.pow(10, (column[0] + most - 1) / perDecade);
      return text + ", most took about " + show("ms", column[0] + most - 1 ? low : 0);
    }
    const at = chart.kind === "nines" ? percentile(u.data[0][k]) : clock(u.data[0][k]);
    const last = panel.lines[0].values.length - 1;
    return at + ": " + panel.lines
      .filter((l, i) => shown[i] && !(chart.stacked && !l.values[Math.min(k, last)])) // of ten outcomes most are 0
      .map(l => l.label + " " + show(chart.unit, l.values[Math.min(k, last)])).join(" · ");
  }

  let zooming = false;
  function zoom(from, to) { // all charts over time together
    zooming = true;
    for (const u of timeCharts) u.setScale("x", { min: from, max: to });
    zooming = false;
    const whole = from <= 0 && to >= data.end;
    document.querySelectorAll(".live .whole").forEach(b => b.disabled = whole);
  }

  const axisX = kind => ({
    stroke: () => tone("faint"), font: "11px system-ui, sans-serif", size: 28, gap: 3,
    grid: { stroke: () => tone("grid"), width: 1, show: kind === "nines" }, ticks: { stroke: () => tone("faint"), width: 1, size: 4 },
    ...(kind === "nines" ? {
      splits: (u, _, min, max) => [0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999].map(q => Math.log10(1 / (1 - q))).filter(x => x >= min && x <= max),
      values: (u, splits) => splits.map(percentile),
    } : { values: (u, splits) => splits.map(clock), incrs: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 604800], space: 56 }),
  });
  const axisY = chart => ({
    stroke: () => tone("faint"), font: "11px system-ui, sans-serif", size: 56, gap: 4, space: 28,
    grid: { stroke: () => tone("grid"), width: 1 }, ticks: { stroke: () => tone("faint"), width: 1, size: 4 },
    ...(chart.log ? {
      splits: () => {
        const wide = chart.max / chart.min >= 60, all = [];
        for (let e = Math.floor(Math.log10(chart.min)); e <= Math.log10(chart.max); e++)
          for (const d of wide ? [1] : [1, 2, 5]) { const v = d * Math.pow(10, e); if (v >= chart.min * 0.999 && v <= chart.max) all.push(v); }
        return all;
      },
    } : {}),
    ...(chart.unit === "replicas" ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] } : {}),
    filter: (u, splits) => splits, // or uPlot thins out a logarithmic axis
    values: (u, splits) => splits.map(v => tick(chart.unit, +v.toPrecision(6))),
  });

  function panelOf(chart, panel, shown, width) {
    const head = make("h4", { textContent: panel.name });
    const out = make("p", { className: "readout" });
    const plotAt = make("div", { className: "canvas", tabIndex: 0 });
    plotAt.setAttribute("role", "group");
    plotAt.setAttribute("aria-label", (panel.name || "All strategies") + ": arrow keys read the values, plus and minus zoom");
    plotAt.addEventListener("focus", () => out.setAttribute("aria-live", "polite")); // of all that move, this one is read out
    plotAt.addEventListener("blur", () => out.removeAttribute("aria-live"));
    const box = make("div", { className: "panel" }, make("div", { className: "panel-head" }, ...(panel.name ? [head] : []), out), plotAt);
    const order = panel.lines.map((_, i) => i);
    if (chart.stacked) order.reverse();
    const stepped = uPlot.paths.stepped({ align: 1 });
    const overTime = chart.kind !== "nines";
    const u = new uPlot({
      width, height: chart.kind === "nines" ? 360 : 190,
      padding: [overTime ? 18 : 10, chart.kind === "nines" ? 92 : 34, 0, 0],
      legend: { show: false },
      cursor: {
        y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: true },
        ...(overTime ? { sync: { key: "time", filters: { pub: type => type === "mousemove" || type === "mouseleave" } } } : {}),
      },
      scales: {
        x: { time: false, range: (u, min, max) => overTime && u.status === 0 ? [0, data.end] : [min, max] },
        y: { range: () => [chart.min, chart.max], ...(chart.log ? { distr: 3 } : {}) },
      },
      axes: [axisX(chart.kind), axisY(chart)],
      series: [{}, ...(chart.kind === "heat" ? [{ show: true }] : order.map(i => {
        const l = panel.lines[i];
        const s = {
          label: l.label, show: shown[i], width: l.width, points: { show: false }, spanGaps: false,
          stroke: () => l.width ? tone(l.tone) : "transparent", dash: l.dash,
        };
        if (chart.steps) s.paths = stepped;
        if (l.fill) { s.fill = () => chart.stacked ? tone(l.tone) : tone(l.tone) + "48"; s.fillTo = chart.min; }
        return s;
      }))],
      hooks: {
        drawClear: [u => { if (overTime) shade(u, chart); }],
        draw: [u => { if (chart.kind === "heat") heat(u, chart, panel); bound(u, chart); ends(u, chart, panel.lines, shown); }],
        setCursor: [u => { out.textContent = readout(u, chart, panel, shown); }],
        setScale: [(u, key) => { if (key === "x" && overTime && !zooming && u.status === 1) zoom(u.scales.x.min, u.scales.x.max); }],
      },
    }, aligned(chart, panel), plotAt);
    if (overTime) timeCharts.push(u);
    const whole = () => overTime ? zoom(0, data.end) : u.setScale("x", { min: panel.x[0], max: panel.x[panel.x.length - 1] });
    u.over.addEventListener("dblclick", e => { e.stopImmediatePropagation(); whole(); }, true);
    plotAt.addEventListener("keydown", e => {
      const n = u.data[0].length, k = u.cursor.idx == null ? 0 : u.cursor.idx;
      const move = { ArrowLeft: k - 1, ArrowRight: k + 1, Home: 0, End: n - 1 }[e.key];
      const { min, max } = u.scales.x, middle = (min + max) / 2;
      if (move != null) {
        const to = Math.max(0, Math.min(n - 1, move));
        u.setCursor({ left: u.valToPos(u.data[0][to], "x"), top: 10 });
      } else if (e.key === "+" || e.key === "=") {
        overTime ? zoom((min + middle) / 2, (max + middle) / 2) : u.setScale("x", { min: (min + middle) / 2, max: (max + middle) / 2 });
      } else if (e.key === "-") {
        overTime ? zoom(Math.max(0, 2 * min - middle), Math.min(data.end, 2 * max - middle)) : whole();
      } else if (e.key === "Escape" || e.key === "0") {
        whole();
      } else return;
      e.preventDefault();
    });
    return { box, u, order };
  }

  // sample is the picture of a line on its button.
  function sample(chart, line, strategyToned) {
    const color = strategyToned ? "var(--ink)" : "var(--" + line.tone + ")";
    const s = make("span", { className: "sample" });
    s.setAttribute("aria-hidden", "true");
    if (line.fill) {
      s.style.background = color;
      if (!chart.stacked) s.style.opacity = 0.35;
      s.style.height = "10px";
    } else {
      s.style.borderTop = "2px " + (line.dash ? "dashed" : "solid") + " " + color;
    }
    return s;
  }

  function build(chart) {
    const figure = document.getElementById("chart-" + chart.name);
    if (!figure) return;
    const live = figure.querySelector(".live");
    const labels = [];
    const byLines = chart.panels.slice().sort((a, b) => b.lines.length - a.lines.length); // the order of the fullest panel
    for (const p of byLines) for (const l of p.lines) if (!labels.some(m => m.label === l.label)) labels.push(l);
    const off = new Set();
    const panels = [];
    const bar = make("div", { className: "bar" });
    if (labels.length > 1) for (const l of labels) {
      const toned = chart.kind === "time" && chart.panels.length > 1 && chart.panels.some(p => p.lines.some(m => m.label === l.label && m.tone !== l.tone));
      const b = make("button", { type: "button" }, sample(chart, l, toned), l.label);
      b.setAttribute("aria-pressed", "true");
      b.addEventListener("click", () => {
        off.has(l.label) ? off.delete(l.label) : off.add(l.label);
        b.setAttribute("aria-pressed", String(!off.has(l.label)));
        for (const p of panels) p.order.forEach((i, at) => {
          if (p.panel.lines[i].label !== l.label) return;
          p.shown[i] = !off.has(l.label);
          p.u.setSeries(at + 1, { show: p.shown[i] });
        });
      });
      bar.append(b);
    }
    if (chart.kind === "heat") [0, 5, 9].forEach(i => {
      const s = make("span", { className: "sample" });
      s.style.cssText = "height: 10px; background: " + viridis[i];
      const calls = Math.round(Math.pow(chart.most, i / 9));
      bar.append(make("span", {}, s, i === 0 ? "1 call" : i === 5 ? "about " + plain(+calls.toPrecision(2)) : plain(calls) + " calls in a cell"));
    });
    const whole = make("button", { type: "button", className: "whole", textContent: "Show all of it", disabled: true });
    whole.addEventListener("click", () => zoom(0, data.end));
    if (chart.kind !== "nines") bar.append(whole);
    const area = make("div", { className: "panels" + (chart.panels.length === 1 ? " one" : "") });
    live.hidden = false;
    figure.classList.add("is-live");
    live.append(bar, area);
    const wide = () => Math.max(220, Math.floor(chart.panels.length === 1 || area.clientWidth < 700 ? area.clientWidth : (area.clientWidth - 24) / 2));
    for (const panel of chart.panels) {
      const shown = panel.lines.map(() => true);
      const made = panelOf(chart, panel, shown, wide());
      area.append(made.box);
      panels.push({ ...made, panel, shown });
    }
    let last = wide();
    new ResizeObserver(() => {
      const w = wide();
      if (w === last || !area.clientWidth) return;
      last = w;
      for (const p of panels) p.u.setSize({ width: w, height: p.u.height });
    }).observe(area);
    dark.addEventListener("change", () => panels.forEach(p => p.u.redraw(false, true)));
  }

  for (const chart of data.charts) {
    try {
      build(chart);
    } catch (e) {
      console.error(e);
      const figure = document.getElementById("chart-" + chart.name);
      if (figure) {
        figure.classList.remove("is-live");
        figure.querySelector(".live").hidden = true;
      }
    }
  }
})();
