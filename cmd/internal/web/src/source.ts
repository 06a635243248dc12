// Where the page gets its data: from 'runs ui', or from an export.

export interface Source {
  /** Whether runs can change while the page is open, and questions beyond the files of an export are answered. */
  readonly live: boolean;
  json<T>(path: string, params?: Record<string, string>): Promise<T>;
  bytes(path: string, params?: Record<string, string>): Promise<ArrayBuffer>;
}

/** A request that was refused or failed. Its message is for people. */
export class SourceError extends Error {
  constructor(
    message: string,
    readonly status: number,
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

  private async get(path: string, params?: Record<string, string>): Promise<Response> {
    const query = params ? "?" + new URLSearchParams(params) : "";
    const answer = await fetch("data/" + path + query, { headers: { "Runs-Token": this.token } });
    if (!answer.ok) throw new SourceError((await answer.text()).trim(), answer.status);
    return answer;
  }
}
