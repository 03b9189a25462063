// What a judging will take, said before it starts: requests, tokens, money and time. Estimates, each with its basis.
import type { JudgingPlan } from './judge-run.ts';

/** What a million tokens cost, in any currency. */
export interface Prices {
  readonly input?: number;
  readonly output?: number;
}

export interface JudgingEstimate {
  readonly requests: number;
  readonly inputTokens: number;
  /** At most: the bound on an answer. */
  readonly outputTokens: number;
  readonly cost?: number;
  readonly seconds: number;
  /** Whether `seconds` rests on this judge's own requests so far, or on a guess of one second each. */
  readonly measured: boolean;
}

/** English text has about four characters a token in the vocabularies of today's models. */
const charactersPerToken = 4;
/** Roles and marks of a chat template. */
const tokensPerPrompt = 12;
const guessedSeconds = 1;

export function estimateJudging(plan: JudgingPlan, prices: Prices = {}): JudgingEstimate {
  const { requests, characters, concurrency, tokensPerAnswer, secondsPerRequest } = plan;
  const inputTokens = Math.ceil(characters / charactersPerToken) + requests * tokensPerPrompt;
  const outputTokens = requests * tokensPerAnswer;
  const { input, output } = prices;
  const cost =
    input === undefined && output === undefined
      ? {}
      : { cost: (inputTokens * (input ?? 0) + outputTokens * (output ?? 0)) / 1e6 };
  return {
    requests,
    inputTokens,
    outputTokens,
    ...cost,
    seconds: (requests * (secondsPerRequest ?? guessedSeconds)) / Math.max(1, concurrency),
    measured: secondsPerRequest !== undefined,
  };
}
