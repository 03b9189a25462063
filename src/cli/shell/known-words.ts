// The names that arguments and options take, for completion: configurations, studies, tasks, methods. Only suggestions:
// what is accepted, each command says itself.
import { builtIn } from '../../config/catalogue.ts';
import { presets } from '../../config/presets.ts';
import { shippedStudies } from '../../studies/load-study.ts';
import { scoringModes } from '../../tasks/task.ts';

const words: Readonly<Record<string, () => readonly string[]>> = {
  config: () => Object.keys(presets),
  base: () => Object.keys(presets),
  study: shippedStudies,
  task: () => builtIn.tasks.names,
  method: () => builtIn.methods.names,
  methods: () => builtIn.methods.names,
  'method...': () => builtIn.methods.names,
  provider: () => ['cpu', 'webgpu', 'cuda'],
  mode: () => scoringModes,
  shell: () => ['bash', 'zsh', 'fish'],
};

/** @param name of an argument or an option. */
export function knownWords(name: string): readonly string[] {
  return Object.hasOwn(words, name) ? (words[name]?.() ?? []) : [];
}
