// Pretraining samples of the nano world: an image, what each patch shows, and turns in full sentences.
// Deliberately not in the tasks' answer formats, and never an image of the training or test data (see scene.ts).
import type { Turn } from '../../tasks/task.ts';
import { RandomStream } from '../../tensor/random.ts';
import {
  BRAND_MAKERS,
  COVER_MAKERS,
  DEGRADED_MAKERS,
  FLAG_MAKERS,
  factTurn,
  SIGN_MAKERS,
} from './reading-turns.ts';
import { render } from './render.ts';
import { IMAGE_SIZE, type Scene, type SceneKind, sampleScene } from './scene.ts';
import {
  BESIDE_MAKERS,
  caption,
  contextOf,
  drawTurns,
  SCENE_MAKERS,
  SINGLE_MAKERS,
  type WeightedMaker,
} from './scene-turns.ts';
import type { World } from './world.ts';

export { loadWorld, type World } from './world.ts';

export type PretrainingKind = SceneKind | 'text';

/** Shares of the kinds among samples whose kind is not given; they add up to one. */
export const KIND_SHARES: readonly (readonly [PretrainingKind, number])[] = [
  ['scene', 0.54],
  ['single', 0.08],
  ['sign', 0.1],
  ['cover', 0.08],
  ['flag', 0.05],
  ['brand', 0.04],
  ['degraded', 0.05],
  ['text', 0.06],
];

export interface PretrainingSample {
  readonly kind: PretrainingKind;
  /** RGB; absent in text-only samples. */
  readonly pixels?: Uint8Array; // [96, 96, 3]
  /** The class that covers a patch of 12 pixels most, 0 for the background. */
  readonly patchLabels: Int32Array; // [64], row-major
  /** Everything pictured: objects, flags and logos. Boxes are x1, y1, x2, y2 as fractions of the image. */
  readonly objects: readonly {
    readonly classIndex: number;
    readonly name: string;
    readonly box: readonly [number, number, number, number];
  }[];
  readonly turns: readonly Turn[];
}

export interface PretrainingOptions {
  readonly seed: number;
  /** Samples are a pure function of the seed and the index. */
  readonly index: number;
  readonly kind?: PretrainingKind;
}

/** One sample: four to six turns about one image or about none; a few more on signs, fewer on poor images. */
export function pretrainingSample(
  world: World,
  { seed, index, kind: given }: PretrainingOptions,
): PretrainingSample {
  const random = new RandomStream(seed, 'nano/pretraining', index);
  const kind = given ?? drawKind(random);
  if (kind === 'text') {
    return { kind, patchLabels: new Int32Array(64), objects: [], turns: factTurns(world, random) };
  }
  const scene = sampleScene(world, random, { kind, split: 'pretraining' });
  const { pixels, patchLabels } = render(world, scene);
  return {
    kind,
    pixels,
    patchLabels,
    objects: objectsOf(world, scene),
    turns: turnsOf(world, random, scene),
  };
}

/** The sentences of `count` samples, questions and answers, without images: text to train a tokenizer on. */
export function* pretrainingText(world: World, count: number, seed = 0): Generator<string> {
  for (let index = 0; index < count; index++) {
    const random = new RandomStream(seed, 'nano/pretraining', index);
    const kind = drawKind(random);
    const turns =
      kind === 'text'
        ? factTurns(world, random)
        : turnsOf(world, random, sampleScene(world, random, { kind, split: 'pretraining' }));
    for (const { question, answer } of turns) {
      yield question;
      yield answer;
    }
  }
}

function drawKind(random: RandomStream): PretrainingKind {
  let at = random.uniform();
  const drawn = KIND_SHARES.find(([, share]) => {
    at -= share;
    return at < 0;
  });
  return drawn?.[0] ?? 'scene';
}

function objectsOf(world: World, scene: Scene): PretrainingSample['objects'] {
  if (scene.degradation?.hopeless === true) return [];
  return scene.sprites.map(({ classIndex, box: [left, top, right, bottom] }) => ({
    classIndex,
    name: world.classNames[classIndex] ?? '',
    box: [left / IMAGE_SIZE, top / IMAGE_SIZE, right / IMAGE_SIZE, bottom / IMAGE_SIZE],
  }));
}

const MAKERS: { readonly [Kind in SceneKind]: readonly WeightedMaker[] } = {
  scene: SCENE_MAKERS,
  single: SINGLE_MAKERS,
  sign: SIGN_MAKERS,
  flag: FLAG_MAKERS,
  brand: BRAND_MAKERS,
  cover: COVER_MAKERS,
  degraded: DEGRADED_MAKERS,
};

/** Half of the scenes end with a caption that lists everything; at the beginning it would give the rest away. */
function turnsOf(world: World, random: RandomStream, scene: Scene): readonly Turn[] {
  const context = contextOf(world, random, scene);
  const turns = 4 + random.integer(3);
  if (scene.kind !== 'scene') {
    const drawn = drawTurns(context, MAKERS[scene.kind], { turns, perMaker: 1, inOrder: true });
    const visible = scene.kind === 'sign' || scene.degradation?.hopeless === false;
    const beside = visible && context.shown.length > 0 ? BESIDE_MAKERS : [];
    return [...drawn, ...drawTurns(context, beside, { turns: 2, perMaker: 1, inOrder: true })];
  }
  const last = random.uniform() < 0.5 ? caption(context) : undefined;
  const drawn = drawTurns(context, SCENE_MAKERS, {
    turns: last === undefined ? turns : turns - 1,
    perMaker: 2,
  });
  return last === undefined ? drawn : [...drawn, last];
}

function factTurns(world: World, random: RandomStream): readonly Turn[] {
  const turns = new Map<string, Turn>();
  const count = 4 + random.integer(3);
  while (turns.size < count) {
    const turn = factTurn(world, random);
    turns.set(turn.question, turn);
  }
  return [...turns.values()];
}
