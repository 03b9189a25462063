// `coin adapter merge`: a model with an adapter folded into its weights, as a checkpoint of its own.
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { families, familyOf, locateModel } from '../../models/index.ts';
import { openModelAdapter } from '../../models/model-adapter.ts';
import { adapterFolder } from './adapter-folder.ts';

export const adapterMerge = defineCommand({
  args: {
    model: { type: 'positional', required: true, description: 'nano, or a folder that holds a model' },
    adapter: { type: 'positional', required: true, description: "a folder: PEFT's, or of a run's stage" },
    to: {
      type: 'string',
      required: true,
      valueHint: 'FOLDER',
      description: 'a new folder for the merged model',
    },
  },
  async run({ args }) {
    const folder = locateModel(args.model, families);
    const family = familyOf(folder, families);
    if (family.merge === undefined) throw new UserError(`models of ${family.label} cannot be merged here`);
    const model = family.open(folder);
    const adapter = openModelAdapter(model, adapterFolder(args.adapter));
    const { layers, alongside, weightFiles, apart } = await family.merge({
      model,
      adapter,
      to: args.to,
      onFile: (name, number, count) => {
        if (count > 1) process.stderr.write(`${name} (${number} of ${count})\n`);
      },
    });
    const parts = [`${layers} layers merged`, ...(alongside ? ['the projector replaced'] : [])];
    process.stdout.write(`${args.to}: ${parts.join(', ')}; ${weightFiles.join(', ')}\n`);
    if (apart !== undefined) process.stdout.write(`The ${apart.part} stays where it is: ${apart.folder}\n`);
  },
});
