// CoIN's task stream: the paper's order, its alphabetical ablation, and orders of the user's own.
// What the tasks are is in `tasks/`; data and models play no part here.
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/nearest.ts';
import { type CoinTask, coinTasks, type TaskName } from '../../tasks/index.ts';
import { RandomStream } from '../../tensor/random.ts';

/** The paper calls it random; the reference's scripts are numbered so (reference.md, Order and file names). */
export const officialOrder: readonly CoinTask[] = [
  'ScienceQA',
  'TextVQA',
  'ImageNet',
  'GQA',
  'VizWiz',
  'Grounding',
  'VQAv2',
  'OCRVQA',
];

/**
 * The order ablation: alphabetical but for Grounding, which stands where RefCOCO would (reference.md, Order
 * and file names).
 */
export const alphabeticalOrder: readonly CoinTask[] = [
  'GQA',
  'ImageNet',
  'OCRVQA',
  'Grounding',
  'ScienceQA',
  'TextVQA',
  'VizWiz',
  'VQAv2',
];

const namedOrders: Readonly<Record<string, (seed: number) => readonly TaskName[]>> = {
  official: () => officialOrder,
  alphabetical: () => alphabeticalOrder,
  random: (seed) => new RandomStream(seed, 'task order').shuffle(officialOrder),
};

/** The name of an order of tasks, for people: a named one, or that it is somebody's own. */
export function describeTaskOrder(tasks: readonly string[], seed: number): string {
  const named = Object.keys(namedOrders).find((name) => namedOrders[name]?.(seed).join() === tasks.join());
  if (named === undefined) return 'a list of its own';
  return named === 'random' ? `random, by seed ${seed}` : named;
}

/**
 * The tasks in training order: a named order, or a list of task names (some or all, each once).
 * @param seed decides a random order.
 * @param known the tasks that a list may name; by default CoIN's.
 * @throws UserError for an unknown name (with the nearest ones), a repeated name or an empty list.
 */
export function resolveTaskOrder(
  order: string | readonly string[] = 'official',
  seed = 0,
  known: readonly TaskName[] = coinTasks,
): readonly TaskName[] {
  if (typeof order === 'string') {
    if (Object.hasOwn(namedOrders, order)) return namedOrders[order]?.(seed) ?? [];
    if (order.split(',').every((name) => known.includes(name.trim()))) {
      throw new UserError({
        message: `expected an order or a list, found the text "${order}"`,
        hint: `a list of tasks has brackets: [${order}]`,
      });
    }
    throw unknownName('task order', order, Object.keys(namedOrders));
  }
  if (order.length === 0) throw new UserError('expected at least one task, found an empty list');
  const unknown = order.find((name) => !known.includes(name));
  if (unknown !== undefined) throw unknownName('task', unknown, known);
  const repeated = order.find((name, index) => order.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw new UserError(`the task ${repeated} occurs twice: a stream trains on each task once`);
  }
  return order;
}

function unknownName(what: string, name: string, known: readonly string[]): UserError {
  return new UserError({
    message: `unknown ${what} "${name}"; known: ${known.join(', ')}`,
    hint: didYouMean(name, known),
  });
}
