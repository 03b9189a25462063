// Where the gates of a mixture send tokens: how much each expert of a layer is used, how evenly, how differently by
// different tasks, and how that moves over the stages. Pure: gates come in as numbers; whose they are, no matter.

export const tokenKinds = ['image', 'question', 'answer'] as const;
export type TokenKind = (typeof tokenKinds)[number];

/** How one layer's experts are used by the tokens of one kind. */
export interface LayerUse {
  /** Mean share of the gates' weight per expert; adds up to 1. */
  readonly weight: readonly number[]; // [experts]
  /** Share of the tokens whose largest gate is the expert's; equal ones share. Adds up to 1. */
  readonly first: readonly number[]; // [experts]
  /** Mean over the tokens of H(gates) / ln experts: 0 where each token has one expert, 1 where it has all alike. */
  readonly spread: number;
}

export interface KindUse {
  readonly tokens: number;
  /** In the order of the mixture's layers. */
  readonly layers: readonly LayerUse[];
}

/** Kinds that no token was of are not there. */
export type TaskUse = Readonly<Partial<Record<TokenKind, KindUse>>>;

/** An expert below this share of an even one is dead: a tenth. */
export const DEAD_BELOW = 0.1;

/** Adds up the gates of one layer for tokens of one kind. */
export class UseTally {
  readonly #weight: Float64Array;
  readonly #first: Float64Array;
  #entropy = 0;
  #tokens = 0;

  constructor(experts: number) {
    this.#weight = new Float64Array(experts);
    this.#first = new Float64Array(experts);
  }

  get tokens(): number {
    return this.#tokens;
  }

  /** One token's gates, none negative: [experts]. Those that do not add up to 1 are scaled; all zero counts as even. */
  add(gates: ArrayLike<number>): void {
    const experts = this.#weight.length;
    let total = 0;
    let largest = 0;
    for (let e = 0; e < experts; e++) {
      total += gates[e] as number;
      largest = Math.max(largest, gates[e] as number);
    }
    let equals = 0;
    for (let e = 0; e < experts; e++) if (gates[e] === largest) equals++;
    let entropy = 0;
    for (let e = 0; e < experts; e++) {
      const share = total > 0 ? (gates[e] as number) / total : 1 / experts;
      this.#weight[e] = (this.#weight[e] as number) + share;
      if (gates[e] === largest) this.#first[e] = (this.#first[e] as number) + 1 / equals;
      if (share > 0) entropy -= share * Math.log(share);
    }
    this.#entropy += experts > 1 ? entropy / Math.log(experts) : 1;
    this.#tokens++;
  }

  /** @throws when no token was added. */
  use(): LayerUse {
    if (this.#tokens === 0) throw new Error('internal: the use of experts by no token');
    const mean = (sums: Float64Array) => Array.from(sums, (sum) => sum / this.#tokens);
    return { weight: mean(this.#weight), first: mean(this.#first), spread: this.#entropy / this.#tokens };
  }
}

/** H(p) / ln n: 1 where all are alike, 0 where one has everything. */
export function evenness(shares: readonly number[]): number {
  if (shares.length < 2) return 1;
  return entropyOf(shares) / Math.log(shares.length);
}

/** Jensen–Shannon divergence (Lin, IEEE Transactions on Information Theory 37, 1991) in bits: 0 for equal, 1 for disjoint. */
export function divergence(p: readonly number[], q: readonly number[]): number {
  const middle = p.map((share, i) => (share + (q[i] as number)) / 2);
  const bits = (entropyOf(middle) - (entropyOf(p) + entropyOf(q)) / 2) / Math.LN2;
  return Math.min(1, Math.max(0, bits));
}

/** Total variation ½ Σ |p − q|: the share of the weight that has gone to other experts. */
export function moved(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, share, i) => sum + Math.abs(share - (q[i] as number)), 0) / 2;
}

/**
 * A figure of two uses, as the mean over layers and over the kinds of token that both have; of one kind where it is given.
 * Experts are compared within their layer, since expert 1 of one layer has nothing to do with expert 1 of another.
 * Undefined where they have no kind in common.
 */
export function betweenUses(
  first: TaskUse,
  second: TaskUse,
  figure: (p: readonly number[], q: readonly number[]) => number,
  kinds: readonly TokenKind[] = tokenKinds,
): number | undefined {
  return meanOf(
    kinds.flatMap((kind) => {
      const [own, other] = [first[kind]?.layers, second[kind]?.layers];
      if (own === undefined || other === undefined) return [];
      return own.map(({ weight }, layer) => figure(weight, (other[layer] as LayerUse).weight));
    }),
  );
}

/** A figure of a use, as the mean over layers and kinds of token; of one kind where it is given. */
export function overUses(
  use: TaskUse,
  figure: (layer: LayerUse) => number,
  kinds: readonly TokenKind[] = tokenKinds,
): number | undefined {
  return meanOf(kinds.flatMap((kind) => (use[kind]?.layers ?? []).map(figure)));
}

/** The mean figure of all pairs of tasks; undefined with fewer than two. */
export function betweenTasks(uses: readonly TaskUse[], kinds?: readonly TokenKind[]): number | undefined {
  return meanOf(
    uses.flatMap((first, i) =>
      uses.slice(i + 1).flatMap((second) => betweenUses(first, second, divergence, kinds) ?? []),
    ),
  );
}

export interface DeadExpert {
  readonly layer: number;
  readonly expert: number;
}

/** Experts whose weight is below `DEAD_BELOW` of an even share for every task and kind of token. */
export function deadExperts(uses: readonly TaskUse[]): readonly DeadExpert[] {
  const all = uses.flatMap((use) =>
    tokenKinds.flatMap((kind) => (use[kind] === undefined ? [] : [use[kind]])),
  );
  const first = all[0]?.layers ?? [];
  return first.flatMap(({ weight }, layer) =>
    weight.flatMap((_, expert) => {
      const dead = all.every(
        ({ layers }) => (layers[layer]?.weight[expert] ?? 0) < DEAD_BELOW / weight.length,
      );
      return dead ? [{ layer, expert }] : [];
    }),
  );
}

export function meanOf(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** In nats. */
function entropyOf(shares: readonly number[]): number {
  return shares.reduce((sum, share) => (share > 0 ? sum - share * Math.log(share) : sum), 0);
}
