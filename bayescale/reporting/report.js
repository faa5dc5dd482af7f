"use strict";
// The report's page: a budget slider, and tables that copy into a spreadsheet. It loads nothing,
// and writes what a table of runs says as text alone.

(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [640, 250, 62, 26, 30, 26];
  const TICK = 75;  // pixels between the budgets written below the picture
  const STEPS = 1000;
  const DRAWN = 96;  // parts of the curve

  const make = (name, attributes = {}, ...children) => {
    const found = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) found[key] = value;
    found.append(...children);
    return found;
  };

  const draw = (name, attributes, text = "") => {
    const found = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
    found.textContent = text;
    return found;
  };

  // Numbers, as bayescale/data/number_format.py writes them.

  const significant = (value, digits) => {
    const rounded = Number(value.toPrecision(digits));
    const power = rounded ? Math.floor(Math.log10(Math.abs(rounded))) : 0;
    if (power >= -4 && power < digits) return `${rounded}`;
    return rounded.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  };

  const quantity = (value, digits) => {
    const rounded = Number(value.toPrecision(digits));
    for (const [scale, suffix] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])
      if (rounded < 1e15 && rounded >= scale)
        return significant(rounded / scale, Math.max(digits, 3)) + suffix;
    return significant(rounded, Math.max(digits, 3));
  };

  const decimals = (value) =>
    value && isFinite(value) ? 1 - Math.floor(Math.log10(Math.abs(value))) : -99;

  const plain = (value, width) => {
    if (value === null) return "unbounded";
    if (value && !(Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6)) return significant(value, 3);
    const places = Math.max(decimals(width), decimals(value));
    const unit = 10 ** Math.max(-places, 0);
    const shown = Math.min(Math.max(places, 0), 6);
    return (Math.round(value / unit / 10 ** -shown) * 10 ** -shown * unit).toLocaleString("en-US", {
      minimumFractionDigits: shown,
      maximumFractionDigits: shown,
    });
  };

  const amount = (value, kind) =>
    kind === "flops" ? `${significant(value, 3)} FLOP`
      : kind === "count" ? quantity(value, 3) : plain(value, value / 10);

  const three = (shown, kind) => {
    const [median, lower, upper] = shown;
    if (kind === "count") {
      const wide = !(lower > 0) || upper === null || upper / lower > 1.25;
      return shown.map((v) => (v === null ? "unbounded" : quantity(v, wide ? 2 : 3)));
    }
    const width = upper === null || lower === null ? Math.abs(median) : upper - lower;
    return shown.map((value) => plain(value, width));
  };

  const share = (value) => {
    const size = Math.abs(100 * value);
    return `${(100 * value).toFixed(size >= 10 ? 0 : size >= 1 ? 1 : 2)} %`;
  };

  // Between the budgets that are known.

  const place = (at, value) => {
    let i = 0;
    while (i < at.length - 2 && at[i + 1] <= value) i += 1;
    const part = (Math.log(value) - Math.log(at[i])) / (Math.log(at[i + 1]) - Math.log(at[i]));
    return [i, Math.min(Math.max(part, 0), 1)];
  };

  const between = (values, [i, part]) => {
    const [low, high] = [values[i], values[i + 1]];
    if (part === 0 || low === high) return low;
    if (part === 1) return high;
    return low === null || high === null ? null : low + part * (high - low);
  };

  // Steffen's cubic, monotone between the points, of logarithms where all values allow it.
  const smooth = (at, values, [i, part]) => {
    const near = [i - 1, i, i + 1, i + 2].filter((k) => k >= 0 && k < at.length && values[k] !== null);
    if (part === 0 || part === 1 || !near.includes(i) || !near.includes(i + 1) || near.length < 3)
      return between(values, [i, part]);
    const logarithmic = near.every((k) => values[k] > 0);
    const [x, y] = [(k) => Math.log(at[k]), (k) => (logarithmic ? Math.log(values[k]) : values[k])];
    const step = (k) => x(k + 1) - x(k);
    const slope = (k) => (y(k + 1) - y(k)) / step(k);
    const inner = (k) => {
      const [before, after] = [slope(k - 1), slope(k)];
      if (before * after <= 0) return 0;
      const mean = (before * step(k) + after * step(k - 1)) / (step(k - 1) + step(k));
      return Math.sign(mean) * Math.min(2 * Math.abs(before), 2 * Math.abs(after), Math.abs(mean));
    };
    const end = (own, other, inside) => {
      const found = own + (own - other) * inside;
      return found * own <= 0 ? 0 : Math.sign(own) * Math.min(Math.abs(found), 2 * Math.abs(own));
    };
    const own = slope(i);
    const left = near.includes(i - 1) ? inner(i)
      : end(own, slope(i + 1), step(i) / (step(i) + step(i + 1)));
    const right = near.includes(i + 2) ? inner(i + 1)
      : end(own, slope(i - 1), step(i) / (step(i) + step(i - 1)));
    const [h, t] = [step(i), part];
    const found = y(i) * (1 + 2 * t) * (1 - t) ** 2 + y(i + 1) * t * t * (3 - 2 * t)
      + h * t * (1 - t) * (left * (1 - t) - right * t);
    return logarithmic ? Math.exp(found) : found;
  };

  const round = (span, count) => {
    const rough = span / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10].find((step) => step * power >= rough);
  };

  class Slider {
    constructor(panel) {
      this.data = JSON.parse(panel.querySelector("script").textContent);
      const { budgets, planned, quantities } = this.data;
      this.budget = budgets[planned[0]];
      this.times = 1;
      this.shown = quantities[0];
      this.build(panel, quantities.some((one) => one.allowed));
      panel.hidden = false;
      this.update();
      new ResizeObserver(() => this.chart()).observe(panel);
    }

    build(panel, allowing) {
      const { budget, kind, budgets, planned, quantities, sizes } = this.data;
      const changed = (event, change) => (change(event.target), this.update());
      this.range = make("input", { type: "range", min: 0, max: STEPS, step: 1 });
      this.range.oninput = (event) => changed(event, (t) => (this.budget = this.at(t.value / STEPS)));
      this.said = make("output");
      const name = budget === "flops" ? "Compute" : budget;
      panel.append(make("label", {}, `${name}: `, this.said, this.range));
      const jumps = planned.map((i) =>
        make("button", { type: "button", onclick: () => ((this.budget = budgets[i]), this.update()) },
          amount(budgets[i], kind)));
      panel.append(make("p", {}, ...jumps));
      if (allowing) {
        this.law = make("input", { type: "checkbox", checked: true, onchange: () => this.update() });
        panel.append(make("label", {}, this.law, " allow for the law being wrong (discrepancy)"));
      }
      this.answers = make("tbody");
      panel.append(make("div", { className: "scroll", tabIndex: 0 }, make("table", {}, this.answers)));
      if (sizes) {
        this.size = make("input", { type: "range", min: -3, max: 3, step: 0.05, value: 0 });
        this.size.oninput = (event) => changed(event, (t) => (this.times = 2 ** t.value));
        this.chosen = make("output");
        this.wasted = make("p", {});
        panel.append(make("label", {}, "Another size: ", this.chosen, this.size), this.wasted);
      }
      const select = make("select", {}, ...quantities.map((one, i) =>
        make("option", { value: i }, one.label)));
      select.onchange = (event) => changed(event, (t) => (this.shown = quantities[t.value]));
      panel.append(make("label", {}, "Drawn: ", select));
      this.picture = draw("svg", { role: "img" });
      this.picture.onpointermove = (event) => this.hover(this.pointed(event));
      this.picture.onpointerleave = () => this.hover(this.budget);
      this.picture.onclick = (event) => ((this.budget = this.pointed(event)), this.update());
      panel.append(this.picture);
    }

    ends() {
      return [this.data.budgets[0], this.data.budgets.at(-1)];
    }

    at(part) {
      const [low, high] = this.ends();
      return low * (high / low) ** Math.min(Math.max(part, 0), 1);
    }

    part(value) {
      const [low, high] = this.ends();
      return Math.log(value / low) / Math.log(high / low);
    }

    series(one) {
      return this.law && this.law.checked ? one.allowed : one.law;
    }

    answer(one, budget) {
      const where = place(this.data.budgets, budget);
      return this.series(one).map((values) => smooth(this.data.budgets, values, where));
    }

    update() {
      const { kind, quantities, sizes } = this.data;
      this.range.value = STEPS * this.part(this.budget);
      const written = amount(this.budget, kind);
      this.range.setAttribute("aria-valuetext", written);
      this.said.textContent = `${written}, ${this.beside()}`;
      const rows = quantities.map((one) => {
        const [median, lower, upper] = three(this.answer(one, this.budget), one.kind);
        const unit = one.unit ? ` ${one.unit}` : "";
        return make("tr", {}, make("th", { scope: "row" }, one.label),
          make("td", {}, median + unit), make("td", {}, `${lower} to ${upper}`));
      });
      this.answers.replaceChildren(...rows);
      if (sizes) this.judge(quantities);
      this.chart();
    }

    beside() {
      const { furthest, falls, value } = this.data;
      const factor = this.budget / furthest;
      const shown = (number) => Number(number.toPrecision(2)).toLocaleString("en-US");
      if (!falls) return `${shown(factor)} times the largest ${value}`;
      if (Math.abs(factor - 1) < 0.001) return "the lowest fitted one";
      const side = factor < 1 ? "below" : "above";
      return `${shown(100 * Math.abs(factor - 1))} % ${side} the lowest fitted one`;
    }

    judge(quantities) {
      const { budgets, times, wasted, given_up } = this.data.sizes;
      const best = this.answer(quantities.find((one) => one.name === "params"), this.budget)[0];
      const params = this.times * best;
      const [row, column] = [place(budgets, this.budget), place(times, this.times)];
      const mean = (grid) => between(grid.map((line) => between(line, column)), row);
      const [size, tokens] = [params, this.budget / (6 * params)].map((v) => quantity(v, 3));
      this.chosen.textContent = `${size} on ${tokens} tokens`;
      this.size.setAttribute("aria-valuetext", this.chosen.textContent);
      const lost = mean(given_up);
      const factor = Number(this.times.toPrecision(2));
      this.wasted.textContent =
        `${factor === 1 ? "The" : `${factor} times the`} best size is expected to waste ` +
        `${share(mean(wasted))} of the compute, and to give up ` +
        `${plain(lost, lost)} ${quantities[0].unit}`.trimEnd() + ", relative to the best under each draw.";
    }

    // The picture.

    pointed(event) {
      const box = this.picture.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * this.width;
      return this.at((x - LEFT) / (this.width - LEFT - RIGHT));
    }

    scale() {
      const every = this.series(this.shown).flat().filter((v) => v !== null);
      const straight = this.shown.kind !== "count" || Math.min(...every) <= 0;
      const of = straight ? (v) => v : Math.log10;
      const [low, high] = [of(Math.min(...every)), of(Math.max(...every))];
      const step = straight ? round(high - low || 1, 4) : Math.max(Math.ceil((high - low) / 5), 1);
      const ticks = [];
      for (let t = Math.ceil(low / step) * step; t <= high; t += step) ticks.push(t);
      const y = (value) =>
        HEIGHT - BOTTOM - ((of(value) - low) / (high - low || 1)) * (HEIGHT - BOTTOM - TOP);
      return [y, ticks.map((t) => (straight ? [t, plain(t, step)] : [10 ** t, quantity(10 ** t, 3)]))];
    }

    x(budget) {
      return LEFT + this.part(budget) * (this.width - LEFT - RIGHT);
    }

    chart() {
      const { budget, budgets, furthest, falls, kind, interval } = this.data;
      // As wide as it is shown, so that its words are as large as those of the page.
      this.width = Math.min(this.picture.clientWidth || WIDTH, WIDTH);
      this.picture.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
      const [y, ticks] = this.scale();
      const drawn = Array.from({ length: DRAWN + 1 }, (_, i) => this.at(i / DRAWN));
      const every = [...drawn, ...budgets].sort((one, other) => one - other);
      const answers = every.map((b) => [b, this.answer(this.shown, b)]);
      const [median, lower, upper] = [0, 1, 2].map((side) =>
        answers.flatMap(([b, found]) =>
          found[side] === null ? [] : [`${this.x(b)},${y(found[side])}`]));
      const parts = ticks.flatMap(([value, text]) => [
        draw("line", { class: "axis", x1: LEFT, x2: this.width - RIGHT, y1: y(value), y2: y(value) }),
        draw("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, text)]);
      const [low, high] = this.ends().map(Math.log10);
      const most = Math.max(Math.floor((this.width - LEFT - RIGHT) / TICK), 1);
      const step = Math.max(Math.ceil((high - low) / most), 1);
      for (let t = Math.ceil(low / step) * step; t <= high; t += step) {
        const text = kind === "count" ? quantity(10 ** t, 3) : significant(10 ** t, 3);
        parts.push(draw("text", { x: this.x(10 ** t), y: HEIGHT - 8, "text-anchor": "middle" }, text));
      }
      if (Math.ceil(low / step) * step > high) {  // no power of ten: a loss
        for (const [end, anchor] of [[0, "start"], [1, "end"]]) {
          const text = amount(this.at(end), kind);
          parts.push(draw("text", { x: this.x(this.at(end)), y: HEIGHT - 8, "text-anchor": anchor }, text));
        }
      }
      const line = (name, at) =>
        draw("line", { class: name, x1: this.x(at), x2: this.x(at), y1: TOP, y2: HEIGHT - BOTTOM });
      this.here = line("here", this.budget);
      this.words = draw("text", { x: LEFT, y: 16 });
      parts.push(
        draw("polygon", { class: "band", points: [...lower, ...upper.reverse()].join(" ") }),
        draw("polyline", { class: "curve", points: median.join(" ") }),
        line("end", furthest), this.here, this.words);
      this.picture.replaceChildren(...parts);
      const what = `${this.shown.label} against the ${falls ? budget : "budget"}: median and ${interval} interval`;
      this.picture.setAttribute("aria-label", what);
      this.hover(this.budget);
    }

    hover(budget) {
      const [median, lower, upper] = three(this.answer(this.shown, budget), this.shown.kind);
      const unit = this.shown.unit ? ` ${this.shown.unit}` : "";
      this.words.textContent =
        `${amount(budget, this.data.kind)}: ${median}${unit} (${lower} to ${upper})`;
      for (const end of ["x1", "x2"]) this.here.setAttribute(end, this.x(budget));
    }
  }

  // Tables.

  const NAMES = ["", " lower", " upper"];
  const numbers = (cell) => (cell.dataset.numbers ? cell.dataset.numbers.split(" ") : []);

  // A spreadsheet would take a word that begins like a formula for one.
  const harmless = (text) => (/^([=@]|[+-](?![\d.]))/.test(text) ? `'${text}` : text);
  const words = (cell) => harmless(cell.textContent.trim().replace(/\s+/g, " "));

  const separated = (table) => {
    const rows = [...table.tBodies[0].rows].map((row) => [...row.cells]);
    const head = [...table.tHead.rows[0].cells];
    const widths = head.map((_, i) => Math.max(1, ...rows.map((row) => numbers(row[i]).length)));
    const titles = head.flatMap((cell, i) =>
      NAMES.slice(0, widths[i]).map((name) => words(cell) + name));
    const lines = rows.map((row) => row.flatMap((cell, i) => {
      const found = numbers(cell).length ? numbers(cell) : [words(cell)];
      return [...found, ...Array(widths[i] - found.length).fill("")];
    }));
    return [titles, ...lines].map((line) => line.join("\t")).join("\n");
  };

  const copy = async (table, button) => {
    try {
      await navigator.clipboard.writeText(separated(table));
      button.textContent = "copied";
    } catch {
      // Where a page may not write to the clipboard, its reader can copy what is selected.
      getSelection().selectAllChildren(table);
      button.textContent = "selected: now copy";
    }
    setTimeout(() => (button.textContent = "copy"), 2000);
  };

  for (const table of document.querySelectorAll("main table")) {
    const button = make("button", { type: "button", className: "copy", title: "Copy for a spreadsheet" });
    button.textContent = "copy";
    button.onclick = () => copy(table, button);
    table.parentElement.before(button);
  }
  for (const panel of document.querySelectorAll(".slider")) new Slider(panel);
})();
