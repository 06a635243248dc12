// Where the page gets its data: from 'runs ui', or from an export.

export interface Source {
  /** Whether runs can change while the page is open, and questions beyond the files of an export are answered. */
  readonly live: boolean;
  json<T>(path: string, params?: Record<string, string>): Promise<T>;
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

/** The data of 'runs ui'. */
export class ServerSource implements Source {
  readonly live = true;

  constructor(private readonly token: string) {}

  async json<T>(path: string, params?: Record<string, string>): Promise<T> {
    return (await this.get(path, params)).json() as Promise<T>;
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

  private async get(path: string, params?: Record<string, string>): Promise<Response> {
    const query = params ? "?" + new URLSearchParams(params) : "";
    let answer: Response;
    try {
      answer = await fetch("data/" + path + query, { headers: { "Runs-Token": this.token } });
    } catch {
      throw new SourceError("The server does not answer.", 0, "If 'runs ui' has ended, start it again and open the address that it prints.");
    }
    if (!answer.ok) throw await refusal(answer);
    return answer;
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
