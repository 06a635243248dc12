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
  /** Whether a click on the middle of an element reaches it. */
  globalThis.__uncovered = (e) => {
    const [x, y] = __place(e, 0.5, 0.5);
    const hit = document.elementFromPoint(x, y);
    return !!hit && (e.contains(hit) || hit.contains(e) || [...(e.labels ?? [])].some((l) => l.contains(hit)));
  };
}
