// `coin verify`: runs a method's claims and prints each with the number that was found.
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { type Method, methods } from '../methods/index.ts';
import { didYouMean } from '../runs/nearest.ts';

const known: Readonly<Record<string, Method>> = methods;

export const verify = defineCommand({
  meta: { name: 'verify', description: 'Check that a method does what it says' },
  args: {
    method: {
      type: 'positional',
      required: false,
      description: `${Object.keys(known).join(' or ')}; all without it`,
    },
  },
  async run({ args }) {
    const chosen = args.method === undefined ? Object.values(known) : [methodNamed(args.method)];
    let failed = 0;
    for (const method of chosen) {
      process.stdout.write(`${method.label}: ${method.summary}\n`);
      for (const claim of method.claims()) {
        const { found, holds } = await claim.check();
        if (!holds) failed++;
        process.stdout.write(`  ${holds ? 'holds' : 'FAILS'}  ${claim.statement}\n         ${found}\n`);
      }
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
