// Which of several runs are seeds of one configuration, in which settings the others differ, and on which tasks all of
// them can be compared: those that were tested on the same samples. Nothing is scored here.
import { basename, resolve } from 'node:path';
import { UserError } from '../base/errors.ts';
import { dependsOn } from '../config/key-effects.ts';
import type { RunConfig } from '../config/schema.ts';
import { valueDifferences } from '../formats/records/differences.ts';
import type { MethodName } from '../methods/index.ts';
import { type OpenedRun, openRun } from '../runs/open.ts';
import type { TaskName } from '../tasks/index.ts';
import { clustersOf } from './clusters.ts';
import { type Stages, wholeStages } from './matrices.ts';
import { namedIn } from './sample-query.ts';

export interface StagedRun {
  readonly run: OpenedRun;
  readonly stages: Stages;
}

/** Runs that differ in nothing but the seed, at least one. */
export interface SeedGroup {
  /** The folder of the first, as short as tells the groups apart. */
  readonly label: string;
  readonly runs: readonly StagedRun[];
}

/** A method of a group: what is compared. */
export interface ComparedGroup {
  readonly group: SeedGroup;
  readonly method: MethodName;
  /** The method's label, with the group's where there are several. */
  readonly label: string;
}

/** A setting in which groups differ, with its value in each. */
export interface SettingDifference {
  readonly key: string;
  readonly values: readonly unknown[];
}

/**
 * The runs as groups of seeds: one where nothing differs but the seed.
 * @throws UserError when a folder is no run, or is given twice.
 */
export async function openGroups(folders: readonly string[]): Promise<readonly SeedGroup[]> {
  const twice = folders.find(
    (folder, index) => folders.findIndex((other) => resolve(other) === resolve(folder)) < index,
  );
  if (twice !== undefined)
    throw new UserError(`${twice}: is given twice; there is nothing to compare it with`);
  const runs: StagedRun[] = [];
  for (const folder of folders) {
    const run = await openRun(folder);
    runs.push({ run, stages: wholeStages(run, run.done) });
  }
  if (areSeeds(runs)) return [{ label: '', runs }];
  const groups: StagedRun[][] = [];
  for (const staged of runs) {
    const own = groups.find((group) => areSeeds([...group, staged], true));
    if (own === undefined) groups.push([staged]);
    else own.push(staged);
  }
  const names = groups.map(([first]) => first?.run.folder ?? '');
  const short = names.map((name) => basename(resolve(name)));
  const labels = new Set(short).size === short.length ? short : names;
  return withSharedSeeds(groups.map((group, index) => ({ label: labels[index] ?? '', runs: group })));
}

/** Whether runs differ in nothing but the seed and, unless `exactly`, in which methods they have. */
function areSeeds(runs: readonly StagedRun[], exactly = false): boolean {
  const [first, ...others] = runs.map(({ run }) => run);
  if (first === undefined) throw new UserError('expected the folder of a run');
  if (new Set(runs.map(({ run }) => run.config.seed)).size < runs.length) return false;
  return others.every(({ config, provenance }) => {
    const shared = first.config.methods.filter((method) => config.methods.includes(method));
    const sameMethods = first.config.methods.join() === config.methods.join();
    return (
      (exactly ? sameMethods : shared.length > 0) &&
      first.provenance.data.sha256 === provenance.data.sha256 &&
      differingSettings([first, { config, provenance }], shared).every(({ key }) => key === 'seed')
    );
  });
}

type Described = Pick<OpenedRun, 'config' | 'provenance'>;

/** Settings that matter to the given methods and are not the same in all. Places and names are no settings. */
export function differingSettings(
  runs: readonly Described[],
  methods: readonly MethodName[],
): readonly SettingDifference[] {
  const [first] = runs;
  if (first === undefined) return [];
  const relevant = runs.map(({ config }) => settingsThatMatter(config, methods));
  const sameWeights = runs.every(
    ({ provenance }) => provenance.weights.sha256 === first.provenance.weights.sha256,
  );
  const sameData = runs.every(({ provenance }) => provenance.data.sha256 === first.provenance.data.sha256);
  const places = new Set([...(sameWeights ? ['model'] : []), ...(sameData ? ['benchmark'] : [])]);
  const paths = new Map(
    relevant.flatMap((settings) =>
      valueDifferences(relevant[0], settings).map(({ path }) => [path.join('.'), path] as const),
    ),
  );
  return [...paths]
    .filter(([, [key = '']]) => !places.has(key))
    .map(([key, path]) => ({ key, values: relevant.map((settings) => valueAt(settings, path)) }));
}

function settingsThatMatter(
  config: RunConfig,
  methods: readonly MethodName[],
): Readonly<Record<string, unknown>> {
  const { seed, adapter, methodSettings } = config;
  const own = <Value>(of: Readonly<Partial<Record<string, Value>>>) =>
    Object.fromEntries(methods.map((method) => [method, of[method]]));
  return {
    seed,
    ...dependsOn(config, 'compared'),
    adapter: { ...adapter, methods: own(adapter.methods) },
    methodSettings: own(methodSettings),
  };
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

/** The seeds that all groups have; where each is a single run, that run whatever its seed. */
function withSharedSeeds(groups: readonly SeedGroup[]): readonly SeedGroup[] {
  if (groups.every(({ runs }) => runs.length === 1)) return groups;
  const seedsOf = ({ runs }: SeedGroup) => runs.map(({ run }) => run.config.seed);
  const shared = seedsOf(groups[0] as SeedGroup).filter((seed) =>
    groups.every((group) => seedsOf(group).includes(seed)),
  );
  if (shared.length === 0) {
    throw new UserError({
      message: `no seed is in all of them: ${groups.map((group) => `${group.label} has ${seedsOf(group).join(', ')}`).join('; ')}`,
      hint: 'give runs of the same seeds, or a single run of each configuration',
    });
  }
  return groups.map((group) => ({
    ...group,
    runs: shared.flatMap((seed) => group.runs.filter(({ run }) => run.config.seed === seed)),
  }));
}

export interface ChosenArms {
  readonly arms: readonly ComparedGroup[];
  /** Whom with whom, as numbers in `arms`. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Labels of methods that only some groups have, and that are therefore left out. */
  readonly alone: readonly string[];
}

/**
 * Within one group every method with every other. Across groups a method with itself; where they have none in common,
 * every method of one with every method of another.
 * @throws UserError when there is nothing to compare, or a name is no method of the runs.
 */
export function chooseArms(groups: readonly SeedGroup[], asked: readonly string[] | undefined): ChosenArms {
  const several = groups.length > 1;
  const all = groups.flatMap((group): ComparedGroup[] =>
    begunMethods(group).map((method) => ({
      group,
      method,
      label: `${group.runs[0]?.run.catalogue.methods.get(method).label}${several ? ` of ${group.label}` : ''}`,
    })),
  );
  const known = [...new Set(groups.flatMap(({ runs }) => runs.flatMap(({ run }) => run.config.methods)))];
  const wanted =
    asked === undefined
      ? undefined
      : new Set(asked.map((name) => namedIn('--methods', name, known, 'method')));
  const notBegun = [...(wanted ?? [])].find((name) => all.every(({ method }) => method !== name));
  if (notBegun !== undefined)
    throw new UserError(`--methods: not every run has a whole stage of ${notBegun} yet`);
  const named = all.filter(({ method }) => wanted?.has(method) !== false);
  const inAll = (method: MethodName) => groups.every((group) => begunMethods(group).includes(method));
  const shared = several ? named.filter(({ method }) => inAll(method)) : named;
  const arms = shared.length > 0 ? shared : named;
  const pairs = arms.flatMap((arm, first) =>
    arms.flatMap((other, second) => {
      if (second <= first) return [];
      const comparable =
        !several || (arm.group !== other.group && (shared.length === 0 || arm.method === other.method));
      return comparable ? [[first, second] as const] : [];
    }),
  );
  if (pairs.length === 0) {
    const found = named.map(({ label }) => label).join(', ') || 'none';
    throw new UserError({
      file: groups[0]?.runs[0]?.run.folder,
      message: `expected two methods or more with a whole stage, found ${found}`,
    });
  }
  return { arms, pairs, alone: named.filter((arm) => !arms.includes(arm)).map(({ label }) => label) };
}

function begunMethods({ runs }: SeedGroup): readonly MethodName[] {
  return (runs[0]?.run.config.methods ?? []).filter((method) =>
    runs.every(({ stages }) => (stages.get(method)?.length ?? 0) > 0),
  );
}

export interface SharedTasks {
  /** In the first run's order: learned by every arm, and tested on the same samples. */
  readonly tasks: readonly TaskName[];
  /** Tasks of all runs that were tested on other samples. */
  readonly otherSamples: readonly TaskName[];
}

export function sharedTasks(arms: readonly ComparedGroup[]): SharedTasks {
  const runs = [...new Set(arms.flatMap(({ group }) => group.runs))];
  const [first] = runs;
  const learned = (first?.run.config.tasks ?? []).filter((task) =>
    arms.every(({ group, method }) =>
      group.runs.every(({ run, stages }) =>
        run.config.tasks.slice(0, stages.get(method)?.length ?? 0).includes(task),
      ),
    ),
  );
  const isSame = (task: TaskName) => new Set(runs.map(({ run }) => testedOn(run, task))).size === 1;
  return { tasks: learned.filter(isSame), otherSamples: learned.filter((task) => !isSame(task)) };
}

/** Equal where a task was tested on the same questions about the same images, wherever these lie. */
function testedOn({ evaluations }: OpenedRun, task: TaskName): string {
  const samples = evaluations.samples(task);
  const images = clustersOf(samples);
  return JSON.stringify(samples.map(({ id, text, answer }) => [id, images.get(id), text, answer]));
}
