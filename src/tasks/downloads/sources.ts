// The published files of every task's data sets. A new task's is a line here.
import { gqaSource } from '../gqa/source.ts';
import { groundingSource } from '../grounding/source.ts';
import { imagenetSource } from '../imagenet/source.ts';
import type { CoinTask } from '../index.ts';
import { ocrvqaSource } from '../ocrvqa/source.ts';
import { scienceqaSource } from '../scienceqa/source.ts';
import { textvqaSource } from '../textvqa/source.ts';
import { vizwizSource } from '../vizwiz/source.ts';
import { vqav2Source } from '../vqav2/source.ts';
import type { RawSource } from './source.ts';

export const rawSources: { readonly [Task in CoinTask]: RawSource } = {
  ScienceQA: scienceqaSource,
  TextVQA: textvqaSource,
  ImageNet: imagenetSource,
  GQA: gqaSource,
  VizWiz: vizwizSource,
  Grounding: groundingSource,
  VQAv2: vqav2Source,
  OCRVQA: ocrvqaSource,
};
