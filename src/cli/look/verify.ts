// `coin verify`: runs a method's claims and prints each with the number that was found.
import { defineCommand } from 'citty';
import { builtIn } from '../../config/catalogue.ts';
import { catalogueOf, resolvePlugin } from '../../config/plugins.ts';
import { ToyLaboratory } from '../../verification/laboratory.ts';
import { checkClaims } from '../../verification/ledger.ts';
import { readList } from '../shell/arguments.ts';

const definitions = {
  'method...': {
    type: 'positional',
    required: false,
    description: `any of ${builtIn.methods.names.join(', ')}, or of a plug-in's; all without it`,
  },
  plugin: {
    type: 'string',
    valueHint: 'FILE',
    description: 'a module or a package with methods of your own; may be repeated',
  },
} as const;

export const verify = defineCommand({
  args: definitions,
  async run({ args, rawArgs }) {
    const plugins = readList(rawArgs, definitions, 'plugin').map((name) =>
      resolvePlugin(name, process.cwd()),
    );
    const { methods } = catalogueOf({ plugins });
    const chosen = args._.length === 0 ? [...methods] : args._.map((name) => methods.get(name));
    const laboratory = new ToyLaboratory();
    let failed = 0;
    try {
      for (const method of chosen) {
        process.stdout.write(`${method.label}: ${method.summary}\n`);
        await checkClaims(method, laboratory, ({ statement, found, holds }) => {
          if (!holds) failed++;
          process.stdout.write(`  ${holds ? 'holds' : 'FAILS'}  ${statement}\n         ${found}\n`);
        });
      }
    } finally {
      await laboratory.dispose();
    }
    return failed === 0 ? 0 : 1;
  },
});
