// The answers of repo/view, as the page reads them. Each page's own answers are in its file.

export interface Damage {
  id: string;
  message: string;
}

export interface Project {
  primary: string;
  runs: number;
  damaged: Damage[];
}

export interface Table {
  ids: string[];
  names: string[];
  status: string[];
  started: number[];
}
