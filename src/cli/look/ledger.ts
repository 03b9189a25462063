// `coin ledger`: what is verified of each method, and what it rests on: claims, runs, published figures.

import { relative } from 'node:path';
import { defineCommand } from 'citty';
import { packageVersion } from '../../base/package.ts';
import { builtIn } from '../../config/catalogue.ts';
import { writeFileAtomic } from '../../formats/files/files.ts';
import { renderLedger } from '../../report/words/ledger-text.ts';
import { ToyLaboratory } from '../../verification/laboratory.ts';
import { makeLedger } from '../../verification/ledger.ts';

export const ledger = defineCommand({
  args: {
    'run...': {
      type: 'positional',
      required: false,
      description: 'folders of finished runs or of studies, whose figures go in; claims alone without',
    },
    write: { type: 'string', valueHint: 'FILE.md', description: 'write it there; otherwise it is printed' },
    date: {
      type: 'string',
      valueHint: 'DATE',
      description: 'when the claims are checked, to be written down',
    },
    json: { type: 'boolean', description: 'print JSON' },
  },
  async run({ args }) {
    const laboratory = new ToyLaboratory();
    try {
      const entries = await makeLedger({
        methods: builtIn.methods,
        laboratory,
        folders: args._,
        onMethod: (label) => process.stderr.write(`${label}\n`),
      });
      const target = args.write === undefined ? '' : ` --write ${relative('.', args.write)}`;
      const text = renderLedger(entries, {
        command: `coin ledger${target}${args._.length === 0 ? '' : ' RUN…'}`,
        versions: `coin-bench ${packageVersion()}`,
        date: args.date,
      });
      if (args.write !== undefined) writeFileAtomic(args.write, text);
      else if (args.json !== true) process.stdout.write(text);
      if (args.json === true) process.stdout.write(`${JSON.stringify(entries, undefined, 2)}\n`);
      return entries.some(({ verdict }) => verdict === 'not verified') ? 1 : 0;
    } finally {
      await laboratory.dispose();
    }
  },
});
