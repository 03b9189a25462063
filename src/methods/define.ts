// A whole method as one value: its mechanism, its settings, what it costs, where it comes from, and what it claims of itself.
// A method from outside is such a value too. What a mechanism is, is method.ts.
import type { z } from 'zod';
import type { Claim, Claims } from './claim.ts';
import type { Mechanism, MethodSettings, OpenMethod, SettingProblem } from './method.ts';
import { type StreamName, streams } from './stream.ts';

/** A whole method. Shared code never asks which one it has. */
export interface Method extends Mechanism {
  /** For tables and charts. */
  readonly label: string;
  readonly summary: string;
  /**
   * No task can change what an earlier one's questions are answered with, by construction: its BWT is 0, and says nothing.
   * By default where the model does not change over the stream.
   */
  readonly neverForgets: boolean;
  /** Shares the rank among experts; the other methods are not told how many there are. */
  readonly mixture?: boolean;
  readonly costs: MethodCosts;
  readonly origin: MethodOrigin;
  /** Its own settings, with their defaults; `{}` where it has none. */
  readonly settings: z.ZodObject;
  /** Why these settings cannot be run, if so; `own` has passed `settings`. */
  problems(settings: MethodSettings): readonly SettingProblem[];
  /** Statements about its mechanism that can be checked. */
  claims(): readonly Claim[];
}

/**
 * What a method takes beside what a step trains, in words: what it keeps and what answering takes depend on the stream,
 * and are measured when it runs. By default the rank is what brings the numbers that it trains to a run's budget.
 */
export interface MethodCosts {
  /** Where no rank does: why. */
  readonly fixedSize?: string;
  /** What is kept between tasks, beside what goes on being trained. */
  readonly keeps: string;
  /** Beside one pass of the base model. */
  readonly answering: string;
}

/** What a method goes back to and how far it follows it: what the ledger of verified methods says beside its claims. */
export interface MethodOrigin {
  /** The paper; or what it is, where it has none. */
  readonly source: string;
  /** Where its mechanism is not the paper's: a substitute, a part left out, a reading of ours. None: it is the paper's. */
  readonly deviations: readonly string[];
  /** Settings that change the mechanism, and what they give. */
  readonly variants?: readonly string[];
}

interface Definition<Settings extends z.ZodObject>
  extends Omit<Method, 'settings' | 'problems' | 'open' | 'stream' | 'costs' | 'claims' | 'neverForgets'> {
  readonly neverForgets?: boolean;
  /** `sequential` by default. */
  readonly stream?: StreamName;
  readonly costs?: Partial<MethodCosts>;
  readonly settings: Settings;
  readonly problems?: (settings: MethodSettings<z.output<Settings>>) => readonly SettingProblem[];
  readonly open: (settings: MethodSettings<z.output<Settings>>) => OpenMethod;
  readonly claims: Claims;
}

/** A method whose own settings have the type of its schema. */
export function defineMethod<Settings extends z.ZodObject>(definition: Definition<Settings>): Method {
  const { settings: schema, problems, open, stream = 'sequential', costs, claims } = definition;
  const typed = ({ adapter, own }: MethodSettings): MethodSettings<z.output<Settings>> => ({
    adapter,
    own: schema.parse(own ?? {}),
  });
  const method: Method = {
    ...definition,
    stream: streams[stream],
    neverForgets: definition.neverForgets ?? !streams[stream].changes,
    costs: { keeps: 'nothing', answering: 'the adapter', ...costs },
    problems: (settings) => problems?.(typed(settings)) ?? [],
    open: (settings) => open(typed(settings)),
    claims: () => claims(method),
  };
  return method;
}
