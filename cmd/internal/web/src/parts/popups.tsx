import { type ComponentChildren, h } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons";
import { IconButton } from "./controls";

interface PopupProps {
  /** The text of the button, or its name if only the icon is shown. */
  label: string;
  icon?: IconName;
  /** Shows only the icon. */
  compact?: boolean;
  kind?: "quiet" | "primary";
  disabled?: boolean;
}

/** A button that opens a panel beside it. Escape and a click elsewhere close it. Children may be a function of close. */
export function Popup(props: PopupProps & { children: ComponentChildren | ((close: () => void) => ComponentChildren) }) {
  const popup = usePopup();
  return (
    <span>
      <PopupButton {...props} popup={popup} haspopup="dialog" />
      <div ref={popup.panel} popover="auto" class="popup" role="dialog" aria-label={props.label} onToggle={popup.onToggle}>
        {popup.open &&
          (typeof props.children === "function" ? props.children(popup.close) : props.children)}
      </div>
    </span>
  );
}

export interface MenuItem {
  text: string;
  onSelect(): void;
  /** Present for an item that is on or off. */
  checked?: boolean;
  disabled?: boolean;
  icon?: IconName;
}

/** A button that opens a list of actions. Arrow keys and first letters move, Escape closes. */
export function Menu({ items, ...props }: PopupProps & { items: readonly (MenuItem | null)[] }) {
  const popup = usePopup();
  const onKeyDown = (e: KeyboardEvent) => {
    const all = [...popup.panel.current!.querySelectorAll<HTMLElement>("[role^=menuitem]:not(:disabled)")];
    const at = all.indexOf(document.activeElement as HTMLElement);
    let to = -1;
    if (e.key === "ArrowDown") to = (at + 1) % all.length;
    else if (e.key === "ArrowUp") to = (at + all.length - 1) % all.length;
    else if (e.key === "Home") to = 0;
    else if (e.key === "End") to = all.length - 1;
    else if (e.key === "Tab") return popup.close();
    else if (/^\S$/.test(e.key) && !e.ctrlKey && !e.metaKey && !e.altKey) {
      const letter = e.key.toLowerCase();
      to = [...all.keys()].map((i) => (at + 1 + i) % all.length).find((i) => all[i].innerText.trim().toLowerCase().startsWith(letter)) ?? -1;
    } else return;
    e.preventDefault();
    e.stopPropagation();
    all[to]?.focus();
  };
  return (
    <span>
      <PopupButton {...props} popup={popup} haspopup="menu" />
      <div
        ref={popup.panel}
        popover="auto"
        class="popup menu"
        role="menu"
        aria-label={props.label}
        onToggle={popup.onToggle}
        onKeyDown={onKeyDown}
      >
        {popup.open &&
          items.map((item, i) =>
            item === null ? (
              <hr key={i} />
            ) : (
              <button
                key={i}
                type="button"
                role={item.checked === undefined ? "menuitem" : "menuitemcheckbox"}
                aria-checked={item.checked}
                disabled={item.disabled}
                tabIndex={-1}
                onClick={() => {
                  if (item.checked === undefined) popup.close();
                  item.onSelect();
                }}
              >
                <span class="menu-mark">
                  {item.checked ? <Icon name="check" size={14} /> : item.icon && <Icon name={item.icon} size={14} />}
                </span>
                {item.text}
              </button>
            ),
          )}
      </div>
    </span>
  );
}

function usePopup() {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const close = () => panel.current?.hidePopover();
  useEffect(() => {
    if (!open) return;
    place(button.current!, panel.current!);
    panel.current!.querySelector<HTMLElement>("[autofocus], input, select, button:not(:disabled), a[href]")?.focus();
    const move = () => place(button.current!, panel.current!);
    addEventListener("resize", move);
    addEventListener("scroll", move, true);
    return () => {
      removeEventListener("resize", move);
      removeEventListener("scroll", move, true);
    };
  }, [open]);
  const onToggle = (e: Event) => {
    const opened = (e as ToggleEvent).newState === "open";
    setOpen(opened);
    if (!opened && panel.current?.contains(document.activeElement)) button.current?.focus();
  };
  return { open, button, panel, close, onToggle };
}

function PopupButton(props: PopupProps & { popup: ReturnType<typeof usePopup>; haspopup: "menu" | "dialog" }) {
  const { popup, compact, icon } = props;
  return (
    <button
      ref={popup.button}
      type="button"
      class={[props.kind ?? (compact ? "quiet" : ""), compact ? "icon" : ""].join(" ").trim() || undefined}
      aria-haspopup={props.haspopup}
      aria-expanded={popup.open}
      aria-label={compact ? props.label : undefined}
      title={compact ? props.label : undefined}
      disabled={props.disabled}
      onClick={() => popup.panel.current!.togglePopover()}
    >
      {icon && <Icon name={icon} />}
      {!compact && props.label}
      {!compact && <Icon name="down" size={12} />}
    </button>
  );
}

/** Puts a panel below a button, or above it where there is more room, and inside of the window. */
function place(button: HTMLElement, panel: HTMLElement) {
  const b = button.getBoundingClientRect();
  const below = innerHeight - b.bottom - 12;
  const above = b.top - 12;
  panel.style.maxHeight = Math.max(below, above, 120) + "px";
  const height = panel.offsetHeight;
  panel.style.left = Math.max(8, Math.min(b.left, innerWidth - panel.offsetWidth - 8)) + "px";
  panel.style.top = (height <= below || below >= above ? b.bottom + 4 : Math.max(8, b.top - height - 4)) + "px";
}

/** A dialog over the page. It takes the focus, and gives it back when it closes. Render it only while it is open. */
export function Dialog(props: { title: string; onClose(): void; children: ComponentChildren; wide?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const focused = document.activeElement as HTMLElement | null;
    dialog.current!.showModal();
    return () => focused?.focus();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.wide ? "wide" : undefined}
      aria-labelledby={id}
      onClose={props.onClose}
      onClick={(e) => e.target === dialog.current && dialog.current!.close()}
    >
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id={id}>{props.title}</h2>
          <IconButton icon="close" label="Close" onClick={() => dialog.current!.close()} />
        </div>
        {props.children}
      </div>
    </dialog>
  );
}
