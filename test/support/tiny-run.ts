// A data folder with three small tasks, a configuration for it, and what two runs are compared by.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { builtIn } from '../../src/config/catalogue.ts';
import type { RunConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { TaskSource } from '../../src/tasks/task.ts';

const testFiles = { OCRVQA: 'test.json', VQAv2: 'val.json', ImageNet: 'test.json' } as const;
export const tinyTasks = ['VQAv2', 'ImageNet', 'OCRVQA'] as const;
export const trainCount = 6;
export const testCount = 4;

/** Writes 6 training and 4 test samples per task, all with one image. */
export function writeTinyData(root: string): TaskSource {
  write(join(root, 'cl_dataset', 'image.png'), Buffer.from([137, 80, 78, 71]));
  for (const task of tinyTasks) {
    const folder = join(root, 'Instructions_Original', task);
    const train = Array.from({ length: trainCount }, (_, index) => ({
      id: `${index}`,
      image: 'image.png',
      conversations: [
        { from: 'human', value: '<image>\nWhat is it?' },
        { from: 'gpt', value: `answer ${index}` },
      ],
    }));
    const test = Array.from({ length: testCount }, (_, index) => ({
      question_id: `${task}-${index}`,
      image: 'image.png',
      text: 'What is it?',
      answer: `answer ${index}`,
    }));
    write(join(folder, 'train.json'), JSON.stringify(train));
    write(join(folder, testFiles[task]), JSON.stringify(test));
  }
  return { root, instructionType: 'Original' };
}

/** Three tasks, both methods, three optimiser steps a stage, answers one by one. */
export function tinyConfig(folder: string, source: TaskSource): RunConfig {
  return {
    ...configSchema(builtIn).parse({
      model: 'nano',
      benchmark: source.root,
      training: { batchSize: 2 },
      evaluation: { slots: 1 },
    }),
    tasks: tinyTasks,
    name: 'tiny',
    output: folder,
  };
}

/** Path to content of every file that must not depend on how often a run was stopped. */
export function artefacts(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => [relative(folder, file), readFileSync(file, 'utf8')] as const)
    .filter(([name]) => !['journal.jsonl', 'provenance.json', 'config.json', 'report.html'].includes(name));
  return Object.fromEntries(files.sort());
}

function write(file: string, content: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
