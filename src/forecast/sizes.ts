// Methods brought to one budget of trainable numbers: what LoRA of the run's rank trains, projector included. A method's
// rank is the one whose traced training graph comes nearest, among those the method can work with; α goes along with it,
// so that the scale of its update, α/r, stays. What a configuration gives for a method by itself is left as it is.

import type { Catalogue } from '../config/catalogue.ts';
import { methodSettingsOf } from '../config/open-method.ts';
import type { RunConfig } from '../config/schema.ts';
import type { Method } from '../methods/define.ts';
import type { MethodName } from '../methods/index.ts';
import { lora } from '../methods/lora/method.ts';
import type { MethodSettings } from '../methods/method.ts';
import { formatRatio, isMatched } from '../metrics/budget.ts';
import type { ModelOutline } from '../models/family.ts';
import { locateModel, outlineModel } from '../models/index.ts';
import { traceTraining } from '../training/traced.ts';

/** A method beside the budget. */
export interface MethodSize {
  readonly method: MethodName;
  readonly label: string;
  /** Absent where the method has no rank. */
  readonly rank?: number;
  /** Numbers that a step trains. */
  readonly trainable: number;
  /** To the budget. */
  readonly ratio: number;
  /** Why it is farther than `matchedWithin` from it, if so. */
  readonly why?: string;
  /** In words: kept between tasks; taken by an answer. */
  readonly keeps: string;
  readonly answering: string;
}

export interface SizesOfRun {
  /** Numbers to train. */
  readonly budget: number;
  readonly methods: readonly MethodSize[];
}

/**
 * The configuration with its budget and with the rank of every method whose rank is to be another than the run's.
 * Nothing changes where `adapter.match` is `none`. A configuration that was matched stays as it is.
 * @throws UserError or DataError when the model is not there or cannot be read.
 */
export function matchParameters(config: RunConfig, catalogue: Catalogue, outline?: ModelOutline): RunConfig {
  if (config.adapter.match === 'none') return config;
  const model = outline ?? outlineModel(locateModel(config.model, catalogue.families), catalogue.families);
  const budget = config.adapter.budget ?? budgetOf(config, model);
  const own = Object.fromEntries(
    config.methods.flatMap((name) => {
      const method = catalogue.methods.get(name);
      const given = config.adapter.methods[name] ?? {};
      if (given.rank !== undefined || !hasRank(method)) return [];
      const settings = methodSettingsOf(config, method);
      const { rank, alpha } = settings.adapter;
      const matched = nearestRank(new Sizes(config, model, method), budget);
      if (matched === rank) return [];
      return [[name, { ...given, rank: matched, alpha: given.alpha ?? (alpha / rank) * matched }]];
    }),
  );
  return {
    ...config,
    adapter: { ...config.adapter, budget, methods: { ...config.adapter.methods, ...own } },
  };
}

/** Every method of a run beside its budget; with `match: none`, beside what LoRA of the run's rank trains. */
export function methodSizes(config: RunConfig, catalogue: Catalogue, model: ModelOutline): SizesOfRun {
  const budget = config.adapter.budget ?? budgetOf(config, model);
  const sizes = config.methods.map((name): MethodSize => {
    const method = catalogue.methods.get(name);
    const { label, costs } = method;
    const sizes = new Sizes(config, model, method);
    const { rank } = methodSettingsOf(config, method).adapter;
    const trainable = sizes.at(rank);
    const ratio = trainable / budget;
    const why =
      trainable === 0 || isMatched(ratio)
        ? undefined
        : (costs.fixedSize ?? whyNot(config, sizes, budget, rank));
    return {
      method: name,
      label,
      trainable,
      ratio,
      keeps: costs.keeps,
      answering: costs.answering,
      ...(hasRank(method) ? { rank } : {}),
      ...(why === undefined ? {} : { why }),
    };
  });
  return { budget, methods: sizes };
}

function hasRank({ stream, costs }: Method): boolean {
  return stream.trains && costs.fixedSize === undefined;
}

/** What LoRA of the run's rank trains. */
function budgetOf(config: RunConfig, model: ModelOutline): number {
  return new Sizes(config, model, lora).at(config.adapter.rank);
}

function whyNot(config: RunConfig, sizes: Sizes, budget: number, rank: number): string {
  if (config.adapter.match === 'none') return 'not matched: adapter.match is none';
  if (nearestRank(sizes, budget) !== rank) return `its rank of ${rank} is given`;
  const near = sizes
    .around(budget)
    .map((one) => `rank ${one} would be ${formatRatio(sizes.at(one) / budget)}`);
  return `no rank that it can have is nearer: ${near.join(', ')}`;
}

/** How many numbers a method trains at each rank that it can have. Each is traced once; nothing is compiled. */
class Sizes {
  readonly #config: RunConfig;
  readonly #model: ModelOutline;
  readonly #method: Method;
  readonly #known = new Map<number, number>();

  constructor(config: RunConfig, model: ModelOutline, method: Method) {
    this.#config = config;
    this.#model = model;
    this.#method = method;
  }

  at(rank: number): number {
    const size = this.#known.get(rank) ?? this.#traced(rank);
    this.#known.set(rank, size);
    return size;
  }

  /** The largest rank within a budget and the next one above it; one of them where there is no other. */
  around(budget: number): readonly number[] {
    const ranks = this.#ranks();
    const size = (index: number) => this.at(ranks[index] as number);
    let [low, high] = [0, ranks.length - 1];
    if (ranks.length > 1 && size(low) === size(high)) {
      throw new Error(
        `internal: ${this.#method.name} has no use for a rank and does not say so (costs.fixedSize)`,
      );
    }
    if (size(low) >= budget) return ranks.slice(0, 1);
    if (size(high) <= budget) return ranks.slice(-1);
    // Sizes grow evenly with the rank, or nearly: a straight line finds the place at once.
    while (high - low > 1) {
      const share = (budget - size(low)) / (size(high) - size(low));
      const guess = low + Math.floor(share * (high - low));
      const middle = Math.min(high - 1, Math.max(low + 1, guess));
      if (size(middle) <= budget) low = middle;
      else high = middle;
    }
    return [ranks[low] as number, ranks[high] as number];
  }

  #settings(rank: number): MethodSettings {
    const { adapter, own } = methodSettingsOf(this.#config, this.#method);
    return { adapter: { ...adapter, rank }, own };
  }

  /** An update of a higher rank than its layer is wide is no larger. */
  #ranks(): readonly number[] {
    const most = Math.max(this.#config.adapter.rank, this.#model.shape.hiddenSize);
    const all = Array.from({ length: most }, (_, index) => index + 1);
    return all.filter((rank) => this.#method.problems(this.#settings(rank)).length === 0);
  }

  #traced(rank: number): number {
    if (!this.#method.stream.trains) return 0;
    const open = this.#method.open(this.#settings(rank));
    const { trained } = traceTraining({ model: this.#model, open });
    const projectorTrains = this.#config.training.projectorLearningRate > 0;
    return [...trained]
      .filter(([name]) => projectorTrains || !this.#model.shape.alongside.has(name))
      .reduce((total, [, { shape }]) => total + (shape as readonly number[]).reduce((a, b) => a * b, 1), 0);
  }
}

/** The rank whose size is nearest to a budget, by their ratio. */
function nearestRank(sizes: Sizes, budget: number): number {
  const distance = (rank: number) => Math.abs(Math.log(sizes.at(rank) / budget));
  const [first, second] = sizes.around(budget) as [number, number | undefined];
  return second !== undefined && distance(second) < distance(first) ? second : first;
}
