// All tasks by CoIN's folder names, in CoIN's order. A new task is a folder and a line here.
import { gqa } from './gqa/task.ts';
import { grounding } from './grounding/task.ts';
import { imagenet } from './imagenet/task.ts';
import { ocrvqa } from './ocrvqa/task.ts';
import { scienceqa } from './scienceqa/task.ts';
import type { Task } from './task.ts';
import { textvqa } from './textvqa/task.ts';
import { vizwiz } from './vizwiz/task.ts';
import { vqav2 } from './vqav2/task.ts';

export const tasks = {
  ScienceQA: scienceqa,
  TextVQA: textvqa,
  ImageNet: imagenet,
  GQA: gqa,
  VizWiz: vizwiz,
  Grounding: grounding,
  VQAv2: vqav2,
  OCRVQA: ocrvqa,
} as const satisfies Readonly<Record<string, Task>>;

/** As in configurations and folders. Which there are, a catalogue says. */
export type TaskName = string;

/** A task of CoIN. */
export type CoinTask = keyof typeof tasks;

export const coinTasks = Object.keys(tasks) as readonly CoinTask[];
