// What is known of CoIN's released data, each figure and wording with how surely it is known. The only place for them:
// whoever writes, checks or plans with them reads them here. Nothing here is computed.
import type { CoinTask } from '../../tasks/index.ts';

/**
 * `read`: in the reference's repository or threads. `derived`: from its committed result files, by arithmetic.
 * `third party`: in another project. `unverified`: from memory of the paper, or one source only.
 */
export type FactStatus = 'read' | 'derived' | 'third party' | 'unverified';

export interface Fact<T> {
  readonly value: T;
  readonly status: FactStatus;
  readonly source: string;
}

export interface TaskCounts {
  /** Entries of train.json, first what the released file is said to hold. An entry may have several turns. */
  readonly train: readonly Fact<number>[];
  /** Entries of the file that is tested on. */
  readonly test: readonly Fact<number>[];
}

const paper = 'table 1 of the paper, from memory';
const unverified = (value: number): Fact<number> => ({ value, status: 'unverified', source: paper });

export const expectedCounts: Readonly<Record<CoinTask, TaskCounts>> = {
  ScienceQA: {
    train: [unverified(12_726)],
    test: [{ value: 4_241, status: 'derived', source: 'the scorer divides by the official test split' }],
  },
  TextVQA: {
    train: [{ value: 34_602, status: 'third party', source: 'data card of BAAI DataOptim; also the paper' }],
    test: [{ value: 5_000, status: 'derived', source: 'committed Result.text files' }],
  },
  ImageNet: {
    train: [
      { value: 129_833, status: 'read', source: 'zackschen/CoIN issue 4, the released file' },
      { value: 117_715, status: 'read', source: 'zackschen/CoIN issue 4, the paper' },
    ],
    test: [{ value: 5_050, status: 'derived', source: 'committed Result.text files' }],
  },
  GQA: {
    train: [{ value: 72_140, status: 'third party', source: 'per image; the paper and a follower' }],
    test: [{ value: 12_578, status: 'derived', source: 'committed question-type counts, testdev_balanced' }],
  },
  VizWiz: {
    train: [unverified(20_523)],
    test: [unverified(4_319), { ...unverified(8_000), source: 'the paper remembered as the official test' }],
  },
  Grounding: {
    train: [
      {
        value: 55_885,
        status: 'derived',
        source: 'training images of RefCOCO 16,994 + RefCOCO+ 16,992 + RefCOCOg (UMD) 21,899; also the paper',
      },
    ],
    test: [{ value: 30_969, status: 'derived', source: 'committed Result.text files; all test expressions' }],
  },
  VQAv2: {
    train: [{ value: 82_783, status: 'third party', source: 'per image; haotian-liu/LLaVA issue 702' }],
    test: [{ ...unverified(107_394), source: 'the paper remembered as test-dev' }],
  },
  OCRVQA: {
    train: [unverified(165_348)],
    test: [unverified(99_926)],
  },
};

/** Entries of every `slim` test file: the committed results say "Samples: 4000". The files are not published. */
export const slimTestCount: Fact<number> = {
  value: 4_000,
  status: 'derived',
  source: 'over 1,300 committed Result.text files; drawn without a fixed seed',
};

/** How an instruction is put to a question. `{}` stands for the question. */
export type Template = string;

const optionLetter = "{}\nAnswer with the option's letter from the given choices directly.";
const shortAnswer = '{}\nAnswer the question using a single word or phrase.';
const objectQuestion = 'What is the object in the image?';
const region = 'Please provide the bounding box coordinate of the region this sentence describes: {}';
const llava = "LLaVA-1.5's wording, which two followers of CoIN also have";

const likely = (value: Template): Fact<Template> => ({ value, status: 'third party', source: llava });
const remembered = (value: Template): Fact<Template> => ({
  value,
  status: 'unverified',
  source: 'appendix of the paper, from memory; no second source found',
});

/**
 * The instruction of each task. ScienceQA and Grounding are said to keep theirs in every type. The ten wordings of
 * 10Type are in none of the sources: whoever wants them needs CoIN's own files.
 */
export const templates: Readonly<Record<CoinTask, Readonly<Record<'Original' | 'Diverse', Fact<Template>>>>> =
  {
    ScienceQA: { Original: likely(optionLetter), Diverse: remembered(optionLetter) },
    TextVQA: {
      Original: likely(shortAnswer),
      Diverse: remembered('{}\nCapture the essence of your response in a single word or a concise phrase.'),
    },
    ImageNet: {
      Original: likely(shortAnswer.replace('{}', objectQuestion)),
      Diverse: remembered(
        `${objectQuestion}\nExpress your answer in a single word or a short, descriptive phrase.`,
      ),
    },
    GQA: {
      Original: likely(shortAnswer),
      Diverse: remembered('{}\nRespond to the question briefly, using only one word or a phrase.'),
    },
    VizWiz: {
      Original: likely(shortAnswer),
      Diverse: remembered('{}\nProvide a succinct response with a single word or phrase.'),
    },
    Grounding: { Original: likely(region), Diverse: remembered(region) },
    VQAv2: { Original: likely(shortAnswer), Diverse: remembered(shortAnswer) },
    OCRVQA: {
      Original: likely(shortAnswer),
      Diverse: remembered('{}\nCondense your answer for each question into a single word or concise phrase.'),
    },
  };
