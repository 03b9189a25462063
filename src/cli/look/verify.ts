// `coin verify`: runs a method's claims and prints each with the number that was found.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/nearest.ts';
import { type Method, methods } from '../../methods/index.ts';
import { ToyLaboratory } from '../../verification/laboratory.ts';
import { checkClaims } from '../../verification/ledger.ts';

const known: Readonly<Record<string, Method>> = methods;

export const verify = defineCommand({
  args: {
    'method...': {
      type: 'positional',
      required: false,
      description: `any of ${Object.keys(known).join(', ')}; all without it`,
    },
  },
  async run({ args }) {
    const names = args._;
    const chosen = names.length === 0 ? Object.values(known) : names.map(methodNamed);
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

function methodNamed(name: string): Method {
  const method = Object.hasOwn(known, name) ? known[name] : undefined;
  if (method === undefined) {
    const names = Object.keys(known);
    throw new UserError({
      message: `unknown method "${name}"`,
      hint: didYouMean(name, names) ?? `methods: ${names.join(', ')}`,
    });
  }
  return method;
}
