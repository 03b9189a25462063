// `coin adapter merge`: a model with an adapter folded into its weights, as a checkpoint of its own.
import { defineCommand } from 'citty';
import { locateModel } from '../../config/sources.ts';
import { openModelAdapter } from '../../models/llava/adapters.ts';
import { mergeAdapter } from '../../models/llava/merge.ts';
import { openLlava } from '../../models/llava/model.ts';

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
    const model = openLlava(locateModel({ model: args.model }));
    const adapter = openModelAdapter(model, args.adapter);
    const { layers, projector, weightFiles, tower } = await mergeAdapter({
      model,
      adapter,
      to: args.to,
      onFile: (name, number, count) => {
        if (count > 1) process.stderr.write(`${name} (${number} of ${count})\n`);
      },
    });
    const parts = [`${layers} layers merged`, ...(projector ? ['the projector replaced'] : [])];
    process.stdout.write(`${args.to}: ${parts.join(', ')}; ${weightFiles.join(', ')}\n`);
    if (tower !== undefined) process.stdout.write(`The vision tower stays where it is: ${tower}\n`);
  },
});
