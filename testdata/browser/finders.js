"use strict";
{
  const roles = {
    button: "button, [role=button], summary, input[type=button], input[type=submit]",
    link: "a[href]",
    checkbox: "input[type=checkbox], [role=checkbox], [role=switch]",
    radio: "input[type=radio], [role=radio]",
    textbox: "input:not([type]), input[type=text], input[type=search], input[type=number], textarea, [role=textbox], [role=combobox]:is(input)",
    combobox: "select, [role=combobox]",
    option: "option, [role=option]",
    row: "tr, [role=row]",
    columnheader: "th, [role=columnheader]",
    tab: "[role=tab]",
    table: "table, [role=table], [role=grid]",
    img: "img, [role=img], canvas, svg",
    heading: "h1, h2, h3, h4, h5, h6",
    menuitem: "[role=menuitem], [role=menuitemcheckbox], [role=menuitemradio]",
    alert: "[role=alert]",
    status: "[role=status]",
    region: "section, [role=region], [role=group], fieldset, figure",
  };
  const visible = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const clean = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  const name = (e) => {
    const by = e.getAttribute("aria-labelledby");
    if (by) return clean(by.split(/\s+/).map((id) => document.getElementById(id)?.textContent).join(" "));
    const label = e.getAttribute("aria-label");
    if (label) return clean(label);
    if (e.labels?.length) return clean([...e.labels].map((l) => l.textContent).join(" "));
    if (e.alt) return clean(e.alt);
    if (e.matches("figure, fieldset, table")) {
      const caption = e.querySelector("figcaption, legend, caption");
      if (caption) return clean(caption.textContent);
    }
    const text = clean(e.innerText ?? e.textContent);
    return text || clean(e.title) || clean(e.placeholder) || clean(e.querySelector?.("svg > title")?.textContent);
  };

  /** All visible elements of a role whose name contains the text. */
  globalThis.__all = (role, text = "") =>
    [...document.querySelectorAll(roles[role] ?? role)].filter((e) => visible(e) && name(e).includes(text));
  /** The first of them, one whose name is the text before others. */
  globalThis.__find = (role, text = "") => {
    const all = __all(role, text);
    return all.find((e) => name(e) === text) ?? all[0];
  };
  globalThis.__name = name;
  globalThis.__visible = visible;
  globalThis.__place = (e, x, y) => {
    e.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    const r = e.getBoundingClientRect();
    return [r.left + r.width * x, r.top + r.height * y];
  };
  /** Whether an element does not move, and a click on its middle reaches it. */
  globalThis.__still = async (e) => {
    const [x, y] = __place(e, 0.5, 0.5);
    await new Promise((done) => setTimeout(done, 40));
    const [x2, y2] = __place(e, 0.5, 0.5);
    if (x !== x2 || y !== y2) return false;
    const hit = document.elementFromPoint(x, y);
    return !!hit && (e.contains(hit) || hit.contains(e) || [...(e.labels ?? [])].some((l) => l.contains(hit)));
  };

  let last = 0;
  new MutationObserver(() => (last = performance.now())).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
  });
  /** Whether the document changed in the last ms. */
  globalThis.__moved = (ms) => performance.now() - last < ms;

  const channels = (text) => {
    const m = /^rgba?\(([^)]*)\)$/.exec(text);
    if (m) {
      const [r, g, b, a = 1] = m[1].split(/[\s,/]+/).filter(Boolean).map(Number);
      return [r, g, b, a];
    }
    const c = /^color\(srgb ([^)]*)\)$/.exec(text);
    if (c) {
      const [r, g, b, a = 1] = c[1].split(/[\s/]+/).filter(Boolean).map(Number);
      return [r * 255, g * 255, b * 255, a];
    }
    return undefined;
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = ([r, g, b]) => {
    const linear = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const ratio = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const canvas = () => (matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18, 1] : [255, 255, 255, 1]);
  const background = (e) => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (!c) return undefined;
      if (c[3] > 0) layers.push(c);
      if (c[3] === 1) break;
    }
    return layers.reduceRight((below, top) => over(top, below), canvas());
  };
  const opacity = (e) => (e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1);

  /** The visible texts whose contrast is below WCAG AA: each with its colors and ratio. */
  globalThis.__faint = () => {
    const found = new Map();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = clean(walker.currentNode.data);
      const e = walker.currentNode.parentElement;
      if (!text || !e || !visible(e) || e.closest("script, style, noscript, [disabled], [aria-disabled=true]")) continue;
      const r = e.getBoundingClientRect();
      if (r.width < 2 || r.height < 2) continue; // for screen readers only
      const style = getComputedStyle(e);
      const ink = channels(e.closest("svg") ? (style.fill === "none" ? style.color : style.fill) : style.color);
      const paper = background(e);
      if (!ink || !paper) {
        found.set(text, `${text}: a color cannot be read: ${style.color}`);
        continue;
      }
      const shade = over([ink[0], ink[1], ink[2], ink[3] * opacity(e)], paper);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const is = ratio(shade, paper);
      if (is < (large ? 3 : 4.5)) {
        const where = e.tagName.toLowerCase() + (e.className?.baseVal ?? e.className ? "." + (e.className.baseVal ?? e.className) : "");
        const colors = [shade, paper].map((c) => "rgb(" + c.slice(0, 3).map(Math.round) + ")").join(" on ");
        if (!found.has(where + colors)) found.set(where + colors, `${where} "${text.slice(0, 40)}": ${is.toFixed(2)}, ${colors}`);
      }
    }
    return [...found.values()];
  };

  /** The visible controls that have no name. */
  globalThis.__nameless = () =>
    [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, [role=button], [tabindex='0'], canvas, img, svg, figure")]
      .filter((e) => visible(e) && !e.closest("[aria-hidden=true]") && !name(e) && !inNamed(e))
      .map((e) => e.outerHTML.slice(0, 200));
  /** The charts that no table or button to one belongs to. */
  globalThis.__tableless = () =>
    [...document.querySelectorAll("main canvas")]
      .filter((e) => visible(e) && !e.closest("table, tr, button"))
      .filter((e) => {
        const near = e.closest("figure, section, [role=tabpanel]") ?? e.closest("main");
        return !near.querySelector("table") && ![...near.querySelectorAll("button, summary")].some((b) => /table/i.test(name(b)));
      })
      .map((e) => e.outerHTML.slice(0, 200) + " in " + (e.closest("figure, section, [role=tabpanel]")?.outerHTML.slice(0, 200) ?? ""));
  /** Whether a picture is a part of something that has a name. */
  const inNamed = (e) =>
    e.matches("canvas, svg, img") &&
    !!e.parentElement?.closest("button, a, label, [role=img], figure, [aria-label], [aria-labelledby], td, th");

  /** The time at which so many rows of a table had been painted, in ms since 1970. */
  globalThis.__rows = (n) =>
    new Promise((done) => {
      const look = () => {
        if (document.querySelectorAll("tbody tr, [role=row]").length < n) return void setTimeout(look, 2);
        requestAnimationFrame(() => setTimeout(() => done(Date.now())));
      };
      look();
    });

  /** Does something, and returns the ms until it is done and painted. */
  globalThis.__timed = (act, done) =>
    new Promise((end) => {
      const began = performance.now();
      act();
      const look = () =>
        requestAnimationFrame(() => {
          if (!done()) return look();
          const painted = new MessageChannel();
          painted.port1.onmessage = () => end(performance.now() - began);
          painted.port2.postMessage(0);
        });
      look();
    });
  const task = () =>
    new Promise((done) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = done;
      channel.port2.postMessage(0);
    });
  /** Moves the pointer to a share of the width of an element, and returns the ms that the page works for it. */
  globalThis.__hover = async (e, share) => {
    const r = e.getBoundingClientRect();
    const place = { bubbles: true, clientX: r.left + r.width * share, clientY: r.top + r.height / 2, pointerType: "mouse" };
    const target = document.elementFromPoint(place.clientX, place.clientY) ?? e;
    const began = performance.now();
    for (const kind of ["pointermove", "mousemove"]) {
      target.dispatchEvent(new (kind === "mousemove" ? MouseEvent : PointerEvent)(kind, place));
    }
    await task();
    const handled = performance.now() - began;
    const frame = await new Promise(requestAnimationFrame).then(() => performance.now());
    await task();
    return handled + performance.now() - frame;
  };
}
