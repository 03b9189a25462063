// LLaVA as a family of models: the one line by which everything else knows it is in ../index.ts.
import { defineFamily } from '../family.ts';
import { inspectLlava } from './inspect.ts';
import { mergeAdapter } from './merge.ts';
import { llavaNames, openLlava, templateChoices } from './model.ts';
import { outlineLlava, sketchLlava } from './sketch.ts';
import { isLlava, modelFiles } from './sources.ts';
import { llavaParts } from './weights.ts';

export const llava = defineFamily({
  ...llavaNames,
  parts: llavaParts,
  layouts:
    'as llava-hf or liuhaotian/llava-v1.5 publish it, or with a coin-model.yaml that names decoder, projector and vision tower',
  templates: templateChoices,
  recognises: isLlava,
  files: modelFiles,
  outline: outlineLlava,
  sketch: sketchLlava,
  open: openLlava,
  inspect: inspectLlava,
  merge: mergeAdapter,
});
