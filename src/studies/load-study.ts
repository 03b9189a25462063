// Reads a study file and expands it into runs, each with its checked configuration. Every mistake is said with its place,
// for all runs at once, before anything is computed.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatIssue, type Issue, UserError } from '../base/errors.ts';
import { didYouMean } from '../base/nearest.ts';
import { packageFolder } from '../base/package.ts';
import { builtIn, type Catalogue } from '../config/catalogue.ts';
import { baseName, shownPath } from '../config/layers.ts';
import { type ConfigOverride, loadConfig, type RunConfig } from '../config/load.ts';
import { catalogueOf } from '../config/plugins.ts';
import { requireTrainable } from '../config/presets.ts';
import { type ConfigProblem, formatPath, keysAt, problemsOf } from '../config/problems.ts';
import { configSchema, type MethodName } from '../config/schema.ts';
import { isObject } from '../formats/records/json.ts';
import { readYaml, type Source } from '../formats/records/yaml-source.ts';
import {
  type Axis,
  type AxisValue,
  combinations,
  nameOf,
  overlap,
  overridesIn,
  slugOf,
  textOf,
} from './axes.ts';
import { type ParsedStudy, type StudyInput, studySchema } from './study-schema.ts';

/** One run of a study. */
export interface StudyRun {
  /** The name of its folder below the study's. */
  readonly name: string;
  /** What it was given of each axis, by the axis's label; the seed is not among them. */
  readonly coordinates: Readonly<Record<string, string>>;
  readonly config: RunConfig;
}

export interface Study {
  readonly name: string;
  readonly question?: string;
  /** Relative to the working folder, or absolute. */
  readonly folder: string;
  /** Without methods and seeds, in the order of the file. */
  readonly axes: readonly { readonly label: string; readonly values: readonly string[] }[];
  readonly methods: readonly MethodName[];
  readonly seeds: readonly number[];
  /** What its runs may name. */
  readonly catalogue: Catalogue;
  readonly runs: readonly StudyRun[];
}

export interface LoadStudyOptions {
  /** Settings of the command line, which hold in every run. */
  readonly overrides?: readonly ConfigOverride[];
  /** Instead of the file's. */
  readonly base?: string;
  readonly seeds?: number | readonly number[];
  readonly workingFolder?: string;
}

const studiesFolder = join(packageFolder, 'assets', 'studies');
/** More are surely a mistake. */
const mostRuns = 1000;

/** The names of the studies that come with this package. */
export function shippedStudies(): readonly string[] {
  return readdirSync(studiesFolder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
}

/** The file of a study: one that comes with this package, by its name, or the user's. */
export function studyFile(nameOrFile: string): string {
  return shippedStudies().includes(nameOrFile) ? join(studiesFolder, `${nameOrFile}.yaml`) : nameOrFile;
}

/** @throws UserError with one issue per mistake, each with file, line and column. */
export function loadStudy(nameOrFile: string, options: LoadStudyOptions = {}): Study {
  const { workingFolder = process.cwd() } = options;
  const known = shippedStudies();
  const file = studyFile(nameOrFile);
  const source = readYaml(file, {
    workingFolder,
    hint: didYouMean(nameOrFile, known) ?? `studies that come along: ${known.join(', ')}`,
    keysHint: 'expected base, set, grid and seeds; docs/studies.md explains them',
  });
  // What comes along has no folder of the user's to be relative to.
  const placed = file === nameOrFile ? source : { ...source, folder: workingFolder };
  return expandStudy(placed, options);
}

/** The simplest study: one configuration with several seeds. */
export function studyOfSeeds(
  base: string,
  seeds: number | readonly number[],
  options: LoadStudyOptions = {},
): Study {
  const { workingFolder = process.cwd(), overrides = [] } = options;
  const { name } = loadConfig(base, { overrides, workingFolder });
  const value: StudyInput = {
    name: `${name}-seeds`,
    base,
    seeds: typeof seeds === 'number' ? seeds : [...seeds],
  };
  const source = { value, name, folder: workingFolder, place: () => ({ file: '--seeds' }) };
  return expandStudy(source, options);
}

function expandStudy(source: Source, options: LoadStudyOptions): Study {
  const { workingFolder = process.cwd() } = options;
  const parsed = studySchema.safeParse(source.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) =>
      problemsOf(issue, source.value, { schema: studySchema }),
    );
    throw new UserError(problems.map((problem) => issueAt(source, problem)));
  }
  const study = withOptions(parsed.data, options);
  requireTrainable(study.base);
  const reader = new GridReader(source, study);
  const all = options.overrides ?? [];
  const output = all.findLast(({ path }) => path[0] === 'output');
  const given = all.filter(({ path }) => path[0] !== 'output');
  const { axes, methods, seeds } = reader.read(given);

  const name = study.name ?? source.name;
  const folder =
    output !== undefined
      ? String(output.value)
      : study.output !== undefined
        ? shownPath(resolve(source.folder, study.output), workingFolder)
        : join('runs', name);
  const base = baseName(
    study.base,
    options.base === undefined ? source.folder : workingFolder,
    workingFolder,
  );
  const shared = [...reader.overrides(['set'], study.set), ...given];
  const issues = new Map<string, Issue>();
  const runs: StudyRun[] = [];
  for (const values of combinations([...axes, ...seedAxis(seeds)])) {
    const named = [...axes, ...seedAxis(seeds)];
    const own = nameOf(named, values);
    const settings = [
      ...shared,
      ...methodOverride(methods),
      ...values.flatMap(({ overrides }) => overrides),
      { path: ['name'], value: `${name}-${own}`, label: own },
      { path: ['output'], value: join(folder, own), label: own },
    ];
    try {
      const config = loadConfig(base, { overrides: settings, workingFolder });
      const coordinates = Object.fromEntries(axes.map(({ label }, i) => [label, values[i]?.text ?? '']));
      runs.push({ name: own, coordinates, config });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      for (const issue of error.issues) issues.set(formatIssue(issue), issue);
    }
  }
  if (issues.size > 0) throw new UserError([...issues.values()]);
  return {
    name,
    question: study.question,
    folder,
    axes: axes.map(({ label, values }) => ({ label, values: values.map(({ text }) => text) })),
    methods: runs[0]?.config.methods ?? [],
    seeds: seeds ?? [runs[0]?.config.seed ?? 0],
    catalogue: runs[0] === undefined ? builtIn : catalogueOf(runs[0].config),
    runs,
  };
}

/** What the command line says instead of the file. */
function withOptions(study: ParsedStudy, { base = study.base, seeds }: LoadStudyOptions): ParsedStudy {
  return {
    ...study,
    base,
    seeds: seeds === undefined || typeof seeds === 'number' ? (seeds ?? study.seeds) : [...seeds],
  };
}

function seedAxis(seeds: readonly number[] | undefined): readonly Axis[] {
  if (seeds === undefined) return [];
  const values = seeds.map((seed): AxisValue => {
    const overrides = [{ path: ['seed'], value: seed, label: `seed ${seed}` }];
    return { slug: String(seed), text: String(seed), overrides };
  });
  return [{ label: 'seed', values }];
}

function methodOverride(methods: readonly string[] | undefined): readonly ConfigOverride[] {
  return methods === undefined ? [] : [{ path: ['methods'], value: methods, label: 'methods' }];
}

/** Turns the grid into axes. */
class GridReader {
  readonly #source: Source;
  readonly #study: ParsedStudy;
  readonly #issues: Issue[] = [];

  constructor(source: Source, study: ParsedStudy) {
    this.#source = source;
    this.#study = study;
  }

  /** @param given by the command line, which may not set what is varied. */
  read(given: readonly ConfigOverride[]) {
    const { methods: listed, seed, ...rest } = this.#study.grid;
    const methods = listed === undefined ? undefined : this.#methods(listed);
    const seeds = this.#seeds(seed);
    const axes = Object.entries(rest).map(([key, values]) =>
      Array.isArray(values) ? this.#listed(key, values) : this.#named(key, values),
    );
    const varied = [
      ...axes.flatMap(({ values }) => values.flatMap(({ overrides }) => overrides)),
      ...(seeds === undefined ? [] : [{ path: ['seed'] }]),
      ...(methods === undefined ? [] : [{ path: ['methods'] }]),
    ];
    for (const { path, label } of given) {
      if (!varied.some((override) => overlap(path, override.path) || overlap(override.path, path))) continue;
      this.#issues.push({ file: label, message: `the study varies ${path.join('.')} itself` });
    }
    const runs = axes.reduce((count, { values }) => count * values.length, seeds?.length ?? 1);
    if (runs > mostRuns) {
      this.#report(['grid'], `expected at most ${mostRuns} runs, found ${runs} combinations`);
    }
    if (this.#issues.length > 0) throw new UserError(this.#issues);
    return { axes: this.#distinctLabels(axes), methods, seeds };
  }

  /** @param above where the settings stand. */
  overrides(
    above: readonly string[],
    settings: Readonly<Record<string, unknown>>,
  ): readonly ConfigOverride[] {
    return overridesIn(settings, (path) => this.#source.place([...above, ...path])).map((override) => ({
      ...override,
      folder: this.#source.folder,
    }));
  }

  /** Method names; `all` is every other one. */
  #methods(listed: ParsedStudy['grid'][string]): readonly string[] | undefined {
    if (!Array.isArray(listed)) {
      this.#report(['grid', 'methods'], 'expected a list of methods');
      return undefined;
    }
    const names = listed.map(String);
    return names.flatMap((name) =>
      name === 'all' ? builtIn.methods.names.filter((method) => !names.includes(method)) : [name],
    );
  }

  #seeds(inGrid: ParsedStudy['grid'][string] | undefined): readonly number[] | undefined {
    const { seeds } = this.#study;
    if (inGrid !== undefined && seeds !== undefined) {
      this.#report(
        ['grid', 'seed'],
        'expected seeds in one place, found them in the grid and beside it',
        true,
      );
    }
    const listed = typeof seeds === 'number' ? Array.from({ length: seeds }, (_, seed) => seed) : seeds;
    const all = listed ?? (Array.isArray(inGrid) ? inGrid : undefined);
    const wrong = all?.find((seed) => typeof seed !== 'number');
    if (wrong !== undefined) this.#report(['grid', 'seed'], `expected numbers, found ${textOf(wrong)}`);
    this.#requireDistinct(['seeds'], all?.map(String) ?? []);
    return all as readonly number[] | undefined;
  }

  /** Values of one key. */
  #listed(key: string, values: readonly unknown[]): Axis {
    const above = ['grid', key];
    if (!isConfigKey(key)) {
      const hint =
        nearestKey(key) ??
        'see `coin config` for every key; names with the keys that each sets are written as a mapping';
      this.#report(above, 'unknown key', true, hint);
    }
    const read = values.map((value, index): AxisValue => {
      const place = this.#source.place([...above, index]);
      const path = key.split('.');
      if (isObject(value)) this.#report([...above, index], 'expected a value, found keys and values');
      return {
        slug: slugOf(value),
        text: textOf(value),
        overrides: [{ path, value, label: key, place, folder: this.#source.folder }],
      };
    });
    this.#requireDistinct(
      above,
      read.map(({ slug }) => slug),
    );
    return { label: key.split('.').at(-1) ?? key, values: read };
  }

  /** Names, each with keys that it sets. */
  #named(label: string, values: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Axis {
    const read = Object.entries(values).map(
      ([name, settings]): AxisValue => ({
        slug: slugOf(name),
        text: name,
        overrides: this.overrides(['grid', label, name], settings),
      }),
    );
    this.#requireDistinct(
      ['grid', label],
      read.map(({ slug }) => slug),
    );
    return { label, values: read };
  }

  /** Two keys may end alike. */
  #distinctLabels(axes: readonly Axis[]): readonly Axis[] {
    const keys = Object.keys(this.#study.grid).filter((key) => key !== 'methods' && key !== 'seed');
    return axes.map((axis, index) => {
      const alike = axes.filter(({ label }) => label === axis.label).length > 1;
      return alike ? { ...axis, label: keys[index] ?? axis.label } : axis;
    });
  }

  #requireDistinct(path: readonly string[], slugs: readonly string[]): void {
    const twice = slugs.find((slug, index) => slugs.indexOf(slug) !== index);
    if (twice !== undefined) this.#report(path, `${twice} occurs twice`);
  }

  #report(path: readonly PropertyKey[], message: string, atKey = false, hint?: string): void {
    this.#issues.push(issueAt(this.#source, { path, message, atKey, hint }));
  }
}

function issueAt(source: Source, { path, atKey, message, hint }: ConfigProblem): Issue {
  return { ...source.place(path, atKey), field: formatPath(path) || undefined, message, hint };
}

/** Every key of a configuration that holds a value. */
function configKeys(path: readonly string[] = []): readonly string[] {
  return keysAt(configSchema(builtIn), path).flatMap((key) => {
    const below = configKeys([...path, key]);
    return below.length === 0 ? [[...path, key].join('.')] : below;
  });
}

function isConfigKey(key: string): boolean {
  // Below a table of the user's own keys anything may stand.
  return configKeys().some((known) => key === known || key.startsWith(`${known}.`));
}

function nearestKey(key: string): string | undefined {
  const last = configKeys().filter((known) => known.endsWith(`.${key}`));
  return last.length > 0 ? `did you mean ${last.slice(0, 2).join(' or ')}?` : didYouMean(key, configKeys());
}
