// The token of 'runs ui': in the fragment of the address that it prints, then in memory and in the session storage of
// the tab. A new tab gets it from an open one.

const channelName = "runs-token";
const answerTime = 500; // ms that other tabs have to answer

const inAddress = /[#&]token=([\w-]+)&?/;

/** Takes the token out of the fragment, and leaves the rest of it, which is the view. */
function takeFromAddress(): string {
  const found = inAddress.exec(location.hash);
  if (!found) return "";
  history.replaceState(null, "", "#" + location.hash.replace(found[0], "").replace(/^#+/, ""));
  return found[1];
}

/** A session storage that works where the browser allows none. */
function store(token: string): void {
  try {
    if (token) sessionStorage.setItem("token", token);
    else sessionStorage.removeItem("token");
  } catch {
    // The tab then has to be opened again after a reload.
  }
}

function stored(): string {
  try {
    return sessionStorage.getItem("token") ?? "";
  } catch {
    return "";
  }
}

/** Holds the token, and shares it with the tabs of the same server. */
export class Access {
  private current: string;
  private readonly channel = new BroadcastChannel(channelName);
  private asking?: Promise<string>;

  constructor() {
    this.current = takeFromAddress() || stored();
    store(this.current);
    this.channel.addEventListener("message", ({ data }) => {
      const { ask, token } = data as { ask?: boolean; token?: string };
      if (ask && this.current) this.channel.postMessage({ token: this.current });
      // A token that works is never replaced: any page can open this one with a token of its own.
      if (token && !this.current) store((this.current = token));
    });
    addEventListener("hashchange", () => {
      if (inAddress.test(location.hash)) location.reload(); // the address of a server that was started again
    });
  }

  /** Returns the token, from another tab if this one has none, or "". */
  async token(): Promise<string> {
    return this.current || this.ask();
  }

  /** Forgets a token that the server has refused, and returns the one that other tabs have instead, or "". */
  async instead(refused: string): Promise<string> {
    if (this.current !== refused) return this.current;
    this.current = "";
    store("");
    return this.ask();
  }

  private ask(): Promise<string> {
    this.asking ??= new Promise((done) => {
      const end = () => {
        clearTimeout(timer);
        this.channel.removeEventListener("message", heard);
        this.asking = undefined;
        done(this.current);
      };
      const heard = () => this.current && end();
      const timer = setTimeout(end, answerTime);
      this.channel.addEventListener("message", heard);
      this.channel.postMessage({ ask: true });
    });
    return this.asking;
  }
}
