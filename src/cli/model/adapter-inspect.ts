// `coin adapter inspect`: what an adapter's folder holds. Needs no model; whether it fits one is checked when it is used.
import { defineCommand } from 'citty';
import { sizeOfAdapted } from '../../adapters/adapter.ts';
import { hasProjector, readAdapter } from '../../adapters/peft.ts';
import { families } from '../../models/index.ts';
import { painter, useColor, widthOf } from '../../report/terminal/paint.ts';
import { wrap } from '../../report/terminal/terminal-grid.ts';
import { formatCount } from '../../report/words/numbers.ts';
import { adapterFolder } from './adapter-folder.ts';

const kinds = { lora: 'LoRA', moelora: 'MoELoRA' } as const;

export const adapterInspect = defineCommand({
  args: {
    adapter: { type: 'positional', required: true, description: "a folder: PEFT's, a run's or CoIN's" },
    json: { type: 'boolean', description: 'print JSON' },
  },
  run({ args }) {
    const facts = inspectAdapter(adapterFolder(args.adapter));
    if (args.json === true) {
      process.stdout.write(`${JSON.stringify(facts, undefined, 2)}\n`);
      return;
    }
    const paint = painter(useColor(process.stdout));
    const ranks = facts.ranks.join(', ');
    const entries: readonly (readonly [string, string])[] = [
      ['rank', facts.experts === undefined ? ranks : `${ranks}, shared among ${facts.experts} experts`],
      ['scale', facts.scales.map((scale) => Number(scale.toPrecision(4))).join(', ')],
      ['layers', `${formatCount(facts.layers)}: ${facts.modules.join(', ')}`],
      ['parameters', formatCount(facts.parameters)],
      ['projector', facts.projector],
      ...(facts.tower ? [['tower', 'is adapted too: merge the adapter to use it'] as const] : []),
    ];
    const lines = entries.flatMap(([name, value]) => {
      const [first = '', ...more] = wrap(value, widthOf(process.stdout) - 12);
      return [paint('dim', name.padEnd(12)) + first, ...more.map((line) => ' '.repeat(12) + line)];
    });
    process.stdout.write(
      `${paint('bold', `${kinds[facts.kind]} in ${args.adapter}`)}\n${lines.join('\n')}\n`,
    );
  },
});

function inspectAdapter(folder: string) {
  const { spec, values, saved } = readAdapter(folder);
  const layers = [...new Set([...values.keys()].map((name) => name.replace(/\.lora_\w+\.weight$/, '')))];
  const sizes = layers.map((layer) => sizeOfAdapted(spec, layer));
  const distinct = (key: 'rank' | 'scale') =>
    [...new Set(sizes.map((size) => size[key]))].sort((a, b) => a - b);
  return {
    kind: spec.kind,
    ranks: distinct('rank'),
    scales: distinct('scale'),
    experts: spec.experts,
    dropout: spec.dropout,
    layers: layers.length,
    modules: [...new Set(layers.map((layer) => layer.split('.').at(-1) ?? ''))].sort(),
    parameters: [...values.values()].reduce((total, { data }) => total + data.length, 0),
    projector: saved.size > 0 ? 'inside' : hasProjector(folder) ? 'beside' : "none: the model's own",
    tower: layers.some(isOfImages),
  };
}

/** Whether a layer belongs to what is computed of images, by the names of the family that knows it. */
function isOfImages(layer: string): boolean {
  const parts = families.map(({ canonicalName, partOf }) => partOf(canonicalName(`${layer}.weight`)));
  return parts.find((part) => part !== undefined)?.side === 'images';
}
