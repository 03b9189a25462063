// A family to begin one's own from: models of another family, asked in words of their own. As in CONTRIBUTING.md.
import { join, relative, resolve } from 'node:path';
import { defineFamily } from '../../../src/models/family.ts';
import { COMPOSITION_FILE, readComposition } from '../../../src/models/folder.ts';
import { llava } from '../../../src/models/llava/index.ts';

/** The folder that `model` of coin-model.yaml names. */
const inner = (folder: string) => resolve(folder, String(readComposition(folder)?.model));
const worded = (text: string) => `Question: ${text} Short answer:`;
const names = { name: 'worded', label: 'Worded' };

export const wordedLlava = defineFamily({
  ...names,
  layouts: `a ${COMPOSITION_FILE} with family: worded and model: FOLDER`,
  templates: llava.templates,
  recognises: (folder) => readComposition(folder)?.family === names.name,
  files: (folder) => [
    COMPOSITION_FILE,
    ...llava.files(inner(folder)).map((file) => relative(folder, join(inner(folder), file))),
  ],
  canonicalName: llava.canonicalName,
  parts: llava.parts,
  partOf: llava.partOf,
  outline: (folder) => llava.outline(inner(folder)),
  open: (folder, options) => {
    const { prompts, ...model } = llava.open(inner(folder), options);
    return {
      ...model,
      folder,
      family: { ...model.family, ...names },
      // A conversation begins with the tokens that ask its first question: both are worded alike.
      prompts: {
        ask: (text, context) => prompts.ask(worded(text), context),
        conversation: (turns, context) =>
          prompts.conversation(
            turns.map((turn) => ({ ...turn, question: worded(turn.question) })),
            context,
          ),
      },
    };
  },
  inspect: (folder) => llava.inspect(inner(folder)),
});
