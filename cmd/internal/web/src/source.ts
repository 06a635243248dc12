// Where the page gets its data: from 'runs ui', or from an export.

import type { Access } from "./token";

export interface Source {
  /** Whether runs can change while the page is open, and questions beyond the files of an export are answered. */
  readonly live: boolean;
  json<T>(path: string, params?: Record<string, string>, signal?: AbortSignal): Promise<T>;
  bytes(path: string, params?: Record<string, string>): Promise<ArrayBuffer>;
  /** Saves an answer as a file. A source without it has nothing to save. */
  download?(path: string, params?: Record<string, string>): Promise<void>;
}

/** A request that was refused or failed. Its message is for people. */
export class SourceError extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** The next step, or "". */
    readonly hint = "",
  ) {
    super(message);
  }
}

const again = "Open the address that 'runs ui' prints in its terminal.";

/** The data of 'runs ui': of the runs that it was started for, or of another Git revision. */
export class ServerSource implements Source {
  readonly live = true;

  constructor(
    private readonly access: Access,
    private readonly revision = "",
  ) {}

  async json<T>(path: string, params?: Record<string, string>, signal?: AbortSignal): Promise<T> {
    return (await this.get(path, params, signal)).json() as Promise<T>;
  }

  async bytes(path: string, params?: Record<string, string>): Promise<ArrayBuffer> {
    return (await this.get(path, params)).arrayBuffer();
  }

  async download(path: string, params?: Record<string, string>): Promise<void> {
    const ticket = await this.json<{ path: string }>("ticket/" + path, params);
    const link = document.createElement("a");
    link.href = ticket.path;
    link.download = "";
    link.click();
  }

  private async get(path: string, params?: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    const all = new URLSearchParams(params);
    if (this.revision) all.set("rev", this.revision);
    const address = "data/" + path + (all.size ? "?" + all : "");
    const token = await this.access.token();
    if (!token) throw new SourceError("This page has no token.", 401, again);
    let answer = await ask(address, token, signal);
    if (answer.status === 401) {
      const other = await this.access.instead(token);
      if (!other) throw new SourceError("The server was started again since this page was opened.", 401, again);
      answer = await ask(address, other, signal);
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
  }
}

async function ask(address: string, token: string, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(address, { headers: { "Runs-Token": token }, signal });
  } catch {
    const hint = "If 'runs ui' has ended, start it again. " + again;
    throw new SourceError("The server does not answer.", 0, hint);
  }
}

/** What the server says about a request that it refused. */
async function refusal(answer: Response): Promise<SourceError> {
  const text = (await answer.text()).trim();
  try {
    const said = JSON.parse(text) as { error: string; hint?: string };
    return new SourceError(said.error, answer.status, said.hint);
  } catch {
    return new SourceError(text || "The server answered with the status " + answer.status + ".", answer.status);
  }
}
