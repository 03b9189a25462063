// Small data in CoIN's layout, task by task, and what the doctor finds in it after a change: for the tests of the doctor.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type DoctorOptions, examineData } from '../../src/data/doctor/doctor.ts';
import type { Finding } from '../../src/data/doctor/findings.ts';
import { prepareTask } from '../../src/data/preparation/prepare.ts';
import type { CoinTask } from '../../src/tasks/index.ts';
import { writeDownload } from './files/raw-downloads.ts';

/** Not those that small data of one task has by nature. */
export const ordinary = ({ code }: Finding): boolean => code !== 'task-missing' && code !== 'count';

/** The folders of some tasks' data, prepared from raw downloads, and broken copies of them. */
export class SickData {
  #copies = 0;

  constructor(readonly root: string) {}

  async prepare(tasks: readonly CoinTask[]): Promise<void> {
    for (const task of tasks) {
      const from = join(this.root, 'raw', task);
      await writeDownload(task, from);
      await prepareTask({ task, from, to: this.healthy(task), images: 'copy' });
    }
  }

  /** One task's data as they were prepared. */
  healthy(task: CoinTask): string {
    return join(this.root, 'single', task);
  }

  /** What is found in one task's data after a change. */
  async findingsOf(
    task: CoinTask,
    change: (folder: string) => void | Promise<void>,
    options: Partial<DoctorOptions> = {},
  ): Promise<readonly Finding[]> {
    const folder = join(this.root, `broken ${++this.#copies}`);
    cpSync(this.healthy(task), folder, { recursive: true });
    await change(folder);
    const { findings } = await examineData({ folder, ...options });
    return findings.filter(ordinary);
  }
}

type Row = Record<string, unknown>;

/** Changes the rows of an instruction file. */
export function editRows(folder: string, file: string, edit: (rows: Row[]) => void): void {
  const path = join(folder, 'Instructions_Original', file);
  const rows = JSON.parse(readFileSync(path, 'utf8')) as Row[];
  edit(rows);
  writeFileSync(path, JSON.stringify(rows));
}

/** One finding and no other. */
export const only = (
  severity: Finding['severity'],
  code: Finding['code'],
  message: string,
  hint?: string,
): readonly Finding[] => [
  expect.objectContaining({ severity, code, message, ...(hint === undefined ? {} : { hint }) }) as Finding,
];
