// What is said of routing, for the page and the terminal: figures per kind of token and per task, and sentences.

import type { MixtureResults } from '../../followups/observatory-file.ts';
import {
  betweenTasks,
  betweenUses,
  DEAD_BELOW,
  type DeadExpert,
  deadExperts,
  divergence,
  evenness,
  meanOf,
  moved,
  overUses,
  type TaskUse,
  type TokenKind,
  tokenKinds,
} from '../../metrics/routing.ts';
import type { RunResults } from '../results.ts';

/** Where a token's gates have at least this share of the largest entropy, all experts count as mixed alike. */
const UNIFORM = 0.95;
/** Where the use of two tasks differs by no more than this, in bits, their experts count as the same. */
const SAME = 0.01;
/** Up to here, in bits, tasks are told apart a little only. */
const SOME = 0.1;
const SHOWN_DEAD = 6;

export interface KindFigures {
  readonly kind: TokenKind;
  readonly tokens: number;
  /** Experts that a token mixes: N^(mean normalised entropy of its gates). */
  readonly perToken: number;
  /** Experts that all tokens together use: N^(normalised entropy of the mean gates). */
  readonly inAll: number;
  /** Share of the tokens, in percent, that have the expert first that most have: the mean over layers. */
  readonly mostFirst: number;
  /** Divergence between two tasks in bits; undefined with one task. */
  readonly apart?: number;
  /** Percent of the weight that has gone to other experts since a task was learned; undefined with one stage. */
  readonly moved?: number;
}

export interface MixtureFigures {
  readonly mixture: MixtureResults;
  readonly label: string;
  /** The method's place in the run, for its colour. */
  readonly index: number;
  /** The last stage that was looked at. */
  readonly after: string;
  readonly tasks: readonly { readonly task: string; readonly use: TaskUse }[];
  readonly kinds: readonly KindFigures[];
  /** Divergence of each two tasks in bits; undefined where they have no kind of token in common. */
  readonly apart: readonly (readonly (number | undefined)[])[]; // [task][task]
  /** Per task of the run and stage of the run: percent moved since the task was learned. */
  readonly drift: readonly (readonly (number | undefined)[])[]; // [task][stage]
  readonly dead: readonly DeadExpert[];
  /** Experts of all layers. */
  readonly experts: number;
}

export function mixtureFigures(results: RunResults): readonly MixtureFigures[] {
  return (results.routing?.mixtures ?? []).flatMap((mixture) => {
    const index = results.methods.findIndex(({ name }) => name === mixture.method);
    const last = mixture.stages.at(-1);
    if (index === -1 || last === undefined) return [];
    const uses = last.tasks.map(({ use }) => use);
    return [
      {
        mixture,
        label: results.methods[index]?.label ?? mixture.method,
        index,
        after: last.after,
        tasks: last.tasks,
        kinds: tokenKinds.flatMap((kind) => kindFigures(mixture, uses, kind)),
        apart: uses.map((first) => uses.map((second) => betweenUses(first, second, divergence))),
        drift: results.tasks.map((task) =>
          results.tasks.map((after) => movedSince(mixture, task, after, tokenKinds)),
        ),
        dead: deadExperts(uses),
        experts: mixture.experts * mixture.layers.length,
      },
    ];
  });
}

function kindFigures(
  mixture: MixtureResults,
  uses: readonly TaskUse[],
  kind: TokenKind,
): readonly KindFigures[] {
  const own = uses.filter((use) => use[kind] !== undefined);
  if (own.length === 0) return [];
  const over = (figure: Parameters<typeof overUses>[1]) =>
    meanOf(own.flatMap((use) => overUses(use, figure, [kind]) ?? [])) ?? 0;
  const apart = betweenTasks(own, [kind]);
  const last = mixture.stages.at(-1);
  const drift = meanOf(
    (last?.tasks ?? []).flatMap(({ task }) =>
      task === last?.after ? [] : (movedSince(mixture, task, last?.after ?? '', [kind]) ?? []),
    ),
  );
  return [
    {
      kind,
      tokens: own.reduce((sum, use) => sum + (use[kind]?.tokens ?? 0), 0),
      perToken: mixture.experts ** over(({ spread }) => spread),
      inAll: mixture.experts ** over(({ weight }) => evenness(weight)),
      mostFirst: 100 * over(({ first }) => Math.max(...first)),
      ...(apart === undefined ? {} : { apart }),
      ...(drift === undefined ? {} : { moved: drift }),
    },
  ];
}

/** Undefined before the task's own stage, and where one of the two was not looked at. */
function movedSince(
  { stages }: MixtureResults,
  task: string,
  after: string,
  kinds: readonly TokenKind[],
): number | undefined {
  const [own, now] = [task, after].map((name) => stages.findIndex((stage) => stage.after === name));
  if (own === undefined || now === undefined || own === -1 || now < own) return undefined;
  const useAt = (stage: number) => stages[stage]?.tasks.find((one) => one.task === task)?.use;
  const [first, second] = [useAt(own), useAt(now)];
  if (first === undefined || second === undefined) return undefined;
  const share = betweenUses(first, second, moved, kinds);
  return share === undefined ? undefined : 100 * share;
}

/** What the figures say, a sentence each. */
export function routingSentences(figures: MixtureFigures): readonly string[] {
  return [
    evennessSentence(figures),
    tasksSentence(figures),
    driftSentence(figures),
    deadSentence(figures),
  ].filter((sentence) => sentence !== '');
}

function evennessSentence({ mixture: { experts }, tasks, label }: MixtureFigures): string {
  const over = (figure: Parameters<typeof overUses>[1]) =>
    meanOf(tasks.flatMap(({ use }) => overUses(use, figure) ?? [])) ?? 0;
  const spread = over((layer) => layer.spread);
  const inAll = over(({ weight }) => evenness(weight));
  const perToken = `${(experts ** spread).toFixed(1)} of ${experts} experts`;
  if (spread >= UNIFORM) {
    return `Routing of ${label} is uniform: a token mixes ${perToken} of a layer, so the mixture is nearly one adapter of its whole rank.`;
  }
  const together = `${(experts ** inAll).toFixed(1)}`;
  if (inAll >= UNIFORM) {
    return `A token of ${label} mixes ${perToken} of a layer; taken together, tokens use all of them about alike (${together}).`;
  }
  return `A token of ${label} mixes ${perToken} of a layer, and some experts are used more than others: together, tokens use ${together}.`;
}

function tasksSentence({ tasks, apart }: MixtureFigures): string {
  const pairs = tasks.flatMap((first, i) =>
    tasks.slice(i + 1).flatMap((second, offset) => {
      const bits = apart[i]?.[i + 1 + offset];
      return bits === undefined ? [] : [{ names: `${first.task} and ${second.task}`, bits }];
    }),
  );
  const mean = meanOf(pairs.map(({ bits }) => bits));
  const [most] = [...pairs].sort((a, b) => b.bits - a.bits);
  if (mean === undefined || most === undefined) return '';
  const bits = `${formatBits(mean)} bits of 1`;
  if (most.bits <= SAME) return `Tasks use the same experts: two tasks differ by ${bits}.`;
  const means = pairs.length === 1 ? '' : ' on average';
  const which = pairs.length === 1 ? '' : `, ${most.names} by ${formatBits(most.bits)}`;
  const much = mean <= SAME ? 'hardly told apart' : mean <= SOME ? 'told apart a little' : 'told apart';
  return `Tasks are ${much}: ${pairs.length === 1 ? most.names : 'two tasks'} differ by ${bits}${means}${which}.`;
}

function driftSentence({ mixture }: MixtureFigures): string {
  const last = mixture.stages.at(-1)?.after ?? '';
  const moves = mixture.stages.slice(0, -1).flatMap(({ after: task }) => {
    const percent = movedSince(mixture, task, last, tokenKinds);
    return percent === undefined ? [] : [{ task, percent }];
  });
  const [most] = moves.sort((first, second) => second.percent - first.percent);
  if (most === undefined) return '';
  const rank = moves.length > 1 ? ', the most of any task,' : '';
  return `Since ${most.task} was learned, ${most.percent.toFixed(1)} % of the weight of its tokens${rank} went to other experts.`;
}

function deadSentence({ dead, experts, mixture }: MixtureFigures): string {
  const bound = `${((100 * DEAD_BELOW) / mixture.experts).toFixed(1)} %`;
  const meaning = `less than ${bound} of a layer’s weight, a tenth of an even share, for every task and kind of token`;
  if (dead.length === 0) return `No expert is dead: none has ${meaning}.`;
  const named = dead
    .slice(0, SHOWN_DEAD)
    .map(({ layer, expert }) => `expert ${expert + 1} of ${shortLayer(mixture.layers[layer] ?? '')}`);
  const rest = dead.length - named.length;
  return `${dead.length} of ${experts} experts ${dead.length === 1 ? 'is' : 'are'} dead, with ${meaning}: ${named.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}.`;
}

export interface LayerPlace {
  /** Row of a drawing: the decoder layer's number. */
  readonly row: string;
  /** Block of a drawing: q, k, v, o, gate, up, down. */
  readonly block: string;
}

/** Where an adapted layer is in its decoder. */
export function layerPlace(path: string): LayerPlace {
  const [, row = '', block = path] = /\.layers\.(\d+)\.(?:.*\.)?(\w+?)(?:_proj)?$/.exec(path) ?? [];
  return { row, block };
}

function shortLayer(path: string): string {
  const { row, block } = layerPlace(path);
  return row === '' ? block : `layer ${row} ${block}`;
}

export function formatBits(bits: number | undefined): string {
  return bits === undefined ? '–' : bits.toFixed(3);
}

/** What is not shown because nobody has looked, or not since it was trained; empty where there is nothing to say. */
export function unreadSentence(results: RunResults): string {
  const unread = results.routing?.unread ?? [];
  if (unread.length === 0) return '';
  const labels = new Map(results.methods.map(({ name, label }) => [name, label]));
  const methods = [...new Set(unread.map(({ method }) => labels.get(method) ?? method))].join(', ');
  const why = unread.some(({ stale }) => stale)
    ? 'trained again since its gates were read'
    : 'trained, and nobody has read its gates';
  const after = unread.map(({ after }) => after);
  return unread.length > 3
    ? `Not shown, ${unread.length} stages of ${methods}: ${why}.`
    : `Not shown, ${methods} after ${[...new Set(after)].join(', ')}: ${why}.`;
}
