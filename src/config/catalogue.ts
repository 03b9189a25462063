// What a configuration may name: methods, tasks and families of models, as a value that is handed on. Nothing registers itself anywhere.
// Rooms below this one know no catalogue; they are given the method, the task or the families that they work with.
import { Registry } from '../base/registry.ts';
import type { Method } from '../methods/define.ts';
import { methods } from '../methods/index.ts';
import { type Family, families } from '../models/index.ts';
import { tasks } from '../tasks/index.ts';
import type { Task } from '../tasks/task.ts';

export interface Catalogue {
  readonly methods: Registry<Method>;
  readonly tasks: Registry<Task>;
  readonly families: Registry<Family>;
}

/** What the package brings. */
export const builtIn: Catalogue = {
  methods: new Registry('method', Object.values(methods)),
  tasks: new Registry<Task>('task', Object.values(tasks)),
  families: new Registry('family', families),
};
